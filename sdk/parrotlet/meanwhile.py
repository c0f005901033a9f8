"""What is made in a thread of its own, while its caller does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Coming(Generic[Made]):
    """What a function gives; it begins at once. Worth it for what leaves the interpreter to others, as runtimes do."""

    def __init__(self, making: Callable[[], Made]) -> None:
        self._making = making
        self._made: list[Made] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._make)
        self._thread.start()

    def _make(self) -> None:
        try:
            self._made.append(self._making())
        except BaseException as error:  # reaches who asks
            self._error = error

    def get(self) -> Made:
        """What was made, once it is there. Raises what the function raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._made[0]
