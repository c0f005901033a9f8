"""Recordings of the corpus by person, straight from its archives: what benchmarks of enrollment read."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from parrotlet_compression.corpus import split_of

RATE = 16000


@dataclass(frozen=True)
class Clip:
    """One recording: float32 samples [N] at 16 kHz."""

    archive: str
    person: str
    name: str
    samples: npt.NDArray[np.float32]


def rows_of(file: zipfile.ZipFile, archive: str, split: str, every: int = 1) -> Iterator[dict[str, str]]:
    """What an archive's table says of every so many recordings of the named people of a split."""
    lines = [line.split("\t") for line in file.read(f"{archive}/metadata.tsv").decode().splitlines()]
    rows = [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]
    count = Counter(row["speaker"] for row in rows)
    for row in rows[::every]:
        if row["speaker"] and split_of(archive, row["speaker"], count[row["speaker"]]) == split:
            yield row


def clips(
    corpus: Path, split: str, archives: tuple[str, ...] = ("vctk", "commonvoice"), every: int = 1
) -> Iterator[Clip]:
    """Every so many recordings of the named people of a split ("train", "validation", "test"), by archive."""
    for archive in archives:
        with zipfile.ZipFile(corpus / f"{archive}.zip") as file:
            for row in rows_of(file, archive, split, every):
                samples, rate = soundfile.read(io.BytesIO(file.read(row["file"])), dtype="float32")
                yield Clip(archive, row["speaker"], row["file"], soxr.resample(samples, rate, RATE))
