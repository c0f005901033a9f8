"""The secret part of a profile as bytes: named tensors and nothing else.

Layout, integers little-endian: u32 N, N bytes of index, then the tensors' values in the order of their names, with
nothing between them and nothing after. The index is canonical JSON, an object from name to ``[dtype, shape]``, so that
one value has one encoding. The idea is that of safetensors.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet.errors import ProfileFormatError, UsageError

from .canonical import Invalid, dump, load, reading, require, writing

MAX_PAYLOAD = 4 * 1024 * 1024
MAX_INDEX = 16 * 1024
MAX_TENSORS = 64
MAX_DIMENSIONS = 4
DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4"), "U8": np.dtype("u1")}

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")


def write_payload(tensors: Mapping[str, npt.NDArray[Any]]) -> bytearray:
    """Encode named tensors. Raises UsageError when they are out of bounds."""
    kinds = {dtype.newbyteorder("="): kind for kind, dtype in DTYPES.items()}
    index: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, value in tensors.items():
        if not isinstance(value, np.ndarray) or value.dtype.newbyteorder("=") not in kinds:
            raise UsageError(f"tensor {name} of a profile must be an array of float32, int32 or uint8; enroll again")
        index[name] = kinds[value.dtype.newbyteorder("=")], value.shape
    with writing():
        encoded = dump(index)
    data = bytearray(struct.pack("<I", len(encoded))) + encoded
    for name, (kind, _) in sorted(index.items()):
        data += tensors[name].astype(DTYPES[kind]).tobytes()
    try:
        parse_payload(data)
    except ProfileFormatError as error:
        raise UsageError(f"this profile cannot be stored: {error}") from error
    return data


def parse_payload(data: bytes | bytearray) -> dict[str, npt.NDArray[Any]]:
    """Decode ``write_payload``'s result. Raises ProfileFormatError for anything it could not have written."""
    with reading():
        return _parse(bytes(data))


def _parse(data: bytes) -> dict[str, npt.NDArray[Any]]:
    require(4 <= len(data) <= MAX_PAYLOAD, "its contents are cut short or too long")
    (size,) = struct.unpack_from("<I", data)
    require(size <= min(MAX_INDEX, len(data) - 4), "the index of its contents is out of bounds")
    index = load(data[4 : 4 + size])
    if not isinstance(index, dict) or len(index) > MAX_TENSORS:
        raise Invalid("the index of its contents is not the expected one")
    tensors = {}
    offset = 4 + size
    for name in sorted(index):
        dtype, shape = _described(name, index[name])
        count = math.prod(shape)
        require(count * dtype.itemsize <= len(data) - offset, "its contents are cut short")
        values = np.frombuffer(data, dtype, count, offset).reshape(shape).astype(dtype.newbyteorder("="))
        require(dtype.kind != "f" or bool(np.isfinite(values).all()), "a value in it is not finite")
        tensors[name] = values
        offset += count * dtype.itemsize
    require(offset == len(data), "something follows its contents")
    return tensors


def _described(name: str, entry: object) -> tuple[np.dtype[Any], tuple[int, ...]]:
    require(_NAME.fullmatch(name) is not None and len(name) <= 64, "a tensor's name is out of bounds")
    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], list):
        raise Invalid("a tensor's description is not the expected one")
    kind, shape = entry
    require(isinstance(kind, str) and kind in DTYPES, "a tensor's kind of number is unknown")
    require(len(shape) <= MAX_DIMENSIONS, "a tensor has too many dimensions")
    # Each size is bounded, so that no product of four overflows in any language that counts in 64 bits or doubles.
    require(all(type(size) is int and 0 <= size <= MAX_PAYLOAD for size in shape), "a tensor's shape is out of bounds")
    require(math.prod(shape) <= MAX_PAYLOAD, "a tensor's shape is out of bounds")
    return DTYPES[kind], tuple(shape)
