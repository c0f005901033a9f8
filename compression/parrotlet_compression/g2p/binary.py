"""Writes the lexicon in the format that `parrotlet.text.en.lexicon` reads (docs/text.md)."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from parrotlet.text.en.lexicon import HEADER, MAGIC, VERSION

_LEARN_FROM_EVERY = 6


def write_lexicon(path: Path, entries: Mapping[str, str], per_block: int = 16) -> None:
    """Write `entries` (word to value) to `path`."""
    ordered = sorted((word.encode(), value) for word, value in entries.items())
    codes, coded = _byte_pairs([value for _, value in ordered])
    body = bytearray(HEADER.size)
    offsets: list[int] = []
    previous = b""
    for index, ((word, _), value) in enumerate(zip(ordered, coded, strict=True)):
        if index % per_block == 0:
            offsets.append(len(body))
            previous = b""
        shared = _shared(previous, word)
        body += bytes((shared, len(word) - shared)) + word[shared:] + bytes((len(value),)) + value
        previous = word
    codes_at = len(body)
    table = json.dumps(codes, ensure_ascii=False).encode()
    body += struct.pack("<I", len(table)) + table
    blocks_at = len(body)
    body += struct.pack(f"<{len(offsets) + 1}I", len(offsets), *offsets)
    HEADER.pack_into(body, 0, MAGIC, VERSION, per_block, len(ordered), codes_at, blocks_at)
    path.write_bytes(body)


def _shared(left: bytes, right: bytes) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count


def _byte_pairs(texts: Sequence[str]) -> tuple[list[str], list[bytes]]:
    """Byte-pair encoding (Gage 1994) of all values with one table of at most 256 strings."""
    codes = sorted(set("".join(texts)))
    number = {symbol: code for code, symbol in enumerate(codes)}
    coded = [[number[symbol] for symbol in text] for text in texts]
    sample = [list(text) for text in coded[::_LEARN_FROM_EVERY]]
    merges: list[tuple[int, int]] = []
    while len(codes) < 256:
        counts: Counter[tuple[int, int]] = Counter()
        for text in sample:
            counts.update(pairwise(text))
        if not counts:
            break
        pair = counts.most_common(1)[0][0]
        sample = [_merge(text, pair, len(codes)) for text in sample]
        merges.append(pair)
        codes.append(codes[pair[0]] + codes[pair[1]])
    first_new = len(codes) - len(merges)
    for new, pair in enumerate(merges, first_new):
        coded = [_merge(text, pair, new) for text in coded]
    return codes, [bytes(text) for text in coded]


def _merge(text: list[int], pair: tuple[int, int], new: int) -> list[int]:
    first, second = pair
    if first not in text or second not in text:
        return text
    merged: list[int] = []
    at, last = 0, len(text) - 1
    while at <= last:
        if at < last and text[at] == first and text[at + 1] == second:
            merged.append(new)
            at += 2
        else:
            merged.append(text[at])
            at += 1
    return merged
