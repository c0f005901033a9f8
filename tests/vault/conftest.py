from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vault_forge import KEY_FILE

from parrotlet.vault import KeyFile, ProfileStore

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    path = tmp_path / "test.key"
    path.write_text(KEY_FILE)
    path.chmod(0o600)
    return KeyFile(path)


@pytest.fixture
def store(tmp_path: Path, key_file: KeyFile) -> ProfileStore:
    return ProfileStore.open(tmp_path / "store", key=key_file)


@pytest.fixture(scope="session")
def javascript() -> Iterator[Ask]:
    """Ask examples/web/profile.js one thing; see profile_driver.mjs."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node 20 or later")
    major = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(major.lstrip("v").split(".")[0]) < 20:
        pytest.skip(f"needs node 20 or later, found {major.strip()}")
    driver = Path(__file__).with_name("profile_driver.mjs")
    with subprocess.Popen([node, driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(request: dict[str, Any]) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())  # type: ignore[no-any-return]

        yield ask
        process.stdin.close()
