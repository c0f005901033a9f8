"""From recordings to a voice: find the speech, judge the recording, measure the person.

No audio is kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from parrotlet.advice import NARROW_HZ, RecordingReport, advised
from parrotlet.errors import InputError
from parrotlet.pitch import estimate_f0
from parrotlet.profile import Pitch
from parrotlet.recording import RecordingWarning
from parrotlet.talkers import OtherVoice, find_other_voice, named

Samples = npt.NDArray[np.float32]

FRAME_S = 0.02
SOME_SPEECH_S = 0.5
MIN_SPEECH_S = 2.5
GOOD_SPEECH_S = 5.0
"""Of validation people, likeness (ECAPA cosine) is 0.43 with recordings of 4 or 5 s and 0.48 with 10 s."""
MOST_SPEECH_S = 60.0
MIN_LEVEL_DBFS = -50.0
MAX_CLIPPED = 0.005
MIN_SNR_DB = 12.0
MIN_VOICED = 0.11
"""Of 140 clips of real speech the least has 0.24; of 11 made into whispers ten have 0.10 or less; noise has 0.00."""
FULL_SCALE = 0.985
BAND_HZ, BAND_DROP_DB = 250, 50.0


def _decibels(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))


def _level_dbfs(speech: Samples) -> float:
    """Of the sound: a constant offset is not part of it."""
    return float(_decibels(np.var(speech, dtype=np.float64)))


def find_speech(samples: Samples, rate: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Voice-activity detection by energy above an adaptive noise floor.

    samples [N] -> active [T] and level in dBFS [T], one entry per FRAME_S.
    """
    size = int(rate * FRAME_S)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(frames):
        return np.zeros(0, bool), np.zeros(0)
    # The power about the mean of the recording (a constant offset is not sound), without a copy of ten minutes.
    offset = samples.mean(dtype=np.float64)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / size
    level = _decibels(power - 2 * offset * frames.mean(axis=1, dtype=np.float64) + offset**2)
    floor, peak = np.percentile(level, 10), np.percentile(level, 97)
    threshold = max(peak - 35, min(floor + 9, peak - 12), -75.0)
    active = level > threshold
    # Bridge the short gaps inside words (stops) and keep the soft edges of words.
    reach = round(0.12 / FRAME_S)
    # Not mode "same": of fewer frames than the kernel has it makes as many as the kernel.
    near = np.convolve(active, np.ones(2 * reach + 1))[reach : reach + len(active)]
    return near > reach * 0.8, level


def speech_of(samples: Samples, active: npt.NDArray[np.bool_], rate: int) -> Samples:
    """The active frames of samples [N], as ``find_speech`` found them, one after the other [M]."""
    size = int(rate * FRAME_S)
    return samples[: len(active) * size].reshape(-1, size)[active].reshape(-1)


class Heard(NamedTuple):
    """One recording: its report, its speech [M] at the rate it was judged at, and the speech's f0 [T]."""

    report: RecordingReport
    speech: Samples
    f0: npt.NDArray[np.float32]


