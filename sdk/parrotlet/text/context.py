"""Which of a word's pronunciations fits here: the sounds that follow, and the part of speech.

Tags: END before a pause, VOWEL before a vowel, N noun, V verb, J adjective, R adverb, D past tense,
P past participle, B present tense, T determiner, L letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Variants = Mapping[str, str]
"""Tag to phonemes; the empty tag is the default."""

_VERB_AFTER = frozenset(
    "to will would can could shall should may might must do does did don't doesn't didn't won't can't couldn't "
    "wouldn't shouldn't i you we they i'll you'll we'll they'll he'll she'll let's please not never who "
    "i'd you'd we'd they'd cannot always often usually".split()
)
_PARTICIPLE_AFTER = frozenset(
    "have has had having i've you've we've they've haven't hasn't hadn't been being is are was were be get got "
    "well widely isn't wasn't weren't".split()
)
_NOUN_AFTER = frozenset(
    "the a an this that these those my your his her its our their no some any every each of in on at by with for "
    "from under into without one another new old good bad great first last same".split()
)
_PAST_HINTS = frozenset("yesterday ago last he she it once already".split())


def parse_variants(value: str) -> Variants:
    """`"klˈOs|V=klˈOz"` as {"": "klˈOs", "V": "klˈOz"}."""
    default, *rest = value.split("|")
    return {"": default} | dict(part.split("=", 1) for part in rest)


def choose(variants: Variants, words: Sequence[str], at: int, before_vowel: bool | None) -> str:
    """The variant for `words[at]`; `before_vowel` is None before a pause."""
    if before_vowel is None and "END" in variants:
        return variants["END"]
    if before_vowel and "VOWEL" in variants:
        return variants["VOWEL"]
    for tag in _tags(words, at):
        if tag in variants:
            return variants[tag]
    return variants[""]


def _tags(words: Sequence[str], at: int) -> Sequence[str]:
    word = words[at].lower()
    before = words[at - 1].lower() if at else ""
    after = words[at + 1].lower() if at + 1 < len(words) else ""
    if word == "used":
        return "D" if after == "to" and before not in ("be", "is", "was", "were", "are") else ""
    if word == "that":
        return "T" if not after.isalpha() else ""
    if before in _PARTICIPLE_AFTER:
        return ("P", "J", "V")
    if before in _VERB_AFTER:
        return "V"
    if before in _NOUN_AFTER:
        return "N"
    if any(hint in words for hint in _PAST_HINTS):
        return "D"
    return ""
