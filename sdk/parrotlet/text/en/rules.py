"""Written forms to spoken words: one pass over the text, one table of rules.

At each token that is not a plain word the rules are tried in order; the first that answers wins. A rule is data: a
pattern, what must stand around it, and a template (`template_rules.py`, `general_rules.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from parrotlet.text.en.acronyms import AcronymReader
from parrotlet.text.en.british import BRITISH_RULES, GB
from parrotlet.text.en.convention import US, Convention
from parrotlet.text.en.emoji import EMOJI, emoji_name
from parrotlet.text.en.fold import fold
from parrotlet.text.en.general_rules import FIRST_RULES, GENERAL_RULES
from parrotlet.text.en.markup import INLINE
from parrotlet.text.en.numbers import to_roman
from parrotlet.text.en.place import Place
from parrotlet.text.en.rule import Rule, kind_of
from parrotlet.text.en.tables import (
    ABBREVIATIONS,
    CURRENCY_CODES,
    DAYS,
    ELIDED,
    MONTH_SHORT,
    SILENT,
    SPELLED_SMALL,
    SYMBOLS,
    TITLES,
    WEEKDAYS,
)
from parrotlet.text.en.template_rules import TEMPLATE_RULES

CONVENTIONS: Mapping[str, Convention] = {one.name: one for one in (US, GB)}
RULES: Mapping[str, tuple[Rule, ...]] = {
    "en-US": (*FIRST_RULES, *TEMPLATE_RULES, *GENERAL_RULES),
    "en-GB": (*FIRST_RULES, *BRITISH_RULES, *TEMPLATE_RULES, *GENERAL_RULES),
}
"""By convention, in the order in which they are tried."""


@cache
def _by_start(convention: str) -> Mapping[str, Sequence[Rule]]:
    """The rules that are tried where a sign of some kind stands."""
    return {kind: [rule for rule in RULES[convention] if kind in rule.starts] for kind in "0Aa."}


_TOKEN = re.compile(r"\S+")
_PLAIN = re.compile(r"\"*'?[A-Za-z]+(?:['-][A-Za-z]+)*'?[,;:.!?]?\"*\Z")
_CAPS = re.compile(r"[a-z]{2}[A-Z]|([A-Za-z])\1\1|[A-Z]{2}|[A-Z][a-z]*[A-Z]|\"*[A-Z]\.|[A-Z][a-z]?-[A-Z]")
_ATOM = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*'?|\d+|[,;:.!?]|.", re.DOTALL)
_TRIGGERS = frozenset(
    {
        *TITLES,
        *ABBREVIATIONS,
        *WEEKDAYS,
        *MONTH_SHORT,
        *SPELLED_SMALL,
        "st",
        *(code.lower() for code in CURRENCY_CODES),
    }
) - {"no", "al", "ed"}
_DOTTED_TRIGGERS = frozenset("no al ed lat lon long nr b c d m r fl rte ste min max pt assoc pop rm".split())
_SPANS = frozenset({*DAYS, *MONTH_SHORT})
_EXACT = frozenset({"No", *(to_roman(value).lower() for value in range(2, 40))})
_LONE_CAPITALS = frozenset("AIVXLCDMNSEW")


class Normalizer:
    """`knows` tells whether the lexicon has a word; `own` which words are the user's and no rule may touch.

    `speak_emoji` names emoji or passes over them. `convention` says how numbers, dates and the like are read.
    """

    def __init__(
        self,
        knows: Callable[[str], bool],
        own: Callable[[str], bool] | None = None,
        speak_emoji: bool = True,
        convention: Convention = US,
    ) -> None:
        self._acronyms = AcronymReader(knows)
        self._own = own
        self._knows = knows
        self._speak_emoji = speak_emoji
        self._convention = convention
        self._rules = _by_start(convention.name)

    def __call__(self, text: str, earlier: str = "") -> str:
        """The words to speak, with the punctuation that pauses; `earlier` is what the sentence had before `text`."""
        folded = _outside_inline(fold, text)
        spoken: list[str] = []
        place = Place(folded, spoken, self._knows, self._acronyms, self._convention, fold(earlier))
        at = 0
        while (token := _TOKEN.search(folded, at)) is not None:
            start, word = token.start(), token.group()
            if start > at and spoken:
                spoken.append(" ")
            if _PLAIN.match(word) and not self._special(word):
                spoken.append(word.replace('"', ""))
                at = token.end()
                continue
            at = self._step(place, start)
            while at < token.end():
                at = self._step(place, at)
        tidied = _outside_inline(_tidy, "".join(spoken)).strip()
        return tidied if "[[" in text else _LEADING.sub("", tidied)

    def _special(self, word: str) -> bool:
        core = word.strip("\"',;:.!?")
        if self._own is not None and self._own(core):
            return False
        if word[0] == "'" and core.lower() in ELIDED:
            return True
        if _CAPS.search(word) or (len(core) == 1 and core in _LONE_CAPITALS):
            return True
        lower = core.lower()
        if core in _EXACT:
            return True
        if lower.partition("-")[0] in _SPANS and "-" in lower:
            return True
        return lower in _TRIGGERS or (lower in _DOTTED_TRIGGERS and "." in word)

    def _step(self, place: Place, at: int) -> int:
        """Speak what stands at `at`; returns where it ends."""
        text = place.text
        for rule in self._rules[kind_of(text[at])]:
            answer = rule.answer(place, at)
            if answer is not None:
                _append(place.spoken, answer[0])
                return answer[1]
        emoji = EMOJI.match(text, at)
        if emoji is not None:
            if self._speak_emoji:
                _append(place.spoken, emoji_name(emoji.group()))
            return emoji.end()
        atom = _ATOM.match(text, at)
        if atom is None:
            return at + 1
        _append(place.spoken, self._atom(atom.group(), place, atom.end()))
        return atom.end()

    def _atom(self, atom: str, place: Place, end: int) -> str:
        """A word, a run of digits or a sign that no rule claimed."""
        if atom[0].isascii() and atom[0].isalpha():
            return atom
        if atom[0].isdecimal():
            return place.convention.numbers.bare(atom)
        if atom in ",;:.!?":
            joins = end < len(place.text) and place.text[end].isalnum() and place.spoken and place.spoken[-1].strip()
            return {".": "dot", ":": ","}.get(atom, atom) if joins and atom in ".:" else atom
        if atom in "'\"":
            return ""
        if atom == "-":
            start = end - 1
            return "dash" if place.text[end : end + 1].isalnum() and not place.text[:start][-1:].strip() else ""
        if atom in SILENT and not place.text[end : end + 1].isalnum():
            return ""
        return SYMBOLS.get(atom) or emoji_name(atom)


_GLUED = re.compile(r"[,;:.!?']")


def _append(spoken: list[str], said: str) -> None:
    """Add words, with a space where two words would touch."""
    if not said:
        return
    if spoken and not spoken[-1].endswith(" ") and not _GLUED.match(said):
        spoken.append(" ")
    spoken.append(said)


_SPACES = re.compile(r"\s+")
_SPACE_BEFORE = re.compile(r"\s+(?=[,;:.!?])")
_MARK_RUN = re.compile(r"[,;:.!?](?:\s?[,;:.!?])+")
_LEADING = re.compile(r"^[\s,;:.!?]+")


def _strongest(match: re.Match[str]) -> str:
    return min(match.group().replace(" ", ""), key="?!.;:,".index)


def _tidy(text: str) -> str:
    text = _SPACE_BEFORE.sub("", _SPACES.sub(" ", text))
    return _MARK_RUN.sub(_strongest, text)


def _outside_inline(change: Callable[[str], str], text: str) -> str:
    """Apply `change` to the text between inline instructions."""
    if "[[" not in text:
        return change(text)
    parts = INLINE.split(text)
    return "".join(f"[[{part}]]" if at % 2 else change(part) for at, part in enumerate(parts))
