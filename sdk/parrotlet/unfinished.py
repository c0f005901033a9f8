"""WAVs whose recorder was killed before it wrote their length: read as if they went to the end of the file."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_CHUNK = struct.Struct("<4sI")
_MOST_CHUNKS = 100


class Completed:
    """A file to read from, in which four bytes are others."""

    def __init__(self, file: IO[bytes], at: int, four: bytes) -> None:
        self._file, self._at, self._four = file, at, four
        self.seek, self.tell = file.seek, file.tell

    def read(self, count: int = -1) -> bytes:
        start = self._file.tell()
        data = bytearray(self._file.read(count))
        for place in range(max(start, self._at), min(start + len(data), self._at + 4)):
            data[place - start] = self._four[place - self._at]
        return bytes(data)


@contextmanager
def completed(source: Path | str | bytes) -> Iterator[Completed | None]:
    """The recording with its length in place; None where it is no WAV, or lacks none. Raises OSError."""
    file: IO[bytes] = io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb")  # noqa: SIM115
    with file:
        at = _empty_data(file)
        length = file.seek(0, io.SEEK_END) - at - 4
        file.seek(0)
        yield Completed(file, at, struct.pack("<I", min(length, 0xFFFFFFFF))) if at and length > 0 else None


def _empty_data(file: IO[bytes]) -> int:
    """Where the length of a data chunk stands that has none, 0 if there is no such chunk."""
    start = file.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        return 0
    for _ in range(_MOST_CHUNKS):
        head = file.read(_CHUNK.size)
        if len(head) < _CHUNK.size:
            return 0
        name, size = _CHUNK.unpack(head)
        if name == b"data":
            at = file.tell() - 4
            return 0 if size or file.read(4) in (b"LIST", b"id3 ") else at
        file.seek(size + size % 2, io.SEEK_CUR)
    return 0
