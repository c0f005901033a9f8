"""The adaptation of a voice to its person: the closed-form map, and the exemplars."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from parrotlet import Parrotlet, adaptation, narrow_band
from parrotlet.audio import resample
from parrotlet.errors import UsageError
from parrotlet.mel import MelConfig, mel_spectrogram


def spectra(seed: int, frames: int = 600) -> np.ndarray:
    """Log-mel frames [T, 80] that are correlated like no other seed's."""
    random = np.random.default_rng(seed)
    mixing = random.normal(0, 0.15, (80, 80)) + np.eye(80) * 0.3
    frames_ = random.normal(0, 1, (frames, 80)) @ mixing - 4 + random.normal(0, 0.2, 80)
    return frames_.astype(np.float32)


def parts(values: np.ndarray) -> list[np.ndarray]:
    """Level, offset, matrix, share and exemplars of an adaptation."""
    level, offset, matrix, share, exemplars = np.split(values, np.cumsum(adaptation.sizes())[:-1])
    matrix = matrix.reshape(adaptation.CEPSTRA, adaptation.CEPSTRA)
    return [level, offset, matrix, share, exemplars.reshape(adaptation.EXEMPLARS, -1)]


def mapped(mel: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What the graph does first, without the level."""
    basis = adaptation.cosines(80, adaptation.CEPSTRA)
    _, offset, matrix, _, _ = parts(values)
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
    values = adaptation.fit(spoken, heard)
    assert values.shape == (adaptation.size(),) and values.dtype == np.float32
    loud, wanted = adaptation._speech(spoken), adaptation._speech(heard)
    basis = adaptation.cosines(80, adaptation.CEPSTRA)
    made, wanted = mapped(loud, values) @ basis, wanted @ basis
    assert np.allclose(made[:, 1:].mean(axis=0), wanted[:, 1:].mean(axis=0), atol=5e-3)
    assert made[:, 0].mean() == pytest.approx((loud @ basis)[:, 0].mean(), abs=5e-3)  # as loud as before
    before = np.abs(np.cov(loud @ basis, rowvar=False) - np.cov(wanted, rowvar=False)).mean()
    after = np.abs(np.cov(made, rowvar=False) - np.cov(wanted, rowvar=False)).mean()
    assert after < 0.35 * before


def test_speech_that_is_alike_already_stays_as_it_is() -> None:
    spoken = spectra(1)
    _, offset, matrix, _, _ = parts(adaptation.fit(spoken, spoken))
    assert max(np.abs(offset).max(), np.abs(matrix).max()) < 1e-3


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_exemplars_are_centres_of_what_was_heard(seed: int) -> None:
    spoken, heard = spectra(seed), spectra(seed + 5000)
    _, _, _, share, exemplars = parts(adaptation.fit(spoken, heard))
    assert share == adaptation.SHARE and exemplars.shape == (adaptation.EXEMPLARS, adaptation.CEPSTRA - 1)
    assert (np.diff(exemplars[:, 0]) >= 0).all()  # not in the order in which they were said
    rows = (adaptation._speech(np.maximum(heard, -9)) @ adaptation.cosines(80, adaptation.CEPSTRA))[:, 1:]
    nearest = np.linalg.norm(rows[:, None] - exemplars[None], axis=-1).min(axis=1)
    assert nearest.mean() < 0.9 * np.linalg.norm(rows - rows.mean(axis=0), axis=1).mean()
    # Means of frames lie between them.
    assert np.all(exemplars.min(axis=0) >= rows.min(axis=0) - 1e-3)
    assert np.all(exemplars.max(axis=0) <= rows.max(axis=0) + 1e-3)


def test_few_distinct_frames_are_exemplars_themselves() -> None:
    sounds = np.random.default_rng(1).normal(0, 0.4, (8, 80)) - 4
    heard = np.repeat(sounds, 30, axis=0).astype(np.float32)
    _, _, _, _, exemplars = parts(adaptation.fit(heard, heard))
    wanted = (sounds @ adaptation.cosines(80, adaptation.CEPSTRA))[:, 1:]
    apart = np.abs(exemplars[None] - wanted[:, None]).max(axis=-1).min(axis=1)
    assert apart.max() < 1e-3


def test_too_little_or_narrow_speech_changes_nothing() -> None:
    spoken, heard = spectra(1), spectra(2)
    assert not adaptation.fit(spoken, heard[:60]).any()
    telephone = heard.copy()
    telephone[:, 48:] = -9
    assert not adaptation.fit(spoken, telephone).any()


@pytest.mark.parametrize("colour", [(1, -0.5), (1, 0, 0, 0, 0.7)])
@pytest.mark.parametrize("voice", ["woman", "man"])
def test_enrollment_brings_the_voice_nearer_to_the_recording(
    voice: str,
    colour: tuple[float, ...],
    bird: Parrotlet,
    recordings: dict[str, list[Path]],
    sentences: tuple[str, ...],
) -> None:
    """The recordings are of voices that the model has already: coloured ones are of nobody it knows."""
    basis = adaptation.cosines(80, adaptation.CEPSTRA)
    back = np.linalg.inv(adaptation.emphasis(80))
    spoken = [lfilter(colour, [1], soundfile.read(path)[0]).astype(np.float32) for path in recordings[voice]]
    profile = bird.enroll([(samples, bird.sample_rate) for samples in spoken])
    plain = replace(profile, tensors={n: v for n, v in profile.tensors.items() if not n.startswith("spectrum.")})

    wanted = np.concatenate([mel_spectrogram(samples, MelConfig()) for samples in spoken])
    wanted = (adaptation._speech(np.maximum(wanted, -9)) @ basis).mean(axis=0)
    far = []
    for one in (plain, profile):
        made = np.concatenate([bird.acoustics(bird.phonemize(text), one).mel for text in sentences]) @ back
        made = (adaptation._speech(made) @ basis).mean(axis=0)
        far.append(np.sqrt(np.mean((made - wanted)[1:] ** 2)))
    # Measured: 0.58 to 0.71 before, 0.33 to 0.39 after.
    assert far[1] < 0.8 * far[0], far


def test_more_likeness_brings_sounds_nearer_to_the_recorded_ones(
    bird: Parrotlet, recordings: dict[str, list[Path]], sentences: tuple[str, ...]
) -> None:
    back = np.linalg.inv(adaptation.emphasis(80))
    profile = bird.enroll(recordings["woman"])
    voices = [bird.voice(profile, likeness=likeness) for likeness in (0, 0.5, 1)]
    changed = np.flatnonzero(voices[0].inputs["embedding"] != voices[2].inputs["embedding"])
    assert changed.tolist() == [256 + sum(adaptation.sizes()[:3])]
    basis, far = adaptation.cosines(80, adaptation.CEPSTRA)[:, 1:], []
    for voice in voices:
        made = np.concatenate([bird.acoustics(bird.phonemize(text), voice).mel for text in sentences]) @ back
        rows = adaptation._speech(made) @ basis
        far.append(np.linalg.norm(rows[:, None] - profile.spectrum.exemplars, axis=-1).min(axis=1).mean())
    assert far[2] < far[1] < far[0], far
    assert far[2] < 0.95 * far[0], far
    for likeness in (-0.1, 1.1, True, "much"):
        with pytest.raises(UsageError, match="likeness must be a number between 0 and 1"):
            bird.enroll(recordings["woman"], likeness=likeness)
        with pytest.raises(UsageError, match="likeness must be a number between 0 and 1"):
            bird.voice(profile, likeness=likeness)


@pytest.mark.parametrize("rate", [8000, 11025])
def test_a_telephone_recording_is_completed_and_adapted_to(
    rate: int, bird: Parrotlet, recordings: dict[str, list[Path]]
) -> None:
    samples, full = soundfile.read(recordings["man"][0], dtype="float32")
    narrow = (resample(samples, full, rate), rate)
    profiles = [bird.enroll(source) for source in (narrow, (samples, full), recordings["woman"][0])]
    assert bird.voice(profiles[0]).inputs["embedding"][0, 256:].any()
    # The exemplars of what was heard lie nearer to the recording's own than those of another person do.
    ours, true, others = (profile.spectrum.exemplars for profile in profiles)
    near = [np.linalg.norm(true[:, None] - each, axis=-1).min(axis=1).mean() for each in (ours, others)]
    assert near[0] < near[1], near


@pytest.mark.parametrize("rate", [8000, 11025])
def test_completed_bands_are_nearer_to_the_true_ones(rate: int, recordings: dict[str, list[Path]]) -> None:
    config = MelConfig()
    samples, full = soundfile.read(recordings["woman"][0], dtype="float32")
    true = np.maximum(mel_spectrogram(samples, config), -9)
    heard = mel_spectrogram(resample(resample(samples, full, rate), rate, full), config)[: len(true)]
    bandwidth = rate // 2 // 250 * 250
    low = narrow_band.missing_from(bandwidth, config)
    whole = narrow_band.completed(heard, bandwidth, config)
    assert np.array_equal(whole[:, :low], heard[:, :low])
    assert np.array_equal(whole[:, adaptation.BANDS :], heard[:, adaptation.BANDS :])
    level = true[:, 5:60].mean(axis=1)
    loud = level > np.percentile(level, 95) - adaptation.COUNTED
    missing = slice(low, adaptation.BANDS)
    apart = [np.abs(each - true)[loud, missing].mean() for each in (whole, np.maximum(heard, -9))]
    assert apart[0] < 0.6 * apart[1], apart
    # Nearer than to everybody's mean, too: what was heard tells something of what was not.
    mean = true[loud, missing].mean(axis=0)
    assert apart[0] < np.abs(mean - true[loud, missing]).mean(), apart


def test_a_full_band_is_left_alone() -> None:
    heard = spectra(3)
    assert narrow_band.completed(heard, 8500, MelConfig()) is heard


def test_a_full_band_recording_is_not_spoiled_by_a_narrow_one(
    bird: Parrotlet, recordings: dict[str, list[Path]]
) -> None:
    first, second = recordings["man"]
    samples, rate = soundfile.read(second, dtype="float32")
    both = bird.enroll([first, (resample(samples, rate, 8000), 8000)])
    alone = bird.enroll(first)
    assert np.allclose(both.spectrum.exemplars, alone.spectrum.exemplars)
