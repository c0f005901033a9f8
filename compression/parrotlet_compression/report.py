"""docs/quantization.md: every graph on every runtime in every precision, measured, with the cells that lose.

Speed is processor time of this process, rounds of all cells of a graph alternating, so that other work on the
machine favours none.
"""

from __future__ import annotations

import importlib.util
import math
import platform
import tempfile
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
from parrotlet.bench import TEN_SECONDS, bundle_megabytes, cpu_name
from parrotlet.bundle import GRAPHS, Bundle
from parrotlet.errors import InputError
from parrotlet_runtimes import Session, installed

from .calibration import Feeds, spoken_feeds
from .corpus import Pack
from .evaluate import judged, write_test_speech
from .export import export_bundle, graphs, load_students
from .graph import Graph
from .precision import PRECISIONS, SHIPPED, SHIPPED_TFLITE, quantize_bundle
from .static import ERROR_BOUND, StaticResult

ROUNDS = 7
THREADS = (1, 2)
CHUNK_FRAMES = 96
# Ranking the 61 layers of the acoustic graph takes minutes, for a cell that is no faster than dynamic.
BOUNDS = {"acoustic": math.inf}
MAIN_OUTPUT = {"speaker": "embedding", "acoustic": "mel", "vocoder": "magnitude"}
STACKS = {
    "fp32": dict.fromkeys(GRAPHS, "fp32"),
    "shipped": SHIPPED,
    "weight-only": dict.fromkeys(GRAPHS, "weight-only"),
    "dynamic": dict.fromkeys(GRAPHS, "dynamic"),
    "static": dict.fromkeys(GRAPHS, "static"),
}
LITERT_STACKS = {f"litert-{name}": ("tflite", name) for name in ("fp32", "weight-only", "dynamic", "static")}
JUDGED_STACKS = ("fp32", "shipped", "weight-only")
BARS = {"wer": 0.005, "secs": 0.02, "dnsmos_p808": 0.05}
Outputs = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Cell:
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


def write_report(
    out: Path,
    checkpoints: Path,
    presets: Mapping[str, Any],
    pack: Path | None = None,
    judge: Path | None = None,
    judge_python: str = "python3",
    stacks: Sequence[str] = JUDGED_STACKS,
) -> list[Cell]:
    """Export the checkpoints in every precision, measure, and write ``out`` (Markdown).

    TFLite is measured where its converter and a runtime are installed. judge: judge.py; scores whole stacks on 20
    sentences, in the voices of held-out people of the ``pack`` or, without one, in preset voices (no likeness then).
    stacks: which whole stacks, of ``STACKS`` and ``LITERT_STACKS``; fp32 and shipped are always among them. The page is
    written once before they are judged. Raises InputError for missing checkpoints or presets, and unknown stacks.
    """
    stacks = tuple(dict.fromkeys((*JUDGED_STACKS[:2], *stacks)))
    if set(stacks) - {*STACKS, *LITERT_STACKS}:
        raise InputError(f"unknown stacks {','.join(stacks)!r}: choose of {', '.join((*STACKS, *LITERT_STACKS))}")

    def write(scores: Mapping[str, Mapping[str, float]]) -> None:
        part = out.with_name(out.name + ".part")
        part.write_text(_page(cells, macs, sizes, scores, kept, runtimes, bool(pack)), encoding="utf-8")
        part.replace(out)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        formats = ["onnx"]
        if importlib.util.find_spec("litert_torch") and installed("tflite"):
            formats.append("tflite")
        for form in formats:  # apart, so that every precision of one does not convert the other again
            export_bundle(checkpoints, presets, folder / form, "report", "fp32", formats=[form])
        feeds = spoken_feeds(folder / "onnx", pack=pack)
        bundles, kept = _bundles(folder, formats, feeds)
        made = {graph.name: graph for graph in graphs(*load_students(checkpoints))}
        example, seconds = _ten_seconds(bundles["onnx", "fp32"])
        cells = []
        for graph in GRAPHS:
            cells += _cells(made[graph], bundles, feeds[graph], example[graph], seconds[graph])
        macs = {graph: _macs(made[graph], example[graph]) / seconds[graph] for graph in GRAPHS}
        sizes = {key: bundle_megabytes(Bundle.load(path), "onnx") for key, path in bundles.items() if key[0] == "onnx"}
        runtimes = f"onnxruntime {_version('onnxruntime')}"
        if "tflite" in formats:
            runtimes += f", {Bundle.load(bundles['tflite', 'fp32']).session('speaker', 'tflite').info.version}"
        write({})
        if judge:
            write(_scores(bundles, stacks, pack, judge, judge_python, folder))
    return cells


