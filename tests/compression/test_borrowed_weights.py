"""A graph without the weights that another file holds, and whole again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="compression needs onnx: pip install ./compression")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from parrotlet.bundle import joined  # noqa: E402
from parrotlet_compression.borrowed_weights import borrow  # noqa: E402
from parrotlet_runtimes import load_session  # noqa: E402

SIZES = (64, 40)


def product(path: Path, weights: list[np.ndarray]) -> None:
    """x [1, M] times each of the weights [M, N], added."""
    nodes, tensors, sums = [], [], []
    for k, weight in enumerate(weights):
        tensors += [numpy_helper.from_array(weight, f"w{k}"), numpy_helper.from_array(np.float32(0.01), f"s{k}")]
        nodes += [
            helper.make_node("DequantizeLinear", [f"w{k}", f"s{k}"], [f"f{k}"]),
            helper.make_node("MatMul", ["x", f"f{k}"], [f"y{k}"]),
        ]
        sums.append(f"y{k}")
    nodes.append(helper.make_node("Sum", sums, ["y"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, SIZES[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, SIZES[1]])],
        tensors,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


def test_a_graph_is_whole_again(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    shared, turned, own = (random.integers(-127, 128, SIZES, np.int8) for _ in range(3))
    x = random.standard_normal((1, SIZES[0])).astype(np.float32)
    product(tmp_path / "lender.onnx", [np.ascontiguousarray(turned.reshape(SIZES)), shared])
    held = numpy_helper.from_array(np.ascontiguousarray(turned.T), "turned")
    lender = onnx.load(tmp_path / "lender.onnx")
    lender.graph.initializer[0].CopyFrom(held)
    onnx.save(lender, tmp_path / "lender.onnx")
    product(tmp_path / "step.onnx", [shared, own, turned])
    expected = load_session(tmp_path / "step.onnx").run({"x": x})["y"]
    whole = (tmp_path / "step.onnx").stat().st_size

    entry = borrow(tmp_path / "step.onnx", tmp_path / "lender.onnx")

    assert not (tmp_path / "step.onnx").exists()
    data = (tmp_path / entry["file"]).read_bytes()
    assert len(data) < whole - 2 * shared.size + 200
    assert entry["borrows"]["from"] == "lender.onnx"
    assert len(entry["borrows"]["pieces"]) == 2
    again = joined(data, (tmp_path / "lender.onnx").read_bytes(), entry["borrows"]["pieces"])
    assert np.array_equal(load_session(again).run({"x": x})["y"], expected)


def test_nothing_in_common_is_left_whole(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("lender", "step"):
        product(tmp_path / f"{name}.onnx", [random.integers(-127, 128, SIZES, np.int8)])
    data = (tmp_path / "step.onnx").read_bytes()
    entry = borrow(tmp_path / "step.onnx", tmp_path / "lender.onnx")
    assert entry["borrows"]["pieces"] == []
    assert (tmp_path / entry["file"]).read_bytes() == data
