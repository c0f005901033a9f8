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
LEAST_SIDE_S = 1.0
"""Both sides of a place are compared that have so much."""
DEAD_S = 0.04
"""Samples that are all alike for so long are no room."""
_QUIET = 10  # percentile of the level of a side that counts as its background
_LOUD = 90


@dataclass(frozen=True)
class Continuity:
    """What changes most at any one place of a recording, 0 where nothing does.

    background_db: level of the quietest tenth of one side, against the other's. speech_db: the same of the loudest.
    dead_s: longest run of samples that are all alike, inside the speech. bandwidth_ratio: of the one half's bandwidth
    to the other's, at least 1.
    """

    background_db: float
    speech_db: float
    dead_s: float
    bandwidth_ratio: float


def continuity(samples: Samples, rate: int) -> Continuity:
    """Measure a recording [N]; one of less than twice ``LEAST_SIDE_S`` has only its ``dead_s``."""
    active, level = find_speech(samples, rate)
    dead = _longest_dead_s(samples, rate, active)
    side = round(LEAST_SIDE_S / FRAME_S)
    background = speech = 0.0
    for at in range(side, len(level) - side, side // 4):
        left, right = level[:at], level[at:]
        background = max(background, abs(float(np.percentile(left, _QUIET) - np.percentile(right, _QUIET))))
        speech = max(speech, abs(float(np.percentile(left, _LOUD) - np.percentile(right, _LOUD))))
    size = round(FRAME_S * rate)
    parts = [samples[: len(active) * size].reshape(-1, size)[at][active[at]].reshape(-1) for at in _halves(len(active))]
    widths = [bandwidth(part, rate) for part in parts if len(part) > rate // 2]
    ratio = max(widths) / max(1, min(widths)) if len(widths) == 2 else 1.0
    return Continuity(round(background, 1), round(speech, 1), round(dead, 3), round(ratio, 2))


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
