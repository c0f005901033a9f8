"""How far a long command is, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
QUIET_S, STEP_S = 1.0, 0.2


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
