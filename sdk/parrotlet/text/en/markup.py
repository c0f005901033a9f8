"""Inline control in plain text: `[[ phonemes ]]` and `[[pause 300ms]]`."""

from __future__ import annotations

import re
import warnings

from parrotlet.errors import InputError
from parrotlet.text.en.phonemes import PHONEME_SET, SOUNDS

INLINE = re.compile(r"\[\[([^\[\]\n]{0,400})\]\]")
"""One inline instruction; its inside is group 1."""

LONGEST_PAUSE = 10.0
_PAUSE = re.compile(r"pause\s+(\d+(?:\.\d+)?)\s*(ms|s)\Z", re.IGNORECASE)
_IPA = (
    ("d͡ʒ", "ʤ"), ("t͡ʃ", "ʧ"), ("dʒ", "ʤ"), ("tʃ", "ʧ"), ("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("əʊ", "O"),
    ("aʊ", "W"), ("ɔɪ", "Y"), ("ɚ", "əɹ"), ("ɝ", "ɜɹ"), ("ɾ", "T"), ("ʔ", "t"), ("r", "ɹ"), ("g", "ɡ"), ("ɫ", "l"),
    ("ː", ""), (".", ""), ("͡", ""), ("e", "ɛ"), ("o", "ɔ"), ("a", "ɑ"), ("ɒ", "ɑ"), ("ɨ", "ᵻ"), ("'", "ˈ"),
)  # fmt: skip


class TextWarning(UserWarning):
    """Text that gives no sound, letters that had to be guessed, or a pause that was shortened."""


def pause_seconds(inside: str) -> float | None:
    """Seconds of a `pause` instruction (at most 10), or None if this is none.

    Raises `InputError` if the instruction has no length that can be read.
    """
    instruction = inside.strip()
    match = _PAUSE.match(instruction)
    if match is not None:
        return bounded_pause(match.group(1), match.group(2).lower())
    if re.match(r"pause\b", instruction, re.IGNORECASE):
        raise InputError(f"[[{inside}]]: write a pause like [[pause 300ms]], {LONGEST_PAUSE:g} s at most")
    return None


def bounded_pause(number: str, unit: str) -> float:
    """Seconds of a pause written in "ms" or "s"; warns with TextWarning where it is cut to the longest."""
    seconds = float(number) / (1000 if unit == "ms" else 1)
    if seconds > LONGEST_PAUSE:
        warnings.warn(f"a pause of {seconds:g} s is cut to {LONGEST_PAUSE:g} s", TextWarning, stacklevel=3)
    return min(seconds, LONGEST_PAUSE)


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
