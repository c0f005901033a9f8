"""Notice that two people speak in one recording, one after the other or in turns, and say when.

Speaker embeddings of windows over the speech fall into two groups (speaker diarization by clustering, for two). Whose
means are far apart is not one person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

WINDOW_S, HOP_S = 1.5, 0.5
FEWEST = 3  # windows of either voice
SURE, LIKELY = 0.35, 0.44
"""Cosines between the means of both groups, below which a recording is certainly, and probably, of two people."""
PAUSE_S, REACH_S = 0.15, 1.0
"""A pause, not the gap inside a word, and how far from where the windows say the voice may have changed."""
_ROUNDS = 8


@dataclass(frozen=True)
class OtherVoice:
    """Another voice than most of the recording: where, in seconds, and how like the first it is (a cosine)."""

    spans: tuple[tuple[float, float], ...]
    cosine: float

    @property
    def sure(self) -> bool:
        return self.cosine < SURE


def named(spans: Sequence[tuple[float, float]]) -> str:
    """ "another voice from 6.2 s to 12.0 s" """
    return "another voice " + ", ".join(f"from {start:.1f} s to {end:.1f} s" for start, end in spans)


def find_other_voice(
    speech: Array, times: npt.NDArray[np.float64], rate: int, embed: Callable[[Array], Array]
) -> OtherVoice | None:
    """The voice that speaks less, if there are probably two in speech [N] at ``rate`` Hz.

    times [T]: when each of T equal frames of the speech begins, in seconds of the recording. embed: samples of one
    window -> unit-norm speaker embedding [E].
    """
    size, hop = int(WINDOW_S * rate), int(HOP_S * rate)
    starts = range(0, len(speech) - size + 1, hop)
    if len(starts) < 2 * FEWEST:
        return None
    other = two_groups(np.array([embed(speech[start : start + size]) for start in starts]))
    if other is None or other[1] >= LIKELY:
        return None
    label, cosine = other
    # A window speaks for its middle; the first and the last also for what lies before and behind.
    middle = (np.arange(len(times)) + 0.5) * len(speech) / len(times)
    nearest = np.clip(np.round((middle - size / 2) / hop), 0, len(starts) - 1).astype(int)
    less = label[nearest] if label[nearest].mean() < 0.5 else ~label[nearest]
    return OtherVoice(_spans(less, times, len(speech) / len(times) / rate), cosine)


def two_groups(windows: Array) -> tuple[Mask, float] | None:
    """Which windows [W, E] are of one of the groups, and the cosine between the means of both.

    Two means in cosine distance, begun at the best change from one voice to another, and at the principal component
    for voices that alternate; a window's neighbors count like itself.
    """
    count = len(windows)
    sums = np.cumsum(windows, axis=0)
    changes = range(FEWEST, count - FEWEST + 1)
    apart = [np.linalg.norm(sums[at - 1]) + np.linalg.norm(sums[-1] - sums[at - 1]) for at in changes]
    principal = _smooth(np.linalg.svd(windows - windows.mean(axis=0), full_matrices=False)[0][:, 0])
    begun = (np.arange(count) >= changes[int(np.argmax(apart))], principal > np.median(principal), principal > 0)
    grouped = [label for label in (_regrouped(windows, label) for label in begun) if label is not None]
    if not grouped:
        return None
    label = max(grouped, key=lambda label: _coherence(windows, label))
    first, second = _mean(windows[~label]), _mean(windows[label])
    return label, float(first @ second)


def _regrouped(windows: Array, label: Mask) -> Mask | None:
    for _ in range(_ROUNDS):
        if min(label.sum(), (~label).sum()) < FEWEST:
            return None
        nearer = _smooth(windows @ (_mean(windows[label]) - _mean(windows[~label]))) > 0
        if (nearer == label).all():
            break
        label = nearer
    return label if min(label.sum(), (~label).sum()) >= FEWEST else None


def _coherence(windows: Array, label: Mask) -> float:
    return float(np.linalg.norm(windows[label].sum(axis=0)) + np.linalg.norm(windows[~label].sum(axis=0)))


def _mean(windows: Array) -> Array:
    mean = windows.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def _smooth(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.convolve(np.pad(values, 1, "edge"), np.ones(3) / 3, "valid")


def _spans(other: Mask, times: npt.NDArray[np.float64], frame_s: float) -> tuple[tuple[float, float], ...]:
    """Runs of frames that are of the other voice, as seconds of the recording.

    People take turns in pauses: a run begins and ends at the longest one nearby.
    """
    pauses = np.diff(times, prepend=times[0])
    reach = round(REACH_S / frame_s)

    def snapped(frame: int) -> int:
        near = pauses[max(0, frame - reach) : frame + reach]
        return max(0, frame - reach) + int(near.argmax()) if near.max() > PAUSE_S else frame

    changes = [snapped(int(frame)) for frame in np.flatnonzero(np.diff(other)) + 1]
    edges = [0] * bool(other[0]) + changes + [len(other)] * bool(other[-1])
    return tuple(
        (float(times[start]), float(times[end - 1] + frame_s))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if end > start
    )
