"""The engine and the command line on TFLite, with whichever of its runtimes is installed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from parrotlet import Parrotlet, cli
from parrotlet.errors import BundleError
from parrotlet_runtimes import survey

if survey()["tflite"].version is None:
    pytest.skip(survey()["tflite"].reason, allow_module_level=True)

TEXT = "The small bird said good morning, and then it said it again."


@pytest.fixture(scope="module")
def lite(tflite_bundle: Path) -> Parrotlet:
    return Parrotlet.load(tflite_bundle, runtime="tflite")


def test_speech_is_that_of_onnxruntime(lite: Parrotlet, tflite_bundle: Path) -> None:
    # Both INT8, but rounded in other places: the acoustic graph on onnxruntime multiplies in int8.
    onnx = Parrotlet.load(tflite_bundle, runtime="onnx")
    phonemes = onnx.phonemize(TEXT)
    for preset in list(onnx.presets.values())[:3]:
        a, b = (bird.acoustics(phonemes, preset.profile) for bird in (onnx, lite))
        assert len(b.mel) == pytest.approx(len(a.mel), rel=0.03)
        assert np.abs(a.durations - b.durations).mean() < 0.6
        made, expected = (np.concatenate(list(bird.vocode(a.mel, a.f0))) for bird in (lite, onnx))
        # Measured: -43 to -47 dB.
        error = np.sqrt(np.mean((made - expected) ** 2) / np.mean(expected**2))
        assert 20 * np.log10(error) < -30


@pytest.mark.parametrize(("first", "chunk"), [(1, 40), (32, 160), (77, 23)])
def test_chunks_join_to_the_same_waveform(lite: Parrotlet, first: int, chunk: int) -> None:
    acoustics = lite.acoustics(lite.phonemize("Good morning, little bird."), next(iter(lite.presets.values())).profile)
    whole = np.concatenate(list(lite.vocode(acoustics.mel, acoustics.f0, first=10**6)))
    parts = np.concatenate(list(lite.vocode(acoustics.mel, acoustics.f0, first=first, chunk=chunk)))
    assert len(parts) == len(whole) == len(acoustics.mel) * lite.bundle.hop_length
    error = np.sqrt(np.mean((parts - whole) ** 2) / np.mean(whole**2))
    assert 20 * np.log10(error + 1e-12) < -60


def test_a_voice_enrolled_on_one_runtime_is_that_of_the_other(
    lite: Parrotlet,
    tflite_bundle: Path,
    recordings: dict[str, list[Path]],
) -> None:
    onnx = Parrotlet.load(tflite_bundle, runtime="onnx")
    one, other = (bird.enroll(recordings["man"]) for bird in (onnx, lite))
    assert one.embedding @ other.embedding > 0.995
    # The map and the loudness are measured of each runtime's speech; the rest is the recording's.
    model = onnx.bundle.model_sha256
    fitted, others = one.fitted(model), other.fitted(model)
    assert np.abs(fitted.map - others.map).mean() < 0.05
    assert fitted.loudness_lufs == pytest.approx(others.loudness_lufs, abs=0.2)
    for name in ("pitch.median_hz", "pitch.spread_octaves", *(n for n in one.tensors if n.startswith("spectrum."))):
        assert np.array_equal(one.tensors[name], other.tensors[name])


def test_the_same_seed_gives_the_same_samples(lite: Parrotlet) -> None:
    voice = next(iter(lite.presets.values())).profile
    one, other = (np.concatenate([c.samples for c in lite.speak("Good night.", voice, seed=5)]) for _ in range(2))
    assert np.array_equal(one, other)


def test_it_speaks_without_onnxruntime(tflite_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    bird = Parrotlet.load(tflite_bundle, runtime="tflite")
    voice = next(iter(bird.presets.values())).profile
    assert sum(chunk.seconds for chunk in bird.speak("Good morning.", voice)) > 0.5


def test_say_takes_the_runtime(tflite_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.wav"
    common = ["--bundle", str(tflite_bundle), "--runtime", "tflite", "--json"]
    assert cli.main(["say", "Hello.", "--voice", "preset:robin", "-o", str(out), *common]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] > 0.3
    assert out.stat().st_size > 10_000


def test_a_bundle_without_tflite_names_the_export_command(tflite_bundle: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tflite_bundle, tmp_path / "bundle")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["graphs"]["vocoder"]["tflite"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="parrotlet-compress export --formats onnx,tflite"):
        Parrotlet.load(folder, runtime="tflite")
