"""Capitals: which are words, which are letters, and which are shouting."""

from __future__ import annotations

import re
from collections.abc import Callable

from parrotlet.text.en.tables import ACRONYM_WORDS, SPELLED_WORDS

_CAPS_WORD = re.compile(r"\b[A-Z][A-Z']+\b")
_CLAUSE_END = re.compile(r"[,;:—][\"')\]]*\s")
_LINE_WINDOW = 60
_COMMON = frozenset(
    "THE AND FOR NOT YOU ALL CAN HER WAS ONE OUR OUT HAD HAS HIS HOW ITS MAY NEW NOW OLD SEE TWO WHY WHO DID GET "
    "LET SAY SHE TOO USE AN AS AT BE BY DO GO HE IF IN IS ME MY NO OF ON OR SO TO UP WE BIG BAD YES ANY ARE BUT "
    "DAY END FAR FEW GOT HIM MAN MEN NOR OFF OWN PUT RUN SET SIT TEN TOP TRY WAR WAY WIN OH HI OFF RED HOT BUY "
    "SUN SEA SKY EAT ASK ADD BOX CAR CAT DOG EYE FUN GUN JOB KEY LAW LIE LOT LOW MAD MIX PAY RAN SAD SAW SIX SON "
    "TAX TEA TIE TOY VAN WET WON YET ZOO BUS BOY AIR AGE AGO ART ICE OIL".split()
)


class AcronymReader:
    """Reads runs of capitals; `knows` tells whether the lexicon has a lower-case word."""

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows

    def read(self, word: str, tail: str, before: str, after: str) -> str:
        """`word` is all capitals, between two pieces of text; `tail` is "", "s", "'s", "'S" or "'"."""
        tail = tail.lower()
        if self._shouted(before, after, word):
            return word.lower() + tail
        spoken = self.word_or_letters(word)
        if not tail:
            return spoken
        return f"{spoken}'s" if "-" in spoken or tail != "s" else spoken + tail

    def word_or_letters(self, word: str) -> str:
        """One capital word on its own: as a word if it is one, else as letters."""
        if word in SPELLED_WORDS:
            return "-".join(word)
        if word in ACRONYM_WORDS or (word in _COMMON) or (len(word) > 3 and self._knows(word.lower())):
            return word.lower() if word not in ACRONYM_WORDS else word.capitalize()
        if len(word) > 5 and re.search("[AEIOUY]", word):
            return word.lower()
        return "-".join(word)

    def _shouted(self, before: str, after: str, word: str) -> bool:
        """True among other capitals that make words: a headline, not a list of acronyms.

        Of what follows, one clause counts: there may be no more of it yet.
        """
        line = before[-_LINE_WINDOW:] + word + _CLAUSE_END.split(after[:_LINE_WINDOW], maxsplit=1)[0]
        others = [other for other in _CAPS_WORD.findall(line) if other != word]
        shouts = sum(len(other) > 3 and self._knows(other.lower().strip("'")) for other in others)
        shouts += sum(other in _COMMON for other in others)
        lowers = len(re.findall(r"\b[a-z]{2,}\b", line))
        fits = self._knows(word.lower()) and word not in _ALWAYS_SPELLED
        return shouts > 0 and lowers <= shouts and fits


_ALWAYS_SPELLED = frozenset("USA FBI CIA UK EU BBC CNN USB CPU GPU API HTML URL PDF CEO TV PC DNA FAQ".split())
