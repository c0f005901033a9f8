"""Where to cut text for streaming, and how long to pause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from parrotlet.text.tables import ABBREVIATIONS, DOT_NEEDED, NAME_FOLLOWS, NUMBER_FOLLOWS, SENTENCE_STARTERS

_LONGEST_SENTENCE = 1_000
"""Characters to wait for a sentence's end before cutting at a clause or a space."""

_END = re.compile(r"((?<![.!?…。！？])[.!?…。！？]+)[\"'”’)\]]*(?=\s)|\n[ \t]*\n")
_NEXT = re.compile(r"\S|\Z")
_LAST_WORD = re.compile(r"([\w./]+)$")
_CLAUSE_END = re.compile(r"[,;:—][\"'”’)\]]*\s+(?=\S)")
_SHORTEST_CLAUSE = 30
_NAMED_STREET = re.compile(r"([A-Z][\w'-]*|\d(?:st|nd|rd|th))\s+St$")
_BEFORE_SAINTS = SENTENCE_STARTERS | {"to", "from", "near", "by", "of", "with", "since", "until", "saint", "visit"}
_DATED = frozenset("jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri".split())
_BEFORE_NUMBERS = NUMBER_FOLLOWS | _DATED | (ABBREVIATIONS.keys() & DOT_NEEDED)
"""Their dot ends a sentence, but not before a number: "Jan. 5", "Apt. 4B"."""
_PAUSES = {".": 0.30, "!": 0.30, "?": 0.35, ":": 0.20, ";": 0.20, ",": 0.10}
_PARAGRAPH = 0.60
_NO_MARK = 0.15


def cut_stream(pieces: Iterable[str], clauses: bool = False) -> Iterator[str]:
    """Sentences, as soon as what follows proves that they have ended; with ``clauses``, clauses of some length too.

    Where the cuts are does not depend on the size of the pieces.
    """
    waiting = ""
    for piece in pieces:
        waiting += piece
        start = 0
        for end in _ends(waiting):
            yield from _parts(waiting[start:end], clauses)
            start = end
        waiting = waiting[start:]
        if clauses:
            *done, waiting = _clauses(waiting)
            yield from done
    yield from _parts(waiting, clauses)


def _parts(sentence: str, clauses: bool) -> Iterator[str]:
    if sentence.strip():
        yield from _clauses(sentence) if clauses else [sentence]


def _clauses(text: str) -> list[str]:
    """`text` cut at its clause ends, none of the clauses but the last shorter than 30 characters."""
    parts, start = [], 0
    for match in _CLAUSE_END.finditer(text):
        inside_brackets = text.count("[[", start, match.end()) > text.count("]]", start, match.end())
        if match.end() - start >= _SHORTEST_CLAUSE and not inside_brackets:
            parts.append(text[start : match.end()])
            start = match.end()
    return [*parts, text[start:]]


def _ends(text: str) -> Iterator[int]:
    """Where sentences of `text` end, white space included; never at its very end, which may go on."""
    start = 0
    for match in _END.finditer(text):
        end = _after_space(text, match.end())
        if end == len(text):
            break
        for cut in _forced(text, start, end):
            yield cut
            start = cut
        marks = match.group(1)
        if start < match.end() and (marks is None or _is_end(text[start : match.start()], marks, text[end : end + 40])):
            yield end
            start = end
    yield from _forced(text, start, len(text))


def _after_space(text: str, at: int) -> int:
    match = _NEXT.search(text, at)
    return match.start() if match else len(text)


def _forced(text: str, start: int, end: int) -> Iterator[int]:
    """Cuts that keep what has no sentence end from growing without bound."""
    while end - start > _LONGEST_SENTENCE:
        start = _soft_cut(text, start)
        yield start


def _soft_cut(text: str, start: int) -> int:
    window = text[start : start + _LONGEST_SENTENCE]
    for pattern in (r"[,;:—]\s", r"\s"):
        cuts = [match.end() for match in re.finditer(pattern, window)]
        if cuts and cuts[-1] > 20:
            return start + cuts[-1]
    return start + len(window)


def _is_end(before: str, mark: str, following: str) -> bool:
    if following[0].islower():
        return False
    if mark != ".":
        return True
    match = _LAST_WORD.search(before[-40:])
    word = match.group(1).lower() if match else ""
    if word in NAME_FOLLOWS:
        return False
    if word == "st":
        street = _NAMED_STREET.search(before[-60:])
        return street is not None and street.group(1).lower() not in _BEFORE_SAINTS
    if word in _BEFORE_NUMBERS:
        return not following[0].isdigit()
    if re.fullmatch(r"[a-z]", word) and word != "i":
        return False
    if re.fullmatch(r"\d{1,2}", word) and before.strip() == word:
        return False
    if re.fullmatch(r"(?:[a-z]\.)+[a-z]", word):
        return following.split(maxsplit=1)[0].lower() in SENTENCE_STARTERS
    if word in ABBREVIATIONS and word not in DOT_NEEDED:
        return following.split(maxsplit=1)[0].lower() in SENTENCE_STARTERS
    return True


@dataclass(frozen=True)
class Pause:
    """Silence after an utterance, and where it comes from.

    origin: "clause" or "sentence" where punctuation or structure asks for it, "text" where the text sets its length.
    """

    seconds: float
    origin: Literal["clause", "sentence", "text"]


SENTENCE_PAUSE = Pause(_PAUSES["."], "sentence")
PARAGRAPH_PAUSE = Pause(_PARAGRAPH, "sentence")


def pauses(first: Pause, then: Pause) -> list[Pause]:
    """What is left of two pauses in a row: all that the text sets, else the longer of the two."""
    set_by_text = [pause for pause in (first, then) if pause.origin == "text"]
    return set_by_text or [max(first, then, key=lambda pause: pause.seconds)]


def natural_pause(phonemes: str, source: str) -> Pause:
    """The pause after an utterance that ends so; ``source`` is the text it was made of."""
    if source.count("\n", len(source.rstrip())) > 1:
        return PARAGRAPH_PAUSE
    mark = phonemes[-1:]
    return Pause(_PAUSES.get(mark, _NO_MARK), "sentence" if mark and mark in ".!?" else "clause")


def cut_phonemes(phonemes: str, longest: int) -> Iterator[tuple[int, int]]:
    """Slices of at most `longest` symbols: at clause ends if there are any, else at spaces."""
    start = 0
    while len(phonemes) - start > longest:
        window = phonemes[start : start + longest + 1]
        end = start + _best_cut(window, longest)
        yield start, end
        start = end + (phonemes[end : end + 1] == " ")
    if start < len(phonemes):
        yield start, len(phonemes)


def _best_cut(window: str, longest: int) -> int:
    for marks, least in ((";:", longest // 3), (",", longest // 4), (" ", 1)):
        at = max(window.rfind(f"{mark} " if mark != " " else " ") for mark in marks)
        if at >= least:
            return at + (marks != " ")
    return longest
