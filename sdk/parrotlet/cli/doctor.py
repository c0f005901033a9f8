"""``parrotlet doctor``."""

from __future__ import annotations

import argparse
import platform
from typing import Any

from parrotlet.bench import package_version
from parrotlet.bundle import Bundle
from parrotlet.cli.common import emit, store_path
from parrotlet.engine import Parrotlet
from parrotlet.errors import BundleError, ParrotletError
from parrotlet_runtimes import RUNTIMES, conflict, survey, telemetry

PACKAGES = ("parrotlet", "numpy", "pycryptodome", "soundfile", "soxr")


def doctor(options: argparse.Namespace) -> None:
    """Say what is installed, and let every runtime speak."""
    bundle = Bundle.load(options.bundle)
    absent = {file for runtime in RUNTIMES if not bundle.has(runtime) for file in bundle.graph_files(runtime)}
    for file in set(bundle.manifest["files"]) - absent:
        bundle.read(file)
    runtimes: dict[str, dict[str, Any]] = {}
    for name, status in survey().items():
        speech, reason = None, status.reason
        if not reason:
            try:
                speech = _trial(Parrotlet(bundle, name))
            except ParrotletError as error:
                reason = str(error)
        runtimes[name] = {
            "version": status.version,
            "devices": list(status.devices),
            "speech": None if speech is None else round(speech, 2),
            "reason": reason,
        }
    if not any(row["speech"] for row in runtimes.values()):
        raise BundleError("no runtime can speak: " + "; ".join(str(row["reason"]) for row in runtimes.values()))
    value = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": {name: package_version(name) for name in PACKAGES},
        "runtimes": runtimes,
        "bundle": {"name": bundle.name, "path": str(bundle.path), "sha256": bundle.sha256},
        "store": str(store_path(options)),
        "conflict": conflict(),
        "network": "none" if telemetry.disabled() else f"{telemetry.VARIABLE} lets onnxruntime send telemetry",
    }
    lines = [f"python {value['python']} on {value['machine']}"]
    lines += [f"{name} {number}" for name, number in value["packages"].items()]  # type: ignore[attr-defined]
    for name, row in runtimes.items():
        found = f"{row['version']} on {', '.join(row['devices'])}" if row["version"] else "not usable"
        lines.append(f"runtime {name}: {found}: " + (str(row["reason"]) or f"spoke {row['speech']} s"))
    lines.append(f"bundle {bundle.name} at {bundle.path}: files intact")
    lines.append(f"profiles in {value['store']}")
    lines += [f"warning: {value['conflict']}"] if value["conflict"] else []
    off = " (telemetry of onnxruntime off)" if telemetry.disabled() else ""
    lines.append(f"network: {value['network']}{off}")
    emit(options, value, "\n".join(lines))


def _trial(bird: Parrotlet) -> float:
    """Seconds of a short sentence, spoken by an engine that is to be tried out."""
    voice = next(iter(bird.presets.values())).profile
    chunks = list(bird.speak("All is well.", voice))
    if max(float(abs(chunk.samples).max()) for chunk in chunks) < 0.01:
        raise BundleError("it speaks, but what comes out is silence: install another version of the runtime")
    return sum(chunk.seconds for chunk in chunks)
