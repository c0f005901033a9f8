"""Weights of four bits in a bundle's ONNX graphs, for phones: the files are smaller, and the arithmetic stays INT8.

A byte holds two weights. Each group of inputs of an output channel has a scale and a zero point. A host unpacks them
into int8 weights before it opens the graph (``parrotlet.packed``).
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from parrotlet.bundle import PACKED_FORMAT, joined
from parrotlet.errors import InputError
from parrotlet.packed import unpacked

from .files import json_bytes, read_manifest, spoken_parts

GROUP = 64
"""Weights that share a scale, at most."""
SMALLEST = 2048
"""Weights of a matrix that is worth it."""
CLIPPED = (1.0, 0.95, 0.9, 0.85, 0.8)
"""Shares of a group's range that are tried: the least squared error decides."""
LAST = {"speaker": 2}
"""How many of a graph's last matrices stay as they are: with those in four bits, too, the embedding of a voice has a
cosine of 0.998 to the other, and without them 0.9997."""


def int4_bundle(source: Path, target: Path, graphs: Sequence[str] = ()) -> None:
    """Write the bundle ``source`` with int8 weights of ONNX graphs in four bits.

    graphs: which, in a bundle that stays what it is otherwise. By default all of them, and the bundle has no TFLite
    graphs.
    Raises InputError when there is no bundle, or something at ``target``, or for a graph that is not there.
    """
    manifest = read_manifest(source)
    if target.exists():
        raise InputError(f"{target} exists: remove it, or give another folder")
    if unknown := [name for name in graphs if "onnx" not in manifest["graphs"].get(name, {})]:
        raise InputError(f"{source} has no ONNX graph {unknown[0]!r}: choose of {', '.join(manifest['graphs'])}")
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part, ignore=None if graphs else shutil.ignore_patterns("*.tflite", "*.fused"))
    if not graphs:
        for forms in manifest["graphs"].values():
            forms.pop("tflite", None)
        for entry in spoken_parts(manifest):
            entry.pop("fused", None)
    packed = manifest.setdefault("packed", {})
    before = len(packed)
    for name in graphs or manifest["graphs"]:
        forms = manifest["graphs"][name]["onnx"]
        for entry in forms.get("parts", [forms]):
            if entry.get("precision") == "int8" and entry["file"] not in packed:
                _pack(source, part, entry, packed)
    for entry in (forms["onnx"] for forms in manifest["graphs"].values() if "borrows" in forms["onnx"]):
        lender = str(Path(entry["borrows"]["from"]).with_suffix(".int4"))
        if lender in packed:
            entry["borrows"]["from"] = lender
    if len(packed) == before:
        shutil.rmtree(part)
        raise InputError(f"{source} has no int8 matrices in {', '.join(graphs)}: choose other graphs")
    manifest["format"] = PACKED_FORMAT
    files = sorted(file.name for file in part.iterdir() if file.name != "manifest.json")
    manifest["files"] = {name: hashlib.sha256((part / name).read_bytes()).hexdigest() for name in files}
    (part / "manifest.json").write_bytes(json_bytes(manifest))
    part.rename(target)


def _pack(source: Path, part: Path, entry: dict[str, Any], packed: dict[str, Any]) -> None:
    """Put an entry's file in four bits, in ``part`` and in the manifest's ``packed``. source: the bundle before."""
    file, borrows = entry["file"], entry.get("borrows")
    data = (source / file).read_bytes()
    if borrows is not None:
        made, packing = packed_graph(data, joined(data, (source / borrows["from"]).read_bytes(), borrows["pieces"]))
    else:
        last = LAST.get(Path(file).stem, 0)
        made, packing = packed_graph(data, last=last)
    if not packing["pieces"]:
        return
    (part / file).unlink()
    entry["file"] = str(Path(file).with_suffix(".int4"))
    (part / entry["file"]).write_bytes(made)
    packed[entry["file"]] = packing


def packed_graph(graph: bytes, whole: bytes | None = None, last: int = 0) -> tuple[bytes, dict[str, Any]]:
    """An ONNX graph with its int8 matrices in four bits: the file, and what ``unpacked`` needs to know of it.

    whole: the same with what it takes from another file; those matrices stay there. last: how many matrices at its end
    stay as they are.
    """
    rest, weights, pieces, done = [], [], [], 0
    matrices = []
    for tensor in onnx.load_from_string(whole or graph).graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.raw_data and (group := _group(values)):
            matrices.append((tensor.raw_data, values, group))
    for stored, values, group in matrices[: len(matrices) - last]:
        if (at := graph.find(stored, done)) < 0:
            continue
        rest.append(graph[done:at])
        pieces.append([sum(len(one) for one in rest), *values.shape, group])
        weights += [part.tobytes() for part in four_bits(values, group)]
        done = at + values.size
    rest.append(graph[done:])
    data, packing = b"".join([*rest, *weights]), {"graph": sum(len(one) for one in rest), "pieces": pieces}
    if len(unpacked(data, packing)) != len(graph):
        raise InputError("a graph cannot be put together again: report this")
    return data, packing


def _group(values: npt.NDArray[Any]) -> int:
    """The most that divide a matrix's inputs evenly, in pairs; 0 where it stays as it is."""
    if values.dtype != np.int8 or values.ndim != 2 or values.size < SMALLEST:
        return 0
    return next((size for size in range(GROUP, 15, -2) if len(values) % size == 0), 0)


def four_bits(
    values: npt.NDArray[np.int8], group: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16], npt.NDArray[np.uint8]]:
    """values [K, N] -> two weights a byte [K / group, group / 2, N], scale and zero point [K / group, 1, N].

    The low four bits hold the first half of a group.
    """
    rows = values.astype(np.float32).reshape(-1, group, values.shape[1])
    low, high = np.minimum(rows.min(1, keepdims=True), 0), np.maximum(rows.max(1, keepdims=True), 0)
    best: tuple[Any, ...] = ()
    for share in CLIPPED:
        scale = np.maximum((high - low) * share / 15, 1e-2).astype("<f2")
        zero = np.rint(-low * share / scale)
        codes = np.clip(np.rint(rows / scale.astype(np.float32)) + zero, 0, 15)
        error = np.square((codes - zero) * scale - rows).sum(1, keepdims=True)
        new = (error, codes, scale, zero)
        best = tuple(np.where(error < best[0], a, b) for a, b in zip(new, best, strict=True)) if best else new
    _, codes, scale, zero = best
    half = codes.astype(np.uint8)
    return half[:, : group // 2] | half[:, group // 2 :] << 4, scale.astype("<f2"), zero.astype(np.uint8)