def judge(name: str, samples: Samples, rate: int, embed: Callable[[Samples], Samples] | None = None) -> Heard:
    """Measure one recording [N] and keep its speech.

    embed: samples of a window -> unit-norm speaker embedding, by which a second person is noticed, if it is given.
    """
    seconds = len(samples) / rate
    active, level = find_speech(samples, rate)
    size = int(rate * FRAME_S)
    enough = round(MOST_SPEECH_S / FRAME_S)
    if active.sum() > enough:
        end = int(np.flatnonzero(active)[enough - 1]) + 1
        active, level, samples = active[:end], level[:end], samples[: end * size]
        warnings.warn(
            f"{name}: its first {MOST_SPEECH_S:g} s of speech are used: more adds little",
            RecordingWarning,
            stacklevel=3,
        )
    speech = speech_of(samples, active, rate)
    if not len(speech):
        report = RecordingReport(name, seconds, 0.0, -120.0, 0.0, 0.0, 0.0)
        return Heard(_judged(report), speech, np.zeros(0, np.float32))
    loud = level[active]
    # The quiet frames between words are the noise; a recording cut tight leaves only its quietest speech.
    quiet = level[~active] if (~active).sum() >= 5 else np.sort(level)[: max(1, len(level) // 20)]
    f0 = estimate_f0(speech, rate)
    report = RecordingReport(
        name,
        round(seconds, 2),
        round(len(speech) / rate, 2),
        round(_level_dbfs(speech), 1),
        round(float(np.mean(np.abs(samples) >= FULL_SCALE)), 5),
        round(float(np.percentile(loud, 80) - np.median(quiet)), 1),
        round(float(np.mean(f0 > 0)) if len(f0) else 0.0, 2),
        bandwidth(speech, rate),
    )
    report = _judged(report)
    if embed is None or report.problem:
        return Heard(report, speech, f0)
    times = np.asarray(np.flatnonzero(active) * FRAME_S, dtype=np.float64)
    other = find_other_voice(speech, times, rate, embed)
    return Heard(report if other is None else _with_other_voice(report, other), speech, f0)


def bandwidth(speech: Samples, rate: int) -> int:
    """Hz up to which speech [N] holds something: the end of the last band within 50 dB of the four loudest."""
    size = 2 * rate // BAND_HZ * 4  # four bins a band
    window = np.hanning(size)
    power = np.zeros(size // 2 + 1)
    for start in range(0, len(speech) - size + 1, size // 2):
        power += np.abs(np.fft.rfft(speech[start : start + size] * window)) ** 2
    bands = power[: len(power) // 8 * 8].reshape(-1, 8).sum(axis=1)
    near = np.flatnonzero(bands > np.sort(bands)[-4:].mean() / 10 ** (BAND_DROP_DB / 10))
    return int((near[-1] + 1) * BAND_HZ) if power.any() else 0


_CHECKS: tuple[tuple[Callable[[RecordingReport], bool], str, str], ...] = (
    (lambda r: r.speech_s < SOME_SPEECH_S, "no speech found", "speak closer to the microphone and record again"),
    (
        lambda r: r.level_dbfs < MIN_LEVEL_DBFS,
        "too quiet ({level_dbfs:.0f} dBFS)",
        "move closer to the microphone or raise its gain",
    ),
    (
        lambda r: r.clipped > MAX_CLIPPED,
        "clipped ({clipped:.1%} of the samples are at full scale)",
        "lower the gain or move away from the microphone",
    ),
    (
        lambda r: r.snr_db < MIN_SNR_DB,
        "too noisy (speech only {snr_db:.0f} dB above the background)",
        "record in a quieter room, closer to the microphone",
    ),
    (
        lambda r: r.voiced < MIN_VOICED,
        "not a speaking voice (only {voiced:.0%} of it has a pitch)",
        "record ordinary speech, without music or whispering",
    ),
)


def _judged(report: RecordingReport) -> RecordingReport:
    for fails, problem, hint in _CHECKS:
        if fails(report):
            report = replace(report, problem=problem.format(**report.as_dict()), hint=hint)
            break
    return advised([report])[0]


def _with_other_voice(report: RecordingReport, other: OtherVoice) -> RecordingReport:
    report = replace(report, other_voice=other.spans)
    if other.sure:
        report = replace(
            report, problem=f"two people speak: {named(other.spans)}", hint="cut it out, or record one person alone"
        )
    return advised([report])[0]


def require_usable(reports: list[RecordingReport]) -> None:
    """Raise InputError naming the first recording that cannot be used, or saying that there is too little speech.

    Warns with a RecordingWarning when there is enough, but less than ``GOOD_SPEECH_S``.
    """
    for report in reports:
        if report.problem:
            raise InputError(f"{report.name}: {report.problem}: {report.hint}")
    total = sum(report.speech_s for report in reports)
    if total < MIN_SPEECH_S:
        names = ", ".join(report.name for report in reports)
        raise InputError(
            f"{names}: only {total:.1f} s of speech: read a few sentences, at least {MIN_SPEECH_S:g} s, better 10 s"
        )
    for report in reports:
        if report.other_voice:
            warnings.warn(
                f"{report.name}: perhaps {named(report.other_voice)}: record one person alone",
                RecordingWarning,
                stacklevel=3,
            )
        if report.bandwidth_hz < NARROW_HZ:
            warnings.warn(
                f"{report.name}: holds nothing above {report.bandwidth_hz / 1000:g} kHz, as a telephone: the voice "
                "will be less like the person; record at 16 kHz or more",
                RecordingWarning,
                stacklevel=3,
            )
    if total < GOOD_SPEECH_S:
        warnings.warn(
            f"only {total:.1f} s of speech: ten seconds would make a voice that is more like the person",
            RecordingWarning,
            stacklevel=3,
        )


def voice_statistics(f0: npt.NDArray[np.float32]) -> Pitch:
    """What f0 [T] of speech tells of a person's fundamental frequency. At least one frame is voiced."""
    voiced = np.log2(f0[f0 > 0])
    median = float(np.median(voiced))
    # Octave errors lie a whole octave off; a person's own range rarely does.
    near = voiced[np.abs(voiced - median) < 0.75]
    return Pitch(round(float(2 ** np.median(near)), 2), round(float(np.clip(near.std(), 0.05, 0.6)), 4))
