"""From written layout to text with pauses: lists, headings, tables, line breaks, and the marks of Markdown and HTML.

What comes out holds no markup. A single line break in it ends a sentence, two end a paragraph; where a line break in
the text is a pause there is a comma, and where it only wraps a line, a space. The same comes out whatever the size of
the pieces: what may still turn out to be markup is held back, up to a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from parrotlet.text.tags import CODE, TICKS, TagReader

Format = Literal["auto", "plain", "markdown", "html", "ssml"]
"""How a text is marked up: "auto" reads what is a mark for certain, and a document that begins as SSML as such."""

CodeBlocks = Literal["announce", "skip", "read"]

_LONGEST = 600
"""Characters to wait for the end of a link or a span of code."""
_LINE = 50
"""A line of fewer characters was broken by intent; a longer one may be wrapped."""
_VALUE = 45
"""Characters of a value, at most: "Front door: closed"."""

_INDENT = re.compile(r"[ \t]*(?:>[ \t]?)*[ \t]*")
_FENCE = re.compile(r"(?:`{3,}|~{3,})")
_RULE = re.compile(r"(?:-[ \t]*)+$|(?:\*[ \t]*)+$|(?:_[ \t]*)+$|(?:=[ \t]*)+$")
_SEPARATOR = re.compile(r"[|:+ \t-]+$")
_DEFINITION = re.compile(r"\[[^\[\]]{1,60}\]:[ \t]")
_HEADING = re.compile(r"#{1,6}[ \t]+")
_BULLET = re.compile(r"[-*+•‣◦●■□▪–—][ \t]+(?:\[[ xX]\][ \t]+)?")
_NUMBERED = re.compile(r"(?:\(([0-9]{1,2}|[a-h])\)|([0-9]{1,3}|[a-h](?=\)))[.)]{1,2})[ \t]+")
_OPEN_START = re.compile(
    r"#{1,6}[ \t]*$|[-*+•‣◦●■□▪–—][ \t]*(?:\[(?:[ xX](?:\][ \t]*)?)?)?$|\(?(?:[0-9]{1,3}|[a-h])?(?:[.)]{1,2}[ \t]*)?$"
    r"|`{1,2}$|~{1,2}$|\[[^\[\]]{0,60}(?:\]:?)?$"
)
_FIRST = re.compile(r"(?!_)\w")
_KEY = re.compile(r"[*_]{0,3}[A-Z][^:.!?]{0,30}$")
_VALUED = re.compile(r"[*_]{0,3}[ \t]+(?:[^.!?:;]|[.:](?=[0-9]))+$")
_ENDED = re.compile(r"[.!?…:;,。！？、，][\"'”’)\]]*$")
_SMALL = re.compile(r"[a-zà-öø-ÿ]")
_CAPITAL = re.compile(r"[A-ZÀ-ÖØ-Þ]")

_MARK = re.compile(r"[\[!*_~`\\]")
_CELL = re.compile(r"\|[ \t]*")
_INLINE = re.compile(r"\[\[[^\[\]\n]{0,400}\]\]")
_LINK = re.compile(
    r"!?\[((?:[^\[\]]|\[[^\[\]]*\]){0,300})\]"
    r"(?:\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+(?:\"[^\"]*\"|'[^']*'))?\)|\[[^\[\]]{0,60}\])"
)
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\]")
_OPEN_CODE = re.compile(r"`+[^`\n]*`*$")
_EMPHASIS = re.compile(r"\*+|_+|~~")
_SSML = ("<speak>", "<speak ", "<?xml ")
_SSML_LOOK = 7
_ESCAPE = re.compile(r"\\([*_\[\]()#`~>|+.!-])")


@dataclass
class _Line:
    """What is known of a line when the next one begins: of its words the first and the last."""

    kind: str
    said: str = ""
    valued: bool = False
    hard: bool = False
    blank: bool = False

    def add(self, said: str) -> None:
        self.said += said
        if len(self.said) > 4 * _LINE:
            self.said = self.said[: 2 * _LINE] + self.said[-_LINE:]


class Reader:
    """Reads a text in pieces. `form` is any format but SSML; `code_blocks` says what becomes of fenced code."""

    def __init__(self, form: Format = "auto", code_blocks: CodeBlocks = "announce") -> None:
        self._tags = None if form == "plain" else TagReader(strict=form == "html")
        self._marked = form != "plain"
        self._code_blocks = code_blocks
        self._rest = ""
        self._before: _Line | None = None
        self._line: _Line | None = None
        self._raw = ""
        self._last = ""
        self._fenced = ""

    def feed(self, piece: str, last: bool = False) -> str:
        """What can be said of the text so far; `last` says that nothing follows."""
        piece = piece if self._tags is None else self._tags.feed(piece, last)
        out: list[str] = []
        lines = (self._rest + piece).split("\n")
        for line in lines[:-1]:
            self._read(line, out, "\n")
            self._end_line(line)
        self._rest = lines[-1]
        used = self._read(self._rest, out, "end" if last else "")
        self._rest = self._rest[used:]
        return "".join(out)

    def _end_line(self, line: str) -> None:
        now, self._line = self._line, None
        self._raw = self._last = ""
        if now is None or now.kind == "none":
            return
        if now.kind == "blank":
            if self._before is not None:
                self._before.blank = True
            return
        now.hard = line.endswith("  ") or (self._marked and line.endswith("\\"))
        self._before = now

    def _read(self, line: str, out: list[str], end: str) -> int:
        """Read what is certain of the line's rest; `end` is "" while more may come, "end" where the text ends."""
        at = 0
        if self._line is None:
            begun = self._begin(line, end)
            if begun is None:
                return 0
            kind, at, first, said = begun
            self._line = _Line(kind)
            if kind not in ("blank", "none"):
                out.append(self._joint(kind, first) + said)
                self._line.add(said)
        if self._line.kind in ("blank", "none", "fence"):
            return len(line)
        said, at = self._body(line, at, end)
        out.append(said)
        self._line.add(said)
        return at

    def _begin(self, line: str, end: str) -> tuple[str, int, str, str] | None:
        """The kind of a line, where its content begins, the content's first letter, and what its mark says."""
        indent = _INDENT.match(line)
        start = indent.end() if indent else 0
        content = line[start:]
        if self._fenced or _FENCE.match(content):
            return self._begin_code(line, content, end)
        if not content.strip():
            return ("blank", 0, "", "") if end else None
        if _RULE.match(content) or (content[0] == "|" and _SEPARATOR.match(content)):
            if not end:
                return None
            if len(content.replace(" ", "")) > 2:
                return self._begin_rule(content)
            return "blank", 0, "", ""
        if not end and _OPEN_START.match(content):
            return None
        kind, said = "prose", ""
        if _DEFINITION.match(content):
            return "none", 0, "", ""
        heading, bullet, numbered = _HEADING.match(content), _BULLET.match(content), _NUMBERED.match(content)
        mark = heading or bullet or numbered
        if heading:
            kind = "heading"
        elif bullet:
            kind = "item"
        elif numbered:
            kind, said = "item", f"{numbered.group(1) or numbered.group(2)}, "
        elif content[0] == "|":
            kind, mark = "row", _CELL.match(content)
        start += mark.end() if mark else 0
        first = _FIRST.search(line, start)
        if first is None and not end and len(line) - start < _LONGEST:
            return None
        return kind, start, first.group() if first else "", said

    def _begin_rule(self, content: str) -> tuple[str, int, str, str]:
        """A line across, or one under a heading."""
        if self._before is not None and content[0] in "=-" and not self._before.blank:
            if self._before.kind == "prose":
                self._before.kind = "heading"
            return "none", 0, "", ""
        return ("none" if content[0] == "|" else "blank"), 0, "", ""

    def _begin_code(self, line: str, content: str, end: str) -> tuple[str, int, str, str] | None:
        fence = _FENCE.match(content)
        if self._fenced:
            closing = fence is not None and content.startswith(self._fenced) and not content.strip("`~ \t")
            if closing or self._code_blocks != "read":
                if not end:
                    return None
                self._fenced = "" if closing else self._fenced
                return "none", 0, "", ""
            return ("code", 0, "A", "") if end else None
        if not end:
            return None
        self._fenced = content[:3]
        announced = self._code_blocks == "announce"
        return ("fence", 0, "A", "Code block.") if announced else ("none", 0, "", "")

    def _joint(self, kind: str, first: str) -> str:
        """What stands between two lines."""
        before = self._before
        if before is None or not before.said.strip():
            return ""
        said = before.said.rstrip()
        mark = "" if _ENDED.search(said) else "."
        if before.blank:
            return mark + "\n\n"
        continued = before.kind == "item" and kind == "prose" and _SMALL.match(first) is not None
        if continued:
            return " "
        if before.kind != "prose" or kind != "prose":
            return mark + "\n"
        if not mark:
            return "\n" if before.hard else " "
        shouted = len(said) < _LINE and _CAPITAL.search(said) and not _SMALL.search(said)
        if before.valued or (shouted and _SMALL.search(first + "a")):
            return mark + "\n"
        if before.hard:
            return ", "
        if _SMALL.match(first):
            return ", " if len(said.split()) <= 3 and _SMALL.match(said) else " "
        return ", " if len(said) < _LINE else " "

    def _body(self, line: str, at: int, end: str) -> tuple[str, int]:
        """The words of a line from `at` on, and how far they are certain."""
        assert self._line is not None
        out: list[str] = []
        while at < len(line):
            found = self._next(line, at)
            if found == len(line) and not end:
                kept = len(line.rstrip(" \t"))
                found = max(at, kept)
                out.append(line[at:found])
                self._note(line[at:found])
                return "".join(out), found
            out.append(line[at:found])
            self._note(line[at:found])
            at = found
            if at == len(line):
                break
            said, after = self._sign(line, at, end)
            if after == at:
                return "".join(out), at
            self._note(line[at:after])
            out.append(said)
            at = after
        return "".join(out), at

    def _note(self, raw: str) -> None:
        """Remember how the line begins and what was read last of it."""
        self._last = raw[-1:] or self._last
        if len(self._raw) < _LINE:
            self._raw += raw[:_LINE]

    def _next(self, line: str, at: int) -> int:
        """The place of the next sign that may be a mark."""
        places = [len(line)]
        if self._marked:
            mark = _MARK.search(line, at)
            places.append(mark.start() if mark else len(line))
        if self._line is not None and self._line.kind == "row":
            cell = line.find("|", at)
            places.append(cell if cell >= 0 else len(line))
        elif len(self._raw) < _LINE and ":" not in self._raw:
            colon = line.find(":", at)
            places.append(colon if colon >= 0 else len(line))
        return min(places)

    def _sign(self, line: str, at: int, end: str) -> tuple[str, int]:
        """What is said of the sign at `at`, and where it ends: at `at` itself where more must come first."""
        sign = line[at]
        if sign == ":":
            return self._colon(line, at, end)
        if sign == "|":
            cell = _CELL.match(line, at)
            after = cell.end() if cell else at + 1
            if after == len(line):
                return ("", after) if end else ("", at)
            return ", ", after
        if sign in "[!":
            return self._bracket(line, at, end)
        if sign == "`":
            if not end and len(line) - at < _LONGEST and _OPEN_CODE.match(line, at):
                return "", at
            code = CODE.match(line, at)
            ticks = TICKS.match(line, at)
            return ("", ticks.end() if ticks else at + 1) if code is None else (code.group(2), code.end())
        if sign == "\\":
            escape = _ESCAPE.match(line, at)
            if escape:
                return escape.group(1), escape.end()
            if at + 1 == len(line):
                return ("", at + 1) if end else ("", at)
            return sign, at + 1
        return self._emphasis(line, at, end)

    def _colon(self, line: str, at: int, end: str) -> tuple[str, int]:
        """A comma between a short key and its value, on a line of their own among others; else the colon."""
        value = line[at + 1 :]
        if not _KEY.match(self._raw) or len(value) > _VALUE:
            return ":", at + 1
        if not end:
            return "", at
        among = end == "\n" or (self._before is not None and self._before.valued)
        if not among or not _VALUED.match(value):
            return ":", at + 1
        assert self._line is not None
        self._line.valued = True
        return ",", at + 1

    def _bracket(self, line: str, at: int, end: str) -> tuple[str, int]:
        inline = _INLINE.match(line, at) or _FOOTNOTE.match(line, at)
        if inline:
            return (inline.group() if line[at + 1] == "[" else ""), inline.end()
        link = _LINK.match(line, at)
        if link:
            inner = Reader("markdown")
            return inner._body_of(link.group(1)), link.end()
        waits = not end and len(line) - at < _LONGEST and _link_is_open(line, at)
        return ("", at) if waits else (line[at], at + 1)

    def _body_of(self, text: str) -> str:
        """A link's text without its marks."""
        self._line = _Line("link")
        self._raw = ":"
        return self._body(text, 0, "end")[0]

    def _emphasis(self, line: str, at: int, end: str) -> tuple[str, int]:
        """Stars and lines around words are silent; between numbers and inside names they stay."""
        run = _EMPHASIS.match(line, at)
        after = run.end() if run else at + 1
        if after == len(line) and not end:
            return "", at
        before, following = self._last, line[after : after + 1]
        opens = following.strip() != "" and not before.isalnum()
        closes = before.strip() != "" and not following.isalnum()
        dialed = line[at] == "*" and after == at + 1 and opens and following.isdigit()
        if run is None or dialed or not (opens or closes or after - at > 1):
            return line[at:after], after
        return "", after


