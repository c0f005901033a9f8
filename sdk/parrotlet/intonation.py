"""The rise at the end of a question, as a rule: people read too few questions aloud for a model to learn it.

Questions that yes or no answers, and statements with a question mark, rise from their last stressed vowel to their end;
questions with who, what, where, and the last of several alternatives ("tea, or coffee?"), fall as statements do. The
words of the last clause decide, so that it does not matter whether earlier clauses were spoken on their own.

A mel spectrogram of 50 ms windows shows the harmonics, so a new pitch needs a new spectrogram too: the acoustic model
speaks the utterance a few times more, higher each time, and the rise climbs from one to the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from parrotlet.text import Utterance


Array = npt.NDArray[np.float32]

ABOVE, MOST = 4.0, 24.0
"""Semitones: how far above the utterance's median a question ends, and by how much a frame is raised at most (the model
lets questions fall, often by more than ten)."""
SHORTEST, LONGEST = 0.15, 0.45
"""Seconds that a rise takes."""
FOLLOWED = 0.5
"""Fraction of the rise after which nothing is left of the fall that was predicted."""

STEP = 6.0
"""Semitones from one of the spectrograms to the next, at most. Between two that are further apart, harmonics of neither
pitch are clear, and the voice turns to a whisper."""

_ASKING = frozenset(
    "who whom whose what when where why which how who's what's when's where's why's how's who'd what'd where'd how'd "
    "who'll what'll who're what're where're who've what've".split()
)
_BEFORE = frozenset(
    "and but so or well oh okay ok then now hey please to for in at by from of on with about under until since just "
    "exactly".split()
)


def rises(utterance: Utterance) -> bool:
    """Whether an utterance is a question that rises: by its mark and the words of its last clause."""
    phonemes = utterance.phonemes
    if not phonemes.endswith("?"):
        return False
    clause = max(phonemes.rfind(mark, 0, len(phonemes) - 1) for mark in ",;:.!?")
    words = [word.text.lower() for word in utterance.words if word.start > clause]
    if not words or words[0] == "or":
        return False
    opening = next((word for word in words if word not in _BEFORE), words[-1])
    return opening not in _ASKING


def lift(phonemes: str, durations: npt.NDArray[np.int64], f0: Array, frame_rate: float) -> Array:
    """By how many semitones every frame goes up, [T], so that the utterance ends ``ABOVE`` its median pitch.

    The way there is smooth, from the last stress to the last voiced frame.
    durations [1 + L (+ 1)] in frames: of what comes before the phonemes, then of each. f0 [T] in Hz, 0 where unvoiced.
    """
    voiced = np.flatnonzero(f0 > 0)
    if not len(voiced):
        return np.zeros(len(f0), np.float32)
    frames, end = np.arange(len(f0)), int(voiced[-1])
    semitones = np.interp(frames, voiced, 12 * np.log2(f0[voiced]))
    start = int(np.cumsum(durations)[max(0, *(phonemes.rfind(mark) for mark in "ˈˌ"))])
    length = float(np.clip(end - start, SHORTEST * frame_rate, LONGEST * frame_rate))
    done = np.clip((frames - (end - length)) / length, 0, 1)
    wanted = np.median(semitones[voiced]) + ABOVE * _eased(done)
    up = _eased(np.minimum(done / FOLLOWED, 1)) * np.clip(wanted - semitones, 0, MOST)
    return np.asarray(up, dtype=np.float32)


def _eased(done: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From 0 to 1 as ``done`` goes, without a corner at either end."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * done))


def raised(f0: Array, semitones: Array) -> Array:
    """f0 [T] in Hz, higher by ``semitones`` [T]; 0 stays 0."""
    return np.asarray(f0 * np.exp2(semitones / 12), dtype=np.float32)


def blend(spectra: list[Array], share: Array) -> Array:
    """Log-mel frames [T, M] between those of several pitches in rising order, ``share`` [T] of the way up."""
    place = share * (len(spectra) - 1)
    below = np.minimum(place.astype(np.int64), len(spectra) - 2)
    stack, frames = np.stack(spectra), np.arange(len(share))
    low, high = stack[below, frames], stack[below + 1, frames]
    return np.asarray(low + (place - below).astype(np.float32)[:, None] * (high - low))
