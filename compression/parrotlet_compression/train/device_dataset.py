"""Prepared clips in the memory of a device: drawn, cropped and enrolled there, without the pack."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from parrotlet import adaptation

from ..corpus import SILENCE
from ..models.acoustic import REFERENCE_HZ, AcousticModel, frame_positions
from .aligned_clips import warped
from .loop import fast_math
from .prepared_clips import STEP, VARIANTS, read_dataset
from .processes import in_processes, shared_zeros
from .refiner import (
    NOISY,
    REFINER_FRAMES,
    SHARE,
    SPOKEN_CLIPS,
    UNADAPTED,
    UNADAPTED_ELSE,
    add_noise,
    enrollment_clips,
)
from .speaker_consistency import CONSISTENCY_FRAMES

ENROLLMENTS = 2  # of every variant of every clip
DRAW_SHARES = {"synthetic": 0.38, "vctk": 0.16, "librispeech": 0.06, "commonvoice": 0.24, "speechocean762": 0.16}
"""How often archives are drawn. Archives of many speakers count more than in the training of earlier models."""
VARIANT_SHARES = (0.5, 0.25, 0.25)
HIGH_HZ, AGAIN = 160.0, 3.0
"""Voices with a median f0 above HIGH_HZ are drawn as often as lower ones, from every archive: fewer people have them,
and clones of them are worse. No clip is drawn more than AGAIN times as often as in uniform draws."""


def chances(high: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """How often each clip of an archive is drawn: float64 [N] of sum 1. high: which clips are of high voices."""
    part = float(high.mean())
    share = min(max(0.5, 1 - AGAIN * (1 - part)), AGAIN * part)
    return np.where(high, share / max(1, high.sum()), (1 - share) / max(1, (~high).sum()))


class Draw(NamedTuple):
    """A batch of B pieces; int [B] each, except the last two.

    clip, variant and enrollment of the voice; start, the first frame. wrong: the row of the mismatched voice, or the
    row itself where there is none. row and at: a piece and its first frame for the speaker consistency loss, of which
    only the first few are used. share [B]: the part of the way that frames move to exemplars, -1 where the voice is not
    adapted. rate [B]: 1 where the speaking rate is known, else 0.
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
        """From float32 [9, B]: one upload a step."""
        return Draw(*packed[:-2].long(), *packed[-2:])


