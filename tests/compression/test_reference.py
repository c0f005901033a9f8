"""The reference on torch, and how far the runtimes are from it. Tolerances are the promise of docs/python.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parrotlet import Parrotlet
from parrotlet.errors import InputError
from parrotlet_runtimes import DeviceWarning, GraphError

torch = pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0, then pip install ./compression")

from parrotlet_compression.reference import sessions  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
TEXTS = ("The small bird said good morning, and then it said it again.", "Please close the window. It is cold.")


@pytest.fixture(scope="module")
def reference() -> Parrotlet:
    return Parrotlet.load(sessions=sessions(CHECKPOINTS))


@pytest.fixture(scope="module")
def full(fp32_bundle: Path) -> Parrotlet:
    """The same weights as fp32 ONNX."""
    return Parrotlet.load(fp32_bundle)


def decibels(error: np.ndarray, signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(error**2) / np.mean(signal**2) + 1e-20))


def log_spectrum(samples: np.ndarray) -> np.ndarray:
    """Hann-windowed magnitudes [T, 513] in dB, with a floor at -60 dB of full scale."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, 1024), 1024)[::300] * np.hanning(1024)
    return 20 * np.log10(np.maximum(np.abs(np.fft.rfft(frames)), 1e-3 * np.sqrt(1024)))


@pytest.mark.parametrize("text", TEXTS)
def test_torch_and_fp32_onnx_speak_the_same_waveform(reference: Parrotlet, full: Parrotlet, text: str) -> None:
    for preset in list(full.presets.values())[:3]:
        one, other = (
            np.concatenate([chunk.samples for chunk in bird.speak(text, preset.profile, seed=5)])
            for bird in (reference, full)
        )
        assert len(one) == len(other)
        assert decibels(one - other, one) < -50


def test_the_vocoders_alone_agree_closely_and_int8_is_a_fraction_of_a_decibel_off(
    reference: Parrotlet, full: Parrotlet, bird: Parrotlet
) -> None:
    for preset in list(full.presets.values())[:3]:
        spectrum = reference.acoustics(reference.phonemize(TEXTS[0]), preset.profile)
        one, other, small = (
            np.concatenate(list(engine.vocode(spectrum.mel, spectrum.f0))) for engine in (reference, full, bird)
        )
        assert decibels(one - other, one) < -100
        assert np.sqrt(np.mean((log_spectrum(one) - log_spectrum(small)) ** 2)) < 0.3


def test_int8_acoustics_have_the_same_length_and_colour(reference: Parrotlet, bird: Parrotlet) -> None:
    for preset in list(bird.presets.values())[:3]:
        one, small = (engine.acoustics(bird.phonemize(TEXTS[0]), preset.profile) for engine in (reference, bird))
        assert len(small.mel) == pytest.approx(len(one.mel), rel=0.03)
        assert np.abs(np.cumsum(small.durations) - np.cumsum(one.durations)).mean() < 4
        assert np.abs(small.mel.mean(axis=0) - one.mel.mean(axis=0)).mean() < 0.1


def test_it_enrols_too(reference: Parrotlet, bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    one, small = (engine.enroll(recordings["man"]).embedding for engine in (reference, bird))
    assert one @ small > 0.98


def test_what_it_says_of_itself(reference: Parrotlet) -> None:
    info = reference.session_info["vocoder"]
    assert (info.runtime, info.device, info.version) == ("torch", "cpu", torch.__version__)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device, so nothing to fall back from")
def test_a_missing_cuda_device_is_said() -> None:
    with pytest.warns(DeviceWarning, match="no CUDA device; running on the CPU"):
        session = sessions(CHECKPOINTS, "cuda")("vocoder")
    assert session.info.device == "cpu"
    assert "no CUDA" in session.info.fallback


def test_errors(tmp_path: Path) -> None:
    from safetensors.torch import save

    session = sessions(CHECKPOINTS)("vocoder")
    with pytest.raises(GraphError, match="takes mel"):
        session.run({"sound": np.zeros(1)})
    with pytest.raises(GraphError, match="cannot run"):
        session.run({"mel": np.zeros((1, 20, 7), np.float32)})
    with pytest.raises(InputError, match="speaker"):
        sessions(tmp_path)
    for damaged in (b"not weights", save({"x": torch.zeros(1)})):
        (tmp_path / "speaker.safetensors").write_bytes(damaged)
        with pytest.raises(InputError, match="speaker"):
            sessions(tmp_path)
