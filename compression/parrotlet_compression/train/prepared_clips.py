"""The aligned clips of a pack, small enough to copy to another machine and to keep in the memory of a device.

``write_dataset`` writes them to a folder; ``device_dataset`` trains from there without the pack. Every voice has
VARIANTS: as recorded, and with pitch and formants moved down or up. The ratio is fixed for a speaker, so that a moved
voice is one more speaker (virtual speakers; Yamamoto 2019).

The folder holds ``000.npz``, ``001.npz``, … with the arrays of PreparedClips, clip after clip, and ``index.npz`` with
what all clips share. Log-mel is stored in uint8 as whole STEPs above SILENCE, as differences from the frame before:
zlib then compresses it to 0.71 of its size (without differences, 0.86). A folder is complete or absent.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
from tqdm import tqdm

from parrotlet.errors import InputError

from ..corpus import SILENCE
from ..models.speaker import SpeakerEncoder, embed_clips
from .aligned_clips import FULL_BAND_HZ, NARROW_BAND_HZ, AlignedClips

VARIANTS = 3
MOVED = (1.05, 1.08, 1.11, 1.14)
"""Ratios that a voice is moved up or down by, few so that one table serves all clips. All are within
``aligned_clips.WARP``."""
STEP = 0.05  # nepers
PIECE_BYTES = 15_800_000  # of a piece before compression: no file is larger than 16 MB
EMBEDDED_S = 10  # of a clip: 8.8 s of a moved one remain, and the encoder takes 8


@dataclass(frozen=True)
class PreparedClips:
    """N clips of F frames and P phonemes in all.

    levels uint8 [F, M], STEPs above SILENCE; f0 float16 [F] in Hz, 0 where unvoiced; ids uint8 and durations int16 [P];
    frames and phonemes int32 [N], how many are a clip's; statistics float32 [N, 3] and recording [N, 2], inputs of the
    acoustic model; highest float32 [N] in Hz, what the recording holds; archive uint8 and speaker int32 [N], numbers;
    ratios float32 [N, V] that frequencies are multiplied by; embeddings float16 [N, V, E] of unit norm, by our encoder.
    """

    levels: npt.NDArray[np.uint8]
    f0: npt.NDArray[np.float16]
    ids: npt.NDArray[np.uint8]
    durations: npt.NDArray[np.int16]
    frames: npt.NDArray[np.int32]
    phonemes: npt.NDArray[np.int32]
    statistics: npt.NDArray[np.float32]
    recording: npt.NDArray[np.float32]
    highest: npt.NDArray[np.float32]
    archive: npt.NDArray[np.uint8]
    speaker: npt.NDArray[np.int32]
    ratios: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.float16]


@dataclass(frozen=True)
class DatasetIndex:
    """archives: their names by number; centres of the mel bands in Hz [M]; mean [E]: mean GE2E embedding over
    speakers."""

    archives: tuple[str, ...]
    centres: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float32]


def speaker_ratios(speaker: str) -> tuple[float, float, float]:
    """The ratios of a speaker's variants. They depend on the name alone."""
    number = zlib.crc32(speaker.encode())
    return 1.0, 1 / MOVED[number % len(MOVED)], MOVED[(number >> 8) % len(MOVED)]


