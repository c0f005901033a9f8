"""INT8 for ONNX graphs: dynamic for matrix products, weight-only for everything else.

What this choice rests on, with the forms that lose, is in docs/quantization.md.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

MIN_WEIGHTS = 512
MIN_MATRIX = 4096
SIGNED: dict[str, Any] = {"weight_type": QuantType.QInt8, "extra_options": {"WeightSymmetric": True}}
"""Weights of integer products: int8. From onnxruntime 1.26 on, products of two unsigned matrices take 2.3 times as long
on x86 with VNNI. Without VNNI those of int8 weights overflow, and our sessions ask for the unsigned kernel there."""


def quantize_int8(
    source: Path, target: Path, dynamic: bool, keep: tuple[str, ...] = (), in_float: tuple[str, ...] = ()
) -> None:
    """Write the INT8 form of an fp32 graph, to be loaded with ``fold_int8``.

    dynamic: matrix products with constant weights run in int8, activations quantized on the fly with one
    scale a call, weights per channel. That scale makes a result depend on how much is passed at once, so a
    graph that is run in chunks must not use it. All other weights are stored as int8, unpacked at load.
    keep: weights stay in float whose names, or whose node's, begin so. in_float: products whose node names begin so are
    computed in float, of weights stored as int8 all the same.
    """
    prepared, products = target.with_suffix(".prepared"), target.with_suffix(".products")
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        if dynamic:
            quantize_dynamic(
                str(prepared),
                str(products),
                op_types_to_quantize=["MatMul", "Gemm"],
                **SIGNED,
                per_channel=True,
                nodes_to_exclude=nodes_of(onnx.load(prepared).graph, (*keep, *in_float)),
            )
        model = onnx.load(products if dynamic else prepared)
        _store_weights_as_int8(model.graph, keep)
        # The quantizer stamps the newest version of every domain it knows, which older onnxruntimes refuse to load.
        used = {node.domain for node in model.graph.node} | {""}
        versions = [entry for entry in model.opset_import if entry.domain in used]
        del model.opset_import[:]
        model.opset_import.extend(versions)
        onnx.save(model, target)
    finally:
        prepared.unlink(missing_ok=True)
        products.unlink(missing_ok=True)


def nodes_of(graph: onnx.GraphProto, keep: Collection[str]) -> list[str]:
    """Names of the nodes whose own or whose weights' names begin with one of ``keep``."""
    first = tuple(keep)
    nodes = (node for node in graph.node if len(node.input) > 1)
    return [node.name for node in nodes if node.name.startswith(first) or node.input[1].startswith(first)]


def store_fp16(source: Path, target: Path, matrices_as_bytes: bool = False) -> None:
    """Write a graph with its float weights stored as float16 and cast when it is loaded: computed in float32.

    Half the size at the same speed, in sessions of either kind of ``fold_int8``. Scales of int8 tensors stay float32:
    those of biases may be smaller than what float16 holds exactly.
    matrices_as_bytes: matrices are stored in a quarter of the size, with a scale for each column.
    """
    model = onnx.load(source)
    scales = {node.input[1] for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")}
    for tensor in list(model.graph.initializer):
        array = numpy_helper.to_array(tensor)
        if (
            tensor.name in scales
            or array.dtype != np.float32
            or array.size < MIN_WEIGHTS
            or np.abs(array).max() > np.finfo(np.float16).max
        ):
            continue
        model.graph.initializer.remove(tensor)
        if matrices_as_bytes and array.ndim == 2 and array.size >= MIN_MATRIX:
            _store_bytes(model.graph, tensor.name, array)
            continue
        model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float16), f"{tensor.name}_fp16"))
        cast = helper.make_node("Cast", [f"{tensor.name}_fp16"], [tensor.name], to=onnx.TensorProto.FLOAT)
        model.graph.node.insert(0, cast)
    onnx.save(model, target)


def _store_bytes(graph: onnx.GraphProto, name: str, matrix: npt.NDArray[np.float32]) -> None:
    """Put a matrix into a graph as bytes around 128, which casts and a product turn back when it is loaded.

    No DequantizeLinear: where int8 products are not folded, it would run in every call. Not int8: hosts make such
    constants unsigned for some processors.
    """
    scale = np.maximum(np.abs(matrix).max(axis=0, keepdims=True), 1e-12) / 127
    stored = {
        "bytes": (np.rint(matrix / scale) + 128).astype(np.uint8),
        "middle": np.array(128, np.float32),
        "scale": scale.astype(np.float32),
    }
    for key, constant in stored.items():
        graph.initializer.append(numpy_helper.from_array(constant, f"{name}_{key}"))
    steps = (
        helper.make_node("Cast", [f"{name}_bytes"], [f"{name}_counted"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Sub", [f"{name}_counted", f"{name}_middle"], [f"{name}_around"]),
        helper.make_node("Mul", [f"{name}_around", f"{name}_scale"], [name]),
    )
    for node in reversed(steps):
        graph.node.insert(0, node)


def _weight(node: onnx.NodeProto, ranks: dict[str, int]) -> tuple[int, int] | None:
    """Which input of a node is its weight and which axis of it has one scale an entry."""
    if node.op_type == "Conv":
        return 1, 0
    if node.op_type == "Gather":
        return 0, 0
    if node.op_type == "MatMul":
        return 1, ranks.get(node.input[1], 0) - 1
    if node.op_type == "Gemm":
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return 1, 0 if transposed else 1
    return None


def _store_weights_as_int8(graph: onnx.GraphProto, keep: tuple[str, ...]) -> None:
    """Replace float weights by int8 behind DequantizeLinear, one scale an output channel."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    ranks = {name: len(tensor.dims) for name, tensor in weights.items()}
    unpack = []
    for node in graph.node:
        place = _weight(node, ranks)
        if place is None or node.input[place[0]] not in weights:
            continue
        name, axis = node.input[place[0]], place[1]
        array = numpy_helper.to_array(weights[name])
        if name.startswith(keep) or node.name.startswith(keep):
            continue
        if array.dtype != np.float32 or array.size < MIN_WEIGHTS or array.ndim < 2:
            continue
        others = tuple(k for k in range(array.ndim) if k != axis)
        scale = np.maximum(np.abs(array).max(axis=others, keepdims=True), 1e-12) / 127
        rounded = np.rint(array / scale).astype(np.int8)
        graph.initializer.remove(weights.pop(name))
        graph.initializer.append(numpy_helper.from_array(rounded, f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(scale.reshape(-1).astype(np.float32), f"{name}_scale"))
        unpack.append(
            helper.make_node(
                "DequantizeLinear",
                [f"{name}_int8", f"{name}_scale"],
                [name],
                name=f"{name}_unpack",
                axis=axis,
            )
        )
    for node in unpack:
        graph.node.insert(0, node)
