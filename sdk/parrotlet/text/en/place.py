"""What a rule is, and what it may know of the place where it is tried."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from parrotlet.text.en.acronyms import AcronymReader

FORESIGHT = 64
"""How far beyond its match a rule may look."""

HINDSIGHT = 60
"""How far back the `left` and `bar` of a rule may look."""


@dataclass(frozen=True)
class Place:
    """Where a rule stands: the text, the words spoken so far, and what the lexicon knows."""

    text: str
    spoken: list[str]
    knows: Callable[[str], bool]
    acronyms: AcronymReader
    earlier: str = ""
    """What the sentence had before the text."""

    @property
    def before(self) -> str:
        """The last spoken word, in lower case; empty after a pause."""
        last = next((piece for piece in reversed(self.spoken) if piece.strip()), "")
        return re.split(r"[\s-]", last.strip())[-1].lower()

    def behind(self, at: int) -> str:
        """What stands before `at`, as far as any rule looks back."""
        known = self.text[max(0, at - HINDSIGHT) : at]
        return known if at >= HINDSIGHT or not self.earlier else (self.earlier + known)[-HINDSIGHT:]

    def after(self, match: re.Match[str]) -> str:
        """What follows a match, as far as any rule looks."""
        return self.text[match.end() : match.end() + FORESIGHT]


Say = Callable[[re.Match[str], Place], "str | None"]


@dataclass(frozen=True)
class Rule:
    """`say` answers for a match of `pattern` at the current token.

    `starts` are the kinds of sign that a match may begin with: "0" a digit, "A" a capital, "a" a small letter, "." any
    other. `left` must be found in what stands before, and `bar` must not; both end in `$`. Patterns are
    compiled when they are first tried, so that a plain text loads none of them.
    """

    name: str
    starts: str
    source: str
    say: Say
    left: str = ""
    bar: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.source)

    @cached_property
    def _left(self) -> re.Pattern[str]:
        return re.compile(self.left)

    @cached_property
    def _bar(self) -> re.Pattern[str]:
        return re.compile(self.bar)

    def answer(self, place: Place, at: int) -> tuple[str, int] | None:
        """What is said of the match at `at`, and where it ends."""
        match = self.pattern.match(place.text, at)
        if match is None or match.end() == at:
            return None
        if self.left or self.bar:
            before = place.behind(at)
            if (self.left and not self._left.search(before)) or (self.bar and self._bar.search(before)):
                return None
        said = self.say(match, place)
        return None if said is None else (said, match.end())


def kind_of(sign: str) -> str:
    """The kind of a sign, as `Rule.starts` names it."""
    if "a" <= sign <= "z":
        return "a"
    if "A" <= sign <= "Z":
        return "A"
    return "0" if "0" <= sign <= "9" else "."
