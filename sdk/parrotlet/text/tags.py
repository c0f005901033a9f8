"""HTML in a text, in pieces of any size: tags become the lines and marks that `reader.py` reads."""

from __future__ import annotations

import html.entities
import re

_BREAKS = {
    **dict.fromkeys("p table blockquote pre hr dl figure section article header footer main form".split(), "\n\n"),
    **dict.fromkeys("div ul ol dt dd aside nav caption address option thead tbody details summary body".split(), "\n"),
    "br": "\\\n",
}
"""What a tag that opens or closes puts in its place."""

_OPENING = {**dict.fromkeys("h1 h2 h3 h4 h5 h6 title".split(), "\n\n# "), "li": "\n- ", "tr": "\n| "}
_CLOSING = {**dict.fromkeys("h1 h2 h3 h4 h5 h6 title".split(), "\n\n"), "td": " | ", "th": " | "}
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big button center cite code data del dfn em font head html i img input ins kbd label "
    "link mark meta q s samp script select small span strike strong style sub sup svg textarea time tt u var "
    "wbr".split()
)
_KNOWN = frozenset({*_BREAKS, *_OPENING, *_CLOSING, *_INLINE})
_UNREAD = frozenset(("script", "style"))
_ENTITIES = {name: chr(code) for name, code in html.entities.name2codepoint.items()} | {"apos": "'"}

_SIGN = re.compile("[<&`]")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|([A-Za-z][A-Za-z0-9]{1,30}));")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)((?:[\s/](?:[^<>\"']|\"[^\"]*\"|'[^']*')*)?)>")
_COMMENT = re.compile(r"<!--[^>]*-->|<![A-Za-z][^<>]*>")
_AUTOLINK = re.compile(r"<((?:https?|ftp)://[^<>\s]*|[^<>\s@]+@[^<>\s@]+\.[A-Za-z]+)>")
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
CODE = re.compile(r"(`+)(?!`)([^`\n]+)\1(?!`)")
"""A span of code; its inside is group 2."""

TICKS = re.compile("`+")
_OPEN = re.compile(r"<(?:[A-Za-z/!][^<>]*)?$|&(?:#?[A-Za-z0-9]*)$|`+[^`\n]*`*$")
_LONGEST = 600
"""Characters to wait for the end of a tag, an entity or a span of code."""


class TagReader:
    """Text with tags to text without; in `strict` documents neither line breaks nor unknown tags are spoken."""

    def __init__(self, strict: bool = False) -> None:
        self._strict = strict
        self._waiting = ""
        self._unread = ""
        self._spaced = True

    def feed(self, piece: str, last: bool = False) -> str:
        """What can be said of the text so far; `last` says that nothing follows."""
        text, self._waiting = self._waiting + piece, ""
        out: list[str] = []
        at = 0
        while at < len(text):
            if self._unread:
                at = self._skip(text, at, last)
                continue
            match = _SIGN.search(text, at)
            found = len(text) if match is None else match.start()
            out.append(self._plain(text[at:found]))
            at = found
            if match is None:
                break
            if not last and len(text) - at < _LONGEST and _OPEN.match(text, at):
                self._waiting = text[at:]
                break
            said, end = self._sign(text, at)
            out.append(said)
            at = end
        return "".join(out)

    def _plain(self, text: str) -> str:
        if not self._strict or not text:
            return text
        text = re.sub(r"\s+", " ", text)
        text = text[self._spaced and text[0] == " " :]
        self._spaced = text.endswith(" ") if text else self._spaced
        return text

    def _skip(self, text: str, at: int, last: bool) -> int:
        """Pass over a script up to its end."""
        end = text.lower().find(f"</{self._unread}", at)
        if end < 0:
            self._waiting = "" if last else text[max(at, len(text) - len(self._unread) - 1) :]
            return len(text)
        self._unread = ""
        return end

    def _sign(self, text: str, at: int) -> tuple[str, int]:
        """What stands for the markup at `at`, and where it ends; the sign itself where there is none."""
        if text[at] == "&":
            entity = _ENTITY.match(text, at)
            sign = entity and _character(entity)
            return (sign, entity.end()) if entity and sign else ("&", at + 1)
        if text[at] == "`":
            code = CODE.match(text, at) or TICKS.match(text, at)
            return (code.group(), code.end()) if code else ("`", at + 1)
        link = _AUTOLINK.match(text, at)
        if link:
            return link.group(1), link.end()
        comment = _COMMENT.match(text, at)
        if comment:
            return "", comment.end()
        tag = _TAG.match(text, at)
        name = tag.group(2).lower() if tag else ""
        if tag is None or (name not in _KNOWN and not self._strict):
            return "<", at + 1
        if name in _UNREAD and not tag.group(1):
            self._unread = name
        return _stands_for(tag, name), tag.end()


def _stands_for(tag: re.Match[str], name: str) -> str:
    if name == "img":
        alt = _ALT.search(tag.group(3))
        return (alt.group(1) or alt.group(2) or "") if alt else ""
    return _BREAKS.get(name) or (_CLOSING if tag.group(1) else _OPENING).get(name, "")


def _character(entity: re.Match[str]) -> str:
    """The sign of an entity; empty for a name or a number that has none."""
    decimal, hexadecimal, name = entity.groups()
    if name:
        return _ENTITIES.get(name, "")
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 31 < code < 0x110000 and not 0xD7FF < code < 0xE000 else " "
