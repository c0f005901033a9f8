"""The one interface between the SDK and an inference runtime. Knows tensors, nothing of voices."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class RuntimeMissing(Exception):
    """The runtime's package is not installed; the message says which extra to install."""


class GraphError(Exception):
    """The graph cannot be loaded or run by this runtime."""


class DeviceWarning(UserWarning):
    """The device that was asked for cannot be used; the session runs on the CPU."""


@dataclass(frozen=True)
class SessionInfo:
    """What a session runs on: runtime name and version, device, threads, tensor names.

    device: "cpu", "cuda" or "xnnpack". fallback: why it is not the device that was asked for, "" if it is.
    """

    runtime: str
    version: str
    device: str
    threads: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    fallback: str = ""


class Session(Protocol):
    """A loaded graph. ``run`` may be called from several threads at once."""

    @property
    def info(self) -> SessionInfo: ...

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Named inputs to named outputs. Raises GraphError when names, types or shapes do not fit."""
        ...


Loader = Callable[[bytes, int, bool, str, bool], Session]


def warned(session: Session) -> Session:
    """The session, with a warning when it does not run on the device that was asked for."""
    if session.info.fallback:
        warnings.warn(f"{session.info.fallback}; running on the CPU", DeviceWarning, stacklevel=3)
    return session


def first_line(error: Exception) -> str:
    """What an error of a runtime says, without the pages that some add; its type where it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
