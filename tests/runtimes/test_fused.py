"""Graphs that were optimized before: the same samples as without, on every processor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parrotlet import Parrotlet
from parrotlet import bundle as bundle_module
from parrotlet.bundle import DEFAULT, Bundle
from parrotlet_runtimes import load_session, onnx
from parrotlet_runtimes.fused import fields, make_unsigned

MEL = {"mel": np.random.default_rng(0).standard_normal((1, 40, 80)).astype(np.float32) - 5}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each graph that is loaded was optimized before."""
    seen: list[bool] = []

    def load(*arguments: Any, **more: Any) -> Any:
        seen.append(more.get("fused", False))
        return load_session(*arguments, **more)

    monkeypatch.setattr(bundle_module, "load_session", load)
    return seen


@pytest.mark.parametrize("overflows", [False, True])
def test_both_forms_say_the_same(overflows: bool, asked: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "_overflows", lambda: overflows)
    plain = load_session(DEFAULT / "vocoder.onnx").run(MEL)
    made = Bundle.load().session("vocoder").run(MEL)
    assert asked == [True]
    assert all(np.array_equal(made[name], plain[name]) for name in plain)


def test_an_utterance_is_the_same() -> None:
    plain = Bundle.load()
    for part in plain.manifest["graphs"]["acoustic"]["onnx"]["parts"]:
        del part["fused"]
    phonemes = "ðə ɹˈAn hæd stˈɑpt."
    one, other = (Parrotlet(found).acoustics(phonemes, "robin") for found in (Bundle.load(), plain))
    assert np.array_equal(one.durations, other.durations)
    assert np.array_equal(one.mel, other.mel)


def test_weights_become_unsigned_once() -> None:
    data = (DEFAULT / "vocoder.onnx").read_bytes()
    turned = bytearray(data)
    make_unsigned(turned)
    again = bytearray(turned)
    make_unsigned(again)
    assert len(turned) == len(data)
    assert turned != data
    assert again == turned


def test_a_graph_that_was_made_anew_is_taken_in_place_of_old_nodes(tmp_path: Path, asked: list[bool]) -> None:
    shutil.copytree(DEFAULT, tmp_path, ignore=shutil.ignore_patterns("*.tflite"), dirs_exist_ok=True)
    found = Bundle.load(tmp_path)
    found.manifest["graphs"]["vocoder"]["onnx"]["fused"]["of"] = "another"
    found.session("vocoder")
    assert asked == [False]


def test_a_bundle_without_the_nodes_works(tmp_path: Path, asked: list[bool]) -> None:
    shutil.copytree(DEFAULT, tmp_path, ignore=shutil.ignore_patterns("*.tflite", "*.fused"), dirs_exist_ok=True)
    Bundle.load(tmp_path).session("vocoder")
    assert asked == [False]


@pytest.mark.filterwarnings("ignore::parrotlet_runtimes.DeviceWarning")
def test_another_device_gets_the_graph_as_it_is(asked: list[bool]) -> None:
    Bundle.load().session("vocoder", device="xnnpack")
    assert asked == [False]


def test_fields_of_a_message() -> None:
    message = b"\x08\x96\x01\x12\x02hi\x1d\x00\x00\x80\x3f"  # 1: 150, 2: "hi", 3: four bytes
    assert [(number, low, high) for number, _, low, high in fields(message, 0, len(message))] == [
        (1, 1, 3),
        (2, 5, 7),
        (3, 8, 12),
    ]
    with pytest.raises(ValueError, match="protobuf"):
        list(fields(b"\x0f", 0, 1))
