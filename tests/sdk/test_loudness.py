"""Every voice is as loud as the others, nothing clips, hums or clicks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from parrotlet import Parrotlet, VoiceProfile
from parrotlet.finishing import CEILING, Finisher, high_pass, true_peaks
from parrotlet.loudness import integrated_loudness
from parrotlet.profile import Fitted
from parrotlet.speech import LOUDNESS

RATE = 24000
TEXT = (
    "The rain had stopped by noon, so we walked down to the river and looked for the boats. My brother gave both of "
    "his gloves to a stranger on the bridge. Please call me back tomorrow, or write a letter."
)


def spoken(bird: Parrotlet, text: str, voice: VoiceProfile, **options: float) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in bird.speak(text, voice, **options)])


@pytest.fixture(scope="module")
def voices(bird: Parrotlet, recordings: dict[str, list[Path]]) -> dict[str, VoiceProfile]:
    clones = {f"clone of a {kind}": bird.enroll(files) for kind, files in recordings.items()}
    return {name: preset.profile for name, preset in bird.presets.items()} | clones


def test_every_voice_is_as_loud_as_the_others(bird: Parrotlet, voices: dict[str, VoiceProfile]) -> None:
    meter = pyloudnorm.Meter(RATE)
    levels = {name: meter.integrated_loudness(spoken(bird, TEXT, voice)) for name, voice in voices.items()}
    assert max(levels.values()) - min(levels.values()) < 1.5, levels
    assert np.median(list(levels.values())) == pytest.approx(LOUDNESS, abs=1), levels


def test_a_profile_of_an_earlier_version_is_as_loud(bird: Parrotlet, voices: dict[str, VoiceProfile]) -> None:
    voice = voices["clone of a man"]
    model = bird.bundle.model_sha256
    earlier = voice.with_fitted(model, Fitted(voice.fitted(model).map, None))
    assert np.allclose(spoken(bird, "Good morning.", earlier), spoken(bird, "Good morning.", voice), atol=1e-6)


def test_presets_keep_the_loudness_of_the_bundle_they_are_in(bird: Parrotlet) -> None:
    for name, preset in bird.presets.items():
        kept = preset.profile.fitted(bird.bundle.model_sha256).loudness_lufs
        measured = bird.voice(preset.profile.with_fitted("", Fitted(None, None))).loudness_lufs
        assert kept == pytest.approx(measured, abs=0.1), name


@pytest.mark.parametrize("volume", [1.0, 4.0])
def test_no_voice_clips(bird: Parrotlet, voices: dict[str, VoiceProfile], volume: float) -> None:
    for name, voice in voices.items():
        samples = spoken(bird, "Stop! What a wonderful day this is!", voice, volume=volume)
        assert true_peaks(samples).max() < CEILING + 0.005, name
        flat = (np.diff(samples) == 0) & (np.abs(samples[1:]) > 0.8)
        assert not flat.any(), name
    assert np.abs(samples).max() > (0.8 if volume > 1 else 0.2)


@pytest.mark.parametrize("rate", [16000, 24000, 48000])
def test_loudness_is_that_of_the_standard(rate: int) -> None:
    """A sine of 997 Hz at full scale has -3.01 LUFS (BS.1770-5, annex 1); quiet parts are gated."""
    sine = np.sin(2 * np.pi * 997 * np.arange(2 * rate) / rate).astype(np.float32)
    assert integrated_loudness(sine, rate) == pytest.approx(-3.01, abs=0.1)
    assert integrated_loudness(np.pad(0.1 * sine, 3 * rate), rate) == pytest.approx(-23.01, abs=0.7)
    assert integrated_loudness(np.zeros(rate, np.float32), rate) == -np.inf
    noise = 0.1 * np.random.default_rng(0).standard_normal(3 * rate)
    expected = pyloudnorm.Meter(rate).integrated_loudness(noise)
    assert integrated_loudness(noise.astype(np.float32), rate) == pytest.approx(expected, abs=0.2)


def test_peaks_between_samples_are_seen() -> None:
    sine = np.sin(2 * np.pi * RATE / 4 * np.arange(400) / RATE + np.pi / 4)
    assert np.abs(sine).max() < 0.71
    assert true_peaks(sine)[20:-20].max() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("size", [1, 77, 300, 5000])
@pytest.mark.parametrize("gain", [0.5, 8.0])
def test_finishing_does_not_depend_on_the_cuts(size: int, gain: float) -> None:
    random = np.random.default_rng(1)
    length = 700 if size == 1 else 6000
    samples = (0.2 * random.standard_normal(length) * np.linspace(0, 1, length)).astype(np.float32)
    whole, parts = Finisher(gain, RATE), Finisher(gain, RATE)
    expected = np.concatenate([whole.push(samples), whole.finish()])
    made = [parts.push(samples[at : at + size]) for at in range(0, len(samples), size)]
    made.append(parts.finish())
    assert len(expected) == len(samples)
    assert np.allclose(np.concatenate(made), expected, atol=1e-6)
    assert true_peaks(expected).max() < CEILING + 0.005


def test_what_is_below_the_ceiling_is_only_filtered() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE)).astype(np.float32)
    finisher = Finisher(1.0, RATE)
    made = np.concatenate([finisher.push(tone), finisher.finish()])
    assert np.sqrt(np.mean(made[4000:-400] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.002)


@pytest.mark.parametrize(("hertz", "decibels"), [(10, -50), (20, -30), (30, -17)])
def test_rumble_is_filtered_out_and_voices_are_not(hertz: int, decibels: float) -> None:
    response = 20 * np.log10(np.abs(np.fft.rfft(high_pass(RATE), RATE)))
    assert response[hertz] < decibels
    assert response[80] > -0.2
    assert np.abs(response[120:]).max() < 0.02


def test_an_utterance_ends_without_a_click(bird: Parrotlet, voices: dict[str, VoiceProfile]) -> None:
    for name, voice in voices.items():
        for phonemes in ("ˈɑ", "hˈI ðˈɛɹ."):
            samples = np.concatenate([chunk.samples for chunk in bird.speak(phonemes=phonemes, profile=voice)])
            assert samples[-1] == 0, name
            assert np.abs(np.diff(samples[-48:])).max() < 1e-3, name


def test_the_fade_takes_ten_milliseconds_and_no_more() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
    finisher = Finisher(1.0, RATE)
    made = np.concatenate([finisher.push(tone), finisher.finish()])
    assert np.abs(made[-300:-240]).max() == pytest.approx(0.5, rel=0.01)
    assert np.abs(made[-120:]).max() < 0.26
    assert made[-1] == 0
    tiny = Finisher(1.0, RATE)
    assert len(np.concatenate([tiny.push(tone[:5]), tiny.finish()])) == 5


def test_rumble_of_a_recording_is_not_spoken(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    speech, rate = soundfile.read(recordings["man"][0], dtype="float32")
    rumble = 0.02 * np.sin(2 * np.pi * 30 * np.arange(len(speech)) / rate).astype(np.float32)
    samples = spoken(bird, TEXT, bird.enroll([(speech + rumble, rate)]))
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    assert 10 * np.log10(power[hertz < 35].sum() / power.sum()) < -45


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 400))
def test_true_peaks_above_a_level_are_those_of_all(seed: int, size: int) -> None:
    samples = 0.5 * np.random.default_rng(seed).standard_normal(size)
    every, some = true_peaks(samples), true_peaks(samples, 0.9)
    assert np.allclose(some[every > 0.9], every[every > 0.9])
    assert np.all(some <= every + 1e-12)
    assert np.all(every >= np.abs(samples))