def quantized(mel: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Log-mel in whole STEPs above SILENCE."""
    return np.clip(np.rint((mel.astype(np.float32) - SILENCE) / STEP), 0, 255).astype(np.uint8)


def write_dataset(clips: AlignedClips, encoder: SpeakerEncoder, mean: npt.NDArray[np.float32], folder: Path) -> None:
    """Write all clips that can be drawn to ``folder``, unless it exists already.

    mean [E]: mean GE2E embedding over speakers, for a SpeakerConsistencyLoss. Raises InputError without aligned clips.
    """
    if folder.is_dir():
        return
    chosen = sorted(i for group in clips.groups.values() for i in group)
    if not chosen:
        raise InputError(f"{clips.pack.path} has no aligned clips: give --alignments, from `parrotlet-compress align`")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    archives = {name: number for number, name in enumerate(clips.groups)}
    speakers = {name: number for number, name in enumerate(sorted({clips.speaker[i] for i in chosen}))}
    with tqdm(total=len(chosen), desc="prepare", mininterval=5) as progress:
        for number, piece in enumerate(_pieces(clips, chosen)):
            arrays = vars(_gathered(clips, encoder, piece, archives, speakers))
            arrays["levels"] = np.diff(arrays["levels"], axis=0, prepend=np.uint8(0))  # modulo 256
            np.savez_compressed(part / f"{number:03}.npz", **arrays)
            progress.update(len(piece))
    np.savez_compressed(part / "index.npz", archives=np.array(list(archives)), centres=clips.centres, mean=mean)
    part.rename(folder)


def _pieces(clips: AlignedClips, chosen: Sequence[int]) -> Iterator[list[int]]:
    """Consecutive clips in groups of at most PIECE_BYTES."""
    piece: list[int] = []
    size = 0
    for i in chosen:
        own = clips.frames(i) * (clips.pack.config.n_mels + 2) + 3 * len(clips.ids[i]) + 2048
        if piece and size + own > PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(i)
        size += own
    yield piece


def _gathered(
    clips: AlignedClips,
    encoder: SpeakerEncoder,
    piece: Sequence[int],
    archives: dict[str, int],
    speakers: dict[str, int],
) -> PreparedClips:
    pack = clips.pack
    of = [pack.clips[i] for i in piece]
    ratios = [speaker_ratios(clips.speaker[i]) for i in piece]
    voices = [moved(pack.samples16(clip), ratio) for clip, own in zip(of, ratios, strict=True) for ratio in own]
    return PreparedClips(
        levels=np.concatenate([quantized(pack.mel[clips.span[i]]) for i in piece]),
        f0=np.concatenate([pack.f0[clips.span[i]] for i in piece]),
        ids=np.concatenate([clips.ids[i] for i in piece]).astype(np.uint8),
        durations=np.concatenate([clips.durations[i] for i in piece]).astype(np.int16),
        frames=np.array([clips.frames(i) for i in piece], np.int32),
        phonemes=np.array([len(clips.ids[i]) for i in piece], np.int32),
        statistics=np.array([[*clips.statistics[clips.speaker[i]], clips.rate(i)] for i in piece], np.float32),
        recording=np.array([clips.recording(i) for i in piece], np.float32),
        highest=np.array([NARROW_BAND_HZ if clip.rate < 24000 else FULL_BAND_HZ for clip in of], np.float32),
        archive=np.array([archives[clip.archive] for clip in of], np.uint8),
        speaker=np.array([speakers[clips.speaker[i]] for i in piece], np.int32),
        ratios=np.array(ratios, np.float32),
        embeddings=embed_clips(voices, encoder).reshape(len(piece), VARIANTS, -1).astype(np.float16),
    )


def moved(samples: npt.NDArray[np.float32], ratio: float) -> npt.NDArray[np.float32]:
    """The first EMBEDDED_S of samples at 16 kHz, played ``ratio`` times as fast."""
    part = samples[: EMBEDDED_S * 16000]
    return part if ratio == 1 else np.asarray(soxr.resample(part, 16000 * ratio, 16000), dtype=np.float32)


def read_dataset(folder: Path) -> tuple[PreparedClips, DatasetIndex]:
    """What ``write_dataset`` wrote. Raises InputError when it is missing."""
    if not (folder / "index.npz").is_file():
        raise InputError(f"there is nothing prepared in {folder}: run `train joint` where the pack is")
    index = np.load(folder / "index.npz")
    pieces = [dict(np.load(path)) for path in sorted(folder.glob("[0-9]*.npz"))]
    for piece in pieces:
        piece["levels"] = np.cumsum(piece["levels"], axis=0, dtype=np.uint8)
    whole = [np.concatenate([piece[field.name] for piece in pieces]) for field in fields(PreparedClips)]
    return PreparedClips(*whole), DatasetIndex(tuple(index["archives"].tolist()), index["centres"], index["mean"])
