"""Where to cut text for streaming, and how long to pause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from parrotlet.text.en.tables import (
    ABBREVIATIONS,
    DAYS,
    DOT_NEEDED,
    MONTH_SHORT,
    NAME_FOLLOWS,
    NUMBER_FOLLOWS,
    SENTENCE_STARTERS,
)
from parrotlet.text.utterance import Pause

_LONGEST_SENTENCE = 1_000
"""Characters to wait for a sentence's end before cutting at a clause or a space."""

_END = re.compile(r"((?<![.!?…。！？])[.!?…。！？]+)([\"'”’)\]」』]*)(?:(?=\s)|(?<=[。！？」』]))|\n[ \t]*\n")
_NEXT = re.compile(r"\S|\Z")
_LAST_WORD = re.compile(r"([\w./]+)$")
_NAME = re.compile(r"(?:^|[^\w'])[A-Z][\w'.]*$")
_EARLIER = 120
_OPENING = 40
"""Characters of a sentence's beginning to remember when its clauses are passed on."""
_ADDRESS = re.compile(r"https?://|www\.")
_FIRST_WORD = re.compile(r"[\"'“‘(\[]*([\w']+(?:\.\w)*)(?=[^\w'.]|\.[^\w])")
_CLAUSE_END = re.compile(r"[,;:—][\"'”’)\]]*\s+(?=\S)")
_SHORTEST_CLAUSE = 30
_NAMED_STREET = re.compile(r"([A-Z][\w'-]*|\d(?:st|nd|rd|th))\s+St$")
_BEFORE_SAINTS = SENTENCE_STARTERS | {"to", "from", "near", "by", "of", "with", "since", "until", "saint", "visit"}
_DATED = frozenset("jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri".split())
_BEFORE_NUMBERS = NUMBER_FOLLOWS | _DATED | (ABBREVIATIONS.keys() & DOT_NEEDED)
"""Their dot ends a sentence, but not before a number: "Jan. 5", "Apt. 4B"."""
_ZONES = "est edt cst cdt mst mdt pst pdt et pt ct mt gmt utc bst cet eastern pacific central mountain".split()
_AFTER_HOURS = frozenset({*DAYS, *MONTH_SHORT, *_ZONES})
"""These belong to an hour before them: "5 p.m. Eastern"."""
_PAUSES = {".": 0.30, "!": 0.30, "?": 0.35, ":": 0.20, ";": 0.20, ",": 0.10}
_PARAGRAPH = 0.60
_NO_MARK = 0.15


def cut_stream(pieces: Iterable[str], clauses: bool = False) -> Iterator[str]:
    """Sentences, as soon as what follows proves that they have ended; with ``clauses``, clauses of some length too.

    Where the cuts are does not depend on the size of the pieces.
    """
    return (part for part, _ in cut_with_context(pieces, clauses))


def cut_with_context(pieces: Iterable[str], clauses: bool = False) -> Iterator[tuple[str, str]]:
    """The same, and with each part what its sentence had before it, as far as rules look back."""
    waiting = opening = earlier = ""
    for piece in pieces:
        waiting += piece
        start = 0
        for end in _ends(waiting, opening, last=False):
            yield from _parts(waiting[start:end], earlier, clauses)
            start, opening, earlier = end, "", ""
        waiting = waiting[start:]
        if clauses:
            *done, waiting = _clauses(waiting)
            for part in done:
                yield part, earlier
                opening = (opening + part)[:_OPENING]
                earlier = (earlier + part)[-_EARLIER:]
    start = 0
    for end in _ends(waiting, opening, last=True):
        yield from _parts(waiting[start:end], earlier, clauses)
        start, opening, earlier = end, "", ""
    yield from _parts(waiting[start:], earlier, clauses)


def _parts(sentence: str, earlier: str, clauses: bool) -> Iterator[tuple[str, str]]:
    if not sentence.strip():
        return
    for part in _clauses(sentence) if clauses else [sentence]:
        yield part, earlier
        earlier = (earlier + part)[-_EARLIER:]


def _clauses(text: str) -> list[str]:
    """`text` cut at its clause ends, none of the clauses but the last shorter than 30 characters.

    A number, or a name after a name ("Reading, Pennsylvania"), stays with what stands before it.
    """
    parts, start = [], 0
    for match in _CLAUSE_END.finditer(text):
        inside_brackets = text.count("[[", start, match.end()) > text.count("]]", start, match.end())
        if match.end() - start < _SHORTEST_CLAUSE or inside_brackets or text[match.end()].isdigit():
            continue
        if text[match.end()].isupper() and _NAME.search(text[start : match.start()]):
            continue
        parts.append(text[start : match.end()])
        start = match.end()
    return [*parts, text[start:]]


def _ends(text: str, opening: str, last: bool) -> Iterator[int]:
    """Where sentences of `text` end, white space included; never at its very end, which may go on.

    `opening` are the first words of the sentence that `text` goes on with. `last` says that nothing follows, so that
    the text's last word is a whole one.
    """
    start = 0
    for match in _END.finditer(text):
        end = _after_space(text, match.end())
        if end == len(text):
            break
        for cut in _forced(text, start, end):
            yield cut
            start = cut
        if start >= match.end():
            continue
        marks = match.group(1)
        ends: bool | None = True
        if marks is not None and "\n" not in text[match.end() : end]:
            following = text[end : end + 40] + ("\n" if last else "")
            ends = _is_end(opening, text[start : match.start()], marks, match.group(2), following)
        if ends is None:
            break
        if ends:
            yield end
            start, opening = end, ""
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


def _is_end(opening: str, before: str, mark: str, closing: str, following: str) -> bool | None:
    """True for a mark that ends a sentence; None where that depends on a word that is not there yet."""
    match = _LAST_WORD.search(before[-40:])
    word = match.group(1).lower() if match else ""
    if following[0].islower() and not _ADDRESS.match(following):
        return _ends_before_small(opening or before, mark, closing, word)
    if mark != ".":
        return True
    if word in NAME_FOLLOWS:
        return False
    if word == "st":
        street = _NAMED_STREET.search(before[-60:])
        return street is not None and street.group(1).lower() not in _BEFORE_SAINTS
    if word in _BEFORE_NUMBERS:
        return not following[0].isdigit()
    if re.fullmatch(r"\d{1,2}", word) and not opening and before.strip() == word:
        return False
    if word == "i":
        return True
    if re.fullmatch(r"(?:[a-z]\.)*[a-z]|\d*[ap]\.m", word) or (word in ABBREVIATIONS and word not in DOT_NEEDED):
        first = _FIRST_WORD.match(following)
        if first is None and following[-1:] != "\n" and len(following) < 40:
            return None
        return _begins(first.group(1) if first else "", word)
    return True


def _begins(following: str, word: str) -> bool:
    """True if a word begins a sentence after an abbreviation."""
    lower = following.lower().rstrip(".")
    if re.search(r"[ap]\.m$", word):
        return following[:1].isupper() and lower not in _AFTER_HOURS
    if word == "etc":
        return following[:1].isupper()
    return lower in SENTENCE_STARTERS


def _ends_before_small(sentence: str, mark: str, closing: str, word: str) -> bool:
    """Before a small letter a sentence ends only where the writer begins sentences with small letters."""
    first = next(filter(str.isalpha, sentence), "")
    if not first.islower() or closing:
        return False
    return mark != "." or (len(word) > 1 and "." not in word and word not in ABBREVIATIONS and word not in NAME_FOLLOWS)


SENTENCE_PAUSE = Pause(_PAUSES["."], "sentence")
PARAGRAPH_PAUSE = Pause(_PARAGRAPH, "sentence")


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
