"""One small interface over inference runtimes: load a graph, run it on named arrays."""

from importlib import import_module
from typing import TYPE_CHECKING

from . import telemetry
from .telemetry import TelemetryWarning

# Before anything of this process loads onnxruntime, whoever does.
telemetry.disable()

if TYPE_CHECKING:
    from .registry import RUNTIMES, RuntimeStatus, conflict, installed, load_session, survey
    from .session import DeviceWarning, GraphError, RuntimeMissing, Session, SessionInfo

__all__ = [
    "RUNTIMES",
    "DeviceWarning",
    "GraphError",
    "RuntimeMissing",
    "RuntimeStatus",
    "Session",
    "SessionInfo",
    "TelemetryWarning",
    "conflict",
    "installed",
    "load_session",
    "survey",
]


def __getattr__(name: str) -> object:
    """The rest is imported when asked for: it needs numpy, and a command must be able to catch Ctrl-C before that."""
    for module in ("session", "registry"):
        found = import_module(f"{__name__}.{module}")
        if name in __all__ and hasattr(found, name):
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
