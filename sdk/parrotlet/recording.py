"""Read a recording: any file that libsndfile or ffmpeg knows, mixed to mono and resampled, a block at a time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from parrotlet.errors import InputError
from parrotlet.unfinished import completed

Samples = npt.NDArray[np.float32]
Recording = Path | str | bytes | tuple[npt.NDArray[np.float32], int]
"""A file, the bytes of one, or samples and their rate."""

LONGEST_S = 600
"""Seconds that are looked at; a person whose speech begins later has to cut the file."""
RATES = (4000, 384_000)
_BLOCK_S = 10
TOGETHER = 0.6
"""Least correlation of the levels of two channels that hear the same. Of 200 clips in two simulated microphones of one
room (echoes of 0.2 to 0.8 s, other noise) 1 % have 0.67 or less; of 200 pairs of clips of two people 1 % have 0.60 or
more."""
_ENVELOPE_S, _ENVELOPE_DB = 0.02, 40.0
# What phones and browsers record, by the first bytes: (offset, any of these).
_NEEDS_FFMPEG = {
    "MP4, M4A or 3GP": (4, (b"ftyp",)),
    "WebM": (0, (b"\x1a\x45\xdf\xa3",)),
    "AAC": (0, (b"\xff\xf1", b"\xff\xf9")),
}


class RecordingWarning(UserWarning):
    """Recordings that can be used, but would make a better voice if they were longer or had a wider band, or that
    are used in part."""


def read_recording(source: Path | str | bytes, target: int | None = None) -> tuple[Samples, int]:
    """Read the first ``LONGEST_S`` of a recording: float32 [N] and its rate in Hz.

    WAV, FLAC, OGG, Opus, MP3, AIFF, AU and CAF are read here; M4A, AAC, WebM, 3GP and others by ffmpeg, if it is there.
    target: resample to this rate. Memory does not grow with the file beyond the samples that are returned.
    Raises InputError when the file is missing, empty, not audio, not finite, or sampled at an absurd rate.
    """
    name = "the recording" if isinstance(source, bytes) else str(source)
    with _opened(name, source) as file:
        rate = int(file.samplerate)
        require_rate(name, rate)
        if file.frames > LONGEST_S * rate:
            warnings.warn(
                f"{name}: its first {LONGEST_S // 60} minutes are looked at: cut out the part with the speech",
                RecordingWarning,
                stacklevel=3,
            )
        weights = np.ones(1, np.float32)
        if file.channels > 1 and file.frames:
            weights = _channel_weights(_blocks(file), rate, name)
            file.seek(0)
        samples = _read_mono(file, weights, target or rate)
    if not len(samples):
        raise InputError(f"{name}: holds no samples: record again")
    if not np.isfinite(samples).all():
        raise InputError(f"{name}: holds values that are not numbers: convert it to 16-bit WAV")
    return samples, target or rate


def mono_blocks(source: Path | str | bytes, rate: int, seconds: float) -> Iterator[Samples]:
    """A whole recording, of any length, at ``rate`` Hz and the mean of its channels, in blocks [<= rate * seconds].

    What needs ffmpeg is read to ``LONGEST_S``. Memory does not grow with the file. Raises InputError.
    """
    name = "the recording" if isinstance(source, bytes) else str(source)
    size, held = round(rate * seconds), np.zeros(0, np.float32)
    empty = True
    with _opened(name, source) as file:
        require_rate(name, int(file.samplerate))
        parts = (part.mean(axis=1) for part in file.blocks(_BLOCK_S * file.samplerate, dtype="float32", always_2d=True))
        for part in _resampled(parts, file.samplerate, rate):
            if not np.isfinite(part).all():
                raise InputError(f"{name}: holds values that are not numbers: convert it to 16-bit WAV")
            empty = empty and not len(part)
            held = np.concatenate([held, part])
            while len(held) >= size:
                yield held[:size]
                held = held[size:]
    if empty:
        raise InputError(f"{name}: holds no samples: record again")
    if len(held):
        yield held


@contextmanager
def _opened(name: str, source: Path | str | bytes) -> Iterator[Any]:
    """The recording as a SoundFile, whoever reads it. Raises InputError."""
    import soundfile

    def opened(file: object) -> Any:
        return files.enter_context(soundfile.SoundFile(file))

    with ExitStack() as files:
        try:
            try:
                file = opened(io.BytesIO(source) if isinstance(source, bytes) else str(source))
            except soundfile.LibsndfileError:
                file = opened(files.enter_context(_by_ffmpeg(name, source)))
            if not file.frames and (whole := files.enter_context(completed(source))):
                file = opened(whole)
            yield file
        except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
            raise InputError(f"{name}: cannot be read ({error}): convert it to WAV") from error


def require_rate(name: str, rate: int) -> None:
    """Raise InputError for a rate that no microphone has."""
    low, high = RATES
    if not low <= rate <= high:
        raise InputError(f"{name}: sampled at {rate} Hz: record at 16 to 48 kHz (4 to 384 kHz can be read)")


def mixed(data: npt.NDArray[np.float32], rate: int, name: str) -> Samples:
    """Samples [N] or [N, channels] in memory to mono [N], as ``read_recording`` mixes a file."""
    if data.ndim == 1:
        return data
    return np.asarray(np.dot(data, _channel_weights([data], rate, name)), dtype=np.float32)


def _channel_weights(blocks: Iterable[Samples], rate: int, name: str) -> Samples:
    """How much of each channel to take, from blocks [N, channels].

    The mean of the channels that are alive: one 30 dB below the loudest is not a microphone. Where they cancel each
    other (opposite polarity, or far apart) or do not rise and fall together (two people, each with a microphone), the
    loudest alone; of the second a RecordingWarning tells.
    """
    size = max(1, int(_ENVELOPE_S * rate))
    products, envelopes = np.zeros((1, 1)), []
    for block in blocks:
        products = products + block.T.astype(np.float64) @ block
        frames = block[: len(block) // size * size].reshape(-1, size, block.shape[1])
        envelopes.append(np.einsum("tnc,tnc->tc", frames, frames, dtype=np.float64) / size)
    power = np.diag(products)
    alive = power >= power.max() * 1e-3
    loudest: Samples = np.eye(len(power), dtype=np.float32)[power.argmax()]
    if _rise_and_fall_apart(np.concatenate(envelopes)[:, alive]):
        warnings.warn(
            f"{name}: its channels hold different sounds: channel {power.argmax() + 1}, the loudest, is used",
            RecordingWarning,
            stacklevel=4,
        )
        return loudest
    weights = alive / alive.sum()
    # Two microphones that hear different noise lose half of their power in the mean; more is lost to cancellation.
    cancels = weights @ products @ weights < 0.25 * power.max()
    return loudest if cancels else np.asarray(weights, dtype=np.float32)


def _rise_and_fall_apart(power: npt.NDArray[np.float64]) -> bool:
    """Whether power envelopes [T, channels] belong to different sounds."""
    if len(power) < 2 or power.shape[1] < 2:
        return False
    level = 10 * np.log10(np.maximum(power, 1e-10))
    level = np.maximum(level, np.percentile(level, 97, axis=0) - _ENVELOPE_DB)
    spread = level.std(axis=0)
    if spread.min() < 1e-3:
        return bool(spread.max() >= 1e-3)
    return bool(np.corrcoef(level.T).min() < TOGETHER)


def _blocks(file: Any) -> Iterator[Samples]:
    size = _BLOCK_S * file.samplerate
    yield from file.blocks(size, frames=min(file.frames, LONGEST_S * file.samplerate), dtype="float32", always_2d=True)


def _read_mono(file: Any, weights: Samples, target: int) -> Samples:
    blocks: Iterator[Samples] = (block @ weights for block in _blocks(file))
    if target != file.samplerate:
        blocks = _resampled(blocks, file.samplerate, target)
    # Filled as it is read: a list of pieces and their concatenation would take twice the memory.
    samples = np.empty(min(file.frames, LONGEST_S * file.samplerate) * target // file.samplerate + target, np.float32)
    end = 0
    for block in blocks:
        samples[end : end + len(block)] = block
        end += len(block)
    return samples[:end]


def _resampled(blocks: Iterator[Samples], rate: int, target: int) -> Iterator[Samples]:
    import soxr

    resampler = soxr.ResampleStream(rate, target, 1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


@contextmanager
def _by_ffmpeg(name: str, source: Path | str | bytes) -> Iterator[IO[bytes]]:
    """What ffmpeg makes of a recording. Raises InputError."""
    # Its modules take ten milliseconds to import, which speech would wait for.
    from parrotlet.decoding import NotDecoded, decoded, ffmpeg

    start = _start(name, source)
    program = ffmpeg()
    if program is None:
        raise InputError(f"{name}: {_needs_ffmpeg(source, start)}")
    try:
        with decoded(program, source, LONGEST_S + 1) as sound:
            yield sound
    except NotDecoded as error:
        raise InputError(f"{name}: is no recording that can be read ({error}): name another file") from error


def _start(name: str, source: Path | str | bytes) -> bytes:
    """The first bytes of a recording. Raises InputError for a file that nobody can read, whatever is in it."""
    if isinstance(source, bytes):
        return source[:16]
    try:
        with Path(source).open("rb") as file:
            return file.read(16)
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file: check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{name}: is a folder: name a recording in it") from error
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from error


def _needs_ffmpeg(source: Path | str | bytes, start: bytes) -> str:
    """What a recording is that is not read without ffmpeg, and what to do."""
    marked = (kind for kind, (at, marks) in _NEEDS_FFMPEG.items() if start[at:].startswith(marks))
    kind = next(marked, "not a WAV, FLAC, OGG, Opus, MP3 or AIFF file")
    from shlex import quote

    file_name = "RECORDING" if isinstance(source, bytes) else quote(str(source))
    return (
        f"is {kind}, which needs ffmpeg: install it (apt-get install ffmpeg), or convert the file where it is: "
        f"ffmpeg -i {file_name} recording.wav"
    )
