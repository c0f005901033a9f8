"""Which phoneme is spoken in each frame of a recording: log posteriors of the bundle's recognizer, and what they tell.

A known phoneme string is aligned to them by dynamic programming (Viterbi 1967). Without one, the best path through a
loop of all phonemes is what was said as far as the recognizer can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from parrotlet.bundle import Bundle, Sessions, run
from parrotlet.errors import BundleError, InputError

Array = npt.NDArray[np.float32]

SILENCE = 0
"""The class of all that is no phoneme; phoneme k of ``Recognizer.phonemes`` is class k + 1."""
INSERTION = 3.0
"""What each phoneme of a free path costs, in nats: without it, noise would be made of many short ones."""
MULTIPLE = 4
"""The graph takes a number of frames that this divides."""


@dataclass(frozen=True)
class Aligned:
    """Where the characters of a phoneme string lie in a recording.

    start, end [L]: frames, for each character; a character without a sound of its own (stress, space, punctuation) has
    the silence that lies there, perhaps none. forced, free [T]: log posterior along this path, and along the best free
    path; their difference is near 0 where the string is what was said. heard [T]: the class of each frame of the free
    path.
    """

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    forced: Array
    free: Array
    heard: npt.NDArray[np.int64]

    def ratio(self, first: int, last: int) -> float:
        """Mean of forced less free over the frames of the characters first to last - 1, in nats."""
        span = slice(int(self.start[first]), max(int(self.end[last - 1]), int(self.start[first]) + 1))
        return float((self.forced[span] - self.free[span]).mean())


class Recognizer:
    """The recognizer of a bundle. Raises BundleError where the bundle has none."""

    def __init__(self, bundle: Bundle, sessions: Sessions) -> None:
        if "recognizer" not in bundle.manifest["graphs"]:
            raise BundleError(
                f"bundle {bundle.name} has no phoneme recognizer: export it again with compression/checkpoints, "
                "or use the default bundle"
            )
        self._session = sessions("recognizer")
        self.phonemes: tuple[str, ...] = tuple(bundle.manifest["recognizer"]["phonemes"])

    def frame_phonemes(self, mel: Array) -> Array:
        """Log-mel frames [T, M] of the bundle's mel graph -> log posteriors [T, P + 1]; see ``SILENCE``."""
        frames = len(mel)
        if not frames:
            return np.zeros((0, len(self.phonemes) + 1), np.float32)
        padded = np.pad(mel, ((0, -frames % MULTIPLE), (0, 0)), mode="edge")
        return np.asarray(run(self._session, mel=padded[None])["posteriors"][0, :frames], np.float32)

    def align(self, posteriors: Array, phonemes: str) -> Aligned:
        """Lay a phoneme string over log posteriors [T, P + 1]. Raises InputError where it is too long for them."""
        return align(posteriors, phonemes, self.phonemes)


def align(posteriors: Array, phonemes: str, table: Sequence[str]) -> Aligned:
    """Forced alignment; see ``Recognizer.align``. table: the phoneme of each class but silence."""
    numbers = {symbol: number for number, symbol in enumerate(table, 1)}
    states, owner, optional = _states(phonemes, numbers)
    path = _forced(posteriors, states, optional)
    where = np.array(owner)[path]
    forced = posteriors[np.arange(len(posteriors)), np.array(states)[path]]
    start, end = np.zeros(len(phonemes), np.int64), np.zeros(len(phonemes), np.int64)
    edge = int(np.searchsorted(where, 0))
    for index in range(len(phonemes)):
        found = np.flatnonzero(where == index)
        start[index], end[index] = (found[0], found[-1] + 1) if len(found) else (edge, edge)
        edge = int(end[index])
    free = free_path(posteriors)
    return Aligned(start, end, forced, posteriors[np.arange(len(posteriors)), free], free)


def free_path(posteriors: Array, insertion: float = INSERTION) -> npt.NDArray[np.int64]:
    """The best path [T] through a loop of all classes. insertion: what each change costs."""
    frames, classes = posteriors.shape
    came = np.zeros((frames, classes), np.int16)
    own = np.arange(classes)
    score = posteriors[0].astype(np.float64)
    for t in range(1, frames):
        best = int(score.argmax())
        entered = score[best] - insertion
        came[t] = np.where(score >= entered, own, best)
        score = np.maximum(score, entered) + posteriors[t]
    path = np.zeros(frames, np.int64)
    path[-1] = int(score.argmax())
    for t in range(frames - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path


def heard(posteriors: Array, table: Sequence[str], insertion: float = INSERTION) -> str:
    """The phonemes of the best free path, without silence."""
    return "".join(table[number - 1] for number in heard_classes(posteriors, insertion) if number != SILENCE)


def heard_classes(posteriors: Array, insertion: float = INSERTION) -> npt.NDArray[np.int64]:
    """The classes of the best free path one after the other, each once [N]."""
    path = free_path(posteriors, insertion)
    return np.asarray(path[np.concatenate([[True], path[1:] != path[:-1]])], np.int64)


def _states(phonemes: str, numbers: dict[str, int]) -> tuple[list[int], list[int], list[bool]]:
    """The class of each state, the character that it belongs to (-1: before the first, or the string's length: after
    the last), and whether it may be passed over."""
    states, owner, optional = [SILENCE], [-1], [True]
    for index, symbol in enumerate(phonemes):
        if symbol in numbers:
            states, owner, optional = [*states, numbers[symbol]], [*owner, index], [*optional, False]
        elif not symbol.isalpha() and states[-1] != SILENCE and symbol not in "ˈˌ":
            states, owner, optional = [*states, SILENCE], [*owner, index], [*optional, True]
    if all(optional):
        raise InputError("there is no phoneme to align: give a text with words")
    if states[-1] == SILENCE:
        owner[-1] = len(phonemes)
    else:
        states, owner, optional = [*states, SILENCE], [*owner, len(phonemes)], [*optional, True]
    return states, owner, optional


def _forced(posteriors: Array, states: list[int], optional: list[bool]) -> npt.NDArray[np.int64]:
    """The state of each frame [T] on the best path from the first state to the last."""
    needed = sum(not free for free in optional)
    if len(posteriors) < needed:
        raise InputError(f"the recording is too short for the text: {len(posteriors)} frames for {needed} sounds")
    logp = posteriors[:, states].astype(np.float64)
    # A state is entered from the one before it, or from two before where that one may be passed over.
    skip = np.full(len(states), -np.inf)
    skip[2:] = np.where(np.array(optional)[1:-1], 0.0, -np.inf)
    score = np.full(len(states), -np.inf)
    score[0], score[1] = logp[0, 0], logp[0, 1]
    came = np.zeros((len(logp), len(states)), np.int8)
    for t in range(1, len(logp)):
        one = np.concatenate([[-np.inf], score[:-1]])
        two = np.concatenate([[-np.inf, -np.inf], score[:-2]]) + skip
        best = np.maximum(np.maximum(score, one), two)
        came[t] = np.where(best == score, 0, np.where(best == one, 1, 2))
        score = best + logp[t]
    path = np.zeros(len(logp), np.int64)
    path[-1] = len(states) - 1 if score[-1] >= score[-2] else len(states) - 2
    for t in range(len(logp) - 1, 0, -1):
        path[t - 1] = path[t] - came[t, path[t]]
    return path
