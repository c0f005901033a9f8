"""A real server in a process of its own, with the shipped model and a profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from served import TOKEN, Server, Start

from parrotlet import Parrotlet
from parrotlet.vault import KeyFile, ProfileStore


@pytest.fixture(scope="session")
def store(bird: Parrotlet, recordings: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a profile "me" in profiles/, under key."""
    folder = tmp_path_factory.mktemp("served")
    kept = ProfileStore.open(folder / "profiles", key=KeyFile.create(folder / "key"))
    kept.save("me", bird.enroll(recordings["woman"]))
    (folder / "token").write_text(TOKEN + "\n")
    return folder


@pytest.fixture(scope="session")
def start(store: Path) -> Start:
    """Start a server with these options, until the block ends."""
    for package in ("starlette", "uvicorn", "wyoming", "multipart"):
        pytest.importorskip(package, reason=f"needs {package}: pip install '.[serve]'")

    @contextmanager
    def started(*options: str, folder: Path = store) -> Iterator[Server]:
        command = [sys.executable, "-m", "parrotlet", "serve", "--json", "--http", "127.0.0.1:0"]
        command += ["--wyoming", "127.0.0.1:0", "--store", str(folder / "profiles"), "--key-file", str(folder / "key")]
        log = folder / f"log-{os.urandom(4).hex()}"
        with log.open("w") as errors:
            process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            found = json.loads(line)
            yield Server(process, found["http"], found["wyoming"], log)
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=60)

    return started


@pytest.fixture(scope="session")
def server(start: Start) -> Iterator[Server]:
    """One for tests that leave it as it was."""
    with start() as running:
        yield running
