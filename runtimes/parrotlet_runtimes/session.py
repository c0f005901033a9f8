"""The one interface between the SDK and an inference runtime. Knows tensors, nothing of voices."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
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


Loader = Callable[[bytes, int, bool, str], Session]


def load_session(
    graph: Path | bytes, runtime: str = "onnx", threads: int = 1, fold_int8: bool = False, device: str = "cpu"
) -> Session:
    """Load a graph from a file or from its bytes.

    runtime: a name from ``RUNTIMES``. threads: of one call, at least 1. fold_int8: the graph's int8 weights
    are only a storage form, to be unpacked at load (weight-only quantization). device: one of the runtime's
    ``devices``; where it cannot be used the session runs on the CPU, warns with DeviceWarning and says why in
    ``info.fallback``.
    Raises RuntimeMissing, GraphError, ValueError (unknown runtime or device, bad thread count).
    """
    from .registry import RUNTIMES

    if runtime not in RUNTIMES:
        raise ValueError(f"unknown runtime {runtime!r}: choose one of {', '.join(RUNTIMES)}")
    if device not in RUNTIMES[runtime].devices:
        raise ValueError(f"{runtime} has no device {device!r}: choose one of {', '.join(RUNTIMES[runtime].devices)}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    try:
        data = graph.read_bytes() if isinstance(graph, Path) else graph
    except OSError as error:
        raise GraphError(f"cannot read {graph!s}: {error.strerror}") from error
    session = RUNTIMES[runtime].load(data, threads, fold_int8, device)
    if session.info.fallback:
        warnings.warn(f"{session.info.fallback}; running on the CPU", DeviceWarning, stacklevel=2)
    return session


def first_line(error: Exception) -> str:
    """What an error of a runtime says, without the pages that some add; its type where it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
