"""The aligned clips of a pack, small enough to be carried about and to stay in the memory of a device.

``prepare`` writes them to a folder; ``Resident`` draws, crops and enrolls from there without the pack. Every voice is
there in VARIANTS: as recorded, and with pitch and formants moved down or up by a ratio that is the speaker's own, so
that a moved voice is one more speaker (virtual speakers; Yamamoto 2019).

The folder holds ``000.npz``, ``001.npz``, … with the arrays of PreparedClips, clip after clip, and ``index.npz`` with
what all clips share. Log-mel is stored as whole STEPs above SILENCE in uint8, less those of the frame before: zlib then
makes 0.71 of it (without, 0.86). A folder is whole, or it is not there.
"""

from __future__ import annotations

import math
import mmap
import multiprocessing
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor
from tqdm import tqdm

from parrotlet import adaptation
from parrotlet.errors import InputError

from ..corpus import SILENCE
from ..models.acoustic import REFERENCE_HZ, AcousticModel, places
from ..models.speaker import SpeakerEncoder, embed_clips
from .acoustic import FULL_BAND_HZ, NARROW_BAND_HZ, AlignedClips, warped
from .listener import FRAMES as FRAMES_LISTENED
from .loop import fast_math
from .refiner import FRAMES, NOISY, SAID, SHARE, UNADAPTED, UNADAPTED_ELSE, heard_in, noisy

VARIANTS = 3
MOVED = (1.05, 1.08, 1.11, 1.14)
"""Ratios that a voice is moved up or down by: a table of few serves all clips. Within those of ``acoustic.WARP``."""
STEP = 0.05  # nepers
PIECE_BYTES = 15_800_000  # of a piece before it is compressed: no piece is larger than 16 MB
EMBEDDED_S = 10  # of a clip: of a moved one 8.8 s are left, and the encoder hears 8
ENROLLMENTS = 2  # of every variant of every clip
DRAWN = {"synthetic": 0.38, "vctk": 0.16, "librispeech": 0.06, "commonvoice": 0.24, "speechocean762": 0.16}
"""How often archives are drawn: those of many speakers more often than for the models that come before."""
VARIANTS_DRAWN = (0.5, 0.25, 0.25)
HIGH_HZ, AGAIN = 160.0, 3.0
"""Voices of a higher median f0 are drawn as often as those of a lower one, of every archive, because fewer people have
them and they are copied worse; but no clip is drawn more than so many times as often as if all were drawn alike."""


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
class Index:
    """Names of the archives by number; centre of every mel band in Hz [M]; mean of GE2E's embeddings of people [E]."""

    archives: tuple[str, ...]
    centres: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float32]


def speaker_ratios(speaker: str) -> tuple[float, float, float]:
    """The ratios of a speaker's variants, the same on every machine."""
    number = zlib.crc32(speaker.encode())
    return 1.0, 1 / MOVED[number % len(MOVED)], MOVED[(number >> 8) % len(MOVED)]


def quantized(mel: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Log-mel in whole STEPs above SILENCE."""
    return np.clip(np.rint((mel.astype(np.float32) - SILENCE) / STEP), 0, 255).astype(np.uint8)


def prepare(clips: AlignedClips, encoder: SpeakerEncoder, mean: npt.NDArray[np.float32], folder: Path) -> None:
    """Write all clips that can be drawn to ``folder``, unless it is there already.

    mean [E]: of GE2E's embeddings of people, for a Listener.
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
    """Clips in their order, PIECE_BYTES together at most."""
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
    heard = [moved(pack.samples16(clip), ratio) for clip, own in zip(of, ratios, strict=True) for ratio in own]
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
        embeddings=embed_clips(heard, encoder).reshape(len(piece), VARIANTS, -1).astype(np.float16),
    )


def moved(samples: npt.NDArray[np.float32], ratio: float) -> npt.NDArray[np.float32]:
    """The first EMBEDDED_S of samples at 16 kHz, played ``ratio`` times as fast."""
    part = samples[: EMBEDDED_S * 16000]
    return part if ratio == 1 else np.asarray(soxr.resample(part, 16000 * ratio, 16000), dtype=np.float32)


