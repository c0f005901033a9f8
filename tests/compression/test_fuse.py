"""Graphs that are optimized before: beside those that every runtime reads, and never in place of newer ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from parrotlet.bundle import DEFAULT, Bundle
from parrotlet_compression.cli import main
from parrotlet_compression.files import spoken_parts
from parrotlet_compression.fuse import fused
from parrotlet_runtimes import load_session
from parrotlet_runtimes.fused import whole


def product(unpacked_by: str = "DequantizeLinear") -> bytes:
    """A quantized product of [1, T, 8] and [8, 16]."""
    random = np.random.default_rng(0)
    constants = {
        "scale": np.float32(0.03),
        "middle": np.uint8(128),
        "weights": random.integers(-127, 128, (8, 16)).astype(np.int8),
        "scales": np.full(16, 0.01, np.float32),
        "zero": np.zeros(16, np.int8),
    }
    unpack = {
        "DequantizeLinear": helper.make_node("DequantizeLinear", ["weights", "scales", "zero"], ["f"], axis=1),
        "Cast": helper.make_node("Cast", ["weights"], ["f"], to=onnx.TensorProto.FLOAT),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "middle"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "middle"], ["d"]),
        unpack[unpacked_by],
        helper.make_node("MatMul", ["d", "f"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(one, onnx.TensorProto.FLOAT, [1, "T", n]) for one, n in (("x", 8), ("y", 16)))
    initializers = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


def test_the_nodes_are_those_of_onnxruntime_and_say_the_same() -> None:
    made = fused(product())
    assert made is not None
    nodes, start, end = made
    assert [node.op_type for node in onnx.load_from_string(nodes).graph.node] == [
        "QuantizeLinear",
        "MatMulIntegerToFloat",
    ]
    x = {"x": np.random.default_rng(1).standard_normal((1, 5, 8), np.float32)}
    model = whole(nodes, bytearray(product()), start, end)
    assert np.array_equal(load_session(model, fused=True).run(x)["y"], load_session(product()).run(x)["y"])


def test_the_same_graph_gives_the_same_nodes() -> None:
    assert fused(product()) == fused(product())


def test_a_graph_that_takes_int8_for_numbers_is_left_alone() -> None:
    # On processors without VNNI weights become uint8 around 128, which only a zero point undoes.
    assert fused(product("Cast")) is None


@pytest.mark.parametrize("part", list(spoken_parts(Bundle.load().manifest)), ids=lambda part: str(part["file"]))
def test_what_ships_is_optimized(part: dict[str, object]) -> None:
    wanted = Bundle.load().manifest["files"][part["file"]]
    again = "run `parrotlet-compress fuse sdk/parrotlet/bundles/default`"
    assert "fused" in part and part["fused"]["of"] == wanted, again  # type: ignore[index]


def test_a_bundle_is_fused_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(DEFAULT, bundle, ignore=shutil.ignore_patterns("*.tflite"))
    before = json.loads((bundle / "manifest.json").read_text())
    (bundle / "vocoder.fused").unlink()
    assert main(["fuse", str(bundle)]) == 0
    after = json.loads((bundle / "manifest.json").read_text())
    assert capsys.readouterr().out.split() == [
        "acoustic_text.fused",
        "acoustic_contour.fused",
        "acoustic_frames.fused",
        "vocoder.fused",
    ]
    assert list(after["files"]) == list(before["files"])
    assert [part["fused"]["weights"] for part in spoken_parts(after)] == [
        part["fused"]["weights"] for part in spoken_parts(before)
    ]
    assert len(Bundle.load(bundle).read("vocoder.fused")) > 0  # which checks its sha256
    assert main(["fuse", str(tmp_path)]) == 3
