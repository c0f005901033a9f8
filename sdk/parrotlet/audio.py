"""Samples: resampled, and written to WAV."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parrotlet.errors import UsageError
from parrotlet.output import open_output

Samples = npt.NDArray[np.float32]
SYNTHETIC = "Synthetic speech made with parrotlet (trainedAlgorithmicMedia)"
"""What a file says of itself, with IPTC's term for what a model made."""
NO_CHUNKS = "pass what speak yields, AudioChunks: of samples in memory, make one: [AudioChunk(samples, rate)]"
_WAV_LIMIT = 0xFFFFFFFF - 256


@dataclass(frozen=True)
class Mark:
    """When a word or a phoneme is spoken, in seconds from the start of the stream."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class AudioChunk:
    """A piece of synthesized speech: ``samples`` float32 [N] in [-1, 1], mono, at ``sample_rate`` Hz.

    ``words`` and ``phonemes``: marks of the whole utterance, on its first chunk, for captions and lip sync.
    """

    samples: Samples
    sample_rate: int
    words: tuple[Mark, ...] = ()
    phonemes: tuple[Mark, ...] = ()

    @property
    def int16(self) -> npt.NDArray[np.int16]:
        """The samples as int16 [N]."""
        return np.asarray(np.clip(np.rint(self.samples * 32767), -32768, 32767), dtype=np.int16)

    def int16_bytes(self) -> bytes:
        """The samples as 16-bit little-endian PCM."""
        return self.int16.astype("<i2").tobytes()

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


def resample(samples: Samples, rate: int, target: int) -> Samples:
    """Resample from ``rate`` to ``target`` Hz by soxr, as training data is: float32 [N] -> [~N * target / rate]."""
    if rate == target:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, rate, target), dtype=np.float32)


def wav_header(sample_rate: int, samples: int | None, comment: str) -> bytes:
    """Header of a mono 16-bit WAV with a LIST/INFO comment; ``samples`` None means not known yet (a stream)."""
    text = comment.encode("utf-8") + b"\0"
    text += b"\0" * (len(text) % 2)
    info = b"INFOICMT" + struct.pack("<I", len(text)) + text
    size = _WAV_LIMIT if samples is None else min(samples * 2, _WAV_LIMIT)
    return (
        b"RIFF"
        + struct.pack("<I", min(_WAV_LIMIT, size + 36 + 8 + len(info)))
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, sample_rate, sample_rate * 2, 2, 16)
        + b"LIST"
        + struct.pack("<I", len(info))
        + info
        + b"data"
        + struct.pack("<I", size)
    )


def write_wav(path: Path | str, chunks: Iterable[AudioChunk], sample_rate: int, comment: str = SYNTHETIC) -> float:
    """Write chunks to a WAV as they come; ``open_output`` says how ``path`` is treated.

    Returns the seconds written. ``comment`` is stored in the file: synthetic speech says that it is.
    Where the size cannot be filled in at the end (a pipe, a device) the header says "until the end".
    Raises UsageError when the file cannot be written, or for chunks that are none.
    """
    if not isinstance(chunks, Iterable):
        raise UsageError(NO_CHUNKS)
    written = 0
    with open_output(path) as file:
        file.write(wav_header(sample_rate, None, comment))
        for chunk in chunks:
            if not isinstance(chunk, AudioChunk):
                raise UsageError(NO_CHUNKS)
            file.write(chunk.int16_bytes())
            written += len(chunk.samples)
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.seek(0)
            file.write(wav_header(sample_rate, written, comment))
    return written / sample_rate
