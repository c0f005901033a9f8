"""The Markdown of docs/quantization.md, from what ``report`` measures."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence

from parrotlet.bench import cpu_name
from parrotlet.bundle import GRAPHS

from .precision import SHIPPED, SHIPPED_TFLITE
from .report_measure import CHUNK_FRAMES, GraphMeasurement
from .static import ERROR_BOUND, StaticResult

# Ranking the 61 layers of the acoustic graph takes minutes, for a form that is no faster than dynamic.
BOUNDS = {"acoustic": math.inf}
BARS = {"wer": 0.005, "secs": 0.02, "dnsmos_p808": 0.05}


def report_page(
    cells: Sequence[GraphMeasurement],
    macs: Mapping[str, float],
    sizes: Mapping[tuple[str, str], float],
    scores: Mapping[str, Mapping[str, float]],
    kept: Mapping[str, StaticResult],
    runtimes: str,
    cloned: bool,
) -> str:
    """The page in Markdown. cloned: the judged voices are clones, not presets."""
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


def _joined(cell: GraphMeasurement) -> str:
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
    cell: Mapping[tuple[str, str, str], GraphMeasurement],
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
