"""Measure the engine on this machine: what people paste into issues."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from parrotlet.engine import Parrotlet

TEN_SECONDS = (
    "The morning train was late again, so we walked along the river, talked about the summer, "
    "and watched the boats go by until the sun stood high above the old stone bridge and the market opened."
)
SHORT = "Your timer is done."


@dataclass(frozen=True)
class BenchRow:
    """One run of ``parrotlet bench``. Times in seconds unless the name says milliseconds."""

    cpu: str
    python: str
    parrotlet: str
    runtime: str
    threads: int
    bundle: str
    bundle_sha256: str
    bundle_mb: float
    load_s: float
    speech_s: float
    times_real_time: float
    acoustic_times_real_time: float
    vocoder_times_real_time: float
    first_audio_ms_p50: float
    first_audio_ms_p95: float
    peak_rss_mb: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith(("model name", "Model", "Hardware")):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def bundle_megabytes(path: Path) -> float:
    """Size of a bundle on disk, in units of 10^6 bytes."""
    return sum(file.stat().st_size for file in path.iterdir()) / 1e6


def bench(
    load: Callable[[], Parrotlet],
    repeats: int = 5,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> BenchRow:
    """Load the engine, speak a ten-second sentence ``repeats`` times and a short one for the first-audio delay."""
    started = time.perf_counter()
    bird = load()
    load_s = time.perf_counter() - started
    voice = next(iter(bird.presets.values())).profile
    list(bird.speak(SHORT, voice))
    totals, acoustic, vocoder, first = [], [], [], []
    phonemes = bird.phonemize(TEN_SECONDS)
    seconds = 0.0
    for done in range(repeats):
        started = time.perf_counter()
        seconds = sum(chunk.seconds for chunk in bird.speak(TEN_SECONDS, voice))
        totals.append(time.perf_counter() - started)
        started = time.perf_counter()
        spectrum = bird.acoustics(phonemes, voice)
        acoustic.append(time.perf_counter() - started)
        started = time.perf_counter()
        for _ in bird.vocode(spectrum.mel, spectrum.f0):
            pass
        vocoder.append(time.perf_counter() - started)
        for _ in range(4):
            started = time.perf_counter()
            next(bird.speak(SHORT, voice))
            first.append((time.perf_counter() - started) * 1000)
        progress(done + 1, repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return BenchRow(
        cpu=cpu_name(),
        python=platform.python_version(),
        parrotlet=package_version("parrotlet"),
        runtime=" ".join((bird.session_info["acoustic"].runtime, bird.session_info["acoustic"].version)),
        threads=bird.threads,
        bundle=bird.bundle.name,
        bundle_sha256=bird.bundle.sha256[:16],
        bundle_mb=round(bundle_megabytes(bird.bundle.path), 2),
        load_s=round(load_s, 3),
        speech_s=round(seconds, 2),
        times_real_time=round(seconds / float(np.median(totals)), 1),
        acoustic_times_real_time=round(seconds / float(np.median(acoustic)), 1),
        vocoder_times_real_time=round(seconds / float(np.median(vocoder)), 1),
        first_audio_ms_p50=round(float(np.percentile(first, 50)), 1),
        first_audio_ms_p95=round(float(np.percentile(first, 95)), 1),
        peak_rss_mb=round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1),
    )


def package_version(package: str) -> str:
    """Installed version of a package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
