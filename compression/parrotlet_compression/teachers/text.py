"""Text to a Tacotron 2's symbols: our phonemes, or the characters of NVIDIA's checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from parrotlet.errors import InputError
from parrotlet.text import TextFrontEnd

from ..symbols import SYMBOLS, phoneme_ids

NVIDIA_SYMBOLS = 148
# Padding, then these in order; the remaining 84 are ARPAbet, which English text does not need.
_NVIDIA = "_-!'(),.:;? ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def encoder_of(symbols: int) -> str:
    """Which table a model of so many symbols has: "phonemes" or "characters". Raises InputError for neither."""
    if symbols == len(SYMBOLS):
        return "phonemes"
    if symbols == NVIDIA_SYMBOLS:
        return "characters"
    raise InputError(
        f"a Tacotron 2 of {symbols} symbols has a table unknown here: known are ours ({len(SYMBOLS)} phonemes) and "
        f"NVIDIA's ({NVIDIA_SYMBOLS})"
    )


def character_ids(spoken: str) -> list[int]:
    """Ids of normalized English text in NVIDIA's table, lower case; other characters are left out."""
    return [_NVIDIA.index(c) for c in spoken.lower() if c in _NVIDIA[1:]]


def symbol_ids(symbols: int, text: str, front_end: TextFrontEnd) -> tuple[list[int], str]:
    """Ids of a text for a model of so many symbols, and its phonemes (empty where the model reads characters).

    Raises InputError when the table is unknown, or nothing of the text can be spoken.
    """
    if encoder_of(symbols) == "phonemes":
        phonemes = front_end.phonemize(text)
        ids = phoneme_ids(phonemes)
    else:
        phonemes, ids = "", character_ids(front_end.normalize(text))
    if len(ids) < 3:
        raise InputError(f"{text!r} holds nothing to say")
    return ids, phonemes


def texts_of(lines: Sequence[str]) -> list[str]:
    """The sentences of a text list: one a line, blank lines and lines that begin with # left out."""
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
