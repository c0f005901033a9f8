"""What goes on in a pause: the background of the utterance before it, as loud and of the same spectrum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrotlet import Parrotlet
from parrotlet.room_tone import BLOCK, RoomTone


def background(seed: int, size: int) -> np.ndarray:
    """Noise of which the low half is 20 dB louder, at -66 dBFS."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
    spectrum[len(spectrum) // 2 :] *= 0.1
    made = np.fft.irfft(spectrum, size)
    return (made * 5e-4 / np.sqrt(np.mean(made**2))).astype(np.float32)


def utterance() -> np.ndarray:
    """Half a second of background around two seconds of something loud."""
    samples = background(0, 72_000)
    samples[12_000:60_000] += 0.1 * np.random.default_rng(1).standard_normal(48_000).astype(np.float32)
    return samples


def level(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples.astype(np.float64) ** 2))))


def after(samples: np.ndarray, size: int = 24_000) -> np.ndarray:
    tone = RoomTone()
    tone.push(samples)
    return tone.sound(size)


def test_it_is_as_loud_and_of_the_same_spectrum() -> None:
    made = after(utterance())
    assert level(made) == pytest.approx(-68.5, abs=1)  # of noise the geometric mean is 2.5 dB below the other
    power = np.abs(np.fft.rfft(made)) ** 2
    half = len(power) // 2
    assert 10 * np.log10(power[: half - 500].mean() / power[half + 500 :].mean()) == pytest.approx(20, abs=1.5)


@given(st.lists(st.integers(0, 72_000), max_size=12))
def test_it_is_the_same_however_samples_are_grouped(cuts: list[int]) -> None:
    tone = RoomTone()
    for part in np.split(utterance(), sorted(cuts)):
        tone.push(part)
    assert np.array_equal(tone.sound(5000), after(utterance(), 5000))


def test_silence_stays_silence_and_noise_is_bounded() -> None:
    assert not RoomTone().sound(100).any()
    assert not after(np.zeros(24_000, np.float32)).any()
    noisy = utterance() + 0.05 * np.random.default_rng(2).standard_normal(72_000).astype(np.float32)
    assert level(after(noisy)) == pytest.approx(level(noisy[: 140 * BLOCK]) - 40, abs=0.1)


def test_a_short_word_is_no_background() -> None:
    word = 0.1 * np.hanning(9600).astype(np.float32) * np.random.default_rng(0).standard_normal(9600).astype(np.float32)
    assert level(after(word)) < level(word) - 39


def test_a_pause_of_a_voice_is_as_quiet_as_the_voice_between_words(bird: Parrotlet) -> None:
    chunks = [chunk.samples for chunk in bird.speak("Good morning to you. How are you?", "wren")]
    pause = chunks[-1]
    said = np.concatenate(chunks[:-1])
    blocks = [level(said[at : at + BLOCK] + 1e-9) for at in range(0, len(said) - BLOCK, BLOCK)]
    assert len(pause) == round(0.35 * bird.sample_rate)
    assert np.percentile(blocks, 1) - 3 < level(pause) < np.percentile(blocks, 30)
    assert not np.concatenate([chunk.samples for chunk in bird.speak("Hi.", "wren", volume=0.0)]).any()
