"""Measure the engine on this machine: what people paste into issues."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from parrotlet.acoustic import SplitAcoustic
from parrotlet.bundle import GRAPHS, Bundle, Sessions
from parrotlet.engine import Parrotlet
from parrotlet.errors import UsageError
from parrotlet_runtimes import RUNTIMES, Session, SessionInfo

TEN_SECONDS = (
    "The morning train was late again, so we walked along the river, talked about the summer, "
    "and watched the boats go by until the sun stood high above the old stone bridge and the market opened."
)
SHORT = "Your timer is done."


@dataclass(frozen=True)
class Stage:
    """One stage's part of the ten-second sentence: milliseconds on the clock and of processor time."""

    ms: float
    cpu_ms: float
    times_real_time: float


@dataclass(frozen=True)
class BenchRow:
    """One run of ``parrotlet bench``. Times in seconds unless the name says milliseconds; medians.

    A name with ``cpu`` counts processor time, which other programs on the machine hardly change; the others are
    on the clock. times_real_time: length of the speech over the time it took.
    """

    cpu: str
    threads: int
    parrotlet: str
    python: str
    numpy: str
    runtime: str
    device: str
    bundle: str
    bundle_sha256: str
    bundle_mb: float
    precision: str
    load_s: float
    load_cpu_s: float
    speech_s: float
    times_real_time: float
    times_real_time_cpu: float
    first_audio_ms_p50: float
    first_audio_ms_p95: float
    first_audio_cpu_ms: float
    peak_rss_mb: float | None
    stages: dict[str, Stage]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Clock:
    wall: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu


@dataclass(frozen=True)
class _Timed:
    """A session that adds the time of its calls to a clock."""

    session: Session
    clock: _Clock

    @property
    def info(self) -> SessionInfo:
        return self.session.info

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        with self.clock.running():
            return self.session.run(feeds)


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith(("model name", "Model", "Hardware")):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def bundle_megabytes(bundle: Bundle, runtime: str) -> float:
    """What a device with this runtime needs of a bundle, in units of 10^6 bytes: not the other runtimes' graphs."""
    others = {
        part["file"]
        for graph in bundle.manifest["graphs"].values()
        for name in RUNTIMES
        if name != runtime and name in graph
        for part in graph[name].get("parts", [graph[name]])
    }
    return sum(file.stat().st_size for file in bundle.path.iterdir() if file.name not in others) / 1e6


