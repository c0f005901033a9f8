"""Smaller TFLite files: the same results, no names but those of inputs and outputs, nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="needs the TFLite runtime: pip install ai-edge-litert")
pytest.importorskip("flatbuffers", reason="needs the TFLite converter: pip install ./compression")

from parrotlet.bundle import DEFAULT, Bundle
from parrotlet_compression.tflite_compact import compact, pack_model, read_model
from parrotlet_runtimes import load_session

FILES = sorted(path.name for path in DEFAULT.glob("*.tflite"))


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
    assert compact(data) == data


def test_constants_begin_where_the_schema_wants_them() -> None:
    data = (DEFAULT / "vocoder.tflite").read_bytes()
    constants = [bytes(buffer.data) for buffer in read_model(data).buffers if buffer.data is not None]
    large = [constant for constant in constants if len(constant) > 1000]
    assert len(large) > 10 and all(data.index(constant) % 16 == 0 for constant in large)