def chances(high: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """How often each clip of an archive is drawn, given which are of high voices: float64 [N] of sum 1. See HIGH_HZ."""
    part = float(high.mean())
    share = min(max(0.5, 1 - AGAIN * (1 - part)), AGAIN * part)
    return np.where(high, share / max(1, high.sum()), (1 - share) / max(1, (~high).sum()))


def read(folder: Path) -> tuple[PreparedClips, Index]:
    """What ``prepare`` wrote."""
    if not (folder / "index.npz").is_file():
        raise InputError(f"there is nothing prepared in {folder}: run `train joint` where the pack is")
    index = np.load(folder / "index.npz")
    pieces = [dict(np.load(path)) for path in sorted(folder.glob("[0-9]*.npz"))]
    for piece in pieces:
        piece["levels"] = np.cumsum(piece["levels"], axis=0, dtype=np.uint8)
    whole = [np.concatenate([piece[field.name] for piece in pieces]) for field in fields(PreparedClips)]
    return PreparedClips(*whole), Index(tuple(index["archives"].tolist()), index["centres"], index["mean"])


class Draw(NamedTuple):
    """A batch of B pieces, int [B] each but for the last two.

    clip, variant and enrollment of the voice; start, the first frame; wrong, the row whose voice is to be told from
    this one's, or its own where there is no other; row and at, the piece and its first frame that a Listener hears
    (only as many as it listens to count); share [B] of the way that frames go to exemplars, -1 where the voice is not
    adapted; rate [B], 1 where the speaking rate is known, else 0.
    """

    clip: Any
    variant: Any
    enrollment: Any
    start: Any
    wrong: Any
    row: Any
    at: Any
    share: Any
    rate: Any

    @staticmethod
    def unpacked(packed: Tensor) -> Draw:
        """From float32 [9, B]: all that a step is told comes in one upload."""
        return Draw(*packed[:-2].long(), *packed[-2:])


class Crop(NamedTuple):
    """Pieces of clips, T frames each, of which some may lie outside.

    phonemes, durations int [B, L] of the whole clips, 0 for padding; phoneme int [B, T], the one that is spoken, and
    position [B, T, 3] in it, as from ``places``; symbols int [B, T], 0 outside; inside [B, T, 1]; pitch and voiced
    [B, T] as the decoder takes them; at int [B, T], frames of all clips; statistics [B, 3]; recording [B, 2]; valid
    [B, M], the bands that hold something; warp [B, M, M], which moves a log-mel spectrum.
    """

    phonemes: Tensor
    durations: Tensor
    phoneme: Tensor
    position: Tensor
    symbols: Tensor
    inside: Tensor
    pitch: Tensor
    voiced: Tensor
    at: Tensor
    statistics: Tensor
    recording: Tensor
    valid: Tensor
    warp: Tensor

    @property
    def f0(self) -> Tensor:
        """[B, T] in Hz, 0 where unvoiced."""
        return REFERENCE_HZ * torch.exp2(self.pitch + self.statistics[:, :1]) * self.voiced


class Enrolled(NamedTuple):
    """Voices as ENROLLMENTS of every variant of every clip would give them: embeddings [N, V, K, E], adaptations
    float16 [N, V, K, A], fitted to go all of the way to exemplars; starts int [N, V, K], the piece of the clip that was
    not heard for it (from this frame on), or -1 where none of the clip was."""

    embeddings: Tensor
    adaptations: Tensor
    starts: npt.NDArray[np.int64]


class Resident:
    """Prepared clips on a device; see ``draw``, ``crop`` and ``real``. What is drawn is drawn on the host."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.clips, self.index = clips, index = read(folder)
        self.device = device
        self.start = np.cumsum(clips.frames, dtype=np.int64) - clips.frames
        self.groups = {
            name: np.flatnonzero(clips.archive == number)
            for number, name in enumerate(index.archives)
            if name in DRAWN and (clips.archive == number).any()
        }
        high = clips.statistics[:, 0] > math.log2(HIGH_HZ / REFERENCE_HZ)
        self.chances = {name: chances(high[group]) for name, group in self.groups.items()}
        ratios = np.unique(clips.ratios)
        eye = np.eye(len(index.centres), dtype=np.float32)
        self.warps = np.stack([warped(eye, float(ratio), index.centres) for ratio in ratios])
        self.warp_of = np.searchsorted(ratios, clips.ratios)
        voiced = clips.f0 > 0
        medians = np.repeat(clips.statistics[:, 0], clips.frames)
        relative = np.log2(np.where(voiced, clips.f0, 1).astype(np.float32) / REFERENCE_HZ) - medians

        def put(values: npt.NDArray[Any], dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device, dtype)

        self._levels = put(clips.levels, torch.uint8)
        self._pitch, self._voiced = put(np.where(voiced, relative, 0)), put(voiced)
        self._ids, self._durations = (
            put(_padded(flat, clips.phonemes), torch.long) for flat in (clips.ids, clips.durations)
        )
        self._start, self._frames = put(self.start, torch.long), put(clips.frames, torch.long)
        self._statistics, self._recording, self._highest = map(put, (clips.statistics, clips.recording, clips.highest))
        self._ratios, self._warp_of = put(clips.ratios), put(self.warp_of, torch.long)
        self._warps, self._centres = put(self.warps), put(index.centres)
        self.embeddings = torch.nn.functional.normalize(put(clips.embeddings), dim=-1)

    def __len__(self) -> int:
        return len(self.clips.frames)

    def span(self, clip: int) -> slice:
        """Where a clip is among all frames."""
        return slice(int(self.start[clip]), int(self.start[clip] + self.clips.frames[clip]))

    def measured(self, clip: int) -> npt.NDArray[np.float32]:
        """The log-mel of a whole clip as recorded, on the host: [T, M], half a STEP off at most."""
        return self.clips.levels[self.span(clip)] * np.float32(STEP) + np.float32(SILENCE)

    def draw(
        self,
        starts: npt.NDArray[np.int64],
        random: np.random.Generator,
        size: int,
        known: float = 1.0,
    ) -> npt.NDArray[np.float32]:
        """A random Draw of ``size`` pieces of FRAMES, packed: float32 [9, size].

        starts: those of Enrolled. known: how often the speaking rate is.
        """
        names = list(self.groups)
        shares = np.array([DRAWN[name] for name in names])
        archive = random.choice(len(names), size=size, p=shares / shares.sum())
        of = [names[number] for number in archive]
        clip = np.array([random.choice(self.groups[name], p=self.chances[name]) for name in of])
        variant = random.choice(VARIANTS, size=size, p=VARIANTS_DRAWN)
        enrollment = random.integers(starts.shape[2], size=size)
        frames, unheard = self.clips.frames[clip], starts[clip, variant, enrollment]
        start = np.where(unheard >= 0, unheard, random.integers(np.maximum(1, frames - FRAMES + 1)))
        inside = np.minimum(frames - start, FRAMES)
        long = np.flatnonzero(inside >= FRAMES_LISTENED)
        row = random.choice(long if len(long) else [inside.argmax()], size=size)
        at = random.integers(np.maximum(1, inside[row] - FRAMES_LISTENED + 1))
        never = np.array([UNADAPTED.get(name, UNADAPTED_ELSE) for name in of])
        share = np.where(random.random(size) < never, -1, random.uniform(*SHARE, size))
        rate = random.random(size) < known
        wrong = self._wrong(archive, self.clips.speaker[clip] * VARIANTS + variant, random)
        return np.stack([clip, variant, enrollment, start, wrong, row, at, share, rate]).astype(np.float32)

    @staticmethod
    def _wrong(
        archive: npt.NDArray[np.int64], voice: npt.NDArray[np.int64], random: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """For every row another one of its archive in another voice, or itself if there is none.

        Of another archive it would be told by the way it was recorded.
        """
        possible = (archive[:, None] == archive[None]) & (voice[:, None] != voice[None])
        chosen = (random.random(possible.shape) * possible).argmax(axis=1)
        return np.where(possible.any(axis=1), chosen, np.arange(len(archive)))

    def crop(self, clip: Tensor, variant: Tensor, start: Tensor, width: int) -> Crop:
        """``width`` frames of every clip [B] from ``start`` [B] on, which may lie before the clip's first."""
        times = start[:, None] + torch.arange(width, device=self.device)
        frames = self._frames[clip][:, None]
        within = (times >= 0) & (times < frames)
        inside, times = within.float(), times.clamp_min(0).minimum(frames - 1)
        phonemes, durations = self._ids[clip], self._durations[clip]
        index, position = places(durations, times)
        at = self._start[clip][:, None] + times
        ratio = self._ratios[clip, variant][:, None]
        statistics = self._statistics[clip]
        return Crop(
            phonemes=phonemes,
            durations=durations,
            phoneme=index,
            position=position * inside.unsqueeze(-1),
            symbols=phonemes.gather(1, index) * within,
            inside=inside.unsqueeze(-1),
            pitch=self._pitch[at] * inside,
            voiced=self._voiced[at] * inside,
            at=at,
            statistics=torch.cat([statistics[:, :1] + ratio.log2(), statistics[:, 1:]], dim=1),
            recording=self._recording[clip],
            valid=(self._centres <= self._highest[clip][:, None] * ratio.clamp_max(1)).float(),
            warp=self._warps[self._warp_of[clip, variant]],
        )

    def real(self, crop: Crop) -> Tensor:
        """The log-mel [B, T, M] of a crop in its variant, 0 outside.

        With noise of a STEP in all above SILENCE: an adversary would tell whole STEPs from what a model makes.
        """
        levels = self._levels[crop.at].float()
        levels = levels + (torch.rand(levels.shape, device=self.device) - 0.5) * (levels > 0)
        mel = (levels * STEP + SILENCE) @ crop.warp
        return mel.clamp_min(SILENCE) * crop.inside

    @torch.no_grad()
    def predicted(self, acoustic: AcousticModel, variant: int, size: int = 64) -> npt.NDArray[np.float16]:
        """What the acoustic model alone makes of all clips in a variant of their own voices: float16 [F, M]."""
        made = np.empty(self.clips.levels.shape, np.float16)
        order = np.argsort(self.clips.frames, kind="stable")  # little padding
        for first in range(0, len(order), size):
            part = order[first : first + size]
            clip = torch.from_numpy(part).to(self.device)
            variants = torch.full_like(clip, variant)
            crop = self.crop(clip, variants, torch.zeros_like(clip), int(self.clips.frames[part].max()))
            mel = speak(acoustic, crop, self.embeddings[clip, variants]).mel.half().cpu().numpy()
            for number, row in zip(part, mel, strict=True):
                made[self.span(number)] = row[: self.clips.frames[number]]
        return made

    def enroll(self, acoustic: AcousticModel, seed: int = 0, processes: int = 1) -> Enrolled:
        """Enroll every variant of every clip ENROLLMENTS times, as people would with other recordings of theirs."""
        predicted = [self.predicted(acoustic, variant) for variant in range(VARIANTS)]
        shape = len(self), VARIANTS, ENROLLMENTS
        own = self.embeddings.cpu().numpy()
        embeddings = _shared((*shape, own.shape[-1]), np.dtype(np.float32))
        adaptations = _shared((*shape, adaptation.size()), np.dtype(np.float16))
        starts = _shared(shape, np.dtype(np.int64))
        others = [np.flatnonzero(self.clips.speaker == speaker) for speaker in range(self.clips.speaker.max() + 1)]

        def enroll(clip: int) -> None:
            theirs = others[self.clips.speaker[clip]]
            theirs = theirs[theirs != clip].tolist()
            for variant, enrollment in np.ndindex(shape[1:]):
                place = clip, variant, enrollment
                random = np.random.default_rng((seed, *place))
                heard_of, start, heard = self._heard(clip, variant, theirs, random)
                said = [predicted[variant][self.span(k)] for k in random.permutation([clip, *theirs])[:SAID]]
                mean = own[heard_of, variant].mean(axis=0)
                starts[place], embeddings[place] = start, mean / np.linalg.norm(mean)
                if len(heard) >= adaptation.MIN_FRAMES:
                    spoken = np.concatenate(said).astype(np.float32)
                    adaptations[place] = adaptation.fit(spoken, heard, share=1.0)

        _in_processes(enroll, len(self), processes)
        embedded, adapted = (torch.from_numpy(values).to(self.device) for values in (embeddings, adaptations))
        return Enrolled(embedded, adapted, starts)

    def _heard(
        self, clip: int, variant: int, others: list[int], random: np.random.Generator
    ) -> tuple[list[int], int, npt.NDArray[np.float32]]:
        """Clips that are heard of a person to speak ``clip``; the frame from which on that is not heard itself, if it
        is one of them, else -1; log-mel of what is heard."""
        if others:
            heard_of, start = heard_in(others, self.clips.frames.__getitem__, random), -1
            heard = np.concatenate([self.measured(k) for k in heard_of])
        else:
            heard_of, start = [clip], int(random.integers(max(1, self.clips.frames[clip] - FRAMES + 1)))
            heard = np.delete(self.measured(clip), slice(start, start + FRAMES), axis=0)
        heard = heard @ self.warps[self.warp_of[clip, variant]]
        if len(heard) and random.random() < NOISY:
            heard = noisy(heard, random)
        return heard_of, start, heard


class Spoken(NamedTuple):
    """What the acoustic model makes of a Crop: log_durations [B, L]; its condition [B, D]; rows [B, T, C + 3], features
    [B, T, C] and mel [B, T, M] of the decoder."""

    log_durations: Tensor
    condition: Tensor
    rows: Tensor
    features: Tensor
    mel: Tensor


def speak(acoustic: AcousticModel, crop: Crop, embedding: Tensor) -> Spoken:
    """Run the acoustic model over the frames of a crop, in the voice of embedding [B, E], with durations and pitch as
    recorded; the text side runs over the whole clips."""
    with fast_math(crop.inside.device):
        condition = acoustic.voice(embedding, crop.statistics, crop.recording)
        encoded, log_durations, _ = acoustic.encode(crop.phonemes, condition)
        rows = encoded.gather(1, crop.phoneme.unsqueeze(-1).expand(-1, -1, encoded.shape[-1])) * crop.inside
        rows = torch.cat([rows, crop.position], dim=-1)
        median = crop.statistics[:, :1]
        features, mel = acoustic.decode(rows, crop.inside, condition, crop.pitch, crop.voiced, median)
    return Spoken(log_durations, condition, rows, features, mel.float())


def _padded(flat: npt.NDArray[Any], counts: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Rows of some length each, one after the other -> [N, L], 0 for padding."""
    out = np.zeros((len(counts), counts.max()), flat.dtype)
    out[np.arange(counts.max())[None] < counts[:, None]] = flat
    return out


def _shared(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Zeros in memory that forked processes write to."""
    memory = mmap.mmap(-1, math.prod(shape) * dtype.itemsize)
    return np.frombuffer(memory, dtype).reshape(shape)


def _in_processes(work: Callable[[int], None], count: int, processes: int) -> None:
    """Call ``work`` with 0 … count - 1. What it returns is lost: it is to write to ``_shared`` arrays."""

    def stripe(first: int, step: int) -> None:
        for number in tqdm(range(first, count, step), desc="enroll", mininterval=5, disable=first > 0):
            work(number)

    if processes < 2 or "fork" not in multiprocessing.get_all_start_methods():
        stripe(0, 1)
        return
    context = multiprocessing.get_context("fork")  # what they read is gigabytes: they share it
    started = [context.Process(target=stripe, args=(first, processes)) for first in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    if any(process.exitcode for process in started):
        raise RuntimeError("a process that enrolls voices has failed")
