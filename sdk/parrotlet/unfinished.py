"""Read WAV files whose header was never finished: a recorder that was killed leaves a data size of 0.

libsndfile reads to the end of the file where the size is too large, as streams write it (0xFFFFFFFF), but believes a 0.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any, BinaryIO

_TO_THE_END = b"\xff\xff\xff\xff"


class UnfinishedWav(io.RawIOBase):
    """The file, with its data size read as "to the end"."""

    def __init__(self, file: BinaryIO, size_at: int) -> None:
        super().__init__()
        self._file, self._at = file, size_at
        file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        start = self._file.tell()
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        for index, byte in enumerate(_TO_THE_END, self._at - start):
            if 0 <= index < len(data):
                buffer[index : index + 1] = bytes([byte])
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def unfinished_wav(source: Path | str | bytes) -> UnfinishedWav | None:
    """``source`` as it should be read, if it is a WAV that says it has no data, but has; else None."""
    if isinstance(source, bytes):
        file: BinaryIO = io.BytesIO(source)
    elif Path(source).is_file():
        file = Path(source).open("rb")  # noqa: SIM115 - closed by who reads it
    else:
        return None
    at = _unfinished_size(file)
    if at is None:
        file.close()
        return None
    return UnfinishedWav(file, at)


def _unfinished_size(file: BinaryIO) -> int | None:
    """Where the size of a WAV's data stands, if it is 0 and samples follow."""
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        return None
    found, at = None, 12
    while at + 8 <= end:
        file.seek(at)
        kind, size = struct.unpack("<4sI", file.read(8))
        if not (kind.isascii() and kind.decode("ascii").isprintable()):
            return found
        if kind == b"data":
            if size:
                return None
            found = at + 4
        at += 8 + size + size % 2
    # Chunks that fill the file exactly are chunks: the recording is empty.
    return found if at != end else None
