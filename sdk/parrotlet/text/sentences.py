"""Where to cut text for streaming, and how long to pause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from parrotlet.text.tables import ABBREVIATIONS, DOT_NEEDED, NAME_FOLLOWS, NUMBER_FOLLOWS, SENTENCE_STARTERS

_LONGEST_SENTENCE = 1_000
"""Characters to wait for a sentence's end before cutting at a clause or a space."""

_END = re.compile(r"((?<![.!?…。！？])[.!?…。！？]+)[\"'”’)\]]*(?=\s)|\n[ \t]*\n")
_NEXT = re.compile(r"\S|\Z")
_LAST_WORD = re.compile(r"([\w./]+)$")
_PAUSES = {".": 0.30, "!": 0.30, "?": 0.35, ":": 0.20, ";": 0.20, ",": 0.10}
_PARAGRAPH = 0.60
_NO_MARK = 0.15


def cut_stream(pieces: Iterable[str]) -> Iterator[str]:
    """Sentences, as soon as what follows proves that they have ended."""
    waiting = ""
    for piece in pieces:
        waiting += piece
        start = 0
        for end in _ends(waiting):
            if waiting[start:end].strip():
                yield waiting[start:end]
            start = end
        waiting = waiting[start:]
    if waiting.strip():
        yield waiting


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
    if word in NUMBER_FOLLOWS:
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


def pause_after(phonemes: str, source: str) -> float:
    """Seconds of silence after an utterance that ends so."""
    if source.count("\n", len(source.rstrip())) > 1:
        return _PARAGRAPH
    return _PAUSES.get(phonemes[-1:], _NO_MARK)


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
