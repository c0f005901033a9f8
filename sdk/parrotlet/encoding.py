"""Speech as WAV, FLAC, Ogg, Opus or MP3, by libsndfile: encoded while it is made, or into a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from parrotlet.audio import NO_CHUNKS, SYNTHETIC, AudioChunk, wav_header, write_wav
from parrotlet.errors import UsageError
from parrotlet.output import open_output


class Format(NamedTuple):
    """How a format is sent, and what libsndfile calls it; "" where no encoder is needed."""

    mime: str
    container: str = ""
    subtype: str = ""


FORMATS: Mapping[str, Format] = {
    "wav": Format("audio/wav"),
    "pcm": Format("audio/pcm"),
    "flac": Format("audio/flac", "FLAC", "PCM_16"),
    "ogg": Format("audio/ogg", "OGG", "VORBIS"),
    "opus": Format("audio/ogg", "OGG", "OPUS"),
    "mp3": Format("audio/mpeg", "MP3", "MPEG_LAYER_III"),
}
FILES = {".wav": "wav", ".flac": "flac", ".ogg": "ogg", ".oga": "ogg", ".opus": "opus", ".mp3": "mp3"}
"""Formats by the ending of a file's name."""
_SETTINGS: Mapping[str, Mapping[str, Any]] = {"mp3": {"bitrate_mode": "CONSTANT", "compression_level": 0.6}}
"""64 kbit/s. Of a stream with a variable rate, which cannot say its length, players guess it ten times too long."""


class Encoder:
    """Speech to bytes of one format: ``push`` each chunk, then ``finish``.

    Raises UsageError for a format that is not there.
    """

    def __init__(self, name: str, sample_rate: int, comment: str = SYNTHETIC) -> None:
        self.format = _format(name)
        self._sink = _Stream()
        self._file = _opened(self._sink, name, sample_rate, comment) if self.format.container else None
        self._header = wav_header(sample_rate, None, comment) if name == "wav" else b""

    def push(self, chunk: AudioChunk) -> bytes:
        """The bytes that are ready; none while the encoder waits for more."""
        if self._file is None:
            data, self._header = self._header + chunk.int16_bytes(), b""
            return data
        self._file.write(_in_range(chunk))
        return self._sink.taken()

    def finish(self) -> bytes:
        """The last bytes."""
        if self._file is None:
            return self._header
        self._file.close()
        return self._sink.taken()


def write_audio(path: Path, chunks: Iterable[AudioChunk], sample_rate: int, comment: str = SYNTHETIC) -> float:
    """Write chunks to a file as they come, in the format of its ending: WAV where that says none.

    Returns the seconds written. Raises UsageError when the file cannot be written.
    """
    name = FILES.get(path.suffix.lower(), "wav")
    if name == "wav":
        return write_wav(path, chunks, sample_rate, comment)
    if not isinstance(chunks, Iterable):
        raise UsageError(NO_CHUNKS)
    written = 0
    with open_output(path) as target, _opened(target, name, sample_rate, comment) as file:
        for chunk in chunks:
            file.write(_in_range(chunk))
            written += len(chunk.samples)
    return written / sample_rate


def _format(name: str) -> Format:
    try:
        return FORMATS[name]
    except KeyError as error:
        raise UsageError(f"there is no format {name!r}: the formats are {', '.join(FORMATS)}") from error


def _opened(target: _Stream | IO[bytes], name: str, sample_rate: int, comment: str) -> Any:
    import soundfile

    form = _format(name)
    try:
        file = soundfile.SoundFile(
            target, "w", sample_rate, 1, form.subtype, format=form.container, **_SETTINGS.get(name, {})
        )
    except (soundfile.LibsndfileError, ValueError, TypeError) as error:
        raise UsageError(
            f"the libsndfile of this machine cannot write {name}: choose wav, or upgrade soundfile"
        ) from error
    file.comment = comment
    return file


def _in_range(chunk: AudioChunk) -> Any:
    if not isinstance(chunk, AudioChunk):
        raise UsageError(NO_CHUNKS)
    return np.clip(chunk.samples, -1.0, 1.0)


class _Stream:
    """A file for an encoder whose bytes have gone already: what it writes a second time is lost.

    Encoders go back to write a length, which a stream does not have. LAME keeps a whole frame free for it, which
    decoders would take for sound.
    """

    def __init__(self) -> None:
        self._at = self._end = 0
        self._ready = bytearray()

    def write(self, data: bytes) -> int:
        block = bytes(data)
        if self._at == self._end:
            if not _is_kept_free(block):
                self._ready += block
            self._end += len(block)
        self._at += len(block)
        return len(block)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = (0, self._at, self._end)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, _: int = -1) -> bytes:
        return b""

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        """The bytes since the last call."""
        data = bytes(self._ready)
        self._ready.clear()
        return data


def _is_kept_free(block: bytes) -> bool:
    """Whether it is a frame of MP3 with nothing in it."""
    return len(block) > 4 and block[0] == 0xFF and block[1] & 0xE6 == 0xE2 and not any(block[4:])
