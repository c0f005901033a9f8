"""The secret part of a profile as bytes: embedding and statistics, nothing else.

Layout, little-endian: u32 E, E x float32, u32 S, then S times (u8 length, name, float64),
names strictly ascending. One value has one encoding.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from parrotlet.errors import ProfileFormatError, UsageError

MAX_EMBEDDING = 4096
MAX_STATISTICS = 64

_STATISTIC = re.compile(rb"[a-z][a-z0-9_]{0,63}")


def write_payload(embedding: npt.NDArray[np.float32], statistics: Mapping[str, float]) -> bytearray:
    """Encode float32 [E] and named finite floats. Raises UsageError when they are out of bounds."""
    if embedding.dtype != np.float32 or embedding.ndim != 1:
        raise UsageError("a voice embedding must be float32 with one dimension; enroll again")
    data = bytearray(struct.pack("<I", embedding.size))
    data += embedding.astype("<f4").tobytes()
    data += struct.pack("<I", len(statistics))
    for name, value in sorted(statistics.items()):
        encoded = name.encode("ascii", "replace")
        data += struct.pack("<B", min(len(encoded), 255)) + encoded + struct.pack("<d", value)
    try:
        parse_payload(data)
    except ProfileFormatError as error:
        raise UsageError(f"this profile cannot be stored: {error}") from error
    return data


def parse_payload(data: bytes | bytearray) -> tuple[npt.NDArray[np.float32], dict[str, float]]:
    """Decode ``write_payload``'s result. Raises ProfileFormatError for anything it could not have written."""
    try:
        return _parse(data)
    except struct.error as error:
        raise ProfileFormatError("the profile's contents are cut short; enroll again") from error


def _parse(data: bytes | bytearray) -> tuple[npt.NDArray[np.float32], dict[str, float]]:
    (size,) = struct.unpack_from("<I", data)
    if not 1 <= size <= MAX_EMBEDDING or len(data) < 4 + 4 * size:
        raise ProfileFormatError(f"a voice embedding has 1 to {MAX_EMBEDDING} values; enroll again")
    embedding = np.frombuffer(data, "<f4", size, 4).astype(np.float32)
    offset = 4 + 4 * size
    (count,) = struct.unpack_from("<I", data, offset)
    offset += 4
    if count > MAX_STATISTICS:
        raise ProfileFormatError(f"a profile holds at most {MAX_STATISTICS} statistics; enroll again")
    statistics: dict[str, float] = {}
    previous = b""
    for _ in range(count):
        (length,) = struct.unpack_from("<B", data, offset)
        name = bytes(data[offset + 1 : offset + 1 + length])
        (value,) = struct.unpack_from("<d", data, offset + 1 + length)
        offset += 1 + length + 8
        if not _STATISTIC.fullmatch(name) or name <= previous or not math.isfinite(value):
            raise ProfileFormatError("a statistic's name or value is out of bounds; enroll again")
        statistics[name.decode("ascii")] = value
        previous = name
    if offset != len(data) or not np.isfinite(embedding).all():
        raise ProfileFormatError("an embedding's values must be finite and nothing may follow; enroll again")
    return embedding, statistics
