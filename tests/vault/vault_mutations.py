"""Ways to damage a file, for the tests and for benchmarks/vault/mutations.py."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Damage = Callable[[random.Random, bytearray, Sequence[bytes]], None]

_WORDS = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"-0",
    b"1e9",
    b"\\u0000",
    b"\xff",
    b"../",
]


def _flip(generator: random.Random, file: bytearray, _: Sequence[bytes]) -> None:
    for _again in range(generator.choice([1, 1, 1, 2, 8])):
        file[generator.randrange(len(file))] ^= 1 << generator.randrange(8)


def _overwrite(generator: random.Random, file: bytearray, _: Sequence[bytes]) -> None:
    start = generator.randrange(len(file))
    count = min(generator.randint(1, 16), len(file) - start)
    file[start : start + count] = generator.choice([generator.randbytes(count), bytes(count), b"\xff" * count])


def _cut(generator: random.Random, file: bytearray, _: Sequence[bytes]) -> None:
    del file[generator.randrange(len(file)) :]


def _remove(generator: random.Random, file: bytearray, _: Sequence[bytes]) -> None:
    start = generator.randrange(len(file))
    del file[start : start + generator.randint(1, 32)]


def _insert(generator: random.Random, file: bytearray, _: Sequence[bytes]) -> None:
    start = generator.randint(0, len(file))
    file[start:start] = generator.choice([generator.randbytes(generator.randint(1, 32)), *_WORDS])


def _double(generator: random.Random, file: bytearray, _: Sequence[bytes]) -> None:
    start = generator.randrange(len(file))
    end = min(start + generator.randint(1, 64), len(file))
    file[end:end] = file[start:end]


def _splice(generator: random.Random, file: bytearray, others: Sequence[bytes]) -> None:
    at = generator.randrange(len(file))
    file[at:] = generator.choice(others)[at:]


def _word(generator: random.Random, file: bytearray, _: Sequence[bytes]) -> None:
    word = generator.choice(_WORDS)
    start = generator.randrange(len(file))
    file[start : start + len(word)] = word


def _length(generator: random.Random, file: bytearray, _: Sequence[bytes]) -> None:
    offset = generator.choice([8, 12, 16, 20])
    value = int.from_bytes(file[offset : offset + 4], "little") + generator.choice([-1, 1, -24, 28, 256, 2**31])
    file[offset : offset + 4] = (value % 2**32).to_bytes(4, "little")


DAMAGES: tuple[Damage, ...] = (_flip, _overwrite, _cut, _remove, _insert, _double, _splice, _word, _length)


def mutated(generator: random.Random, files: Sequence[bytes]) -> bytes:
    """One of the files after one to three damages. It may, rarely, equal one of them again."""
    file = bytearray(generator.choice(files))
    for _ in range(generator.choice([1, 1, 1, 2, 3])):
        if len(file) >= 24:
            generator.choice(DAMAGES)(generator, file, files)
    return bytes(file)
