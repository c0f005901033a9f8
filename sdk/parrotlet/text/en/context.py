"""Which of a word's pronunciations fits here: the sounds that follow, and the part of speech.

Tags: END before a pause, VOWEL before a vowel, N noun, V verb, J adjective, R adverb, D past tense,
P past participle, B present tense, T determiner, L letter, M the metal (lead), O a rarer word of its own (the row that
is a quarrel, the town of Reading). A part of speech is guessed from the neighbours: from words that open a noun phrase,
from a question's inverted subject, from what the word itself is known to stand beside. Only words that have variants
ask for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from parrotlet.text.en.hints import AFTER, BEFORE, HINTS

Variants = Mapping[str, str]
"""Tag to phonemes; the empty tag is the default."""

_WANTS_VERB = frozenset(
    "to will would can could shall should may might must do does did don't doesn't didn't won't can't couldn't "
    "wouldn't shouldn't i'll you'll we'll they'll he'll she'll it'll let's please not never cannot i'd you'd we'd "
    "they'd gonna wanna gotta".split()
)
_SUBJECTS = frozenset("i you we they people who which that what children men women folks".split())
_THIRD_PERSONS = frozenset("he she it who which that everyone everybody someone somebody nobody one".split())
_HAVE_OR_BE = frozenset(
    "have has had having i've you've we've they've haven't hasn't hadn't been being is are was were be get got gets "
    "i'm you're we're they're he's she's it's isn't wasn't weren't aren't".split()
)
_HAVE = frozenset("have has had having i've you've we've they've haven't hasn't hadn't i'd he'd she'd".split())
_WANTS_NOUN = frozenset(
    "the a an this that these those my your his her its our their whose no some any every each another of in on at by "
    "with for from under into without about between through one two three four five six many much more most less "
    "own other such same first second third last next new old good bad great big small long short high low poor free "
    "several few all both double daily early late final main total public private world house music data record "
    "little".split()
)
_DETERMINERS = frozenset(
    "the a an this that these those my your his her its our their it them him me us some any all every each "
    "another no".split()
)
_ADVERBS = frozenset(
    "also always often usually sometimes never ever just only still already really then now once soon again even "
    "well not quickly slowly carefully suddenly finally widely recently simply actually".split()
)
_ASKS = frozenset(
    "do does did don't doesn't didn't can could will would shall should may might must can't won't couldn't wouldn't "
    "shouldn't".split()
)
_ASKS_OF_THE_PAST = frozenset("have has had haven't hasn't hadn't".split())
_PRONOUNS = frozenset("i you he she it we they this that there who anyone anybody everyone everybody someone".split())
_LETTING = frozenset("let lets make makes made help helps helped watch watched hear heard see saw have having".split())
_OBJECTS = frozenset("me him her us them it you".split())
_DEGREES = frozenset("very more most so too less least quite rather as fairly extremely highly".split())
_ADJECTIVE_FIRST = frozenset(
    "invalid compact deliberate elaborate animate diffuse converse consummate adulterate close learned blessed aged "
    "cursed supposed live perfect separate moderate intimate appropriate alternate absent articulate".split()
)
"""Before a noun these are adjectives, though they are nouns elsewhere."""

_PARTICIPLES = frozenset("learned blessed aged cursed supposed".split())
"""After "is" these are no adjectives."""

_HINT_ONLY = frozenset(("minute", "bass"))
"""Adjectives before certain nouns alone."""

_PRESENT_CUES = frozenset("every always usually often daily each now when whenever if can will should today".split())
_PAST_CUES = frozenset(
    "yesterday ago last earlier previously was were had did said told saw went came heard thought knew took "
    "gave found felt left loved liked enjoyed".split()
)
_AFTER_NOUNS = frozenset(
    "of in on at by with for from to into and or but is was are were be has have had will would can could that which "
    "who as than if when while because not do does did may might must should".split()
)
_AFTER_SUBJECTS = frozenset("is was are were be has had will would can could should may might must did does do".split())
_PLAIN_VERBS = frozenset(
    "go went come came get got make made take took give gave show say said see saw know knew think thought find found "
    "tell told become became leave left feel felt put bring brought begin began keep kept hold held stand stood hear "
    "heard let mean set meet met run ran pay paid sit sat speak spoke lie lay lead led read grow grew lose lost fall "
    "fell send sent build built spend spent cut rise rose drive drove buy bought wear wore catch caught hit win won "
    "teach taught sell sold break broke fight fought throw threw draw drew choose chose fly flew eat ate hang hung "
    "need want help work call try ask seem turn start play move live happen include continue stay look use matter "
    "blow tumble soar drop remain suggest indicate reach follow vary differ exist appear depend cost last contain lie "
    "shut slow jump slip stop climb surge shrink sink swell today tonight tomorrow yesterday here there too".split()
)
"""After a noun in the plural these are its verb, or nothing that a verb could take: "oil imports fell"."""

_OPENERS = frozenset(
    "the a an this these those my your his her its our their whose no some any every each another one two three four "
    "five six seven eight nine ten".split()
)
_TO_NOUNS = frozenset(
    "due according thanks access addicted next similar prior contrary leads led back moved went".split()
)
"""After these "to" is a preposition: "due to close contact"."""

_ADJECTIVE_ENDS = ("al", "ous", "ful", "ive", "ic", "less", "able", "ary", "ible", "ish", "ern")
_NOUN_ENDS = ("tion", "ment", "ness", "ity", "ist", "ship", "ism")

_POINTED_AT = frozenset("is was will would has could can night day time way one".split())
_POINTING_AFTER = frozenset(("", *"and but of in at on for from with by to after before if".split()))


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
    if variants.keys() <= {"", "END", "VOWEL"}:
        return variants[""]
    if "L" in variants and _is_letter(words, at):
        return variants["L"]
    word = words[at].lower()
    before = _neighbour(words, at, -1)
    after = _neighbour(words, at, 1)
    for tag in _tags(word, before, after, words, at):
        if tag in variants:
            return variants[tag]
    return variants[""]


def _neighbour(words: Sequence[str], at: int, step: int) -> str:
    """The next word in one direction, over adverbs; empty at a pause."""
    at += step
    while 0 <= at < len(words):
        word = words[at].lower()
        if word in _ADVERBS and word != "not" and 0 <= at + step < len(words):
            at += step
            continue
        return word if word[0].isalpha() else ""
    return ""


def _tags(word: str, before: str, after: str, words: Sequence[str], at: int) -> Sequence[str]:
    """Tags that fit, the likeliest first; none asks for the default."""
    if word == "that":
        return ("T",) if not after or _stands_alone(before, after) else ()
    if word == "used":
        return ("D",) if after == "to" and before not in _HAVE_OR_BE - _HAVE else ()
    if word in ("in", "by"):
        return ("R",) if not after else ()
    hinted = _hinted(word, before, after, words, at)
    if hinted is not None:
        return (hinted,) if hinted else ()
    asked = _asked(words, at)
    if word in ("read", "reread"):
        return ("D",) if asked == "P" or (not asked and _is_past(before, after, words, at)) else ()
    if asked:
        return ("P", "D") if asked == "P" else ("V", "B")
    if before in _HAVE_OR_BE and word in _PARTICIPLES:
        return ()
    if before in _HAVE_OR_BE:
        return ("P", "J") if before not in _HAVE else ("P", "D")
    reached = before == "to" and _before_that(words, at) in _TO_NOUNS and after not in _DETERMINERS
    if before in _WANTS_VERB and not reached:
        return ("V", "B")
    if before in _DEGREES:
        return ("J",) if word in _ADJECTIVE_FIRST else ("J", "N")
    if before in _WANTS_NOUN or before == "to" or before.endswith((*_ADJECTIVE_ENDS, "ing")):
        return _in_noun_phrase(word, after)
    if word.endswith("s") and not word.endswith("ss"):
        named = at > 1 and words[at - 1][:1].isupper() and words[at - 2][0].isalpha()
        singular = before in _THIRD_PERSONS or before.endswith(_NOUN_ENDS) or named
        return ("V",) if before and (singular or after in _DETERMINERS or _has_object(words, at)) else ("N",)
    if before in _SUBJECTS:
        return ("V", "B")
    if before in ("he", "she", "it"):
        return ("D", "V")
    if not before or before in ("and", "or", "then", "but"):
        return ("V",) if after in _DETERMINERS else ("N",)
    if before.endswith("s") and not before.endswith(("ss", "'s", "us")):
        return ("N",) if after in _AFTER_SUBJECTS or after.endswith("ed") else ("V", "B")
    if after in _DETERMINERS and before not in ("of", "in"):
        return ("V",)
    if _opens(words, at):
        return _in_noun_phrase(word, after)
    return ("V",) if after and after not in _AFTER_NOUNS else ("N",)


def _has_object(words: Sequence[str], at: int) -> bool:
    """True for "the company exports machines": a subject in the singular, and behind the word no verb of its own."""
    before, after = words[at - 1].lower(), _neighbour(words, at, 1)
    opened = at == 1 or words[at - 2].lower() in _OPENERS or not words[at - 2][0].isalpha()
    if not opened or not before.isalpha() or before.endswith(("s", "ed")):
        return False
    return bool(after) and after not in _AFTER_NOUNS and after not in _PLAIN_VERBS and not after.endswith("ed")


def _in_noun_phrase(word: str, after: str) -> Sequence[str]:
    """An adjective before a noun, a noun before anything else."""
    if not after or after in _AFTER_NOUNS or word in _HINT_ONLY or after.endswith("ed"):
        return ("N",)
    return ("J",) if word in _ADJECTIVE_FIRST else ("J", "N")


def _opens(words: Sequence[str], at: int) -> bool:
    """True where a word like "the" stands two or three words before, with nothing between that ends its phrase."""
    for place in range(at - 1, max(-1, at - 4), -1):
        word = words[place].lower()
        if word in _OPENERS:
            return place < at - 1
        if not word[0].isalpha() or word in _AFTER_NOUNS or word in _SUBJECTS or word in _WANTS_VERB:
            return False
    return False


def _asked(words: Sequence[str], at: int) -> str:
    """V after "did you", "can the new system"; P after "have you"; V after "let him". Else empty."""
    between: list[str] = []
    for place in range(at - 1, max(-1, at - 5), -1):
        word = words[place].lower()
        if not word[0].isalpha():
            return ""
        if word in _ADVERBS:
            continue
        if between and (word in _ASKS or word in _ASKS_OF_THE_PAST) and _is_subject(between, words[place + 1]):
            return "V" if word in _ASKS else "P"
        if word in _LETTING and len(between) == 1 and between[0] in _OBJECTS:
            return "V"
        between.insert(0, word)
    return ""


def _is_subject(between: Sequence[str], first: str) -> bool:
    """True for a pronoun, a name, or "the" with one or two words that may be a noun at the end."""
    if len(between) == 1:
        return between[0] in _PRONOUNS or (first[:1].isupper() and first.isalpha())
    return between[0] in _OPENERS and len(between) < 4 and between[-1] not in _WANTS_NOUN


def _before_that(words: Sequence[str], at: int) -> str:
    return words[at - 2].lower() if at > 1 else ""


def _hinted(word: str, before: str, after: str, words: Sequence[str], at: int) -> str | None:
    """What the tables know of this very word between these neighbours."""
    hints = _hints().get(words[at]) or _hints().get(word)
    if hints:
        left = "".join(f"{one} " for one in words[max(0, at - 4) : at]).lower()
        right = " ".join(_clause_after(words, at)).lower()
        for tag, before_it, after_it in hints:
            if before_it.search(left) and after_it.search(right):
                return tag
    for table, neighbour in ((AFTER, after), (BEFORE, before)):
        for tag, neighbours in table.get(word, {}).items():
            if neighbour in neighbours:
                if tag == "V" and table is AFTER and before in _DETERMINERS - {"it"}:
                    continue
                return tag
    return None


def _clause_after(words: Sequence[str], at: int) -> Sequence[str]:
    """The next words up to a pause, and a name behind it: all that is there when clauses are spoken one by one."""
    following = words[at + 1 : at + 5]
    pause = next((place for place, word in enumerate(following) if not word[0].isalpha()), len(following))
    named = following[pause + 1 : pause + 2] and following[pause + 1][0].isupper()
    return following[: pause + 2 if named else pause + 1]


@cache
def _hints() -> Mapping[str, Sequence[tuple[str, re.Pattern[str], re.Pattern[str]]]]:
    """`HINTS` by word, compiled."""
    hints: dict[str, list[tuple[str, re.Pattern[str], re.Pattern[str]]]] = {}
    for word, tag, before, after in HINTS:
        hints.setdefault(word, []).append((tag, re.compile(before), re.compile(after)))
    return hints


def _is_letter(words: Sequence[str], at: int) -> bool:
    """True for a capital A inside a sentence: "vitamin A is", "A B C", but not "Once Upon A Time"."""
    if words[at] != "A" or at == 0 or not words[at - 1][0].isalpha():
        return False
    return at + 1 < len(words) and (words[at + 1].islower() or (len(words[at + 1]) == 1 and words[at + 1].isalpha()))


def _stands_alone(before: str, after: str) -> bool:
    """True for "that" as a pronoun or pointing word: "that is", "at that time"."""
    return after in _POINTED_AT and before in _POINTING_AFTER


def _is_past(before: str, after: str, words: Sequence[str], at: int) -> bool:
    """True for "read" as ɹɛd: after "have", after a subject that would want "reads", near words of the past."""
    if before in _HAVE_OR_BE:
        return True
    if before in _WANTS_VERB or not before or before in _WANTS_NOUN:
        return False
    if before in ("he", "she", "it", "who") or (words[at - 1][:1].isupper() and words[at - 1] != "I" and at > 1):
        return True
    pause = next((place for place in range(at, min(len(words), at + 12)) if not words[place][0].isalpha()), at + 12)
    near = {word.lower() for word in words[max(0, at - 12) : pause]}
    if before in ("i", "we", "you", "they", "and"):
        return not near.isdisjoint(_PAST_CUES) and near.isdisjoint(_PRESENT_CUES)
    subject = not before.endswith("s") and (_opens(words, at) or at == 1)
    return subject and bool(after) and (after in _DETERMINERS or after in _WANTS_NOUN or after in _AFTER_NOUNS)
