"""What rules say of their match, as data: a template of words and slots, shared with other hosts.

A template's words are said as they stand. A slot `{2:how}` says group 2 in one of the ways of `ways.py`, or by a table
of `tables.py` (`{1:STATES}`); `{2:count foot feet}` gives the way more words, or numbers of groups. `{2?word}` says
"word" where group 2 took part, `{2!word}` where it did not. `{.}` is the full stop of an abbreviation that ends the
text. A slot of a group that took no part is silent; a way that has no answer makes the rule pass.
"""

from __future__ import annotations

import re

from parrotlet.text.en.place import Place
from parrotlet.text.en.ways import WAYS, Spot

_SLOT = re.compile(r"\{(\d)([:?!])([^}]*)\}|([^\s{}]+)|\{(\.)\}")


class Template:
    """The answer of a rule for its match."""

    def __init__(self, written: str) -> None:
        self.written = written
        self._parts = [match.groups() for match in _SLOT.finditer(written)]

    def __call__(self, match: re.Match[str], place: Place) -> str | None:
        words = []
        for group, kind, how, literal, stop in self._parts:
            if literal is not None:
                words.append(literal)
                continue
            if stop is not None:
                words.append(_full_stop(match, place))
                continue
            written = match.group(int(group))
            if kind in "?!":
                words.append(how if bool(written) == (kind == "?") else "")
            elif written:
                said = _said(how, written, Spot(match, place))
                if said is None:
                    return None
                words.append(said)
        return " ".join(filter(None, words))


def _said(how: str, written: str, spot: Spot) -> str | None:
    if how.isupper():
        table = spot.table(how)
        said: str | None = table.get(written) or table.get(written.lower())
        return said
    way, *more = how.split()
    return WAYS[way](written, spot, *more)


def _full_stop(match: re.Match[str], place: Place) -> str:
    """The dot of an abbreviation that ends the text ends the sentence too."""
    following = place.after(match).lstrip(" \"')")
    return "." if match.group().endswith(".") and (not following or following[0] == "\n") else ""
