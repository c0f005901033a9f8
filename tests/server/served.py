"""A server in a process of its own, as the tests use it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "a-token-of-some-length-0123456789"
Start = Callable[..., Any]
"""Starts a server with more options, until the block ends."""


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