def _bundles(
    folder: Path, formats: Sequence[str], feeds: Mapping[str, Sequence[Feeds]]
) -> tuple[dict[tuple[str, str], Path], dict[str, StaticResult]]:
    """Bundles by runtime and precision, and what the static graphs left in float."""
    found = {("onnx", "fp32"): folder / "onnx"}
    kept: dict[str, StaticResult] = {}
    for precision in (*PRECISIONS[1:], "shipped"):
        found["onnx", precision] = folder / f"onnx-{precision}"
        cells = STACKS.get(precision) or dict.fromkeys(GRAPHS, precision)
        results = quantize_bundle(folder / "onnx", found["onnx", precision], cells, feeds=feeds, bound=BOUNDS)
        if precision == "static":
            kept = results
    if "tflite" in formats:
        found["tflite", "fp32"] = folder / "tflite"
        for precision, activations in (("weight-only", "float32"), ("dynamic", "int8"), ("static", "static")):
            found["tflite", precision] = folder / f"tflite-{precision}"
            quantize_bundle(folder / "tflite", found["tflite", precision], tflite_activations=activations, feeds=feeds)
    return found, kept


def _ten_seconds(bundle: Path) -> tuple[dict[str, Feeds], dict[str, float]]:
    """What every graph is given for a sentence of ten seconds, in one piece, and how many seconds that is of speech."""
    feeds = spoken_feeds(bundle, [TEN_SECONDS])
    bird = Parrotlet.load(bundle)
    voice = next(iter(bird.presets.values())).profile
    spoken = bird.acoustics(bird.phonemize(TEN_SECONDS), voice)
    length = len(spoken.mel) * bird.bundle.hop_length / bird.sample_rate
    example = {"speaker": feeds["speaker"][0], "acoustic": feeds["acoustic"][0], "vocoder": {"mel": spoken.mel[None]}}
    heard = feeds["speaker"][0]["samples"].shape[1] / bird.bundle.speaker_rate
    return example, {"speaker": heard, "acoustic": length, "vocoder": length}


