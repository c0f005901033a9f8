"""Quantize a whole fp32 bundle, every graph in a precision of its own."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parrotlet.bundle import GRAPHS, Bundle
from parrotlet.errors import InputError

from .borrowed_weights import borrow
from .calibration import Feeds, require_signal, split_feeds, spoken_feeds
from .files import json_bytes
from .onnx_compact import compact_onnx_file
from .quantize import quantize_int8, store_fp16
from .static import ERROR_BOUND, StaticResult, quantize_within
from .tflite import quantize_tflite, require_converter

PRECISIONS = ("fp32", "fp16", "weight-only", "dynamic", "static")
"""``fp16``, ``weight-only``: weights stored as float16 or int8, computed in float. ``dynamic``: matrix products in
int8, one scale a call. ``static``: matrix products in int8, scales from calibration. In all but ``fp32``, what is not
int8 is stored as float16."""
SHIPPED = {"speaker": "weight-only", "acoustic": "static", "vocoder": "static"}
"""What ``int8`` stands for; docs/quantization.md has the measurements behind it."""
FINETUNE = "finetune"
SHIPPED_TFLITE = "static"
"""The ``activations`` of the TFLite graphs that ship."""
# Whitening magnifies small differences, and with them the rounding of its own weights. What the finished spectrum
# passes through must be as exact as the spectrum.
# The product of emphasis is outside any layer: its node has no path in ONNX, and in TFLite only the name of the graph's
# own module, or of the output; its matrix is a constant without a name.
KEEP = ("whiten", "/MatMul", "/adapter", "/refiner/comb")
KEEP_TFLITE = ("whiten", "_Method_module;", "Adapter", "HarmonicCombs", "^mel;")
# With its activations in int8 the duration predictor's every phoneme comes out a little short: speech was 2 % too fast.
# The encoder is computed once a phoneme, which costs no time, and float brings all that follows 5 % nearer to fp32.
IN_FLOAT = ("/duration", "/encoder")
# With one scale for all inputs only what is said of the voice suffers beside the durations.
IN_FLOAT_STATIC = ("/duration", "/voice")
# Graphs whose matrices in float are stored as bytes. In the others the spectrum passes through such matrices.
AS_BYTES = ("acoustic_text", "recognizer")
# What a static graph is judged by. The vocoder's f0 is left out, which jumps to 0 where the voicing is uncertain: one
# frame outweighs all rounding.
JUDGED_BY = {"speaker": ("embedding",), "vocoder": ("magnitude", "phase", "noise")}
# Parts of a graph for which no layer is left in float, however far that moves their outputs.
NOT_SWEPT = ("acoustic_text", "acoustic_contour", "acoustic_frames")


def parse_precision(text: str) -> dict[str, str]:
    """The precision of every graph, from ``int8`` (``SHIPPED``), one name for all, or ``vocoder=fp32,acoustic=static``
    with ``SHIPPED`` for the others. Raises InputError for what it does not know."""
    if text == "int8":
        return dict(SHIPPED)
    if text in PRECISIONS:
        return dict.fromkeys(GRAPHS, text)
    made = dict(SHIPPED)
    for part in text.split(","):
        graph, _, precision = part.partition("=")
        if graph not in GRAPHS or precision not in PRECISIONS:
            raise InputError(
                f"unknown precision {part!r}: give int8, {', '.join(PRECISIONS)}, or GRAPH=PRECISION with commas "
                f"between, GRAPH being {', '.join(GRAPHS)}"
            )
        made[graph] = precision
    return made


def quantize_onnx(
    source: Path,
    target: Path,
    precision: str,
    feeds: Sequence[Feeds] = (),
    bound: float = ERROR_BOUND,
    judged_by: Sequence[str] = (),
) -> StaticResult | None:
    """Write an fp32 graph in one of ``PRECISIONS``; feeds, bound and judged_by are for ``static``, which returns what
    it left in float. Raises InputError when the feeds are silent."""
    as_bytes = source.stem in AS_BYTES
    if precision == "fp32":
        shutil.copy(source, target)
    elif precision == "fp16":
        store_fp16(source, target)
    elif precision == "static":
        text = IN_FLOAT_STATIC if source.stem == "acoustic_text" else ()
        result = quantize_within(source, target, feeds, bound, keep=(*KEEP, *text), judged_by=judged_by)
        # What is left: its int8 form would be unpacked again in every call.
        store_fp16(target, target, matrices_as_bytes=as_bytes)
        return result
    else:
        quantize_int8(source, target, dynamic=precision == "dynamic", keep=KEEP, in_float=IN_FLOAT)
        store_fp16(target, target, matrices_as_bytes=as_bytes)
    return None


def describe(precision: str) -> dict[str, Any]:
    """How the manifest and a session describe a graph of one of ``PRECISIONS``."""
    if precision in ("fp32", "fp16"):
        return {"precision": precision, "fold_int8": False}
    # Folding would turn the int8 products of a static graph back into float.
    return {"precision": "int8", "quantization": precision, "fold_int8": precision != "static"}


def quantize_bundle(
    full: Path,
    out: Path,
    precisions: Mapping[str, str] | None = None,
    tflite_activations: str = "float32",
    pack: Path | None = None,
    bound: Mapping[str, float] | float = ERROR_BOUND,
    feeds: Mapping[str, Sequence[Feeds]] | None = None,
) -> dict[str, StaticResult]:
    """Write an fp32 bundle's graphs in other precisions to ``out``; returns what every static graph left in float.

    Graphs without weights are copied.

    precisions: of the ONNX form of every graph (``SHIPPED`` if None). TFLite forms get INT8 weights, with
    ``tflite_activations`` as in ``quantize_tflite``. pack: recordings to calibrate with, see ``spoken_feeds``; feeds:
    what it returned, if it is at hand. bound: see ``quantize_within``, of every graph or of some; infinite: no sweep.
    Raises InputError when the bundle is not fp32, calibration data is silent, or a converter is missing.
    """
    precisions = precisions or SHIPPED
    manifest = Bundle.load(full).manifest
    entries = {graph: manifest["graphs"][graph] for graph in GRAPHS}
    for graph, forms in entries.items():
        if any(forms[kind]["precision"] != "fp32" for kind in ("onnx", "tflite") if kind in forms):
            raise InputError(f"{full}: its {graph} graph is not fp32: write an fp32 bundle with `export --fp32`")
        if "tflite" in forms:
            require_converter()
    calibrated = [
        graph
        for graph, forms in entries.items()
        if ("onnx" in forms and precisions[graph] == "static") or ("tflite" in forms and tflite_activations == "static")
    ]
    if feeds is None:
        runtime = "onnx" if all("onnx" in forms for forms in entries.values()) else "tflite"
        feeds = spoken_feeds(full, pack=pack, runtime=runtime) if calibrated else {}
    for graph in calibrated:
        require_signal(feeds.get(graph, ()))
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    results = {}
    for graph, forms in entries.items():
        if "onnx" in forms:
            limit = bound.get(graph, ERROR_BOUND) if isinstance(bound, Mapping) else bound
            pieces, precision = forms["onnx"].get("parts", [forms["onnx"]]), precisions[graph]
            files = [full / piece["file"] for piece in pieces]
            given = _feeds_of(files, feeds.get(graph, ()) if precision == "static" else ())
            for piece, file, seen in zip(pieces, files, given, strict=True):
                most = math.inf if file.stem in NOT_SWEPT else limit
                result = quantize_onnx(file, part / file.name, precision, seen, most, JUDGED_BY.get(graph, ()))
                if result:
                    results[file.stem] = result
                piece.update(describe(precision))
            forms["onnx"] |= describe(precision)
        if "tflite" in forms:
            files = [full / piece["file"] for piece in forms["tflite"].get("parts", [forms["tflite"]])]
            for file, seen in zip(files, _feeds_of(files, feeds.get(graph, ())), strict=True):
                quantize_tflite(file, part / file.name, tflite_activations, KEEP_TFLITE, seen)
            forms["tflite"] |= {"precision": "int8", "activations": tflite_activations}
    others = [
        forms[kind]["file"]
        for graph, forms in manifest["graphs"].items()
        for kind in ("onnx", "tflite")
        if graph not in GRAPHS and kind in forms
    ]
    for file in ("presets.json", *others):
        shutil.copy(full / file, part)
    for path in part.glob("*.onnx"):
        compact_onnx_file(path)
    if "onnx" in manifest["graphs"].get(FINETUNE, {}) and "onnx" in entries["acoustic"]:
        pieces = entries["acoustic"]["onnx"].get("parts", [entries["acoustic"]["onnx"]])
        step = manifest["graphs"][FINETUNE]["onnx"]
        step |= borrow(part / step["file"], part / pieces[-1]["file"])
    manifest["files"] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(part.iterdir())}
    (part / "manifest.json").write_bytes(json_bytes(manifest))
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return results


def _feeds_of(files: Sequence[Path], feeds: Sequence[Feeds]) -> Sequence[Sequence[Feeds]]:
    """What each file of a graph is given where the whole graph is given ``feeds``."""
    if len(files) == 1 or not feeds:
        return [feeds] * len(files)
    return split_feeds(files, feeds)


def describe_result(graph: str, result: StaticResult) -> str:
    """One line for the terminal."""
    moved = f"{graph}: its outputs move by {result.error:.1%}"
    if not math.isfinite(result.error) or not result.sweep:
        return f"{moved}; no other layer was left in float"
    return f"{moved}; left in float: {', '.join(result.floating) or 'none'}"
