"""docs/quantization.md: every graph on every runtime in every precision, measured, with the forms that lose."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parrotlet import Parrotlet
from parrotlet.bench import bundle_megabytes
from parrotlet.bundle import GRAPHS, Bundle
from parrotlet.errors import InputError
from parrotlet.output import open_output
from parrotlet_runtimes import installed

from .calibration import Feeds, spoken_feeds
from .corpus import Pack
from .evaluate import judged, write_test_speech
from .export import export_bundle, graphs, load_students
from .precision import PRECISIONS, SHIPPED, quantize_bundle
from .report_measure import GraphMeasurement, count_macs, measure_graph, ten_seconds
from .report_page import BOUNDS, report_page
from .static import StaticResult

STACKS = {
    "fp32": dict.fromkeys(GRAPHS, "fp32"),
    "shipped": SHIPPED,
    "weight-only": dict.fromkeys(GRAPHS, "weight-only"),
    "dynamic": dict.fromkeys(GRAPHS, "dynamic"),
    "static": dict.fromkeys(GRAPHS, "static"),
}
LITERT_STACKS = {f"litert-{name}": ("tflite", name) for name in ("fp32", "weight-only", "dynamic", "static")}
JUDGED_STACKS = ("fp32", "shipped", "weight-only")


def write_report(
    out: Path,
    checkpoints: Path,
    presets: Mapping[str, Any],
    pack: Path | None = None,
    judge: Path | None = None,
    judge_python: str = "python3",
    stacks: Sequence[str] = JUDGED_STACKS,
) -> list[GraphMeasurement]:
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
        with open_output(out) as file:
            file.write(report_page(cells, macs, sizes, scores, kept, runtimes, bool(pack)).encode())

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
        example, seconds = ten_seconds(bundles["onnx", "fp32"])
        cells = []
        for graph in GRAPHS:
            cells += measure_graph(made[graph], bundles, feeds[graph], example[graph], seconds[graph])
        macs = {graph: count_macs(made[graph], example[graph]) / seconds[graph] for graph in GRAPHS}
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
