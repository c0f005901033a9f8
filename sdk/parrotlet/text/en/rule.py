"""A rule: a pattern, what must stand around it, and what is said of it. All of it is data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from parrotlet.text.en.place import Place
from parrotlet.text.en.templates import Template


@dataclass(frozen=True)
class Rule:
    """`template` says what is spoken for a match of `source` at the current token.

    `starts` are the kinds of sign that a match may begin with: "0" a digit, "A" a capital, "a" a small letter, "." any
    other. `left` must be found in what stands before, and `bar` must not; both end in `$`. `after` names a table that
    must hold the last spoken word ("*" asks for any word), and `unless` one that must not. Patterns are compiled when
    they are first tried, so that a plain text loads none of them.
    """

    name: str
    starts: str
    source: str
    template: str
    left: str = ""
    bar: str = ""
    after: str = ""
    unless: str = ""

    @cached_property
    def _say(self) -> Template:
        return Template(self.template)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.source)

    @cached_property
    def _left(self) -> re.Pattern[str]:
        return re.compile(self.left)

    @cached_property
    def _bar(self) -> re.Pattern[str]:
        return re.compile(self.bar)

    def answer(self, place: Place, at: int) -> tuple[str, int] | None:
        """What is said of the match at `at`, and where it ends."""
        match = self._pattern.match(place.text, at)
        if match is None or match.end() == at or not self._fits(place, at):
            return None
        said = self._say(match, place)
        return None if said is None else (said, match.end())

    def _fits(self, place: Place, at: int) -> bool:
        if self.after and not self._follows(place):
            return False
        if self.unless and place.before in place.convention.table(self.unless):
            return False
        if self.left or self.bar:
            before = place.behind(at)
            return not (self.left and not self._left.search(before)) and not (self.bar and self._bar.search(before))
        return True

    def _follows(self, place: Place) -> bool:
        if self.after == "*":
            return bool(place.spoken)
        return place.before in place.convention.table(self.after)


def kind_of(sign: str) -> str:
    """The kind of a sign, as `Rule.starts` names it."""
    if "a" <= sign <= "z":
        return "a"
    if "A" <= sign <= "Z":
        return "A"
    return "0" if "0" <= sign <= "9" else "."
