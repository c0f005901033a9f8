"""A real server in a process of its own, with the shipped model and a profile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parrotlet import Parrotlet
from parrotlet.vault import KeyFile, ProfileStore

TOKEN = "a-token-of-some-length-0123456789"


@dataclass(frozen=True)
class Server:
    """Where a server listens, and its process."""

    process: subprocess.Popen[str]
    http: str
    wyoming: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://{self.http}"

    @property
    def wyoming_port(self) -> int:
        return int(self.wyoming.rpartition(":")[2])

    @property
    def resident(self) -> int:
        """Bytes of memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def store(bird: Parrotlet, recordings: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a profile "me" in profiles/, under key."""
    folder = tmp_path_factory.mktemp("served")
    kept = ProfileStore.open(folder / "profiles", key=KeyFile.create(folder / "key"))
    kept.save("me", bird.enroll(recordings["woman"]))
    (folder / "token").write_text(TOKEN + "\n")
    return folder


Start = Callable[..., Any]


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
