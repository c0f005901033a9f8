"""Shared fixtures: the shipped engine, recordings made on the spot with its preset voices, TFLite bundles."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from parrotlet import Parrotlet, adaptation
from parrotlet.bundle import DEFAULT, GRAPHS
from parrotlet.room_tone import RoomTone

settings.register_profile("any machine", deadline=None)  # a busy one takes its time
settings.load_profile("any machine")

SENTENCES = (
    "The quick brown fox jumps over the lazy dog while the sun is shining on the river.",
    "Please read a few more sentences so that the device can learn how you sound today.",
)


@pytest.fixture(scope="session")
def bird() -> Parrotlet:
    return Parrotlet.load()


@pytest.fixture(scope="session")
def recordings(bird: Parrotlet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Two WAVs each of two preset voices with room noise under them: what a microphone would give."""
    folder = tmp_path_factory.mktemp("recordings")
    random = np.random.default_rng(0)
    women = next(p.name for p in bird.presets.values() if p.description.startswith("woman"))
    men = next(p.name for p in bird.presets.values() if p.description.startswith("man"))
    files: dict[str, list[Path]] = {}
    for kind, name in (("woman", women), ("man", men)):
        for index, sentence in enumerate(SENTENCES):
            speech = np.concatenate([c.samples for c in bird.speak(sentence, bird.presets[name].profile)])
            speech = np.pad(speech, 6000)
            speech = speech + 0.0005 * random.standard_normal(len(speech)).astype(np.float32)
            path = folder / f"{kind}{index}.wav"
            soundfile.write(path, speech, bird.sample_rate)
            files.setdefault(kind, []).append(path)
    return files


@pytest.fixture(scope="session")
def sentences() -> tuple[str, ...]:
    """What is said in the recordings of each voice."""
    return SENTENCES


@dataclass(frozen=True)
class TfliteExports:
    """Bundles of the released weights in ONNX and TFLite, and how far each graph is from torch."""

    small: Path
    full: Path
    rows: list[dict[str, Any]]


@pytest.fixture(scope="session")
def tflite_exports(pytestconfig: pytest.Config) -> TfliteExports:
    """Exported once for a state of weights and code, then kept in pytest's cache: conversion takes a minute."""
    compression = Path(__file__).parents[1] / "compression"
    code = "calibration export graph parity precision quantize signal_graphs static tflite symbols".split()
    code += ["recognizer_graph", "models/recognizer", "finetuning_graph", "borrowed_weights", "moments"]
    models = "acoustic adapter blocks refiner rendering speaker synthesizer vocoder".split()
    code += [f"models/{name}" for name in models]
    sources = [*compression.glob("checkpoints/*.safetensors")]
    sources += [compression / "parrotlet_compression" / f"{name}.py" for name in code]
    sources += [Path(adaptation.__file__), *DEFAULT.glob("*.onnx"), *DEFAULT.glob("*.tflite")]
    state = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sorted(sources)))
    cache = Path(pytestconfig.cache.mkdir("tflite"))  # type: ignore[union-attr]
    folder = cache / state.hexdigest()[:16]
    with (cache.parent / "tflite.lock").open("w") as lock:  # several processes may run tests (pytest-xdist)
        fcntl.flock(lock, fcntl.LOCK_EX)
        _export(compression, folder)
    return TfliteExports(folder / "int8", folder / "fp32", json.loads((folder / "rows.json").read_text()))


def _export(compression: Path, folder: Path) -> None:
    if not (folder / "rows.json").is_file():
        pytest.importorskip("litert_torch", reason="no TFLite graphs here, and no converter: pip install ./compression")
        from parrotlet_compression.export import export_bundle

        shutil.rmtree(folder.parent)
        presets = json.loads((DEFAULT / "presets.json").read_text())
        formats = ("onnx", "tflite")
        rows = export_bundle(
            compression / "checkpoints",
            presets,
            folder / "int8",
            "tflite-test",
            formats=formats,
            fp32=folder / "fp32",
            # Those of the shipped bundle are held to torch in test_export_signal_graphs.
            signal_graphs=DEFAULT,
        )
        (folder / "rows.json").write_text(json.dumps([vars(row) for row in rows]))


@pytest.fixture(scope="session")
def tflite_bundle(request: pytest.FixtureRequest) -> Path:
    """A bundle with TFLite graphs in INT8: the shipped one if it has them."""
    manifest = json.loads((DEFAULT / "manifest.json").read_text())
    if all("tflite" in manifest["graphs"][graph] for graph in GRAPHS):
        return DEFAULT
    exports: TfliteExports = request.getfixturevalue("tflite_exports")
    return exports.small


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in an order in which two processes need not wait for each other.

    The vault's tests come first: they fork, and what conversion to TFLite imports starts threads. Then one process
    converts while the other drives browsers, and whatever else takes what was converted comes last.
    """
    taking = {"tflite_exports", "tflite_bundle"}
    converted = {item.path for item in items if taking & set(item.fixturenames)}  # type: ignore[attr-defined]

    def turn(item: pytest.Item) -> int:
        if "vault" in item.path.parts:
            return 0
        if item.path.name == "test_export_tflite.py":
            return 1
        if "web" in item.path.parts:
            return 2
        return 4 if item.path in converted else 3

    items.sort(key=turn)


@pytest.fixture
def silent_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of exact zeros, which can be measured."""
    monkeypatch.setattr(RoomTone, "sound", lambda self, size: np.zeros(size, np.float32))
