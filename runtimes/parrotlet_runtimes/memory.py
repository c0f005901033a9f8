"""Memory that was freed, and that the C library keeps for itself."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return freed memory to the system. Worth it after graphs were loaded; glibc alone keeps it for long."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # which musl lacks
        if trim is not None:
            trim(0)
