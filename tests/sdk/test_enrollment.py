"""The quality gate: what is wrong with a recording is named, and so is the way to mend it."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from parrotlet import Parrotlet
from parrotlet.advice import RecordingReport
from parrotlet.audio import resample
from parrotlet.enrollment import RecordingWarning, voice_statistics
from parrotlet.errors import InputError
from parrotlet.pitch import estimate_f0
from parrotlet.recording import read_recording


@pytest.fixture(scope="module")
def speech(recordings: dict[str, list[Path]]) -> tuple[np.ndarray, int]:
    samples, rate = read_recording(recordings["woman"][0])
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
) -> None:
    path = tmp_path / f"voice.{suffix}"
    soundfile.write(path, resample(speech[0], speech[1], rate), rate)
    profile = bird.enroll(path)
    reference = bird.enroll(speech)
    # At 8 kHz half of the spectrum is gone: still the same person, though less certainly so.
    assert profile.embedding @ reference.embedding > (0.6 if rate == 8000 else 0.9)


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


def test_f0_does_not_depend_on_the_blocks_it_is_computed_in(speech: tuple[np.ndarray, int]) -> None:
    samples = np.tile(resample(*speech, 16000), 3)
    hop = 200
    whole = estimate_f0(samples, 16000)
    assert len(whole) > 800
    assert np.array_equal(whole[500:700], estimate_f0(samples[500 * hop :], 16000)[:200])


@pytest.mark.parametrize("gains", [(1, -1), (1, 0.0001), (0.5, 0.5), (1, -0.9, 1)])
def test_channels_that_cancel_do_not_silence_the_speech(
    bird: Parrotlet, speech: tuple[np.ndarray, int], tmp_path: Path, gains: tuple[float, ...]
) -> None:
    samples, rate = speech
    channels = samples[:, None] * np.array(gains, np.float32)
    soundfile.write(tmp_path / "channels.wav", channels, rate)
    alone = bird.examine(speech)[0]
    for recording in (tmp_path / "channels.wav", (channels, rate)):
        report, _ = bird.examine(recording)
        assert report.problem is None
        assert report.speech_s == pytest.approx(alone.speech_s, abs=0.1)


def test_a_file_is_resampled_as_samples_in_memory_are(speech: tuple[np.ndarray, int], tmp_path: Path) -> None:
    samples, rate = speech
    soundfile.write(tmp_path / "long.wav", np.tile(samples, 6), rate, subtype="FLOAT")  # more than one block
    read, _ = read_recording(tmp_path / "long.wav", 16000)
    whole = resample(np.tile(samples, 6), rate, 16000)
    assert len(read) == len(whole)
    assert np.abs(read - whole).max() < 1e-4


def test_ten_minutes_are_enrolled_in_bounded_memory(speech: tuple[np.ndarray, int], tmp_path: Path) -> None:
    samples, rate = speech
    stereo = np.repeat(resample(samples, rate, 48000)[:, None], 2, axis=1)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 48000, 2) as file:
        while file.frames < 700 * 48000:
            file.write(stereo)
    code = f"""
