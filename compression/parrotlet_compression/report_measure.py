"""Size, speed and error of every graph on every runtime in every precision.

Speed is processor time of this process. Rounds of all forms of a graph alternate, so that other work on the machine
favors none.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.flop_counter import FlopCounterMode

from parrotlet import Parrotlet
from parrotlet.bench import TEN_SECONDS
from parrotlet.bundle import Bundle
from parrotlet_runtimes import Session

from .calibration import Feeds, spoken_feeds
from .graph import Graph

ROUNDS = 7
THREADS = (1, 2)
CHUNK_FRAMES = 96
MAIN_OUTPUT = {"speaker": "embedding", "acoustic": "mel", "vocoder": "magnitude"}
Outputs = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class GraphMeasurement:
    """One graph on one runtime in one precision.

    real_time: seconds of speech a second of processor time on one thread. ratios: processor time over that of fp32
    on the same runtime, for each of ``THREADS``. snr_db: of the main output against torch. largest: difference of it.
    chunks_db: how far chunks joined are from the whole, for the vocoder.
    """

    graph: str
    runtime: str
    precision: str
    megabytes: float
    real_time: float
    ratios: tuple[float, ...]
    snr_db: float
    largest: float
    chunks_db: float | None


def ten_seconds(bundle: Path) -> tuple[dict[str, Feeds], dict[str, float]]:
    """What every graph is given for a sentence of ten seconds, in one piece, and how many seconds that is of speech."""
    feeds = spoken_feeds(bundle, [TEN_SECONDS])
    bird = Parrotlet.load(bundle)
    voice = next(iter(bird.presets.values())).profile
    spoken = bird.acoustics(bird.phonemize(TEN_SECONDS), voice)
    length = len(spoken.mel) * bird.bundle.hop_length / bird.sample_rate
    example = {"speaker": feeds["speaker"][0], "acoustic": feeds["acoustic"][0], "vocoder": {"mel": spoken.mel[None]}}
    heard = feeds["speaker"][0]["samples"].shape[1] / bird.bundle.speaker_rate
    return example, {"speaker": heard, "acoustic": length, "vocoder": length}


def measure_graph(
    graph: Graph,
    bundles: Mapping[tuple[str, str], Path],
    feeds: Sequence[Feeds],
    example: Feeds,
    seconds: float,
) -> list[GraphMeasurement]:
    """Every runtime and precision of one graph."""
    keys = [key for key in bundles if key[1] != "shipped"]
    loaded = {key: Bundle.load(bundles[key]) for key in keys}
    times = {}
    for threads in THREADS:
        sessions = {key: loaded[key].session(graph.name, key[0], threads) for key in keys}
        times[threads] = _processor_seconds(sessions, example)
    judge = [*feeds[:: max(1, len(feeds) // 6)][:6], example]
    expected = [phoneme_means(_torch(graph, feed)) for feed in judge]
    rows = []
    for key in keys:
        session = loaded[key].session(graph.name, key[0])
        main = MAIN_OUTPUT[graph.name]
        differences = []
        for feed, want in zip(judge, expected, strict=True):
            differences.append((phoneme_means(session.run(feed))[main] - want[main]).ravel())
        difference = np.concatenate(differences)
        signal = np.concatenate([want[main].ravel() for want in expected])
        form = loaded[key].manifest["graphs"][graph.name][key[0]]
        files = [bundles[key] / piece["file"] for piece in form.get("parts", [form])]
        rows.append(
            GraphMeasurement(
                graph.name,
                key[0],
                key[1],
                sum(path.stat().st_size for path in files) / 1e6,
                seconds / times[1][key],
                tuple(times[threads][key] / times[threads][key[0], "fp32"] for threads in THREADS),
                _decibels(signal, difference),
                float(np.abs(difference).max()),
                _chunks(session, example, loaded[key].vocoder_context) if graph.name == "vocoder" else None,
            )
        )
    return rows


def _processor_seconds(sessions: Mapping[tuple[str, str], Session], example: Feeds) -> dict[tuple[str, str], float]:
    took: dict[tuple[str, str], list[float]] = {key: [] for key in sessions}
    for _ in range(ROUNDS + 1):
        for key, session in sessions.items():
            started = time.process_time()
            session.run(example)
            took[key].append(time.process_time() - started)
    return {key: float(np.median(rounds[1:])) for key, rounds in took.items()}


@torch.no_grad()
def _torch(graph: Graph, feed: Feeds) -> Outputs:
    names = graph.example(graph.lengths[0])
    made = graph.module(*(torch.from_numpy(np.ascontiguousarray(feed[name])) for name in names))
    made = (made,) if isinstance(made, torch.Tensor) else tuple(made)
    return {name: value.numpy() for name, value in zip(graph.outputs, made, strict=True)}


def phoneme_means(outputs: Outputs) -> Outputs:
    """The acoustic graph's mel as means over phonemes: one frame more in one of them would shift all that follow."""
    if "durations" not in outputs:
        return outputs
    durations = np.asarray(outputs["durations"][0], np.int64)
    starts = np.minimum(np.cumsum(durations) - durations, outputs["mel"].shape[1] - 1)
    sums = np.add.reduceat(outputs["mel"][0], starts, axis=0)
    # An empty phoneme gets the frame it would stand at.
    return {**outputs, "mel": sums / np.maximum(durations, 1)[:, None]}


def _chunks(session: Session, example: Feeds, context: int) -> float:
    """How far magnitudes made in chunks are from those made at once, in dB (negative: below the signal)."""
    mel = example["mel"]
    whole, parts = session.run(example)["magnitude"], []
    for start in range(0, mel.shape[1], CHUNK_FRAMES):
        low = max(0, start - context)
        made = session.run({"mel": mel[:, low : start + CHUNK_FRAMES + context]})["magnitude"]
        parts.append(made[:, start - low : start - low + CHUNK_FRAMES])
    return -_decibels(whole, np.concatenate(parts, axis=1) - whole)


def _decibels(signal: npt.NDArray[Any], difference: npt.NDArray[Any]) -> float:
    power = float(np.mean(np.square(difference, dtype=np.float64)))
    return 10 * math.log10(float(np.mean(np.square(signal, dtype=np.float64))) / max(power, 1e-30))


@torch.no_grad()
def count_macs(graph: Graph, example: Feeds) -> float:
    """Multiplications with additions of one run."""
    with FlopCounterMode(display=False) as counter:
        _torch(graph, example)
    return counter.get_total_flops() / 2