class Crop(NamedTuple):
    """Pieces of clips, T frames each; some frames may lie outside the clip.

    phonemes, durations int [B, L] of the whole clips, 0 for padding; phoneme int [B, T], the index of the one spoken,
    and position [B, T, 3] in it, as from ``frame_positions``; symbols int [B, T], 0 outside; inside [B, T, 1]; pitch
    and voiced [B, T] as the decoder takes them; at int [B, T], frames of all clips; statistics [B, 3]; recording [B,
    2]; valid [B, M], the bands that hold something; warp [B, M, M], which moves a log-mel spectrum.
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


class EnrolledVoices(NamedTuple):
    """Voices from K simulated enrollments of every variant of every clip.

    embeddings [N, V, K, E]; adaptations float16 [N, V, K, A], fitted with share 1; starts int [N, V, K], the first
    frame of the piece that the enrollment left out, or -1 where it used other clips only.
    """

    embeddings: Tensor
    adaptations: Tensor
    starts: npt.NDArray[np.int64]


class DeviceDataset:
    """Prepared clips on a device; see ``draw`` (on the host), ``crop`` and ``real``."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.clips, self.index = clips, index = read_dataset(folder)
        self.device = device
        self.start = np.cumsum(clips.frames, dtype=np.int64) - clips.frames
        self.groups = {
            name: np.flatnonzero(clips.archive == number)
            for number, name in enumerate(index.archives)
            if name in DRAW_SHARES and (clips.archive == number).any()
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
        """The place of a clip among all frames."""
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
        """A random Draw of ``size`` pieces of REFINER_FRAMES, packed: float32 [9, size].

        starts: those of EnrolledVoices. known: how often the speaking rate is known.
        """
        names = list(self.groups)
        shares = np.array([DRAW_SHARES[name] for name in names])
        archive = random.choice(len(names), size=size, p=shares / shares.sum())
        of = [names[number] for number in archive]
        clip = np.array([random.choice(self.groups[name], p=self.chances[name]) for name in of])
        variant = random.choice(VARIANTS, size=size, p=VARIANT_SHARES)
        enrollment = random.integers(starts.shape[2], size=size)
        frames, unheard = self.clips.frames[clip], starts[clip, variant, enrollment]
        start = np.where(unheard >= 0, unheard, random.integers(np.maximum(1, frames - REFINER_FRAMES + 1)))
        inside = np.minimum(frames - start, REFINER_FRAMES)
        long = np.flatnonzero(inside >= CONSISTENCY_FRAMES)
        row = random.choice(long if len(long) else [inside.argmax()], size=size)
        at = random.integers(np.maximum(1, inside[row] - CONSISTENCY_FRAMES + 1))
        never = np.array([UNADAPTED.get(name, UNADAPTED_ELSE) for name in of])
        share = np.where(random.random(size) < never, -1, random.uniform(*SHARE, size))
        rate = random.random(size) < known
        wrong = self._wrong(archive, self.clips.speaker[clip] * VARIANTS + variant, random)
        return np.stack([clip, variant, enrollment, start, wrong, row, at, share, rate]).astype(np.float32)

    @staticmethod
    def _wrong(
        archive: npt.NDArray[np.int64], voice: npt.NDArray[np.int64], random: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """For every row another row of its archive in another voice, or itself if there is none.

        Recording conditions would give away a row of another archive.
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
        index, position = frame_positions(durations, times)
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

        Above SILENCE it carries uniform noise of one STEP: an adversary would recognize whole STEPs.
        """
        levels = self._levels[crop.at].float()
        levels = levels + (torch.rand(levels.shape, device=self.device) - 0.5) * (levels > 0)
        mel = (levels * STEP + SILENCE) @ crop.warp
        return mel.clamp_min(SILENCE) * crop.inside

    @torch.no_grad()
    def predicted(self, acoustic: AcousticModel, variant: int, size: int = 64) -> npt.NDArray[np.float16]:
        """What the acoustic model alone predicts of all clips, in a variant of their own voices: float16 [F, M]."""
        made = np.empty(self.clips.levels.shape, np.float16)
        order = np.argsort(self.clips.frames, kind="stable")  # little padding
        for first in range(0, len(order), size):
            part = order[first : first + size]
            clip = torch.from_numpy(part).to(self.device)
            variants = torch.full_like(clip, variant)
            crop = self.crop(clip, variants, torch.zeros_like(clip), int(self.clips.frames[part].max()))
            mel = teacher_forced(acoustic, crop, self.embeddings[clip, variants]).mel.half().cpu().numpy()
            for number, row in zip(part, mel, strict=True):
                made[self.span(number)] = row[: self.clips.frames[number]]
        return made

    def enroll(self, acoustic: AcousticModel, seed: int = 0, processes: int = 1) -> EnrolledVoices:
        """Enroll every variant of every clip ENROLLMENTS times, from other recordings of the person."""
        predicted = [self.predicted(acoustic, variant) for variant in range(VARIANTS)]
        shape = len(self), VARIANTS, ENROLLMENTS
        own = self.embeddings.cpu().numpy()
        embeddings = shared_zeros((*shape, own.shape[-1]), np.dtype(np.float32))
        adaptations = shared_zeros((*shape, adaptation.size()), np.dtype(np.float16))
        starts = shared_zeros(shape, np.dtype(np.int64))
        others = [np.flatnonzero(self.clips.speaker == speaker) for speaker in range(self.clips.speaker.max() + 1)]

        def enroll(clip: int) -> None:
            theirs = others[self.clips.speaker[clip]]
            theirs = theirs[theirs != clip].tolist()
            for variant, enrollment in np.ndindex(shape[1:]):
                place = clip, variant, enrollment
                random = np.random.default_rng((seed, *place))
                enrolled_from, start, heard = self._enrollment(clip, variant, theirs, random)
                said = [predicted[variant][self.span(k)] for k in random.permutation([clip, *theirs])[:SPOKEN_CLIPS]]
                mean = own[enrolled_from, variant].mean(axis=0)
                starts[place], embeddings[place] = start, mean / np.linalg.norm(mean)
                if len(heard) >= adaptation.MIN_FRAMES:
                    spoken = np.concatenate(said).astype(np.float32)
                    adaptations[place] = adaptation.fit(spoken, heard, share=1.0)

        in_processes(enroll, len(self), processes)
        embedded, adapted = (torch.from_numpy(values).to(self.device) for values in (embeddings, adaptations))
        return EnrolledVoices(embedded, adapted, starts)

    def _enrollment(
        self, clip: int, variant: int, others: list[int], random: np.random.Generator
    ) -> tuple[list[int], int, npt.NDArray[np.float32]]:
        """One enrollment of the voice of ``clip``: its clips, and its log-mel [T, M].

        Where there are no ``others``, it uses ``clip`` without REFINER_FRAMES; the second value is the first frame of
        that piece, else -1.
        """
        if others:
            enrolled_from, start = enrollment_clips(others, self.clips.frames.__getitem__, random), -1
            heard = np.concatenate([self.measured(k) for k in enrolled_from])
        else:
            enrolled_from, start = [clip], int(random.integers(max(1, self.clips.frames[clip] - REFINER_FRAMES + 1)))
            heard = np.delete(self.measured(clip), slice(start, start + REFINER_FRAMES), axis=0)
        heard = heard @ self.warps[self.warp_of[clip, variant]]
        if len(heard) and random.random() < NOISY:
            heard = add_noise(heard, random)
        return enrolled_from, start, heard


class TeacherForcedOutput(NamedTuple):
    """What the acoustic model predicts of a Crop: log_durations [B, L]; its condition [B, D]; the decoder's rows
    [B, T, C + 3], features [B, T, C] and mel [B, T, M]."""

    log_durations: Tensor
    condition: Tensor
    rows: Tensor
    features: Tensor
    mel: Tensor


def teacher_forced(acoustic: AcousticModel, crop: Crop, embedding: Tensor) -> TeacherForcedOutput:
    """Run the acoustic model over a crop in the voice of embedding [B, E], with recorded durations and pitch.

    The text side runs over whole clips.
    """
    with fast_math(crop.inside.device):
        condition = acoustic.voice(embedding, crop.statistics, crop.recording)
        encoded, log_durations, _ = acoustic.encode(crop.phonemes, condition)
        rows = encoded.gather(1, crop.phoneme.unsqueeze(-1).expand(-1, -1, encoded.shape[-1])) * crop.inside
        rows = torch.cat([rows, crop.position], dim=-1)
        median = crop.statistics[:, :1]
        features, mel = acoustic.decode(rows, crop.inside, condition, crop.pitch, crop.voiced, median)
    return TeacherForcedOutput(log_durations, condition, rows, features, mel.float())


def _padded(flat: npt.NDArray[Any], counts: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Rows of some length each, one after the other -> [N, L], 0 for padding."""
    out = np.zeros((len(counts), counts.max()), flat.dtype)
    out[np.arange(counts.max())[None] < counts[:, None]] = flat
    return out
