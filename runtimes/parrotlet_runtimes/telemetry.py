"""Keep onnxruntime from sending telemetry.

From 1.29 on its Linux builds look up a collector's host a few seconds after they are loaded, and keep a device id and
a queue of events below the user's cache directory. ``ORT_DISABLE_TELEMETRY`` stops both, if it is set before the
library is loaded; ``onnxruntime.disable_telemetry_events()`` comes too late. This module loads nothing.
"""

from __future__ import annotations

import os
import sys
import warnings

VARIABLE = "ORT_DISABLE_TELEMETRY"
_ON = {"0", "false", "no", "off"}


class TelemetryWarning(UserWarning):
    """onnxruntime can send telemetry from this process."""


def disable() -> None:
    """Switch telemetry off for onnxruntime, which is to be imported after this call.

    Warns with TelemetryWarning when the variable says otherwise (it is left as the user set it), and when onnxruntime
    is loaded already.
    """
    if os.environ.get(VARIABLE):
        if not disabled():
            warnings.warn(
                f"{VARIABLE}={os.environ[VARIABLE]} lets onnxruntime send telemetry: unset it to keep this process "
                "off the network",
                TelemetryWarning,
                stacklevel=2,
            )
        return
    os.environ[VARIABLE] = "1"
    if "onnxruntime" in sys.modules:
        warnings.warn(
            f"onnxruntime was imported before parrotlet and can send telemetry: set {VARIABLE}=1 in the environment, "
            "or import parrotlet first",
            TelemetryWarning,
            stacklevel=2,
        )


def disabled() -> bool:
    """Whether the environment keeps onnxruntime from sending telemetry."""
    value = os.environ.get(VARIABLE, "")
    return bool(value) and value.strip().lower() not in _ON
