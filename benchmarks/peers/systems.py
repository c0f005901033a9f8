"""One system in a process of its own: ``systems.py NAME TEXT`` speaks TEXT for every line that it reads.

Answers each line with one of JSON: processor and clock seconds, and seconds of speech. Before the first, one with what
it runs on. ``bench.py`` starts it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
Speak = Callable[[str], float]
"""Speaks a text whole; seconds of speech."""


def parrotlet(runtime: str) -> tuple[Speak, str]:
    """This package with its first preset."""
    from parrotlet import Parrotlet

    bird = Parrotlet.load(runtime=runtime, threads=1)
    voice = next(iter(bird.presets.values())).profile
    info = bird.session_info["acoustic"]
    return lambda text: sum(chunk.seconds for chunk in bird.speak(text, voice)), f"{info.runtime} {info.version}"


def hibari() -> tuple[Speak, str]:
    """hibari-tts, one voice; with scipy where that is installed."""
    import onnxruntime
    from hibari import Hibari

    speaker = Hibari()
    fast = "scipy" if "scipy" in sys.modules else "without scipy"
    return lambda text: len(speaker(text)) / 24000, f"hibari-tts 0.2.1, onnxruntime {onnxruntime.__version__}, {fast}"


def espeak() -> tuple[Speak, str]:
    """espeak-ng, a formant synthesizer: a new process for every text."""
    found = subprocess.run(["espeak-ng", "--version"], check=True, capture_output=True, text=True).stdout

    def speak(text: str) -> float:
        made = subprocess.run(["espeak-ng", "-v", "en-us", "--stdout", text], check=True, capture_output=True).stdout
        with wave.open(BytesIO(made)) as sound:
            return (len(made) - 44) / sound.getsampwidth() / sound.getframerate()

    return speak, found.partition("Data")[0].strip()


SYSTEMS: dict[str, Callable[[], tuple[Speak, str]]] = {
    "parrotlet onnx": lambda: parrotlet("onnx"),
    "parrotlet tflite": lambda: parrotlet("tflite"),
    "hibari": hibari,
    "espeak-ng": espeak,
}


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    name, text = sys.argv[1:]
    try:
        speak, description = SYSTEMS[name]()
        speak(text)
    except (ImportError, OSError, PackageNotFoundError, subprocess.SubprocessError) as error:
        print(json.dumps({"missing": str(error)}), flush=True)
        return
    numpy = version("numpy") if name != "espeak-ng" else ""
    print(json.dumps({"on": description, "numpy": numpy}), flush=True)
    for _ in sys.stdin:
        cpu, wall = _processor_seconds(), time.perf_counter()
        seconds = speak(text)
        print(
            json.dumps({"cpu": _processor_seconds() - cpu, "wall": time.perf_counter() - wall, "speech": seconds}),
            flush=True,
        )


if __name__ == "__main__":
    main()
