from __future__ import annotations

import pytest

from parrotlet.text import TextFrontEnd


@pytest.fixture(scope="session")
def front_end() -> TextFrontEnd:
    return TextFrontEnd()
