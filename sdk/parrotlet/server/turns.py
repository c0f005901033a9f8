"""Threads that take the most urgent work first."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """So many threads; each does what is due first (earliest deadline first)."""

    def __init__(self, workers: int) -> None:
        self._waiting: list[tuple[float, int, Future[T], Callable[[], T]]] = []
        self._arrivals = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=self._run, name=f"speech-{k}") for k in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, due: float, work: Callable[[], T]) -> Future[T]:
        """Do this when its turn comes. due: on any clock, the same for all."""
        future: Future[T] = Future()
        with self._changed:
            heapq.heappush(self._waiting, (due, next(self._arrivals), future, work))
            self._changed.notify()
        return future

    def shutdown(self) -> None:
        """End the threads when nothing waits any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    return
                _, _, future, work = heapq.heappop(self._waiting)
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # whoever waits for it is told
                future.set_exception(error)
            del future, work  # what was made is not kept until the next turn
