"""The unknown-word model: letters to phonemes in one pass.

Convolution blocks (ConvNeXt, Liu 2022: depthwise convolution, LayerNorm, two Linear layers) over the
letters, two output slots for each letter, and connectionist temporal classification (Graves 2006) to
line them up. Not autoregressive: one call for a word, whatever its length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from parrotlet.text.en.phonemes import CONSONANTS, MINOR_VOWELS, PRIMARY, SECONDARY, VOWELS

LETTERS = "abcdefghijklmnopqrstuvwxyz'-"
"""Input alphabet: id 0 is padding, letters count from 1."""

_vowels = sorted(set(VOWELS) - {"a"})
OUTPUTS: tuple[str, ...] = (
    "",
    *sorted(set(CONSONANTS) | set(MINOR_VOWELS)),
    *_vowels,
    *(PRIMARY + vowel for vowel in _vowels),
    *(SECONDARY + vowel for vowel in _vowels),
)
"""Output alphabet: id 0 is CTC's blank; a stress mark is one symbol with its vowel."""

SLOTS = 2
_UNIT = re.compile("[ˈˌ]?.")


def encode_letters(word: str) -> list[int]:
    """Ids of the letters the model knows."""
    return [LETTERS.index(letter) + 1 for letter in word.lower() if letter in LETTERS]


def encode_phonemes(phonemes: str) -> list[int] | None:
    """Ids of the phonemes, or None if one is outside the alphabet (a mark on a consonant, a space)."""
    units = _UNIT.findall(phonemes)
    return [OUTPUTS.index(unit) for unit in units] if all(unit in OUTPUTS for unit in units) else None


def fits(letters: list[int], phonemes: list[int]) -> bool:
    """True if CTC can spread the phonemes (and a blank between equal ones) over the slots."""
    doubled = sum(one == other for one, other in pairwise(phonemes))
    return len(phonemes) + doubled <= SLOTS * len(letters)


def decode(best: Sequence[int]) -> str:
    """Best path: repeats collapse, blanks go."""
    kept = [code for at, code in enumerate(best) if code and (at == 0 or best[at - 1] != code)]
    return "".join(OUTPUTS[code] for code in kept)


class Block(nn.Module):
    """[B, L, width] to the same; `mask` [B, L, 1] keeps padding at zero."""

    def __init__(self, width: int, kernel: int, expansion: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, (1, kernel), padding=(0, kernel // 2), groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        mixed = self.mix(hidden.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
        hidden = hidden + self.narrow(nn.functional.relu(self.widen(self.norm(mixed))))
        return hidden if mask is None else hidden * mask


class LettersToPhonemes(nn.Module):
    """int64 `letters` [B, L] (0 = padding) to log-probabilities [B, 2 L, len(OUTPUTS)]."""

    def __init__(self, width: int = 128, early: int = 4, late: int = 0, kernel: int = 7, expansion: int = 2) -> None:
        super().__init__()
        self.width = width
        self.embed = nn.Embedding(len(LETTERS) + 1, width, padding_idx=0)
        self.early = nn.ModuleList(Block(width, kernel, expansion) for _ in range(early))
        self.spread = nn.Linear(width, SLOTS * width)
        self.late = nn.ModuleList(Block(width, kernel, expansion) for _ in range(late))
        self.norm = nn.LayerNorm(width)
        self.classify = nn.Linear(width, len(OUTPUTS))
        self.drop = nn.Dropout(0.05)

    def forward(self, letters: Tensor, masked: bool = True) -> Tensor:
        mask = (letters > 0).unsqueeze(2).float() if masked else None
        hidden = self.embed(letters)
        for block in self.early:
            hidden = self.drop(block(hidden, mask))
        batch, length = letters.shape
        hidden = self.spread(hidden).reshape(batch, SLOTS * length, self.width)
        if mask is not None:
            mask = mask.repeat_interleave(SLOTS, 1)
            hidden = hidden * mask
        for block in self.late:
            hidden = self.drop(block(hidden, mask))
        return nn.functional.log_softmax(self.classify(self.norm(hidden)), -1)
