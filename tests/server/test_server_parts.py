"""The server's parts by themselves: turns, and what is said where a package is missing."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the server: pip install '.[serve]'")

from parrotlet.server.turns import Turns


def test_what_is_due_first_is_done_first() -> None:
    turns: Turns[int] = Turns(1)
    begun, go = threading.Event(), threading.Event()
    done: list[int] = []

    def hold() -> int:
        begun.set()
        assert go.wait(10)
        return 0

    def note(number: int) -> int:
        done.append(number)
        return number

    first = turns.submit(0, hold)
    assert begun.wait(10)
    later = [turns.submit(due, lambda due=due: note(due)) for due in (5, 3, 9, 1, 3)]
    assert later[2].cancel()
    go.set()
    turns.shutdown()
    assert first.result() == 0 and done == [1, 3, 3, 5]
    with pytest.raises(CancelledError):
        later[2].result()


def test_a_fault_reaches_who_waits_and_ends_no_thread() -> None:
    turns: Turns[float] = Turns(1)
    with pytest.raises(ZeroDivisionError):
        turns.submit(0, lambda: 1 / 0).result()
    assert turns.submit(0, lambda: 1.0).result() == 1.0
    turns.shutdown()


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    code = """
import sys
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in ("starlette", "wyoming") else real(name, *more)
from parrotlet.cli import main
sys.exit(main(["serve", *sys.argv[1:]]))
"""
    for options, words in (([], "needs starlette:"), (["--wyoming"], "needs starlette, wyoming:")):
        command = [sys.executable, "-c", code, *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and words in done.stderr and "parrotlet[serve]" in done.stderr


def test_say_does_not_load_the_server() -> None:
    code = "import sys, parrotlet.cli.say, parrotlet.engine; print([m for m in sys.modules if m in sys.argv])"
    command = [sys.executable, "-c", code, "starlette", "uvicorn", "wyoming", "asyncio", "sounddevice"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
