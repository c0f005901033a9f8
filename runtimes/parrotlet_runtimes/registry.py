"""The runtimes there are, and which of them can be used here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from . import onnx, tflite
from .session import GraphError, Loader, RuntimeMissing, Session, warned


@dataclass(frozen=True)
class Runtime:
    """How to find and use one runtime.

    packages: any of them provides it. suffix: the graph's file ending. devices: what a caller may ask for.
    usable_devices: what is there now; raises RuntimeMissing.
    """

    name: str
    packages: tuple[str, ...]
    suffix: str
    load: Loader
    devices: tuple[str, ...] = ("cpu",)
    usable_devices: Callable[[], tuple[str, ...]] = lambda: ("cpu",)


RUNTIMES = {
    "onnx": Runtime(
        "onnx",
        ("onnxruntime", "onnxruntime-gpu"),
        ".onnx",
        onnx.load,
        ("cpu", "cuda", "xnnpack"),
        onnx.usable_devices,
    ),
    "tflite": Runtime(
        "tflite", ("ai-edge-litert", "tflite-runtime"), ".tflite", tflite.load, usable_devices=tflite.usable_devices
    ),
}


def load_session(
    graph: Path | bytes,
    runtime: str = "onnx",
    threads: int = 1,
    fold_int8: bool = False,
    device: str = "cpu",
    fused: bool = False,
) -> Session:
    """Load a graph from a file or from its bytes.

    runtime: a name from ``RUNTIMES``. threads: of one call, at least 1. fold_int8: the graph's int8 weights
    are only a storage form, to be unpacked at load (weight-only quantization). device: one of the runtime's
    ``devices``; where it cannot be used the session runs on the CPU, warns with DeviceWarning and says why in
    ``info.fallback``. fused: of ONNX: the graph was optimized before, see ``parrotlet_runtimes.fused``.
    Raises RuntimeMissing, GraphError, ValueError (unknown runtime or device, bad thread count).
    """
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
    return warned(RUNTIMES[runtime].load(data, threads, fold_int8, device, fused))


@dataclass(frozen=True)
class RuntimeStatus:
    """version: None when it cannot be used, and ``reason`` says why. devices: what it can run on here."""

    version: str | None
    devices: tuple[str, ...] = ()
    reason: str = ""


def survey() -> dict[str, RuntimeStatus]:
    """Import every runtime and say what is there; what is not there gives its reason."""
    found = {}
    for name, runtime in RUNTIMES.items():
        try:
            devices = runtime.usable_devices()
        except RuntimeMissing as error:
            found[name] = RuntimeStatus(None, reason=str(error))
        else:
            found[name] = RuntimeStatus(_version(runtime), devices)
    return found


def installed(runtime: str) -> bool:
    """Whether a runtime's package is there; imports none of them."""
    return any(find_spec(package.replace("-", "_")) for package in RUNTIMES[runtime].packages)


def conflict() -> str:
    """Why the installed packages of onnxruntime cannot both stay, "" where there is one at most.

    onnxruntime and onnxruntime-gpu own the same folder: the one installed last runs, and removing either breaks both.
    """
    ours = RUNTIMES["onnx"].packages
    if not all(map(_package_version, ours)):
        return ""
    both = " and ".join(ours)
    return f"{both} are both installed: pip uninstall {' '.join(ours)}, then install the one you need"


def _version(runtime: Runtime) -> str:
    return next(filter(None, map(_package_version, runtime.packages)), "unknown")


def _package_version(package: str) -> str | None:
    # Reading package metadata pulls in the email parser: 50 ms that no speech needs.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
