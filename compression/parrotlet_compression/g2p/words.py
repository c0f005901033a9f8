"""Words for the unknown-word model: what it learns from and what it is judged on."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from parrotlet_compression.g2p.cmudict import from_arpabet, read_cmudict
from parrotlet_compression.g2p.compile_lexicon import misaki_entries

HELD_OUT_SEED = 20261122
HELD_OUT_SHARE = 0.04
_PLAIN = re.compile(r"[a-z]{2,24}$")
_SILVER_SHARE = 0.25


def edit_distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(right) + 1))
    for at, one in enumerate(left, 1):
        fresh = [at]
        for column, other in enumerate(right, 1):
            fresh.append(min(row[column] + 1, fresh[-1] + 1, row[column - 1] + (one != other)))
        row = fresh
    return row[-1]


@dataclass(frozen=True)
class WordSplit:
    """`train`: word to phonemes. `held_out`: CMUdict words (never seen in any spelling's training pair)."""

    train: dict[str, str]
    held_out: dict[str, list[str]]


def split_words() -> WordSplit:
    """misaki's words and CMUdict's others (converted), less 4 % of CMUdict's plain words."""
    chooser = random.Random(HELD_OUT_SEED)
    cmu = {word: phones for word, phones in read_cmudict().items() if _PLAIN.match(word)}
    held_out = {word: phones for word, phones in sorted(cmu.items()) if chooser.random() < HELD_OUT_SHARE}
    train: dict[str, str] = {}
    for word, value in sorted(misaki_entries().items()):
        lower = word.lower()
        if _PLAIN.match(lower) and not (word.isupper() and len(word) < 5) and lower not in held_out:
            common = lower in cmu or word[0].isupper() or chooser.random() < _SILVER_SHARE
            if common:
                train[lower] = value.split("|")[0]
    for word, phones in cmu.items():
        if word not in held_out and word not in train:
            train[word] = from_arpabet(phones)
    return WordSplit(train, held_out)
