"""What a rule may know of the place where it is tried."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from parrotlet.text.en.acronyms import AcronymReader
from parrotlet.text.en.convention import Convention

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
    convention: Convention
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
