"""A book cut into its chapters: at the headings of Markdown and HTML, at those that print has, or by length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from parrotlet.text.reader import Format

PART = 20_000
"""Characters of a part, where a text has no headings: some twenty minutes of speech."""

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_MARKED = re.compile(r"(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*$")
_UNDER = re.compile(r"(=+|-{3,})[ \t]*$")
_TAGGED = re.compile(r"<h([1-6])(?:\s[^<>]*)?>(.*?)</h\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_UNREAD = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_UNITS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last"
)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_NUMBER = rf"(?:[0-9]{{1,3}}|[ivxlc]{{1,8}}|(?:the[ \t]+)?(?:(?:{_TENS})(?:[- ](?:{_UNITS}))?|(?:{_UNITS})))"
_PRINTED = re.compile(
    rf"[ \t]*(?:(?=[A-Z])(?i:(?:chapter|part|book|volume|act|canto|letter|stave)[ \t]+{_NUMBER}"
    r"(?:[ \t]*[.:—–-].{0,60})?"
    r"|(?:preface|foreword|prologue|introduction|epilogue|afterword|conclusion|appendix(?:[ \t]+[a-z0-9])?"
    r"|acknowledge?ments?)[.:]?)|[IVXLC]{1,8}(?:\.(?:[ \t]+[A-Z].{0,60})?)?)[ \t]*$"
)
_LONGEST_TITLE = 80


class Chapter(NamedTuple):
    """A part of a text that is spoken into a file of its own. title: "" where it has none."""

    title: str
    text: str


class _Heading(NamedTuple):
    at: int
    end: int
    level: int
    title: str


def chapters(text: str, form: Format = "auto") -> list[Chapter]:
    """Cut a text: together the chapters are the text again, but for blank parts of one without headings.

    The headings of the highest level that has several begin chapters, and so do those above it. One that nothing but
    another heading follows belongs to the next chapter, as the line "Part One" does, or a table of contents.
    """
    headings = _chosen(sorted(_headings(text, form)))
    if not headings:
        return [Chapter("", part) for part in _parts(text)]
    found, begin, body, titles = [], 0, 0, list[str]()
    for heading in headings:
        if _has_words(text[body : heading.at]):
            found.append(Chapter(_title(titles), text[begin : heading.at]))
            begin, titles = heading.at, []
        titles.append(heading.title)
        body = heading.end
    return [*found, Chapter(_title(titles), text[begin:])]


def _title(headings: list[str]) -> str:
    """Of a chapter with these headings: of more than two all but the last were a table of contents."""
    return " ".join(headings) if len(headings) < 3 else headings[-1]


def _has_words(text: str) -> bool:
    return re.search(r"\w", _TAG.sub("", _UNREAD.sub("", text))) is not None


def _chosen(headings: list[_Heading]) -> list[_Heading]:
    levels = sorted({heading.level for heading in headings})
    several = (level for level in levels if sum(heading.level == level for heading in headings) > 1)
    lowest = next(several, None)
    return [] if lowest is None else [heading for heading in headings if heading.level <= lowest]


def _headings(text: str, form: Format) -> Iterator[_Heading]:
    if form in ("auto", "html"):
        for tag in _TAGGED.finditer(text):
            yield _Heading(tag.start(), tag.end(), int(tag[1]), _plain(tag[2]))
    if form != "html":
        yield from _headings_of_lines(text, marked=form != "plain")


def _headings_of_lines(text: str, marked: bool) -> Iterator[_Heading]:
    lines = text.split("\n")
    fence, at = "", 0
    for number, line in enumerate(lines):
        begin, at = at, at + len(line) + 1
        before = lines[number - 1] if number else ""
        after = lines[number + 1] if number + 1 < len(lines) else ""
        fenced = _FENCE.match(line) if marked else None
        if fenced:
            fence = "" if fence and fenced[1].startswith(fence) else fence or fenced[1]
        elif fence:
            continue
        elif marked and (mark := _MARKED.match(line)):
            yield _Heading(begin, at, len(mark[1]), mark[2])
        elif marked and line.strip() and not before.strip() and (under := _UNDER.match(after)):
            yield _Heading(begin, at + len(after) + 1, 1 if under[1][0] == "=" else 2, line.strip())
        elif not before.strip() and _PRINTED.match(line) and len(after) < _LONGEST_TITLE:
            # A title may stand below: "CHAPTER I." and "Down the Rabbit-Hole".
            below = lines[number + 2] if number + 2 < len(lines) else ""
            if not after.strip():
                yield _Heading(begin, at, 1, line.strip())
            elif not below.strip() and not _PRINTED.match(after):
                yield _Heading(begin, at + len(after) + 1, 1, f"{line.strip()} {after.strip()}")


def _plain(title: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", title)).split())


def _parts(text: str) -> Iterator[str]:
    """Cut at the ends of paragraphs, else of lines or sentences, else anywhere."""
    begin = 0
    while len(text) - begin > PART:
        window = text[begin : begin + PART]
        end = next((at + len(cut) for cut in ("\n\n", "\n", ". ", " ") if (at := window.rfind(cut)) > PART // 2), PART)
        if text[begin : begin + end].strip():
            yield text[begin : begin + end]
        begin += end
    if text[begin:].strip():
        yield text[begin:]