def _cells(
    graph: Graph,
    bundles: Mapping[tuple[str, str], Path],
    feeds: Sequence[Feeds],
    example: Feeds,
    seconds: float,
) -> list[Cell]:
    """Every runtime and precision of one graph."""
    keys = [key for key in bundles if key[1] != "shipped"]
    loaded = {key: Bundle.load(bundles[key]) for key in keys}
    times = {}
    for threads in THREADS:
        sessions = {key: loaded[key].session(graph.name, key[0], threads) for key in keys}
        times[threads] = _processor_seconds(sessions, example)
    judge = [*feeds[:: max(1, len(feeds) // 6)][:6], example]
    expected = [_by_phoneme(_torch(graph, feed)) for feed in judge]
    rows = []
    for key in keys:
        session = loaded[key].session(graph.name, key[0])
        main = MAIN_OUTPUT[graph.name]
        differences = []
        for feed, want in zip(judge, expected, strict=True):
            differences.append((_by_phoneme(session.run(feed))[main] - want[main]).ravel())
        difference = np.concatenate(differences)
        signal = np.concatenate([want[main].ravel() for want in expected])
        form = loaded[key].manifest["graphs"][graph.name][key[0]]
        files = [bundles[key] / piece["file"] for piece in form.get("parts", [form])]
        rows.append(
            Cell(
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


def _by_phoneme(outputs: Outputs) -> Outputs:
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
def _macs(graph: Graph, example: Feeds) -> float:
    with FlopCounterMode(display=False) as counter:
        _torch(graph, example)
    return counter.get_total_flops() / 2


def _scores(
    bundles: Mapping[tuple[str, str], Path],
    stacks: Sequence[str],
    pack: Path | None,
    judge: Path,
    python: str,
    folder: Path,
) -> dict[str, dict[str, float]]:
    """The judge's summary of every whole stack, by a name for the table."""
    found = {}
    for stack in stacks:
        key = LITERT_STACKS.get(stack, ("onnx", stack))
        name = f"{'LiteRT' if key[0] == 'tflite' else 'onnxruntime'}, {key[1]}"
        if key not in bundles:
            continue
        bird = Parrotlet.load(bundles[key], key[0])
        speech = folder / "speech" / "-".join(key)
        corpus = Pack(pack) if pack else None
        made = write_test_speech(bird, corpus, speech, "validation", 5, presets=0 if pack else 5)
        found[name] = judged(python, judge, made["clones" if pack else "presets"])
    return found


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _page(
    cells: Sequence[Cell],
    macs: Mapping[str, float],
    sizes: Mapping[tuple[str, str], float],
    scores: Mapping[str, Mapping[str, float]],
    kept: Mapping[str, StaticResult],
    runtimes: str,
    cloned: bool,
) -> str:
    cell = {(c.graph, c.runtime, c.precision): c for c in cells}
    lines = [
        "# Quantization",
        "",
        f"Written by `parrotlet-compress report` ({cpu_name()}, Python {platform.python_version()}, {runtimes}). "
        "Time is processor time of the process, not the clock: the machine may do other work, and with two threads it "
        "counts both. Ratios are to fp32 on the same runtime in the same run; below 1 is faster.",
        "",
        "- `fp16`, `weight-only`: weights stored as float16 or int8 (per output channel), unpacked at load, computed "
        "in float32. `dynamic`: matrix products in int8, one activation scale a call; the other weights as in "
        "weight-only. `static`: matrix products in int8, activation scales from calibration on the bundle's own "
        "speech; the other weights as float16. LiteRT's `dynamic` covers convolutions as well. LiteRT's `static` also "
        "rounds the results of its products to int8, but for those a graph returns and for the speaker graph's front "
        "end, whose products are weight-only, like everything that is no product.",
        "- SNR and largest difference are against torch on real inputs, of the embedding, the log-mel spectrogram "
        "(means over phonemes, since durations may round the other way) and the magnitude.",
        "- Chunks: the vocoder's magnitudes made in chunks of "
        f"{CHUNK_FRAMES} frames against those made at once. The bar is -60 dB.",
        "",
        "| graph | runtime | precision | MB | million MACs a second of speech | × real time, 1 thread | time to fp32, "
        "1 thread | 2 threads | SNR dB | largest difference | chunks dB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for c in cells:
        ships = c.precision == (SHIPPED[c.graph] if c.runtime == "onnx" else SHIPPED_TFLITE)
        lines.append(
            f"| {c.graph} | {'onnxruntime' if c.runtime == 'onnx' else 'LiteRT'} "
            f"| {'**' + c.precision + '**' if ships else c.precision} | {c.megabytes:.2f} | {macs[c.graph] / 1e6:.0f} "
            f"| {c.real_time:.0f} | {c.ratios[0]:.2f} | {c.ratios[1]:.2f} | {c.snr_db:.0f} | {c.largest:.2g} "
            f"| {_joined(c)} |"
        )
    lines += ["", "Bold: what ships.", "", *_static_part(kept), *_stack_part(scores, sizes, cloned)]
    lines += ["## What ships, and why", "", _verdict(cell, sizes, scores), ""]
    return "\n".join(lines)


def _joined(cell: Cell) -> str:
    """How far chunks joined are from the whole, in dB, as the table says it."""
    if cell.chunks_db is None:
        return ""
    return "equal" if cell.chunks_db < -150 else f"{cell.chunks_db:.0f}"


def _static_part(kept: Mapping[str, StaticResult]) -> list[str]:
    lines = [
        "## Layers that stay in float",
        "",
        "A static graph is quantized whole first. If an output then moves by more than "
        f"{ERROR_BOUND:.0%} of its root mean square, every layer is quantized alone, the layers are ranked by what "
        "that does to the outputs, and the worst stay in float, as few as will do. Depthwise convolutions always do.",
        "",
    ]
    for graph, result in kept.items():
        worst = ", ".join(f"`{row.node}` ({row.error:.3f})" for row in result.sweep[:4])
        lines.append(
            f"- {graph}: moves by {result.error:.1%} with {len(result.floating) or 'no'} layer"
            f"{'' if len(result.floating) == 1 else 's'} in float"
            + (
                f"; the worst alone: {worst}."
                if worst
                else "; not swept."
                if graph in BOUNDS
                else "; no sweep was needed."
            )
        )
    return [*lines, ""]


def _stack_part(
    scores: Mapping[str, Mapping[str, float]], sizes: Mapping[tuple[str, str], float], cloned: bool
) -> list[str]:
    if not scores:
        return []
    who = (
        "five held-out people, cloned from one recording, four sentences each"
        if cloned
        else "five preset voices, four sentences each"
    )
    lines = [
        "## Whole stacks, heard",
        "",
        f"All three graphs in one precision (`shipped`: each in its own); {who}. WER by Whisper base, likeness by "
        "ECAPA-TDNN, P.808 by DNSMOS.",
        "",
        "| stack | bundle MB | WER % | likeness | P.808 |",
        "|---|---|---|---|---|",
    ]
    for name, row in scores.items():
        size = sizes.get(("onnx", name.split(", ")[1])) if name.startswith("onnx") else None
        lines.append(
            f"| {name} | {'' if size is None else f'{size:.1f}'} | {100 * row['wer']:.1f} "
            f"| {'' if 'secs' not in row else format(row['secs'], '.3f')} | {row['dnsmos_p808']:.2f} |"
        )
    return [*lines, ""]


def _verdict(
    cell: Mapping[tuple[str, str, str], Cell],
    sizes: Mapping[tuple[str, str], float],
    scores: Mapping[str, Mapping[str, float]],
) -> str:
    """One paragraph whose every claim is computed from the tables."""
    said = []
    for graph in GRAPHS:
        ships = cell[graph, "onnx", SHIPPED[graph]]
        others = [
            c for c in cell.values() if c.graph == graph and c.runtime == "onnx" and c.precision != ships.precision
        ]
        text = (
            f"The {graph} graph ships {ships.precision}: {ships.ratios[0]:.2f} of fp32's time, "
            f"{cell[graph, 'onnx', 'fp32'].megabytes / ships.megabytes:.1f} times smaller, {ships.snr_db:.0f} dB."
        )
        faster = [c for c in others if c.precision != "fp32" and c.ratios[0] < 0.97 * ships.ratios[0]]
        for c in faster:
            broken = c.chunks_db is not None and c.chunks_db > -60
            reason = f", but chunks differ by {c.chunks_db:.0f} dB" if broken else f", at {c.snr_db:.0f} dB"
            text += f" {c.precision.capitalize()} takes {c.ratios[0]:.2f}{reason}."
        for c in others:
            if c.chunks_db is not None and c.chunks_db > -60 and c not in faster:
                text += f" {c.precision.capitalize()} is out: its chunks differ by {c.chunks_db:.0f} dB."
        said.append(text)
    if ("vocoder", "tflite", "weight-only") in cell:
        plain, quick, fixed = (cell["vocoder", "tflite", form] for form in ("weight-only", "dynamic", "static"))
        said.append(
            f"TFLite graphs ship static: on LiteRT the vocoder takes {fixed.ratios[0]:.2f} of fp32's time (chunks dB: "
            f"{_joined(fixed)}), in dynamic form {quick.ratios[0]:.2f} (chunks dB: {_joined(quick)}), weight-only "
            f"{plain.ratios[0]:.2f}. tflite-runtime 2.14, which has no fast products of int8 on x86, is faster "
            "weight-only (docs/export.md); `export --tflite-activations float32` writes that."
        )
    full, small = sizes["onnx", "fp32"], sizes["onnx", "shipped"]
    said.append(f"The bundle is {small:.1f} MB, {full / small:.1f} times smaller than fp32 (bars: 20 MB, 3.3 times).")
    if scores:
        base, ours = scores["onnxruntime, fp32"], scores["onnxruntime, shipped"]
        lost = {"wer": ours["wer"] - base["wer"], "dnsmos_p808": base["dnsmos_p808"] - ours["dnsmos_p808"]}
        if "secs" in ours:
            lost["secs"] = base["secs"] - ours["secs"]
        within = all(lost[name] <= BARS[name] + 1e-9 for name in lost)
        said.append(
            f"Against fp32 it loses {100 * lost['wer']:.1f} points of WER, "
            + (f"{lost['secs']:.3f} of likeness " if "secs" in lost else "")
            + f"and {lost['dnsmos_p808']:.2f} of P.808 (a negative loss is a gain; bars: 0.5 points, 0.02, 0.05): "
            + (
                "within the bars, so no quantization-aware fine-tuning was needed."
                if within
                else "outside the bars. Quantization-aware fine-tuning has not been tried."
            )
        )
    return " ".join(said)
