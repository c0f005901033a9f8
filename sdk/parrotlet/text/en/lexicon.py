"""The compiled lexicon: memory-mapped, searched without loading it. Format in docs/text.md.

A word's value is a phoneme string, with variants after bars where it has them:
`klˈOs|N=klˈOz|V=klˈOz`. The names before `=` are the tags of `context.py`.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path

from parrotlet.errors import BundleError

MAGIC = b"PLEX"
VERSION = 1
HEADER = struct.Struct("<4sHHIII")
"""magic, version, words per block, words, offset of the code table, offset of the block table."""


class Lexicon:
    """Sorted words in front-coded blocks; phoneme strings in a 256-entry byte-pair code.

    `get(word)` returns the stored value or None. Safe to share between threads. Raises
    `BundleError` at construction if the file is damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            magic, version, self._per_block, words, codes_at, blocks_at = HEADER.unpack_from(self._map)
        except (OSError, ValueError, struct.error) as error:
            raise BundleError(f"cannot read the lexicon {path}: {error}; reinstall parrotlet") from error
        if magic != MAGIC or version != VERSION:
            raise BundleError(f"{path} is not a version-{VERSION} lexicon; reinstall parrotlet")
        self._words: int = words
        self._entries_end: int = codes_at
        self._codes: list[str] = _read_codes(self._map, codes_at)
        (count,) = struct.unpack_from("<I", self._map, blocks_at)
        self._blocks = struct.unpack_from(f"<{count}I", self._map, blocks_at + 4)

    def __len__(self) -> int:
        return self._words

    def get(self, word: str) -> str | None:
        """The value stored for exactly this spelling (case matters)."""
        key = word.encode("utf-8", "surrogatepass")
        data, blocks = self._map, self._blocks
        low, high = 0, len(blocks)
        while low < high:
            middle = (low + high) // 2
            at = blocks[middle]
            if data[at + 2 : at + 2 + data[at + 1]] <= key:
                low = middle + 1
            else:
                high = middle
        return self._scan(blocks[low - 1], key) if low else None

    def _scan(self, at: int, key: bytes) -> str | None:
        data = self._map
        known = b""
        for _ in range(self._per_block):
            shared, fresh = data[at], data[at + 1]
            at += 2
            known = known[:shared] + data[at : at + fresh]
            at += fresh
            size = data[at]
            at += 1
            if known == key:
                return "".join([self._codes[code] for code in data[at : at + size]])
            if known > key:
                return None
            at += size
            if at >= self._entries_end:
                return None
        return None


def _read_codes(data: mmap.mmap, at: int) -> list[str]:
    (size,) = struct.unpack_from("<I", data, at)
    codes: list[str] = json.loads(data[at + 4 : at + 4 + size])
    return codes


class Overlay:
    """A lexicon with some words said otherwise."""

    def __init__(self, words: Mapping[str, str], lexicon: Lexicon) -> None:
        self._words = words
        self._lexicon = lexicon

    def get(self, word: str) -> str | None:
        """The value of exactly this spelling, or None."""
        return self._words.get(word) or self._lexicon.get(word)
