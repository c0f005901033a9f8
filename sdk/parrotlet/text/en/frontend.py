"""The front end as a whole: text in, phonemes out."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path

from parrotlet.errors import InputError
from parrotlet.text.en.context import choose
from parrotlet.text.en.fold import is_foreign
from parrotlet.text.en.lexicon import Lexicon, Overlay
from parrotlet.text.en.markup import INLINE, TextWarning, inline_phonemes, pause_seconds
from parrotlet.text.en.phonemes import CONSONANTS, PAUSE_MARKS, VOWELS, starts_with_vowel
from parrotlet.text.en.pronounce import Pronouncer
from parrotlet.text.en.rules import CONVENTIONS, Normalizer
from parrotlet.text.en.sentences import cut_phonemes, cut_with_context, natural_pause
from parrotlet.text.en.spelling import by_rule
from parrotlet.text.en.ssml import Segment, Style, parse_ssml
from parrotlet.text.en.unknown import UnknownWords
from parrotlet.text.en.userlexicon import Source, read_user_lexicon
from parrotlet.text.reader import CodeBlocks, Format, begins_as_ssml, read, read_stream
from parrotlet.text.utterance import Pause, Utterance, Word, pauses

_DATA = Path(__file__).parent / "data"
_TOKEN = re.compile(r"\[\[[^\[\]]*\]\]|[A-Za-z]+(?:['-][A-Za-z]+)*'?|[,;:.!?]")
_HEARD = 12
"""Words of a sentence to remember while its clauses are spoken one by one."""

LONGEST = 300
"""Phonemes in an utterance, at most."""


@cache
def _unknown_words(runtime: str | None) -> Callable[[str], str]:
    """One model for all front ends of a process; letter-to-sound rules where its file was left out."""
    return UnknownWords(_DATA, runtime) if (_DATA / "g2p.json").exists() else by_rule


class TextFrontEnd:
    """English text to phonemes. Data files are opened at the first use; safe to share between threads.

    A `format` is "auto" (reads Markdown and HTML where it meets them, and a document that begins as SSML), "plain",
    "markdown", "html" or "ssml". `code_blocks` ("announce", "skip", "read") says what becomes of fenced code.
    `lexicon` holds the user's own words: a mapping, or the path of a file (`userlexicon.py` has the format).
    `convention` ("en-US", "en-GB") says how dates, numbers, money and the like are read; the accent is the voice's.
    `speak_emoji=False` passes over emoji. `runtime` ("onnx", "tflite") runs the model for unknown words; else it is
    one that is installed. Raises `InputError` for a lexicon that cannot be used, or a convention that is not there.
    """

    def __init__(
        self,
        lexicon: Source | None = None,
        *,
        speak_emoji: bool = True,
        runtime: str | None = None,
        code_blocks: CodeBlocks = "announce",
        convention: str = "en-US",
    ) -> None:
        if convention not in CONVENTIONS:
            raise InputError(f"convention {convention!r}: choose from {', '.join(CONVENTIONS)}")
        self._convention = CONVENTIONS[convention]
        self._speak_emoji = speak_emoji
        self._code_blocks = code_blocks
        self._runtime = runtime
        self._own: dict[str, str] = {}
        if lexicon is not None:
            self._own = read_user_lexicon(lexicon, TextFrontEnd(runtime=runtime, convention=convention)._respell)

    @cached_property
    def _pronounce(self) -> Pronouncer:
        lexicon = Overlay(self._convention.words, Lexicon(_DATA / "lexicon.bin"))
        return Pronouncer(lexicon, _unknown_words(self._runtime), self._own)

    @cached_property
    def _normalizer(self) -> Normalizer:
        return Normalizer(self._pronounce.knows, self._pronounce.owns, self._speak_emoji, self._convention)

    def normalize(self, text: str, *, format: Format = "auto") -> str:
        """`text` as it is spoken: "$5" becomes "five dollars". Normalizing twice changes nothing."""
        return self._normalizer(read(text, format, self._code_blocks))

    def phonemize(self, text: str, *, format: Format = "auto") -> str:
        """Phonemes of `text`, with punctuation and spaces; empty, with a `TextWarning`, if it has no sound.

        Raises `InputError` if `[[ ]]` holds something that is not a phoneme.
        """
        phonemes, _ = self._speak(INLINE.sub(_pause_as_comma, self.normalize(text, format=format)))
        _warn(text, phonemes)
        return phonemes

    def sentences(
        self, text: str | Iterable[str], *, ssml: bool = False, format: Format = "auto"
    ) -> Iterator[Utterance]:
        """Utterances as soon as they are complete; text may arrive in pieces of any size.

        A string is cut at sentence ends; text in pieces at clause ends too, since the rest may be long in coming.

        With `ssml`, or the format "ssml", the text is one SSML document. Warns with `TextWarning` if there is nothing
        to say.
        Raises `InputError` for phonemes or SSML that cannot be used.
        """
        whole = isinstance(text, str)
        pieces: Iterable[str] = [text] if isinstance(text, str) else text
        if format == "auto" and not ssml:
            ssml, pieces = begins_as_ssml(pieces)
        if ssml or format == "ssml":
            utterances = self._from_ssml("".join(pieces))
        else:
            utterances = self._from_text(read_stream(pieces, format, self._code_blocks), Style(), not whole)
        spoken = False
        for utterance in utterances:
            spoken = spoken or bool(utterance.phonemes)
            yield utterance
        if not spoken:
            warnings.warn("the text holds nothing to say", TextWarning, stacklevel=2)

    def _respell(self, spelling: str) -> str:
        """A respelling's phonemes: parts between hyphens are one word."""
        return self._speak(self._normalizer(spelling))[0].strip(PAUSE_MARKS)

    def _from_ssml(self, document: str) -> Iterator[Utterance]:
        for segment in parse_ssml(document, self._convention.numbers):
            yield from self._from_segment(segment)

    def _from_segment(self, segment: Segment) -> Iterator[Utterance]:
        """The segment's utterances, the last with the segment's own pause."""
        held: Utterance | None = None
        for utterance in self._from_text([" ".join(segment.text.split())], segment.style):
            if held is not None:
                yield held
            held = utterance
        if held is None:
            left = [segment.pause] if segment.pause else []
        else:
            pause, *left = pauses(held.pause, segment.pause) if segment.pause else [held.pause]
            yield replace(held, pause=pause)
        yield from map(_silence, left)

    def _from_text(self, pieces: Iterable[str], style: Style, clauses: bool = False) -> Iterator[Utterance]:
        heard: list[str] = []
        for sentence, earlier in cut_with_context(pieces, clauses):
            if is_foreign(sentence):
                warnings.warn(
                    "letters of a script that is not read here are named or guessed", TextWarning, stacklevel=3
                )
            spoken = self._normalizer(sentence, earlier)
            heard = heard if earlier else []
            start = 0
            for match in INLINE.finditer(spoken):
                seconds = pause_seconds(match.group(1))
                if seconds is not None:
                    pause = Pause(seconds, "text")
                    yield from self._utterances(spoken[start : match.start()], style, pause, "", heard)
                    start = match.end()
            rest = spoken[start:]
            if rest.strip():
                yield from self._utterances(rest, style, None, sentence, heard)
            heard = (heard + _TOKEN.findall(spoken))[-_HEARD:] if clauses else []

    def _utterances(
        self, spoken: str, style: Style, pause: Pause | None, source: str, heard: Sequence[str]
    ) -> Iterator[Utterance]:
        """Utterances of normalized text; `pause`, if given, is the silence after the last."""
        phonemes, words = self._speak(spoken, heard)
        slices = list(cut_phonemes(phonemes, LONGEST))
        for start, end in slices:
            last = (start, end) == slices[-1]
            inside = tuple(
                Word(word.text, max(word.start, start) - start, min(word.end, end) - start)
                for word in words
                if word.start < end and start < word.end
            )
            part = phonemes[start:end]
            silence = pause if last and pause is not None else natural_pause(part, source if last else "")
            text = " ".join(word.text for word in inside)
            yield Utterance(text, part, silence, inside, style.speed, style.pitch, style.volume)
        if not slices and pause is not None:
            yield _silence(pause)

    def _speak(self, spoken: str, heard: Sequence[str] = ()) -> tuple[str, list[Word]]:
        """Phonemes and words of normalized text, from right to left: what follows decides.

        `heard` are the last words before it in its sentence.
        """
        pronounce = self._pronounce
        tokens = _TOKEN.findall(spoken)
        sounds: list[str] = [""] * len(tokens)
        context = [*heard, *tokens]
        before_vowel: bool | None = None
        for at in range(len(tokens) - 1, -1, -1):
            token = tokens[at]
            if token in PAUSE_MARKS:
                before_vowel = None
                sounds[at] = token
                continue
            if token[0] == "[":
                sound = inline_phonemes(token[2:-2])
            else:
                entry = pronounce(token)
                sound = entry if isinstance(entry, str) else choose(entry, context, len(heard) + at, before_vowel)
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


def _silence(pause: Pause) -> Utterance:
    return Utterance("", "", pause, ())


def _pause_as_comma(match: re.Match[str]) -> str:
    return match.group() if pause_seconds(match.group(1)) is None else ","


def _warn(text: str, phonemes: str) -> None:
    if not phonemes:
        warnings.warn("the text holds nothing to say", TextWarning, stacklevel=3)
    elif is_foreign(text):
        warnings.warn("letters of a script that is not read here are named or guessed", TextWarning, stacklevel=3)


def _joined(tokens: list[str], sounds: list[str]) -> tuple[str, list[Word]]:
    """Words apart by spaces, marks glued to the word before; a mark needs a word to stand on."""
    pieces: list[str] = []
    words: list[Word] = []
    length = 0
    for token, sound in zip(tokens, sounds, strict=True):
        is_mark = token in PAUSE_MARKS
        if not sound or (is_mark and (not words or pieces[-1] in PAUSE_MARKS)):
            continue
        if pieces and not is_mark:
            pieces.append(" ")
            length += 1
        if not is_mark:
            words.append(Word(token, length, length + len(sound)))
        pieces.append(sound)
        length += len(sound)
    return "".join(pieces), words
