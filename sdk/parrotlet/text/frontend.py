"""The front end as a whole: text in, phonemes out."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from parrotlet.errors import InputError
from parrotlet.text.context import choose
from parrotlet.text.lexicon import Lexicon
from parrotlet.text.phonemes import CONSONANTS, PAUSE_MARKS, VOWELS, starts_with_vowel
from parrotlet.text.pronounce import Pronouncer
from parrotlet.text.rules import Normalizer
from parrotlet.text.sentences import cut_phonemes, cut_stream, pause_after
from parrotlet.text.spelling import by_rule

_DATA = Path(__file__).parent / "data"
_TOKEN = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*'?|[,.;:!?]")
LONGEST = 300
"""Phonemes in an utterance, at most."""


class TextWarning(UserWarning):
    """Text that gives no sound, or characters that had to be guessed."""


@dataclass(frozen=True)
class Word:
    """One spoken word and its slice of the utterance's phonemes."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Utterance:
    """What is spoken in one breath.

    `phonemes` holds at most 300 symbols of `PHONEMES`; `pause_after` is in seconds; `words` point
    into `phonemes`.
    """

    text: str
    phonemes: str
    pause_after: float
    words: tuple[Word, ...]


class TextFrontEnd:
    """English text to phonemes. Data files are opened at the first use.

    `lexicon` is the user's own: a mapping from word to phonemes, or the path of a file with one
    `word<TAB>phonemes` per line.
    """

    def __init__(self, lexicon: Mapping[str, str] | Path | str | None = None) -> None:
        self._own = dict(lexicon) if isinstance(lexicon, Mapping) else _read_lexicon(lexicon)

    @cached_property
    def _pronounce(self) -> Pronouncer:
        return Pronouncer(Lexicon(_DATA / "lexicon.bin"), by_rule, self._own)

    @cached_property
    def _normalizer(self) -> Normalizer:
        return Normalizer(self._pronounce.knows)

    def normalize(self, text: str) -> str:
        """`text` as it is spoken: "$5" becomes "five dollars"."""
        return self._normalizer(text)

    def phonemize(self, text: str) -> str:
        """Phonemes of `text`, with punctuation and spaces. Empty, with a `TextWarning`, for empty text."""
        phonemes, _ = self._speak(self.normalize(text))
        if not phonemes:
            warnings.warn("the text holds nothing to say", TextWarning, stacklevel=2)
        return phonemes

    def sentences(self, text: str | Iterable[str]) -> Iterator[Utterance]:
        """Utterances as soon as they are complete; `text` may arrive in pieces of any size."""
        empty = True
        for sentence in cut_stream([text] if isinstance(text, str) else text):
            phonemes, words = self._speak(self.normalize(sentence))
            for start, end in cut_phonemes(phonemes, LONGEST):
                inside = tuple(
                    Word(word.text, word.start - start, word.end - start)
                    for word in words
                    if start <= word.start and word.end <= end
                )
                if inside:
                    empty = False
                    part = phonemes[start:end]
                    spoken = " ".join(word.text for word in inside)
                    yield Utterance(spoken, part, pause_after(part, sentence if end == len(phonemes) else ""), inside)
        if empty:
            warnings.warn("the text holds nothing to say", TextWarning, stacklevel=2)

    def _speak(self, spoken: str) -> tuple[str, list[Word]]:
        """Phonemes and words of normalized text."""
        pronounce = self._pronounce
        tokens = _TOKEN.findall(spoken)
        sounds: list[str] = [""] * len(tokens)
        before_vowel: bool | None = None
        for at in range(len(tokens) - 1, -1, -1):
            token = tokens[at]
            if token in PAUSE_MARKS:
                before_vowel = None
                sounds[at] = token
                continue
            entry = pronounce(token)
            sound = entry if isinstance(entry, str) else choose(entry, tokens, at, before_vowel)
            first = sound[1:2] if sound[:1] in "ˈˌ" else sound[:1]
            if first in VOWELS:
                before_vowel = True
            elif first in CONSONANTS:
                before_vowel = False
            else:
                following = starts_with_vowel(sound)
                before_vowel = before_vowel if following is None else following
            sounds[at] = sound
        return _joined(tokens, sounds)


def _joined(tokens: list[str], sounds: list[str]) -> tuple[str, list[Word]]:
    pieces: list[str] = []
    words: list[Word] = []
    length = 0
    for token, sound in zip(tokens, sounds, strict=True):
        if not sound:
            continue
        if token in PAUSE_MARKS:
            if not words or pieces[-1] in PAUSE_MARKS:
                continue
        elif pieces:
            pieces.append(" ")
            length += 1
        if token not in PAUSE_MARKS:
            words.append(Word(token, length, length + len(sound)))
        pieces.append(sound)
        length += len(sound)
    return "".join(pieces), words


def _read_lexicon(path: Path | str | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the lexicon {path}: {error}; give a UTF-8 text file") from error
    return dict(line.split("\t", 1) for line in lines if "\t" in line)
