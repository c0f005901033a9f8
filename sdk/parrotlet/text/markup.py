"""Inline control in plain text: `[[ phonemes ]]` and `[[pause 300ms]]`."""

from __future__ import annotations

import re

from parrotlet.errors import InputError
from parrotlet.text.phonemes import PHONEME_SET, SOUNDS

INLINE = re.compile(r"\[\[([^\[\]\n]{0,400})\]\]")
"""One inline instruction; its inside is group 1."""

LONGEST_PAUSE = 10.0
_PAUSE = re.compile(r"pause\s+(\d+(?:\.\d+)?)\s*(ms|s)\Z", re.IGNORECASE)
_PAUSE_AT_ALL = re.compile(r"pause(?![^\W\d_])", re.IGNORECASE)
_IPA = (
    ("d͡ʒ", "ʤ"), ("t͡ʃ", "ʧ"), ("dʒ", "ʤ"), ("tʃ", "ʧ"), ("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("əʊ", "O"),
    ("aʊ", "W"), ("ɔɪ", "Y"), ("ɚ", "əɹ"), ("ɝ", "ɜɹ"), ("ɾ", "T"), ("ʔ", "t"), ("r", "ɹ"), ("g", "ɡ"), ("ɫ", "l"),
    ("ː", ""), (".", ""), ("͡", ""), ("e", "ɛ"), ("o", "ɔ"), ("a", "ɑ"), ("ɒ", "ɑ"), ("ɨ", "ᵻ"), ("'", "ˈ"),
)  # fmt: skip


def pause_seconds(inside: str) -> float | None:
    """Seconds of a `pause` instruction, or None if this is none.

    Raises `InputError` for a pause that is written otherwise, or longer than 10 s.
    """
    if not _PAUSE_AT_ALL.match(inside.strip()):
        return None
    match = _PAUSE.match(inside.strip())
    if match is None:
        raise InputError(f"[[{inside}]]: a pause is written like [[pause 300ms]] or [[pause 1.5 s]]")
    return bounded_pause(float(match.group(1)) / (1000 if match.group(2).lower() == "ms" else 1), f"[[{inside}]]")


def bounded_pause(seconds: float, written: str) -> float:
    """`seconds` as they are. Raises `InputError`, naming what was `written`, if they are more than 10."""
    if seconds > LONGEST_PAUSE:
        raise InputError(f"{written}: a pause is at most {LONGEST_PAUSE:g} s long; write several for more")
    return seconds


def inline_phonemes(inside: str) -> str:
    """The phonemes of `[[ … ]]`. Raises `InputError` if one is not in the set."""
    phonemes = " ".join(inside.split())
    unknown = sorted(set(phonemes) - PHONEME_SET)
    if unknown or not set(phonemes) & SOUNDS:
        wrong = f"{' '.join(unknown)} is" if unknown else "it is empty, or punctuation only:"
        raise InputError(f"[[{inside}]]: {wrong} not a phoneme; docs/text.md lists the set")
    return phonemes


def from_ipa(phonemes: str) -> str:
    """Ordinary IPA in our alphabet: eɪ as A, tʃ as ʧ, r as ɹ."""
    for written, ours in _IPA:
        phonemes = phonemes.replace(written, ours)
    return phonemes
