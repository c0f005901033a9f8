"""INT8 for ONNX graphs: dynamic for matrix products, weight-only for everything else.

What this choice rests on, with the forms that lose, is in docs/quantization.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

MIN_WEIGHTS = 512


def quantize_int8(source: Path, target: Path) -> None:
    """Write the INT8 form of an fp32 graph.

    Matrix products with constant weights run in int8 (activations quantized on the fly, weights per
    channel); the weights of convolutions and embeddings are stored as int8 and unpacked at load, so the
    session must be opened with ``fold_int8``.
    """
    prepared, dynamic = target.with_suffix(".prepared"), target.with_suffix(".dynamic")
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_dynamic(
            str(prepared), str(dynamic), op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8, per_channel=True
        )
        model = onnx.load(dynamic)
        _store_weights_as_int8(model.graph)
        onnx.save(model, target)
    finally:
        prepared.unlink(missing_ok=True)
        dynamic.unlink(missing_ok=True)


def _store_weights_as_int8(graph: onnx.GraphProto) -> None:
    """Replace float weights of Conv and Gather by int8 behind DequantizeLinear, one scale a row."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    unpack = []
    for node in graph.node:
        index = {"Conv": 1, "Gather": 0}.get(node.op_type)
        if index is None or node.input[index] not in weights:
            continue
        name = node.input[index]
        array = numpy_helper.to_array(weights[name])
        if array.dtype != np.float32 or array.size < MIN_WEIGHTS or array.ndim < 2:
            continue
        scale = np.maximum(np.abs(array).reshape(len(array), -1).max(axis=1), 1e-12) / 127
        rounded = np.rint(array / scale.reshape(-1, *[1] * (array.ndim - 1))).astype(np.int8)
        graph.initializer.remove(weights.pop(name))
        graph.initializer.append(numpy_helper.from_array(rounded, f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}_scale"))
        unpack.append(
            helper.make_node(
                "DequantizeLinear", [f"{name}_int8", f"{name}_scale"], [name], name=f"{name}_unpack", axis=0
            )
        )
    for node in unpack:
        graph.node.insert(0, node)