import warnings
from parrotlet import Parrotlet
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    Parrotlet.load().enroll({str(tmp_path / "long.wav")!r})
print(*(warning.message for warning in caught))
# Not getrusage: its peak begins with the parent's.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, kilobytes = done.stdout.splitlines()
    assert said.endswith("its first 60 s of speech are used: more adds little")
    assert int(kilobytes) < 250_000


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("me.m4a", b"\0\0\0\x20ftypM4A "),
        ("me.webm", b"\x1a\x45\xdf\xa3"),
        ("me.aac", b"\xff\xf1\x50"),
        ("old.aac", b"\xff\xf9\x50"),
    ],
)
def test_what_phones_record_is_named_with_the_command_that_helps(
    bird: Parrotlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, start: bytes
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg
    (tmp_path / name).write_bytes(start + bytes(2000))
    with pytest.raises(InputError, match=rf"{name}: is .* ffmpeg -i .*{name} recording\.wav"):
        bird.enroll(tmp_path / name)


def test_a_folder_is_not_a_missing_file(bird: Parrotlet, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        bird.enroll(tmp_path)


@pytest.mark.parametrize("hertz", [70.0, 100.0, 140.0])
def test_a_creaky_voice_has_a_pitch(hertz: float) -> None:
    """Pulses of uneven distance and strength, with breath: what a clear dip is not found in."""
    random = np.random.default_rng(0)
    at = np.cumsum(16000 / hertz * (1 + 0.03 * random.standard_normal(int(4 * hertz)))).astype(int)
    pulses = np.zeros(5 * 16000, np.float32)
    pulses[at[at < len(pulses)]] = 1 + 0.3 * random.standard_normal(int((at < len(pulses)).sum()))
    tract = np.exp(-np.arange(200) / 30) * np.sin(2 * np.pi * 500 * np.arange(200) / 16000)
    creak = np.convolve(pulses, tract)[: 4 * 16000] + 0.05 * random.standard_normal(4 * 16000)
    f0 = estimate_f0((0.1 * creak).astype(np.float32), 16000)
    assert (f0 > 0).mean() > 0.5
    assert np.median(f0[f0 > 0]) == pytest.approx(hertz, rel=0.05)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_noise_of_any_color_has_no_pitch(slope: float) -> None:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(16000 * 4))
    spectrum /= np.maximum(np.arange(len(spectrum)), 120) ** slope
    noise = np.fft.irfft(spectrum)
    assert (estimate_f0((0.05 * noise / noise.std()).astype(np.float32), 16000) > 0).mean() < 0.02


@pytest.mark.parametrize(("rate", "least", "most"), [(8000, 3500, 4000), (11025, 5000, 5500), (24000, 7000, 8000)])
def test_a_narrow_band_is_named(
    bird: Parrotlet, speech: tuple[np.ndarray, int], tmp_path: Path, rate: int, least: int, most: int
) -> None:
    path = tmp_path / "narrow.wav"
    soundfile.write(path, resample(*speech, rate), rate)
    report, _ = bird.examine(path)
    assert least <= report.bandwidth_hz <= most
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bird.enroll(path)
    said = [str(warning.message) for warning in caught if "holds nothing above" in str(warning.message)]
    assert len(said) == (rate < 16000)
    assert all("narrow.wav" in line and "16 kHz or more" in line for line in said)


def test_a_file_that_is_longer_than_is_looked_at_says_so(
    bird: Parrotlet, speech: tuple[np.ndarray, int], tmp_path: Path
) -> None:
    samples, rate = resample(*speech, 8000), 8000
    with soundfile.SoundFile(tmp_path / "hour.wav", "w", rate, 1) as file:
        file.write(samples)
        while file.frames <= 601 * rate:
            file.write(np.zeros(60 * rate, np.float32))
    with pytest.warns(RecordingWarning, match=r"hour\.wav: its first 10 minutes are looked at"):
        bird.examine(tmp_path / "hour.wav")


def test_advice_says_what_to_do_better(bird: Parrotlet, speech: tuple[np.ndarray, int]) -> None:
    samples, rate = np.tile(speech[0], 3), speech[1]
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32) * samples.std()
    loud = samples / np.abs(samples).max()
    loud[np.argsort(np.abs(loud))[-5:]] = 1
    cases = {
        "good": (samples, rate),
        r"speak [4-7] s more": (speech[0], rate),
        "a little noisy: move closer or find a quieter room": (samples + 0.2 * noise, rate),
        "a little too loud: lower the gain or move away": (loud, rate),
        "sounds like a telephone: record at 16 kHz or more": (resample(samples, rate, 8000), 8000),
        "record again: move closer to the microphone or raise its gain": (samples * 0.01, rate),
    }
    for advice, recording in cases.items():
        report, _ = bird.examine(recording)
        assert re.fullmatch(advice, report.advice), report
        assert report.as_dict()["advice"] == report.advice
        assert report.line().endswith(f": {report.advice}")


def test_enrollment_reports_each_recording_with_advice_for_all_together(
    bird: Parrotlet, recordings: dict[str, list[Path]]
) -> None:
    reports: list[RecordingReport] = []
    bird.enroll(recordings["woman"], on_report=reports.append)
    assert [report.name for report in reports] == [str(path) for path in recordings["woman"]]
    total = sum(report.speech_s for report in reports)
    assert all(re.search(r"speak (\d+) s more", bird.examine(path)[0].advice) for path in recordings["woman"])
    left = max(1, round(10 - total))
    assert {report.advice for report in reports} == {"good" if total >= 10 else f"speak {left} s more"}


def test_what_was_heard_is_reported_also_when_it_is_refused(bird: Parrotlet, speech: tuple[np.ndarray, int]) -> None:
    reports: list[RecordingReport] = []
    with pytest.raises(InputError, match="too quiet"):
        bird.enroll((speech[0] * 0.01, speech[1]), on_report=reports.append)
    assert [report.problem for report in reports] == [f"too quiet ({reports[0].level_dbfs:.0f} dBFS)"]
    assert -62 < reports[0].level_dbfs < -57


def test_a_constant_offset_is_not_level(bird: Parrotlet, speech: tuple[np.ndarray, int]) -> None:
    samples, rate = speech
    plain, shifted = (bird.examine((samples + offset, rate)) for offset in (np.float32(0), np.float32(0.4)))
    assert shifted[0].level_dbfs == pytest.approx(plain[0].level_dbfs, abs=0.2)
    levels = [voice_statistics(estimate_f0(kept, 16000)) for _, kept in (plain, shifted)]
    assert levels[1].median_hz == pytest.approx(levels[0].median_hz, rel=0.02)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_whose_size_was_never_filled_in_is_read_to_its_end(
    speech: tuple[np.ndarray, int], tmp_path: Path, size: int, channels: int
) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.repeat(speech[0][:, None], channels, axis=1), speech[1], format="WAV", subtype="PCM_16")
    whole = file.getvalue()
    at = whole.index(b"data") + 4
    streamed = whole[: at - 4].replace(whole[4:8], struct.pack("<I", size)) + b"data" + struct.pack("<I", size)
    streamed += whole[at + 4 :]
    (tmp_path / "killed.wav").write_bytes(streamed)
    expected, _ = read_recording(whole)
    for source in (streamed, tmp_path / "killed.wav", str(tmp_path / "killed.wav")):
        samples, rate = read_recording(source)
        assert rate == speech[1]
        assert np.array_equal(samples, expected)


def test_a_wav_without_samples_is_empty_whatever_follows() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(0, np.float32), 16000, format="WAV", subtype="PCM_16")
    for rest in (b"", b"LIST\x04\0\0\0INFO"):
        with pytest.raises(InputError, match="holds no samples"):
            read_recording(file.getvalue() + rest)
