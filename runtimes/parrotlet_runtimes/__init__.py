"""One small interface over inference runtimes: load a graph, run it on named arrays."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from . import onnx
from .session import GraphError, Loader, RuntimeMissing, Session, SessionInfo, load_session

__all__ = [
    "RUNTIMES",
    "GraphError",
    "RuntimeMissing",
    "Session",
    "SessionInfo",
    "available",
    "load_session",
]


@dataclass(frozen=True)
class Runtime:
    """How to find and use one runtime. ``suffix`` is the graph's file ending in a bundle."""

    name: str
    packages: tuple[str, ...]
    suffix: str
    load: Loader


RUNTIMES = {
    "onnx": Runtime("onnx", ("onnxruntime", "onnxruntime-gpu"), ".onnx", onnx.load),
}


def available() -> dict[str, str | None]:
    """Every runtime with the version that is installed, or None."""
    return {name: _version(runtime) for name, runtime in RUNTIMES.items()}


def _version(runtime: Runtime) -> str | None:
    if importlib.util.find_spec(runtime.packages[0].replace("-", "_")) is None:
        return None
    for package in runtime.packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "unknown"
