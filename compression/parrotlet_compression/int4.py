"""Weights of four bits in a bundle's ONNX graphs, for phones: the files are smaller, and the arithmetic stays INT8.

A byte holds two weights. Each group of inputs of an output channel has a scale and a zero point. A host unpacks them
into int8 weights before it opens the graph (``parrotlet.packed``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from parrotlet.bundle import PACKED_FORMAT
from parrotlet.errors import InputError
from parrotlet.packed import unpacked

from .files import read_manifest

GROUP = 64
"""Weights that share a scale, at most."""
SMALLEST = 4096
"""Weights of a matrix that is worth it."""
CLIPPED = (1.0, 0.95, 0.9, 0.85, 0.8)
"""Shares of a group's range that are tried: the least squared error decides."""
ROUNDED = ("acoustic_text", "recognizer")
"""Graphs whose float16 matrices are stored as int8. In the others the spectrum passes through such matrices."""


def int4_bundle(source: Path, target: Path) -> None:
    """Write the bundle ``source`` with int8 weights of its ONNX graphs in four bits. It has no TFLite graphs.

    Raises InputError when there is no bundle, or something at ``target``.
    """
    manifest = read_manifest(source)
    if target.exists():
        raise InputError(f"{target} exists: remove it, or give another folder")
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part, ignore=shutil.ignore_patterns("*.tflite", "*.fused"))
    lenders: dict[str, str] = {}
    for entry in _onnx_entries(manifest):
        entry.pop("fused", None)
        borrows, file = entry.get("borrows"), entry["file"]
        if borrows is not None:
            borrows["from"] = lenders.get(borrows["from"], borrows["from"])
        elif entry.get("precision") == "int8":
            data, packing = packed_graph(
                _rounded(part / file) if file.startswith(ROUNDED) else (part / file).read_bytes()
            )
            (part / file).unlink()
            entry["file"] = lenders[file] = str(Path(file).with_suffix(".int4"))
            (part / entry["file"]).write_bytes(data)
            manifest.setdefault("packed", {})[entry["file"]] = packing
    manifest["format"] = PACKED_FORMAT
    files = sorted(file.name for file in part.iterdir() if file.name != "manifest.json")
    manifest["files"] = {name: hashlib.sha256((part / name).read_bytes()).hexdigest() for name in files}
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (part / "manifest.json").write_text(text, encoding="utf-8")
    part.rename(target)


def _onnx_entries(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The manifest's entries of ONNX files, those that borrow last; what else a graph has is forgotten."""
    found = []
    for graph in manifest["graphs"].values():
        graph.pop("tflite", None)
        found += graph["onnx"].get("parts", [graph["onnx"]])
    yield from sorted(found, key=lambda entry: "borrows" in entry)


def packed_graph(graph: bytes) -> tuple[bytes, dict[str, Any]]:
    """An ONNX graph with its int8 matrices in four bits: the file, and what ``unpacked`` needs to know of it."""
    rest, weights, pieces, done = [], [], [], 0
    for tensor in onnx.load_from_string(graph).graph.initializer:
        values = numpy_helper.to_array(tensor)
        group = _group(values)
        if not group or not tensor.raw_data:
            continue
        at = graph.index(tensor.raw_data, done)
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


def _rounded(path: Path) -> bytes:
    """A graph with its float16 matrices as int8, one scale an output channel, made float when it is loaded."""
    model = onnx.load(path)
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float16 or values.ndim != 2 or values.size < SMALLEST:
            continue
        name, scale = tensor.name, np.abs(values.astype(np.float32)).max(axis=0, keepdims=True).clip(1e-12) / 127
        # As one row they are no matrix to be packed: what they multiply is sensitive.
        codes = np.rint(values / scale).astype(np.int8).reshape(1, *values.shape)
        model.graph.initializer.remove(tensor)
        for key, constant in {"codes": codes, "scale": scale}.items():
            model.graph.initializer.append(numpy_helper.from_array(constant, f"{name}_{key}"))
        shape = numpy_helper.from_array(np.array(values.shape, np.int64), f"{name}_shape")
        model.graph.initializer.append(shape)
        steps = (
            helper.make_node("Reshape", [f"{name}_codes", f"{name}_shape"], [f"{name}_matrix"]),
            helper.make_node("Cast", [f"{name}_matrix"], [f"{name}_counted"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_counted", f"{name}_scale"], [f"{name}_scaled"]),
            helper.make_node("Cast", [f"{name}_scaled"], [name], to=onnx.TensorProto.FLOAT16),
        )
        for node in reversed(steps):
            model.graph.node.insert(0, node)
    return model.SerializeToString(deterministic=True)
