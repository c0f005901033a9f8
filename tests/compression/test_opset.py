"""Written graphs name no operator set that they do not use: older onnxruntimes refuse ones they do not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from parrotlet_compression.quantize import quantize_int8


@pytest.mark.parametrize("dynamic", [False, True])
def test_int8_graphs_import_only_what_they_use(tmp_path: Path, dynamic: bool) -> None:
    weight = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "one product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["T", 32])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, tmp_path / "full.onnx")
    quantize_int8(tmp_path / "full.onnx", tmp_path / "small.onnx", dynamic=dynamic)
    small = onnx.load(tmp_path / "small.onnx")
    assert {entry.domain for entry in small.opset_import} == {node.domain for node in small.graph.node} == {""}
