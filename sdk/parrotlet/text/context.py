"""Which of a word's pronunciations fits here: the sounds that follow, and the part of speech.

Tags: END before a pause, VOWEL before a vowel, N noun, V verb, J adjective, R adverb, D past tense,
P past participle, B present tense, T determiner, L letter, M the metal (lead). A part of speech is guessed from the
neighbours, by tables; only words that have variants ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
_PAST_CUES = frozenset(
    "yesterday ago last once already earlier previously before when was were had did said told saw went came heard "
    "thought knew took gave found felt left loved liked enjoyed".split()
)
_AFTER_NOUNS = frozenset(
    "of in on at by with for from to into and or but is was are were be has have had will would can could that which "
    "who as than if when while because not do does did may might must should".split()
)
_ADJECTIVE_ENDS = ("al", "ous", "ful", "ive", "ic", "less", "able", "ary", "ible", "ish", "ern")
_NOUN_ENDS = ("tion", "ment", "ness", "ity", "ist", "ship", "ism")

_BEFORE: Mapping[str, Mapping[str, frozenset[str]]] = {
    "bass": {"J": frozenset("the electric double upright play plays played playing".split())},
    "bow": {"V": frozenset("a the".split())},
    "lead": {"M": frozenset("of molten heavy".split())},
    "use": {"N": frozenset("of in no any much little daily regular in-".split())},
    "minute": {"J": frozenset("most very".split())},
}
_AFTER: Mapping[str, Mapping[str, frozenset[str]]] = {
    "bass": {
        "J": frozenset(
            "guitar guitars player players drum drums line lines clef singer solo notes note sounds".split()
        ),
        "": frozenset("fish fishing swam".split()),
    },
    "lead": {
        "M": frozenset(
            "pipe pipes paint poisoning acid crystal bullet bullets weight weights solder pencil metal levels".split()
        )
    },
    "live": {
        "V": frozenset("in at near here there together alone by on with under for like without where next".split()),
        "": frozenset("music show shows concert broadcast performance audience stream wire coverage video".split()),
    },
    "lives": {"V": frozenset("in at near here there together alone by on with next under".split())},
    "minute": {
        "J": frozenset(
            "detail details amount amounts particle particles traces trace difference differences crack cracks hole "
            "holes change changes quantity quantities fragment fragments fraction speck specks".split()
        )
    },
    "use": {"N": frozenset("of".split()), "V": frozenset("the a an it this that them your my".split())},
    "uses": {"N": frozenset("of for".split()), "V": frozenset("the a an it this that them".split())},
    "close": {
        "": frozenset("to by friend friends enough together relative relatives up look call contact range".split()),
        "N": frozenset("of".split()),
    },
    "content": {"": frozenset("with to".split()), "N": frozenset("of".split())},
    "wind": {"V": frozenset("up down the it through its your around".split())},
    "wound": {"D": frozenset("up down around through the its it".split())},
    "dove": {"V": frozenset("into in under down off headfirst deep".split())},
    "tear": {"V": frozenset("up down apart it the off out away".split()), "": frozenset("gas drop ducts".split())},
    "bow": {"V": frozenset("to down before of".split()), "": frozenset("and tie ties string arrow".split())},
    "desert": {"V": frozenset("him her them his their us me".split())},
    "invalid": {"N": frozenset("who".split())},
    "used": {"D": frozenset(("to",))},
    "perfect": {"V": frozenset("his her their its your my".split())},
}


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
    if word == "read":
        return ("D",) if _is_past(before, words, at) else ()
    hinted = _hinted(word, before, after)
    if hinted is not None:
        return (hinted,) if hinted else ()
    if before in _HAVE_OR_BE:
        return ("P", "J") if before not in _HAVE else ("P", "D")
    if before in _WANTS_VERB:
        return ("V", "B")
    if before in _WANTS_NOUN or before.endswith(_ADJECTIVE_ENDS):
        return ("N",)
    if word.endswith("s") and not word.endswith("ss"):
        singular = before in _THIRD_PERSONS or before.endswith(_NOUN_ENDS) or words[at - 1][:1].isupper()
        return ("V",) if before and (singular or after in _DETERMINERS) else ("N",)
    if before in _SUBJECTS:
        return ("V", "B")
    if before in ("he", "she", "it"):
        return ("D", "V")
    if not before or before in ("and", "or", "then", "but"):
        return ("V",) if after in _DETERMINERS else ("N",)
    if before.endswith("s") and not before.endswith(("ss", "'s")):
        return ("V", "B") if after in _DETERMINERS or after in _WANTS_NOUN else ("N",)
    if after in _DETERMINERS and before not in ("of", "in"):
        return ("V",)
    return ("V",) if after and after not in _AFTER_NOUNS else ("N",)


def _hinted(word: str, before: str, after: str) -> str | None:
    """What the tables know of this very word between these neighbours."""
    for table, neighbour in ((_AFTER, after), (_BEFORE, before)):
        for tag, neighbours in table.get(word, {}).items():
            if neighbour in neighbours:
                if tag == "V" and table is _AFTER and before in _DETERMINERS - {"it"} and word not in ("bow",):
                    continue
                return tag
    return None


def _is_letter(words: Sequence[str], at: int) -> bool:
    """True for a capital A inside a sentence: "vitamin A is", "A B C", but not "Once Upon A Time"."""
    if words[at] != "A" or at == 0 or not words[at - 1][0].isalpha():
        return False
    return at + 1 < len(words) and (words[at + 1].islower() or (len(words[at + 1]) == 1 and words[at + 1].isalpha()))


def _stands_alone(before: str, after: str) -> bool:
    """True for "that" as a pronoun or pointing word: "that is", "at that time"."""
    return after in _POINTED_AT and before in _POINTING_AFTER


def _is_past(before: str, words: Sequence[str], at: int) -> bool:
    """True for "read" as ɹɛd: after "have", after a subject that would want "reads", near words of the past."""
    if before in _HAVE_OR_BE:
        return True
    if before in _WANTS_VERB or not before:
        return False
    if before in ("he", "she", "it", "who") or (words[at - 1][:1].isupper() and words[at - 1] != "I"):
        return True
    near = {word.lower() for word in words[max(0, at - 12) : at + 12]}
    return before in ("i", "we", "you", "they", "and") and not near.isdisjoint(_PAST_CUES)
