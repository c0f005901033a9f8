"""The phoneme alphabet, and what English does to a stem when it takes an ending.

The alphabet is misaki's American English: IPA, with one letter for each diphthong (A as in
"day", I "my", O "so", W "now", Y "boy"), ʤ and ʧ, T for the flap, ᵊ for the schwa of a
syllabic consonant, ᵻ for the vowel of "wanted", ɐ for the article "a".
"""

from __future__ import annotations

PRIMARY = "ˈ"
SECONDARY = "ˌ"
STRESSES = PRIMARY + SECONDARY

VOWELS = "AIOWYaiuæɑɔəɛɜɪʊʌᵻ"
CONSONANTS = "bdfhjklmnpstvwzðŋɡɹTʃʒʤʧθ"
MINOR_VOWELS = "ɐᵊ"
PAUSE_MARKS = ",.;:!?—"
OTHER_MARKS = '()"“”'

_LETTERS = sorted((set(VOWELS) | set(CONSONANTS) | set(MINOR_VOWELS)) - {"a"})

PHONEMES: tuple[str, ...] = (" ", *STRESSES, *PAUSE_MARKS, *OTHER_MARKS, *_LETTERS)
"""Every symbol a phoneme string may hold: the training corpus's set and nothing else.

The front end itself never emits quotes, parentheses or the dash (the corpus holds next to none of
them, so an acoustic model cannot know them well); they are here because `[[ ]]` may carry them.
"""

SOUNDS = frozenset(_LETTERS)
PHONEME_SET = frozenset(PHONEMES)

_VOWEL_SET = frozenset(VOWELS)
_CONSONANT_SET = frozenset(CONSONANTS)
_FLAPPING = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
_VOICELESS = frozenset("ptkfθ")
_SIBILANT = frozenset("szʃʒʧʤ")
_DEVOICING = frozenset("pkfθʃsʧ")


def starts_with_vowel(phonemes: str) -> bool | None:
    """True or False for the first full sound; None where there is none (a lone schwa, say)."""
    for symbol in phonemes:
        if symbol in _VOWEL_SET:
            return True
        if symbol in _CONSONANT_SET:
            return False
    return None


def demote(phonemes: str) -> str:
    """Primary stress becomes secondary; what was secondary is lost."""
    return phonemes.replace(SECONDARY, "").replace(PRIMARY, SECONDARY)


def promote(phonemes: str) -> str:
    """Give the word a primary stress if it has none."""
    if PRIMARY in phonemes:
        return phonemes
    if SECONDARY in phonemes:
        return phonemes.replace(SECONDARY, PRIMARY, 1)
    return _mark_first_vowel(phonemes, PRIMARY)


def lift(phonemes: str) -> str:
    """Give an unstressed word a secondary stress, as the corpus does to capitalized words."""
    if PRIMARY in phonemes or SECONDARY in phonemes:
        return phonemes
    return _mark_first_vowel(phonemes, SECONDARY)


def _mark_first_vowel(phonemes: str, mark: str) -> str:
    for at, symbol in enumerate(phonemes):
        if symbol in _VOWEL_SET:
            return phonemes[:at] + mark + phonemes[at:]
    return phonemes


def weight(phonemes: str) -> int:
    """Length with long sounds counted twice: the heavier part of a compound keeps its stress."""
    return sum(2 if symbol in "AIOWYʤʧ" else 1 for symbol in phonemes)


def with_s(stem: str) -> str:
    """Plural, third person, possessive: cats, dogs, horses."""
    last = stem[-1:]
    if last in _VOICELESS:
        return stem + "s"
    return stem + ("ᵻz" if last in _SIBILANT else "z")


def with_ed(stem: str) -> str:
    """Past: walked, called, added, waited (with the flap)."""
    last = stem[-1:]
    if last in _DEVOICING:
        return stem + "t"
    if last == "d":
        return stem + "ᵻd"
    if last != "t":
        return stem + "d"
    return _flapped(stem) + "ᵻd"


def with_ing(stem: str) -> str:
    """Present participle: walking, waiting (with the flap)."""
    return (_flapped(stem) if stem[-1:] == "t" else stem) + "ɪŋ"


def with_er(stem: str) -> str:
    """Agent and comparative: walker, waiter (with the flap)."""
    return (_flapped(stem) if stem[-1:] == "t" else stem) + "əɹ"


def _flapped(stem: str) -> str:
    return stem[:-1] + "T" if stem[-2:-1] in _FLAPPING else stem
