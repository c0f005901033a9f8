"""From one written word to its phonemes: lexicon, endings, compounds, letters, unknown words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from parrotlet.text.en.context import Variants, parse_variants
from parrotlet.text.en.phonemes import (
    PRIMARY,
    demote,
    lift,
    promote,
    weight,
    with_ed,
    with_er,
    with_ing,
    with_s,
)

Entry = str | Variants


class Lookup(Protocol):
    """What the pronouncer needs of a lexicon: the stored value of an exact spelling."""

    def get(self, word: str) -> str | None: ...


_KEEP_UNSTRESSED = frozenset(("the", "to", "in", "a", "an", "am", "by", "used"))
_CACHE_LIMIT = 50_000
_LONGEST_WORD = 48
_SPELLED = re.compile(r"(?!.*(.)\1)[^aeiouy]{1,5}", re.IGNORECASE)
"""Unknown words that are spelled: "ls", "grpc", but neither "tosh" nor "brr"."""

_SHOUTED = re.compile(r"([A-Z][A-Z-]+)(?:'?[sS])\Z")
"""Plural and possessive of capitals: "GIFs", "GIF's"."""

_CONTRACTIONS = (("n't", "ᵊnt"), ("'ll", "əl"), ("'ve", "əv"), ("'re", "əɹ"), ("'d", "d"), ("'m", "m"))
_DOUBLED = re.compile(r"([bdfgklmnprstvz])\1$")
_VOWEL_LETTER = re.compile("[aeiouy]", re.IGNORECASE)
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Pronouncer:
    """Looks words up, remembers the answers; `unknown` says a word that no table has.

    `own` maps lower-case or exact spellings to phonemes and wins over everything.
    """

    def __init__(self, lexicon: Lookup, unknown: Callable[[str], str], own: Mapping[str, str]) -> None:
        self._lexicon = lexicon
        self._unknown = unknown
        self._own = own
        self._known: dict[str, Entry] = {}

    def __call__(self, word: str) -> Entry:
        """Phonemes, or a table of variants for words that depend on their context."""
        entry = self._known.get(word)
        if entry is None:
            entry = self._stressed(word)
            if len(self._known) >= _CACHE_LIMIT:
                self._known.clear()
            self._known[word] = entry
        return entry

    def knows(self, word: str) -> bool:
        """True if the word, in any case, is in a lexicon or derives from one."""
        return word in self._own or self.whole(word) is not None

    def _stressed(self, word: str) -> Entry:
        own = self._from_own(word)
        if own:
            return own
        if len(word) == 1 and word not in "aAI":
            return self.letter(word)
        value = self.whole("a" if word == "A" else word)
        if value is None:
            return self._compound(word)
        if word == word.lower() or len(word) == 1 or word.lower() in _KEEP_UNSTRESSED:
            return value
        raise_stress = promote if word.isupper() else lift
        if isinstance(value, str):
            return raise_stress(value)
        return {tag: raise_stress(phonemes) for tag, phonemes in value.items()}

    def _from_own(self, word: str) -> str | None:
        """The user's word, or one of the user's words with an ending."""
        if not self._own:
            return None
        own = self._own.get(word) or self._own.get(word.lower())
        if own:
            return own
        shouted = _SHOUTED.match(word)
        if shouted and shouted.group(1) in self._own:
            return with_s(self._own[shouted.group(1)])
        stems = ((self._own.get(stem) or self._own.get(stem.lower()), ending) for stem, _, ending in derivations(word))
        return next((ending(known) for known, ending in stems if known), None)

    def owns(self, word: str) -> bool:
        """True for a word of the user, in its plural, possessive or past too."""
        return self._from_own(word) is not None

    def whole(self, word: str) -> Entry | None:
        """The lexicon's answer in any case, or a stem of the lexicon plus an ending."""
        value = self._stored(word)
        if value is not None:
            return parse_variants(value) if "|" in value else value
        for stem, tag, ending in derivations(word):
            known = self._stored(stem)
            if known is not None:
                variants = parse_variants(known)
                return ending(variants.get(tag, variants[""]))
        return None

    def _stored(self, word: str) -> str | None:
        get = self._lexicon.get
        lower = word.lower()
        value = get(word)
        if value is None and lower != word:
            value = get(lower)
        return get(lower.capitalize()) if value is None and len(word) > 1 else value

    def _compound(self, word: str) -> str:
        if word.endswith("'s"):
            return with_s(self._single(word[:-2]))
        for tail, spoken in _CONTRACTIONS:
            if word.endswith(tail) and len(word) > len(tail):
                return self._single(word[: -len(tail)]) + spoken
        if "-" in word or "'" in word:
            parts = [part for part in re.split(r"[-']", word) if part]
        elif word.isupper() and len(word) > 1:
            return self.letters(word)
        else:
            parts = _CAMEL.findall(word) if not word.islower() and not word.istitle() else []
        if len(parts) > 1:
            if all(len(part) == 1 for part in parts):
                return self.letters("".join(parts))
            return join_compound([self._single(part) for part in parts])
        bare = word.replace("'", "").replace("-", "")
        return self.letters(bare) if _SPELLED.fullmatch(bare) else self._guess(bare)

    def _single(self, word: str) -> str:
        value = self(word)
        return value if isinstance(value, str) else value[""]

    def _guess(self, word: str) -> str:
        chunks = [word[at : at + _LONGEST_WORD] for at in range(0, len(word), _LONGEST_WORD)]
        return "".join(promote(self._unknown(chunk)) for chunk in chunks)

    def letters(self, word: str) -> str:
        """Spelled out, as one word with the last letter stressed: "FBI" as ˌɛfbˌiˈI."""
        names = [self.letter(letter) for letter in word if letter.isalpha()]
        return "".join([*map(demote, names[:-1]), *map(promote, names[-1:])])

    def letter(self, letter: str) -> str:
        """The name of one letter."""
        return promote(self._lexicon.get(letter.upper()) or "")


