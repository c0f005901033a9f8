"""The secret part of profiles of format 1, and what it becomes in format 2. Nothing writes format 1 any more.

Layout, little-endian: u32 E, E x float32, u32 S, then S times (u8 length, name, float64),
names strictly ascending.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet.profile import Pitch, Spectrum, number, person

from .canonical import Invalid, reading, require

MAX_PAYLOAD = 64 * 1024
MAX_EMBEDDING = 4096
MAX_STATISTICS = 64

SPEAKER = 256
"""Values of the speaker embedding, in every release that wrote format 1."""
CEPSTRA, EXEMPLARS = 24, 128
MAP = 1 + CEPSTRA + CEPSTRA * CEPSTRA
ADAPTED = SPEAKER + MAP + 1 + EXEMPLARS * (CEPSTRA - 1)
"""Values of an embedding that an adaptation of today's form follows (parrotlet-en-7 and later)."""

_ENCODER = "ce52caa555b76c464ba3bfa0db6ea7638c45068adafeab0e4c09151305014404"
ENCODERS = {
    "edfa3bc4b2d9": _ENCODER,  # parrotlet-en-3, -4
    "8888c8cc86f6": _ENCODER,  # parrotlet-en-5
    "2af92024e101": _ENCODER,  # parrotlet-en-6
    "d93aed6e997b": _ENCODER,  # parrotlet-en-7
    "77fdcb8c2247": _ENCODER,  # parrotlet-en-8, -9
    "624171407803": _ENCODER,  # parrotlet-en-10, -11
}
"""Format 1 named the speaker encoder together with the acoustic model, by one SHA-256 (its first 12 digits here). These
are the released ones. (parrotlet-en-1 and -2 named the encoder alone, as format 2 does.)"""

_STATISTIC = re.compile(rb"[a-z][a-z0-9_]{0,63}")


def encoder_of(model: str) -> str:
    """SHA-256 of the speaker encoder that a file of format 1 belongs to; ``model`` itself if that was not released."""
    return ENCODERS.get(model[:12], model)


def migrated(
    model: str, embedding: npt.NDArray[np.float32], statistics: dict[str, float]
) -> dict[str, npt.NDArray[Any]]:
    """The tensors of format 2. model: the file's ``speaker_model``.

    What the acoustic model of that time made stays, for that model. Of the recording only the exemplars are in it.
    """
    pitch = Pitch(statistics.get("pitch_median_hz", 0.0), statistics.get("pitch_spread", 0.0))
    spectrum, made = None, {}
    if len(embedding) == ADAPTED and embedding[SPEAKER:].any():
        fitted, likeness, exemplars = np.split(embedding[SPEAKER:], [MAP, MAP + 1])
        spectrum = Spectrum(exemplars.reshape(EXEMPLARS, CEPSTRA - 1))
        made = {f"fitted.{model[:16]}.map": fitted, "preference.likeness": likeness}
    tensors = person(embedding[:SPEAKER], pitch, spectrum) | made
    if "pitch_median_hz" not in statistics:
        del tensors["pitch.median_hz"], tensors["pitch.spread_octaves"]
    if "loudness_lufs" in statistics:
        tensors[f"fitted.{model[:16]}.loudness_lufs"] = number(statistics["loudness_lufs"])
    return tensors


def parse_payload(data: bytes | bytearray) -> tuple[npt.NDArray[np.float32], dict[str, float]]:
    """The embedding [E] and the statistics. Raises ProfileFormatError for anything format 1 does not allow."""
    with reading():
        try:
            return _parse(data)
        except struct.error as error:
            raise Invalid("its contents are cut short") from error


def _parse(data: bytes | bytearray) -> tuple[npt.NDArray[np.float32], dict[str, float]]:
    (size,) = struct.unpack_from("<I", data)
    require(1 <= size <= MAX_EMBEDDING and len(data) >= 4 + 4 * size, "its embedding is out of bounds")
    embedding = np.frombuffer(data, "<f4", size, 4).astype(np.float32)
    offset = 4 + 4 * size
    (count,) = struct.unpack_from("<I", data, offset)
    offset += 4
    require(count <= MAX_STATISTICS, "it has too many statistics")
    statistics: dict[str, float] = {}
    previous = b""
    for _ in range(count):
        (length,) = struct.unpack_from("<B", data, offset)
        name = bytes(data[offset + 1 : offset + 1 + length])
        (value,) = struct.unpack_from("<d", data, offset + 1 + length)
        offset += 1 + length + 8
        require(
            _STATISTIC.fullmatch(name) is not None and name > previous and math.isfinite(value),
            "a statistic's name or value is out of bounds",
        )
        statistics[name.decode("ascii")] = value
        previous = name
    require(
        offset == len(data) and bool(np.isfinite(embedding).all()), "its values are not finite or something follows"
    )
    return embedding, statistics
