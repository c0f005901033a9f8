"""The quality gate: what is wrong with a recording is named, and so is the way to mend it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from parrotlet import Parrotlet
from parrotlet.audio import read_audio, resample
from parrotlet.enrollment import RecordingWarning
from parrotlet.errors import InputError
from parrotlet.pitch import estimate_f0


@pytest.fixture(scope="module")
def speech(recordings: dict[str, list[Path]]) -> tuple[np.ndarray, int]:
    samples, rate = read_audio(recordings["woman"][0])
    return samples, rate


def test_a_good_recording_has_no_problem(bird: Parrotlet, speech: tuple[np.ndarray, int]) -> None:
    report, kept = bird.examine(speech)
    assert report.problem is None
    assert report.snr_db > 20
    assert 2.5 < report.speech_s <= report.seconds
    assert len(kept) == pytest.approx(report.speech_s * 16000, abs=400)


def test_silence_around_the_speech_does_not_count(bird: Parrotlet, speech: tuple[np.ndarray, int]) -> None:
    samples, rate = speech
    random = np.random.default_rng(1)
    padded = np.pad(samples, 3 * rate) + 1e-4 * random.standard_normal(len(samples) + 6 * rate).astype(np.float32)
    assert bird.examine((padded, rate))[0].speech_s == pytest.approx(bird.examine(speech)[0].speech_s, rel=0.15)


def test_clipping_noise_level_and_silence_are_told_apart(bird: Parrotlet, speech: tuple[np.ndarray, int]) -> None:
    samples, rate = speech
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
    loudness = np.sqrt(np.mean(samples**2))
    cases = {
        "clipped": np.clip(samples * 30, -1, 1),
        "too noisy": samples + noise * loudness * 0.7,
        "too quiet": samples * 0.01,
        "no speech": np.zeros(rate * 4, np.float32),
    }
    for problem, damaged in cases.items():
        report, _ = bird.examine((damaged, rate), problem)
        assert report.problem is not None, problem
        assert report.problem.startswith(problem), report
        with pytest.raises(InputError, match=problem):
            bird.enroll((damaged, rate))


def test_noise_alone_is_not_a_voice(bird: Parrotlet) -> None:
    noise = np.random.default_rng(0).standard_normal(16000 * 5).astype(np.float32) * 0.05
    with pytest.raises(InputError):
        bird.enroll((noise, 16000))


def test_too_little_speech_says_how_much_is_needed(bird: Parrotlet, speech: tuple[np.ndarray, int]) -> None:
    samples, rate = speech
    with pytest.raises(InputError, match="at least"):
        bird.enroll((samples[: int(1.5 * rate)], rate))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_formats_and_rates(
    bird: Parrotlet,
    speech: tuple[np.ndarray, int],
    tmp_path: Path,
    suffix: str,
    rate: int,
    identity: Callable[..., np.ndarray],
) -> None:
    path = tmp_path / f"voice.{suffix}"
    soundfile.write(path, resample(speech[0], speech[1], rate), rate)
    profile = bird.enroll(path)
    reference = bird.enroll(speech)
    # At 8 kHz half of the spectrum is gone: still the same person, though less certainly so.
    assert identity(profile) @ identity(reference) > (0.6 if rate == 8000 else 0.9)


def test_little_speech_is_enrolled_with_a_warning(bird: Parrotlet, speech: tuple[np.ndarray, int]) -> None:
    samples, rate = speech
    with pytest.warns(RecordingWarning, match=r"only [34]\.\d s of speech"):
        bird.enroll((samples[: 4 * rate], rate))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bird.enroll((np.tile(samples, 2), rate))


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 20_000), rate=st.sampled_from([8000, 16000, 44100]), noise=st.booleans())
def test_a_moment_of_sound_is_too_short_not_a_crash(bird: Parrotlet, length: int, rate: int, noise: bool) -> None:
    samples = np.random.default_rng(length).normal(size=length) if noise else np.ones(length)
    report, kept = bird.examine((0.1 * samples.astype(np.float32), rate))
    assert report.speech_s == pytest.approx(len(kept) / 16000, abs=0.01)
    with pytest.raises(InputError, match="the recording: "):
        bird.enroll((0.1 * samples.astype(np.float32), rate))


@pytest.mark.parametrize("rate", [3999, 384_001, 2_147_483_629])
def test_a_header_with_an_absurd_rate_is_refused(bird: Parrotlet, rate: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(1000), rate, format="WAV", subtype="PCM_16")
    for recording in (file.getvalue(), (np.zeros(1000, np.float32), rate)):
        with pytest.raises(InputError, match=f"the recording: sampled at {rate} Hz"):
            bird.enroll(recording)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not audio at all" * 100])
def test_files_that_are_not_audio(bird: Parrotlet, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "voice.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"voice\.wav"):
        bird.enroll(path)


def test_a_missing_file_is_named(bird: Parrotlet) -> None:
    with pytest.raises(InputError, match="no such file"):
        bird.enroll("/nowhere/me.wav")


@pytest.mark.parametrize("hertz", [75.0, 110.0, 180.0, 260.0, 400.0])
def test_f0_of_a_known_tone(hertz: float) -> None:
    times = np.arange(16000) / 16000
    tone = sum(np.sin(2 * np.pi * hertz * k * times) / k for k in range(1, 8)).astype(np.float32) * 0.1
    f0 = estimate_f0(tone, 16000)
    assert (f0 > 0).mean() > 0.95
    assert np.median(f0) == pytest.approx(hertz, rel=0.01)


def test_f0_of_noise_and_of_too_little() -> None:
    noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    assert (estimate_f0(noise, 16000) > 0).mean() < 0.3
    assert len(estimate_f0(noise[:100], 16000)) == 0
