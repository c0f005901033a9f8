"""Optimize a bundle's ONNX graphs before, so that onnxruntime need not do it at every start."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnx import numpy_helper

from parrotlet_runtimes.fused import fields

from .files import read_manifest, spoken_parts, write_files

_WEIGHTS = {
    "DequantizeLinear": (0, 2),
    "DynamicQuantizeMatMul": (1, 3),
    "MatMulIntegerToFloat": (1, 5),
    "QGemm": (3, 5),
}
"""Which inputs of an operator are int8 weights and their zero point."""


def fuse_bundle(bundle: Path) -> list[str]:
    """Write the optimized nodes of the graphs that speak beside them, and into the manifest: the files' names."""
    manifest = read_manifest(bundle)
    written: dict[str, bytes] = {}
    for part in spoken_parts(manifest):
        old = part.pop("fused", None)
        if old:
            manifest["files"].pop(old["file"], None)
        whole = not part.get("fold_int8") and part["file"].endswith(".onnx")
        made = fused((bundle / part["file"]).read_bytes()) if whole else None
        if made is None:
            continue
        nodes, start, end = made
        file = f"{Path(part['file']).stem}.fused"
        part["fused"] = {"file": file, "of": manifest["files"][part["file"]], "weights": [start, end]}
        written[file] = nodes
    write_files(bundle, manifest, written)
    return list(written)


def fused(graph: bytes) -> tuple[bytes, int, int] | None:
    """A graph's nodes as onnxruntime makes them of it, and where in the graph's file their weights begin and end.

    None where that cannot be: int8 weights that a host could not turn into uint8, or initializers in several places.
    """
    place = _initializers(graph)
    if place is None:
        return None
    source, model = onnx.load_from_string(graph), _optimized(graph)
    before = {tensor.name: tensor for tensor in source.graph.initializer}
    shared: dict[Any, str] = {}
    new: dict[str, str] = {}
    own = []
    for tensor in model.graph.initializer:
        values, old = numpy_helper.to_array(tensor), before.get(tensor.name)
        # A host that makes int8 unsigned looks for bytes, which many zero points are not stored as.
        raw = old is None or tensor.data_type != onnx.TensorProto.INT8 or old.HasField("raw_data")
        if old is None or not raw or not _equal(tensor, old):
            key = (values.dtype, values.shape, values.tobytes())  # of the zero points few differ
            if key not in shared:
                shared[key] = f"fused_{len(shared)}"
                own.append(numpy_helper.from_array(values, shared[key]))
            new[tensor.name] = shared[key]
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
    if any(node.domain not in ("", "com.microsoft") for node in model.graph.node):
        return None
    signed = {tensor.name for tensor in (*source.graph.initializer, *own) if tensor.data_type == onnx.TensorProto.INT8}
    if not all(_can_be_unsigned(node, signed) for node in model.graph.node):
        return None
    del model.graph.initializer[:], model.graph.value_info[:], model.metadata_props[:], model.opset_import[:]
    model.graph.initializer.extend(own)
    # The optimizer names all operator sets that it knows, of which older versions know fewer.
    model.opset_import.extend(one for one in source.opset_import if one.domain == "")
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    model.ir_version = source.ir_version
    return model.SerializeToString(deterministic=True), *place


def _optimized(graph: bytes) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        # What lies above this level depends on the processor.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
        options.log_severity_level = 4
        # Weights stay in float16 in the file: unpacked they take twice as much.
        onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=["ConstantFolding"]
        )
        return onnx.load(options.optimized_model_filepath)


def _initializers(graph: bytes) -> tuple[int, int] | None:
    """Where they begin and end in a model's file; None where something lies between them."""
    (start, end), *others = [(low, high) for number, _, low, high in fields(graph, 0, len(graph)) if number == 7]
    found = [(low, high) for number, low, _, high in fields(graph, start, end) if number == 5]
    if others or not found or any(one[1] != two[0] for one, two in itertools.pairwise(found)):
        return None
    return found[0][0], found[-1][1]


def _equal(one: onnx.TensorProto, other: onnx.TensorProto) -> bool:
    a, b = numpy_helper.to_array(one), numpy_helper.to_array(other)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _can_be_unsigned(node: onnx.NodeProto, signed: set[str]) -> bool:
    """Whether a node computes the same with 128 added to all int8 constants."""
    mine = {at for at, name in enumerate(node.input) if name in signed}
    return not mine or mine == set(_WEIGHTS.get(node.op_type, ()))