def peak_rss_megabytes() -> float | None:
    """The most memory this process has held, in units of 2^20 bytes; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent held before it started us
        return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if "VmHWM" in line)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)


def bench(
    bundle: Path | str | None = None,
    runtime: str | None = None,
    threads: int = 1,
    device: str = "cpu",
    repeats: int = 5,
    progress: Callable[[int, int], None] = lambda done, of: None,
    sessions: Sessions | None = None,
) -> BenchRow:
    """Load the engine, speak a ten-second sentence ``repeats`` times and a short one for the first-audio delay.

    sessions: your own, see ``Parrotlet.load``.
    Raises UsageError for fewer than one repeat, and what ``Parrotlet.load`` raises.
    """
    if repeats < 1:
        raise UsageError(f"repeats must be at least 1, not {repeats}")
    clocks = {graph: _Clock() for graph in GRAPHS}
    loading = _Clock()
    with loading.running():
        found = Bundle.load(bundle)
        plain = Parrotlet(found, runtime, threads, device=device)

        def timed(graph: str) -> Session:
            opened = sessions(graph) if sessions else found.session(graph, plain.runtime, threads, device)
            clock = clocks[graph]
            return (
                opened.over(lambda part: _Timed(part, clock))
                if isinstance(opened, SplitAcoustic)
                else _Timed(opened, clock)
            )

        bird = Parrotlet.load(bundle, plain.runtime, threads, device=device, sessions=timed)
    voice = next(iter(bird.presets.values())).profile
    list(bird.speak(SHORT, voice))
    rows: list[dict[str, _Clock]] = []
    first: list[_Clock] = []
    seconds = 0.0
    for done in range(repeats):
        row = {name: _Clock() for name in ("total", "text", "vocode")}
        for graph in ("acoustic", "vocoder"):
            clocks[graph].wall = clocks[graph].cpu = 0.0
        with row["total"].running():
            seconds = sum(chunk.seconds for chunk in bird.speak(TEN_SECONDS, voice))
        row |= {graph: replace(clocks[graph]) for graph in ("acoustic", "vocoder")}
        # Apart: what of the total is text and what is rendering.
        with row["text"].running():
            phonemes = bird.phonemize(TEN_SECONDS)
        spectrum = bird.acoustics(phonemes, voice)
        clocks["vocoder"].wall = clocks["vocoder"].cpu = 0.0
        with row["vocode"].running():
            for _ in bird.vocode(spectrum.mel, spectrum.f0):
                pass
        row["rendering"] = _Clock(
            row["vocode"].wall - clocks["vocoder"].wall, row.pop("vocode").cpu - clocks["vocoder"].cpu
        )
        rows.append(row)
        for _ in range(4):
            first.append(_Clock())
            with first[-1].running():
                chunks = bird.speak(SHORT, voice)
                next(chunks)
            chunks.close()
        progress(done + 1, repeats)
    peak = peak_rss_megabytes()

    def stage(name: str) -> Stage:
        wall, cpu = _median(row[name].wall for row in rows), _median(row[name].cpu for row in rows)
        return Stage(round(wall * 1000, 1), round(cpu * 1000, 1), round(seconds / max(wall, 1e-9), 1))

    info = bird.session_info["acoustic"]
    delays = sorted(clock.wall * 1000 for clock in first)
    return BenchRow(
        cpu=cpu_name(),
        threads=threads,
        parrotlet=package_version("parrotlet"),
        python=platform.python_version(),
        numpy=np.__version__,
        runtime=f"{info.runtime} {info.version}",
        device=info.device + (f" ({info.fallback})" if info.fallback else ""),
        bundle=found.name,
        bundle_sha256=found.sha256[:16],
        bundle_mb=round(bundle_megabytes(found, info.runtime), 2),
        precision=_precision(found, info.runtime),
        load_s=round(loading.wall, 3),
        load_cpu_s=round(loading.cpu, 3),
        speech_s=round(seconds, 2),
        times_real_time=round(seconds / _median(row["total"].wall for row in rows), 1),
        times_real_time_cpu=round(seconds / _median(row["total"].cpu for row in rows), 1),
        first_audio_ms_p50=round(float(np.percentile(delays, 50)), 1),
        first_audio_ms_p95=round(float(np.percentile(delays, 95)), 1),
        first_audio_cpu_ms=round(_median(clock.cpu for clock in first) * 1000, 1),
        peak_rss_mb=None if peak is None else round(peak, 1),
        stages={name: stage(name) for name in ("text", "acoustic", "vocoder", "rendering")},
    )


def table(row: BenchRow) -> str:
    """A row as Markdown, to paste into an issue."""
    plain = [(key, value) for key, value in row.as_dict().items() if key != "stages"]
    lines = ["| what | measured |", "|---|---|", *(f"| {key} | {value} |" for key, value in plain)]
    lines += ["", "| stage | ms | cpu ms | times real time |", "|---|---|---|---|"]
    lines += [f"| {name} | {s.ms} | {s.cpu_ms} | {s.times_real_time} |" for name, s in row.stages.items()]
    return "\n".join(lines)


def _median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def _precision(bundle: Bundle, runtime: str) -> str:
    entries = [bundle.manifest["graphs"][graph].get(runtime) for graph in GRAPHS]
    return ", ".join(sorted({entry["precision"] if entry else "fp32" for entry in entries}))


def package_version(package: str) -> str:
    """Installed version of a package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
