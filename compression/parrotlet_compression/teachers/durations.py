"""Phoneme durations from the attention of Tacotron 2."""

from __future__ import annotations

import numpy as np

from ..interpolation import rows_at
from .tacotron2_layers import Array

SKIP = 2.0


def durations_from_alignment(alignment: Array, frames_per_step: int) -> list[int]:
    """Frames of every symbol: the monotonic path with the greatest sum of log attention (as in Glow-TTS, Kim 2020).

    Skipping a symbol costs SKIP.

    alignment [S, L] -> L whole numbers that sum to S * frames_per_step.
    """
    # Attention is interpolated between the centers of two steps: boundaries are finer than a step.
    times = (np.arange(len(alignment) * frames_per_step) + 0.5) / frames_per_step - 0.5
    score = np.log(rows_at(alignment, np.clip(times, 0, len(alignment) - 1)) + 1e-8)
    frames, length = score.shape
    index = np.arange(length)
    best = score[0] - SKIP * index
    origin = np.zeros((frames, length), np.int32)
    for t in range(1, frames):
        lifted = best + SKIP * index
        reach = np.maximum.accumulate(lifted)
        source = np.maximum.accumulate(np.where(lifted >= reach, index, 0))
        entered = np.full(length, -np.inf)
        entered[1:] = reach[:-1] - SKIP * index[:-1]
        origin[t] = np.where(entered > best, np.concatenate([[0], source[:-1]]), index)
        best = np.maximum(entered, best) + score[t]
    at, counts = length - 1, [0] * length
    for t in range(frames - 1, -1, -1):
        counts[at] += 1
        at = int(origin[t, at])
    return counts
