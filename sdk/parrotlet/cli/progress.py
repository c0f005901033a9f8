"""How far a long command is, on a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
QUIET_S, STEP_S = 1.0, 0.2
LEAST_PART = 0.005
"""Of the work, before which how long the rest takes is not guessed."""


class Progress:
    """A line on stderr that is rewritten, and gone at the end; nothing where stderr is not a terminal.

    Work that is done within a second shows none.
    """

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self._due = time.monotonic() + QUIET_S if sys.stderr.isatty() else float("inf")
        self._shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def count(self, items: Iterable[T], size: Callable[[T], float]) -> Iterator[T]:
        """The items, counted by their sizes as they go by."""
        total = 0.0
        for item in items:
            total += size(item)
            if time.monotonic() >= self._due:
                print(f"\r{total:.0f} {self.unit}", end="", file=sys.stderr, flush=True)
                self._due, self._shown = time.monotonic() + STEP_S, True
            yield item


class Bar:
    """A bar on stderr for work whose size is known, counted from several threads; nothing where stderr is no terminal.

    size: of all the work. unit, of, done: what the work consists of, how many, and how many of them are done.
    """

    step = STEP_S

    def __init__(self, size: float, unit: str, of: int, done: int = 0) -> None:
        self._size, self._unit, self._of, self.done = size, unit, of, done
        self._so_far, self._began, self._lock = 0.0, time.monotonic(), threading.Lock()
        self._shown = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def count(self, items: Iterable[T], size: Callable[[T], float]) -> Iterator[T]:
        """The items, counted by their sizes as they go by."""
        for item in items:
            with self._lock:
                self._so_far += size(item)
            yield item

    def show(self) -> None:
        """Draw it as it is now."""
        took = time.monotonic() - self._began
        if took < QUIET_S or not sys.stderr.isatty():
            return
        part = min(1.0, self._so_far / self._size) if self._size else 1.0
        left = f", {_clock(took / part - took)} left" if part > LEAST_PART else ""
        bar = "#" * round(30 * part)
        line = f"[{bar:<30}] {100 * part:.0f} %, {self.done} of {self._of} {self._unit}{left}"
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        self._shown = True


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
