"""Smaller files of graphs: the same results, no names but those of inputs and outputs, nothing twice."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("ai_edge_litert", reason="needs the TFLite runtime: pip install ai-edge-litert")
pytest.importorskip("flatbuffers", reason="needs the TFLite converter: pip install ./compression")

from parrotlet.bundle import DEFAULT, Bundle
from parrotlet_compression.cli import main
from parrotlet_compression.onnx_compact import compact_onnx
from parrotlet_compression.tflite_compact import compact, pack_model, read_model
from parrotlet_runtimes import load_session

FILES = sorted(path.name for kind in ("onnx", "tflite") for path in DEFAULT.glob(f"*.{kind}"))
SPECTRUM = ("exemplars", "mean", "covariance", "band_means", "frames")


def test_a_long_file_and_its_compact_form_say_the_same() -> None:
    model = read_model((DEFAULT / "spectrum.tflite").read_bytes())
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = tensor.name or f"a/long/way/through/modules/{index}".encode()
    long = pack_model(model)
    short = compact(long)
    assert len(short) < 0.9 * len(long)
    feeds = {"mel": np.random.default_rng(0).standard_normal((1, 250, 80)).astype(np.float32) - 5}
    one, other = (load_session(data, "tflite").run(feeds) for data in (long, short))
    assert one.keys() == other.keys() and all(np.array_equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("name", FILES)
def test_what_ships_is_compact(name: str) -> None:
    data = Bundle.load().read(name)
    again = compact(data) if name.endswith("tflite") else compact_onnx(data)
    assert again == data, "run `parrotlet-compress compact sdk/parrotlet/bundles/default`"


def test_onnx_graphs_say_the_same() -> None:
    bundle, session = Bundle.load(), load_session
    model = onnx.load_from_string(bundle.read("spectrum.onnx"))
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [name if name in ("", "mel", *SPECTRUM) else f"a/long/way/{name}" for name in names]
    for tensor in model.graph.initializer:
        tensor.name = f"a/long/way/{tensor.name}"
    long = model.SerializeToString()
    short = compact_onnx(long)
    assert len(short) < 0.9 * len(long)
    feeds = {"mel": np.random.default_rng(0).standard_normal((1, 250, 80)).astype(np.float32) - 5}
    one, other = (session(data, "onnx").run(feeds) for data in (long, short))
    assert list(one) == list(SPECTRUM) and all(np.array_equal(value, other[name]) for name, value in one.items())


def test_a_bundle_is_made_compact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.load(DEFAULT / "windows.onnx")
    for node in model.graph.node:
        node.doc_string = "said at length " * 20
    onnx.save(model, tmp_path / "windows.onnx")
    digest = hashlib.sha256((tmp_path / "windows.onnx").read_bytes()).hexdigest()
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {"windows.onnx": digest, "presets.json": "x"}}))
    assert main(["compact", str(tmp_path)]) == 0
    assert (tmp_path / "windows.onnx").read_bytes() == (DEFAULT / "windows.onnx").read_bytes()
    files = json.loads((tmp_path / "manifest.json").read_text())["files"]
    assert files == {"windows.onnx": Bundle.load().manifest["files"]["windows.onnx"], "presets.json": "x"}
    assert " -> 0.00 MB" in capsys.readouterr().out
    assert main(["compact", str(tmp_path / "nowhere")]) == 3


def test_constants_begin_where_the_schema_wants_them() -> None:
    data = (DEFAULT / "vocoder.tflite").read_bytes()
    constants = [bytes(buffer.data) for buffer in read_model(data).buffers if buffer.data is not None]
    large = [constant for constant in constants if len(constant) > 1000]
    assert len(large) > 10 and all(data.index(constant) % 16 == 0 for constant in large)