Derivation = tuple[str, str, Callable[[str], str]]


def derivations(word: str) -> Iterator[Derivation]:
    """Stems that may be in the lexicon, the variant that the ending wants, and what it does to the sound."""
    word = word if word[1:].islower() else word.lower()
    if "'" in word:
        yield from _apostrophes(word)
        return
    if word.endswith("s") and len(word) > 3 and not word.endswith("ss"):
        yield word[:-1], "N", with_s
        if word.endswith("ies") and len(word) > 4:
            yield word[:-3] + "y", "N", with_s
        if word.endswith("es"):
            yield word[:-2], "N", with_s
    for tail, sound in _VERB_ENDINGS:
        stem = word.removesuffix(tail)
        if stem == word or len(stem) < 3 or not _VOWEL_LETTER.search(stem):
            continue
        yield stem + "e", "V", sound
        yield stem, "V", sound
        if stem.endswith("i"):
            yield stem[:-1] + "y", "V", sound
        if _DOUBLED.search(stem) or stem.endswith("ck"):
            yield stem[:-1], "V", sound
    for tail, spoken in _SUFFIXES:
        stem = word.removesuffix(tail)
        if stem != word and len(stem) > 2:
            yield stem, "", _Append(spoken)
            if stem.endswith("i"):
                yield stem[:-1] + "y", "", _Append(spoken)
    for head, spoken in _PREFIXES:
        stem = word.lower().removeprefix(head)
        if len(stem) > 3 and stem != word.lower():
            yield stem, "", _Prepend(spoken)


def _apostrophes(word: str) -> Iterator[Derivation]:
    for tail, spoken in _CONTRACTIONS:
        if word.endswith(tail) and len(word) > len(tail):
            yield word[: -len(tail)], "", _Append(spoken)
    if word.endswith("'s"):
        yield word[:-2], "N", with_s
    if word.endswith("s'"):
        yield word[:-1], "N", str
        yield word[:-2], "N", with_s
    if word.endswith("in'"):
        yield word[:-1] + "g", "V", _g_dropped
    if word.endswith("'"):
        yield word[:-1], "", str


@dataclass(frozen=True)
class _Append:
    spoken: str

    def __call__(self, stem: str) -> str:
        return stem + self.spoken


@dataclass(frozen=True)
class _Prepend:
    spoken: str

    def __call__(self, stem: str) -> str:
        return self.spoken + stem


def _g_dropped(stem: str) -> str:
    return stem.removesuffix("ŋ") + "n"


def _with_est(stem: str) -> str:
    return with_er(stem).removesuffix("əɹ") + "ᵻst"


_VERB_ENDINGS = (("ed", with_ed), ("ing", with_ing), ("er", with_er), ("est", _with_est))
_SUFFIXES = (
    ("less", "ləs"),
    ("ness", "nəs"),
    ("ful", "fəl"),
    ("ly", "li"),
    ("ish", "ɪʃ"),
    ("like", "lˌIk"),
    ("ship", "ʃˌɪp"),
    ("wise", "wˌIz"),
    ("hood", "hˌʊd"),
    ("able", "əbᵊl"),
    ("ment", "mᵊnt"),
)
_PREFIXES = (
    ("un", "ʌn"),
    ("re", "ɹi"),
    ("non", "nˌɑn"),
    ("pre", "pɹi"),
    ("anti", "ˌænti"),
    ("over", "ˌOvəɹ"),
    ("under", "ˌʌndəɹ"),
    ("mis", "mɪs"),
    ("super", "sˌupəɹ"),
    ("multi", "mˌʌlti"),
    ("micro", "mˌIkɹO"),
    ("mega", "mˌɛɡə"),
    ("ultra", "ˌʌltɹə"),
    ("inter", "ˌɪntəɹ"),
    ("auto", "ˌɔTO"),
    ("cyber", "sˌIbəɹ"),
)


def join_compound(parts: list[str]) -> str:
    """One word of several: only the heavier half keeps primary stress, as the corpus has compounds."""
    stressed = sorted((weight(part), at) for at, part in enumerate(parts) if PRIMARY in part)
    if len(parts) == 2 and weight(parts[0]) <= 2 and len(stressed) == 2:
        return demote(parts[0]) + parts[1]
    spare = len(stressed) // 2 if len(stressed) > (len(parts) + 1) // 2 else 0
    for _, at in stressed[:spare]:
        parts[at] = demote(parts[at])
    return "".join(parts)