def _link_is_open(line: str, at: int) -> bool:
    """True while what begins at `at` may still become a link, an image, a footnote or an instruction."""
    at += line[at] == "!"
    for allowed in ("[", "[("):
        if at == len(line):
            return True
        opening = line[at]
        if opening not in allowed:
            return False
        closing = "]" if opening == "[" else ")"
        depth = 0
        while at < len(line):
            depth += (line[at] == opening) - (line[at] == closing)
            at += 1
            if depth == 0:
                break
        if depth:
            return True
    return False


def read(text: str, form: Format = "auto", code_blocks: CodeBlocks = "announce") -> str:
    """A whole text without its markup."""
    return Reader(form, code_blocks).feed(text, last=True)


def read_stream(pieces: Iterable[str], form: Format = "auto", code_blocks: CodeBlocks = "announce") -> Iterator[str]:
    """The same, piece by piece."""
    reader = Reader(form, code_blocks)
    for piece in pieces:
        said = reader.feed(piece)
        if said:
            yield said
    yield reader.feed("", last=True)


def begins_as_ssml(pieces: Iterable[str]) -> tuple[bool, Iterable[str]]:
    """Whether a text begins as an SSML document does, and the whole text again."""
    rest = iter(pieces)
    taken: list[str] = []
    start = ""
    for piece in rest:
        taken.append(piece)
        start = (start + piece).lstrip()[:_SSML_LOOK]
        if start and not any(mark.startswith(start[: len(mark)]) for mark in _SSML):
            break
        if len(start) == _SSML_LOOK:
            break
    return start.startswith(_SSML), chain(taken, rest)
