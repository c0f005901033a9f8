"""Export and quantization of the released weights: contracts, parity with torch, size."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.bundle import DEFAULT  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet.profile import Fitted  # noqa: E402
from parrotlet_compression.export import export_bundle  # noqa: E402
from parrotlet_compression.parity import Parity, counterparts  # noqa: E402
from parrotlet_compression.signal_graphs import SIGNAL_GRAPHS  # noqa: E402

if TYPE_CHECKING:
    from conftest import TfliteExports

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
PRESETS = json.loads((DEFAULT / "presets.json").read_text())


@pytest.fixture(scope="module")
def exported(tflite_exports: TfliteExports) -> tuple[Path, Path, list[Parity]]:
    rows = [Parity(**row) for row in tflite_exports.rows if row["runtime"] == "onnx"]
    return tflite_exports.small, tflite_exports.full, rows


def test_frames_have_counterparts_in_the_same_phoneme() -> None:
    wanted, made = np.array([2, 0, 3, 1]), np.array([3, 0, 1, 2])
    # Places of the third phoneme beyond its one frame fall to that, and what follows is not moved.
    assert counterparts(wanted, made).tolist() == [0, 1, 3, 3, 3, 4]
    assert counterparts(made, wanted).tolist() == [0, 1, 1, 2, 5, 5]
    assert counterparts(wanted, wanted).tolist() == list(range(6))


def test_fp32_graphs_equal_torch(exported: tuple[Path, Path, list[Parity]]) -> None:
    for row in exported[2]:
        if row.precision == "fp32":
            assert row.largest < 1e-3 * max(1.0, row.scale), row


def test_int8_speaker_and_vocoder_stay_near_torch(exported: tuple[Path, Path, list[Parity]]) -> None:
    bounds = {"embedding": 0.1, "magnitude": 0.15, "noise": 0.15}
    rows = {row.output: row for row in exported[2] if row.precision == "int8"}
    for output, bound in bounds.items():
        assert rows[output].mean < bound * rows[output].scale, rows[output]


def test_int8_speech_stays_near_fp32_speech(exported: tuple[Path, Path, list[Parity]]) -> None:
    small, full = Parrotlet.load(exported[0]), Parrotlet.load(exported[1])
    phonemes = full.phonemize("The weather tomorrow will be cloudy.")
    for name in list(full.presets)[:3]:
        a, b = (bird.acoustics(phonemes, bird.presets[name].profile) for bird in (small, full))
        assert len(a.mel) == pytest.approx(len(b.mel), rel=0.03)
        assert np.abs(a.durations - b.durations).mean() < 0.5


def test_the_int8_bundle_is_a_third_of_fp32_and_within_20_mb(exported: tuple[Path, Path, list[Parity]]) -> None:
    small, full = (sum(f.stat().st_size for f in folder.glob("*.onnx")) for folder in exported[:2])
    assert small < 20e6
    assert full / small > 3.3


def test_presets_of_another_size_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    longer = {name: {**row, "embedding": [*row["embedding"], 0.0]} for name, row in PRESETS.items()}
    with pytest.raises(InputError, match="robin has 257 values, not 256: make it again"):
        export_bundle(CHECKPOINTS, longer, tmp_path / "out", "refused")
    assert not list(tmp_path.iterdir())


def test_the_contract_of_names_and_manifest(exported: tuple[Path, Path, list[Parity]]) -> None:
    manifest = json.loads((exported[0] / "manifest.json").read_text())
    bird = Parrotlet.load(exported[0])
    assert manifest["architecture"] == "fastspeech-nsf/1"
    assert set(manifest["graphs"]) == {"speaker", "acoustic", "vocoder", "recognizer", "finetune", *SIGNAL_GRAPHS}
    rows = json.loads((exported[0] / "presets.json").read_text())
    for name, preset in bird.presets.items():
        identity, adapted = np.split(bird.voice(preset).inputs["embedding"][0], [manifest["speaker"]["embedding"]])
        assert np.allclose(identity, rows[name]["embedding"])
        assert len(adapted) == manifest["adaptation"]["size"] and not adapted.any()
    assert set(bird.session_info["speaker"].inputs) == {"samples"}
    assert set(bird.session_info["speaker"].outputs) == {"embedding"}
    assert {"phonemes", "embedding", "speed", "pitch"} <= set(bird.session_info["acoustic"].inputs)
    assert {"mel", "durations"} <= set(bird.session_info["acoustic"].outputs)
    assert set(bird.session_info["vocoder"].inputs) == {"mel"}
    assert {"magnitude", "phase"} <= set(bird.session_info["vocoder"].outputs)
    infos = {graph: bird.bundle.session(graph).info for graph in SIGNAL_GRAPHS}
    for graph, info in {**bird.session_info, **infos}.items():
        assert list(info.inputs) == manifest["graphs"][graph]["inputs"]
        assert list(info.outputs) == manifest["graphs"][graph]["outputs"]


def test_presets_keep_how_loud_they_are_in_each_bundle(exported: tuple[Path, Path, list[Parity]]) -> None:
    for folder in exported[:2]:
        bird, rows = Parrotlet.load(folder), json.loads((folder / "presets.json").read_text())
        for name, preset in list(bird.presets.items())[:2]:
            voice = bird.voice(preset.profile.with_fitted("", Fitted(None, None)))
            assert rows[name]["statistics"]["loudness_lufs"] == pytest.approx(voice.loudness_lufs, abs=0.01)


def test_the_shipped_bundle_comes_from_the_released_checkpoints() -> None:
    manifest = json.loads((DEFAULT / "manifest.json").read_text())
    assert manifest["speaker"]["weights_sha256"] == _sha256("speaker")


def test_a_bundle_names_all_weights_that_speak(exported: tuple[Path, Path, list[Parity]]) -> None:
    manifest = json.loads((exported[0] / "manifest.json").read_text())
    digests = "".join(_sha256(graph) for graph in ("speaker", "acoustic", "vocoder"))
    assert manifest["speaker"]["model_sha256"] == hashlib.sha256(digests.encode()).hexdigest()


def _sha256(graph: str) -> str:
    return hashlib.sha256((CHECKPOINTS / f"{graph}.safetensors").read_bytes()).hexdigest()


def test_clear_errors_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights"):
        export_bundle(tmp_path, {}, tmp_path / "out", "x")
    with pytest.raises(InputError, match="int4"):
        export_bundle(CHECKPOINTS, {}, tmp_path / "out", "x", precision="int4")
    assert not (tmp_path / "out").exists()
