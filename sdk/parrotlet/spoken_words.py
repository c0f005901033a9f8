"""Were these words spoken? Each word against what the recognizer hears, and against other words in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from parrotlet.errors import InputError
from parrotlet.recognizer import Recognizer
from parrotlet.text import FrontEnd

Array = npt.NDArray[np.float32]

MARGIN = 10
"""Frames on both sides of where a word was found, in which other words are looked for."""
LEAST_FRAMES = 2
"""Of each sound of a word: one frame would let a long word hide in a short one."""
FILLER = 0.15
"""Nats that a frame costs which no sound of the word explains."""


@dataclass(frozen=True)
class Sentence:
    """What is to be said: phonemes, and the span of each word in them, with the word."""

    phonemes: str
    words: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, text: str, front_end: FrontEnd) -> Sentence:
        """The phonemes of a text and where its words are in them."""
        phonemes, words = "", []
        for utterance in front_end.sentences(text, format="plain"):
            at = len(phonemes)
            words += [(word.text, at + word.start, at + word.end) for word in utterance.words]
            phonemes += utterance.phonemes + " "
        return cls(phonemes.rstrip(), tuple(words))

    def places(self, words: Sequence[str]) -> list[tuple[int, int]]:
        """Spans of words that come in this order, the last of their kind. Raises InputError for one that is not."""
        found, end = [], len(self.words)
        for wanted in reversed(words):
            bare = _bare(wanted)
            at = next((k for k in range(end - 1, -1, -1) if _bare(self.words[k][0]) == bare), None)
            if at is None:
                raise InputError(f"{wanted!r} is not a word of the sentence: ask for a new sentence")
            found.append(self.words[at][1:])
            end = at
        return found[::-1]


@dataclass(frozen=True)
class WordScores:
    """sentence: mean log posterior of the sentence less that of the best free path, nats a frame, at most 0.
    words: the same of each word. margins: how much better each word fits its place than other words do, in standard
    deviations of theirs; about 0 for a word that was not said, 3 for one that was."""

    sentence: float
    words: tuple[float, ...]
    margins: tuple[float, ...]

    @property
    def total(self) -> float:
        """Words and sentence together: one word that is said indistinctly does not outweigh all that is right."""
        return sum(self.margins) / len(self.margins) + self.sentence


def score_words(
    recognizer: Recognizer, posteriors: Array, sentence: Sentence, words: Sequence[str], others: Sequence[str]
) -> WordScores:
    """Score a recording's log posteriors [T, P + 1] against what was to be said.

    others: phonemes of words that could stand for a word.

    Raises InputError where the recording is too short for the sentence.
    """
    aligned = recognizer.align(posteriors, sentence.phonemes)
    number = {symbol: k for k, symbol in enumerate(recognizer.phonemes, 1)}
    path = aligned.heard
    relative = posteriors - aligned.free[:, None]
    ratios, margins = [], []
    for first, last in sentence.places(words):
        ratios.append(aligned.ratio(first, last))
        begin, end = int(aligned.start[first]), int(aligned.end[last - 1])
        window = relative[max(0, begin - MARGIN) : end + MARGIN]
        own = [number[s] for s in sentence.phonemes[first:last] if s in number]
        rivals = [[number[s] for s in other if s in number] for other in others]
        rivals = [rival for rival in rivals if rival != own]
        margins.append(_margin(spotted(window, [own, *rivals]), [len(word) for word in (own, *rivals)]))
    voiced = np.flatnonzero(path)
    inside = slice(int(voiced[0]), int(voiced[-1]) + 1) if len(voiced) else slice(0, len(path))
    return WordScores(float((aligned.forced - aligned.free)[inside].mean()), tuple(ratios), tuple(margins))


def spotted(relative: Array, words: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    """How well each word fits somewhere in a window: [W], nats, at most 0, -inf where it is too long.

    relative [T, C]: log posteriors less those of what else it would be. What is before and after the word costs
    ``FILLER`` a frame.
    """
    states = [[number for number in word for _ in range(LEAST_FRAMES)] for word in words]
    longest = max(len(word) for word in states)
    last = np.array([len(word) - 1 for word in states])
    table = np.array([word + [0] * (longest - len(word)) for word in states])
    stays = np.arange(longest) % LEAST_FRAMES == LEAST_FRAMES - 1
    score = np.full((len(words), longest), -np.inf)
    ended = np.full(len(words), -np.inf)
    rows = np.arange(len(words))
    for t in range(len(relative)):
        entered = np.concatenate([np.full((len(words), 1), -FILLER * t), score[:, :-1]], axis=1)
        score = np.maximum(entered, np.where(stays, score, -np.inf)) + relative[t][table]
        ended = np.maximum(ended - FILLER, score[rows, last])
    return ended


def _margin(fits: npt.NDArray[np.float64], lengths: Sequence[int]) -> float:
    """How far the first fit lies above the others, of words of so many sounds; -9 where the word is too long."""
    each = np.maximum(fits, -1e3) / np.array(lengths)
    others = each[1:][np.isfinite(fits[1:])]
    if not np.isfinite(fits[0]) or len(others) < 2:
        return -9.0
    return float((each[0] - others.mean()) / (others.std() + 1e-6))


def phonemes_of(words: Sequence[str], front_end: FrontEnd) -> tuple[str, ...]:
    """The phonemes of single words."""
    return tuple(front_end.phonemize(word) for word in words)


def _bare(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalpha())
