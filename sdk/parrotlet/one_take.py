"""Is a recording one take? Level, room and bandwidth do not change within one, and no piece of it is digital silence.

A splice that was made with care (one room, one microphone, crossfaded in a pause) is not found: docs/consent.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from parrotlet.enrollment import bandwidth, find_speech

Samples = npt.NDArray[np.float32]

FRAME_S = 0.02
LEAST_PAUSE_S, LEAST_SPEECH_S = 0.2, 1.2
"""Both sides of a place are compared that have so much of it."""
DEAD_S = 0.04
"""Samples that are all alike for so long are no room."""
_LOUD = 90  # percentile of the level of speech
_STEP = 10  # frames between the places that are tried


@dataclass(frozen=True)
class Continuity:
    """What changes most at any one place of a recording, 0 where nothing does.

    background_db: median level of the pauses of one side, against the other's. speech_db: the same of the loudest tenth
    of the speech. dead_s: longest run of samples that are all alike, inside the speech. bandwidth_ratio: of the one
    half's bandwidth to the other's, at least 1. snr_db: how far speech is above the pauses, of the whole recording.
    """

    background_db: float
    speech_db: float
    dead_s: float
    bandwidth_ratio: float
    snr_db: float


def continuity(samples: Samples, rate: int) -> Continuity:
    """Measure a recording [N]."""
    active, level = find_speech(samples, rate)
    dead = _longest_dead_s(samples, rate, active)
    background = speech = 0.0
    for at in range(_STEP, len(level), _STEP):
        quiet = [level[side][~active[side]] for side in (slice(0, at), slice(at, None))]
        loud = [level[side][active[side]] for side in (slice(0, at), slice(at, None))]
        if min(map(len, quiet)) * FRAME_S >= LEAST_PAUSE_S:
            background = max(background, abs(float(np.median(quiet[0]) - np.median(quiet[1]))))
        if min(map(len, loud)) * FRAME_S >= LEAST_SPEECH_S:
            speech = max(speech, abs(float(np.percentile(loud[0], _LOUD) - np.percentile(loud[1], _LOUD))))
    pauses = level[~active] if (~active).sum() >= _STEP else np.sort(level)[: max(1, len(level) // 20)]
    snr = float(np.percentile(level[active], 80) - np.median(pauses)) if active.any() else 0.0
    size = round(FRAME_S * rate)
    parts = [samples[: len(active) * size].reshape(-1, size)[at][active[at]].reshape(-1) for at in _halves(len(active))]
    widths = [bandwidth(part, rate) for part in parts if len(part) > rate // 2]
    ratio = max(widths) / max(1, min(widths)) if len(widths) == 2 else 1.0
    return Continuity(round(background, 1), round(speech, 1), round(dead, 3), round(ratio, 2), round(snr, 1))


def _halves(length: int) -> tuple[slice, slice]:
    return slice(0, length // 2), slice(length // 2, length)


def _longest_dead_s(samples: Samples, rate: int, active: npt.NDArray[np.bool_]) -> float:
    """Seconds of the longest run of equal samples between the first speech and the last."""
    spoken = np.flatnonzero(active)
    if not len(spoken):
        return 0.0
    size = round(FRAME_S * rate)
    inside = samples[spoken[0] * size : (spoken[-1] + 1) * size]
    changes = np.flatnonzero(np.concatenate([[True], np.diff(inside) != 0, [True]]))
    return float(np.diff(changes).max()) / rate
