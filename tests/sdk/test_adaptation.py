"""The closed-form adaptation of a voice to its person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from parrotlet import Parrotlet, adaptation
from parrotlet.audio import resample
from parrotlet.mel import MelConfig, mel_spectrogram

PARAMETERS = {"cepstra": adaptation.CEPSTRA, "bands": adaptation.BANDS}


def spectra(seed: int, frames: int = 600) -> np.ndarray:
    """Log-mel frames [T, 80] that are correlated like no other seed's."""
    random = np.random.default_rng(seed)
    mixing = random.normal(0, 0.15, (80, 80)) + np.eye(80) * 0.3
    frames_ = random.normal(0, 1, (frames, 80)) @ mixing - 4 + random.normal(0, 0.2, 80)
    return frames_.astype(np.float32)


def adapted(mel: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What the graph does, without the level."""
    count = adaptation.CEPSTRA
    basis = adaptation.cosines(80, count)
    offset, matrix = values[1 : 1 + count], values[1 + count :].reshape(count, count)
    return np.asarray(mel + (mel @ basis @ matrix + offset) @ basis.T)


def test_the_basis_is_orthonormal_and_leaves_high_bands_alone() -> None:
    basis = adaptation.cosines(80, 24)
    assert np.allclose(basis.T @ basis, np.eye(24))
    assert not basis[adaptation.BANDS :].any()
    emphasis = adaptation.emphasis(80, 0.2)
    values = np.linalg.eigvalsh(emphasis)
    assert np.allclose(np.unique(values.round(6)), [1.0, 1.2])
    assert int((values > 1.1).sum()) == 47


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_it_gives_speech_the_mean_and_covariance_of_other_speech(seed: int) -> None:
    spoken, heard = spectra(seed), spectra(seed + 5000)
    values = adaptation.fit(spoken, heard, PARAMETERS, strength=1.0)
    assert values.shape == (adaptation.size(),) and values.dtype == np.float32
    loud, wanted = (adaptation._speech(mel) for mel in (spoken, heard))
    basis = adaptation.cosines(80, adaptation.CEPSTRA)
    made, wanted = adapted(loud, values) @ basis, wanted @ basis
    assert np.allclose(made[:, 1:].mean(axis=0), wanted[:, 1:].mean(axis=0), atol=5e-3)
    assert made[:, 0].mean() == pytest.approx((loud @ basis)[:, 0].mean(), abs=5e-3)  # as loud as before
    before = np.abs(np.cov(loud @ basis, rowvar=False) - np.cov(wanted, rowvar=False)).mean()
    after = np.abs(np.cov(made, rowvar=False) - np.cov(wanted, rowvar=False)).mean()
    assert after < 0.35 * before


def test_speech_that_is_alike_already_stays_as_it_is() -> None:
    spoken = spectra(1)
    assert np.abs(adaptation.fit(spoken, spoken, PARAMETERS)[1:]).max() < 1e-3


def test_too_little_or_narrow_speech_changes_nothing() -> None:
    spoken, heard = spectra(1), spectra(2)
    assert not adaptation.fit(spoken, heard[:60], PARAMETERS).any()
    telephone = heard.copy()
    telephone[:, 48:] = -9
    assert not adaptation.fit(spoken, telephone, PARAMETERS).any()


def test_enrollment_brings_the_voice_nearer_to_the_recording(
    bird: Parrotlet, recordings: dict[str, list[Path]]
) -> None:
    config = MelConfig()
    basis = adaptation.cosines(80, adaptation.CEPSTRA)
    for path in (recordings["woman"][0], recordings["man"][0]):
        profile = bird.enroll(path)
        plain = replace(profile, embedding=profile.embedding * (np.arange(len(profile.embedding)) < 256))
        samples, rate = soundfile.read(path, dtype="float32")
        heard = mel_spectrogram(resample(samples, rate, config.sample_rate), config)
        wanted = adaptation._speech(np.maximum(heard, -9) @ adaptation.emphasis(80)) @ basis
        phonemes = bird.phonemize("The juice of lemons makes fine punch, and the weather will be fair all day.")
        far = []
        for voice in (plain, profile):
            made = adaptation._speech(bird.acoustics(phonemes, voice).mel) @ basis
            far.append(np.abs(made.std(axis=0) - wanted.std(axis=0))[1:].mean())
        assert far[1] < far[0]


def test_a_telephone_recording_is_enrolled_without_adaptation(
    bird: Parrotlet, recordings: dict[str, list[Path]]
) -> None:
    samples, rate = soundfile.read(recordings["man"][0], dtype="float32")
    profile = bird.enroll((resample(samples, rate, 8000), 8000))
    assert not profile.embedding[256:].any()
