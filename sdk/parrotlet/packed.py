"""Weights of four bits in a bundle's files, which a host unpacks into the int8 ones of an ordinary graph.

docs/export.md has the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def unpacked(data: bytes, packed: Mapping[str, Any]) -> bytes:
    """A graph of a file that holds it without its matrices, and then these.

    packed: ``graph``, how many bytes the graph takes; ``pieces``, [at, rows, columns, group] for each matrix, in order:
    where to insert it, its shape, and how many rows share a scale. A matrix is two weights a byte
    [rows / group, group / 2, columns], of which the low four bits are the first half of a group; scales, float16
    [rows / group, columns]; zero points, one a byte, of the same shape.
    """
    made, done, place = [], 0, packed["graph"]
    for at, rows, columns, group in packed["pieces"]:
        counts = (rows * columns // 2, rows // group * columns, rows // group * columns)
        parts = []
        for count, kind in zip(counts, ("u1", "<f2", "u1"), strict=True):
            parts.append(np.frombuffer(data, kind, count, place).reshape(rows // group, -1, columns))
            place += parts[-1].nbytes
        codes, scale, zero = parts
        values = np.concatenate([codes & 15, codes >> 4], axis=1).astype(np.float32)
        values -= zero
        values *= scale
        np.clip(np.rint(values, out=values), -127, 127, out=values)
        made += [data[done:at], values.astype(np.int8).tobytes()]
        done = at
    return b"".join([*made, data[done : packed["graph"]]])
