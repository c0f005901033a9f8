"""Clips whose phoneme durations are known, and batches of them for the acoustic model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor

from parrotlet.enrollment import voice_statistics
from parrotlet.mel import mel_filterbank

from ..corpus import SILENCE, Clip, Pack
from ..interpolation import rows_at
from ..models.acoustic import REFERENCE_HZ
from ..symbols import SYMBOLS, phoneme_ids
from .speaker import damage

FRAMES_A_BATCH = 2600
EDGE_FRAMES = 10
# Clips of fewer or more frames are not drawn. Half of LibriSpeech's readers have one clip of 14 to 17 seconds.
FEWEST_FRAMES, MOST_FRAMES = 40, 1360
NARROW_BAND_HZ, FULL_BAND_HZ = 7600.0, 11800.0
# How often the reference is the clip itself. It fits best, but people enroll with other words.
SAME_CLIP = 0.25
REFERENCE_S = (2.0, 6.0)
REFERENCES_S = 36.0  # of a whole batch
DAMAGED = 0.3
# How often, and by what ratio at most, pitch and formants are moved together: another person at no cost.
WARPED, WARP = 0.5, 1.15


@dataclass(frozen=True)
class AcousticBatch:
    """phonemes, durations [B, L]; pitch, voiced [B, T]; mel [B, T, M]; valid [B, M], the bands that hold something;
    reference [B, N] at 16 kHz; speaker [B], -1 for nobody known; statistics [B, 3]; recording [B, 2]; frames [B];
    clips [B], their numbers in the pack."""

    phonemes: Tensor
    durations: Tensor
    pitch: Tensor
    voiced: Tensor
    mel: Tensor
    valid: Tensor
    reference: Tensor
    speaker: Tensor
    statistics: Tensor
    recording: Tensor
    frames: Tensor
    clips: Tensor

    @cached_property
    def masks(self) -> tuple[Tensor, Tensor]:
        """inside [B, T], 0 for padding; and mask [B, T, M], 0 also for what the recording does not hold."""
        inside = (torch.arange(self.mel.shape[1])[None] < self.frames[:, None]).float()
        return inside, inside.unsqueeze(-1) * self.valid[:, None]


def pitch_statistics(f0: npt.NDArray[np.float32]) -> tuple[float, float]:
    """(log2 of the median over REFERENCE_HZ, standard deviation of log2) of f0 [T], as a profile has them."""
    if (f0 > 0).sum() < 10:
        return 0.0, 0.25
    measured = voice_statistics(f0)
    return math.log2(measured.median_hz / REFERENCE_HZ), measured.spread_octaves


def warped(mel: npt.NDArray[np.float32], ratio: float, centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A mel spectrogram [T, M] with every frequency multiplied by ``ratio``, its timing unchanged."""
    return rows_at(mel.T, np.interp(centres / ratio, centres, np.arange(len(centres)))).T


class AlignedClips:
    """Clips with known durations, and random batches of them. Pitch statistics are measured once a speaker.

    ``shares``: how often each archive is drawn.
    """

    def __init__(
        self,
        pack: Pack,
        durations: dict[int, list[int]],
        phonemes: dict[int, str],
        shares: dict[str, float],
        split: str = "train",
    ) -> None:
        self.pack = pack
        self.centres = band_centres(pack)
        # Recordings begin and end with silence of any length. Long silence is cut, so that no model learns it.
        self.durations: dict[int, list[int]] = {}
        self.span: dict[int, slice] = {}
        for i, (first, *inner, last) in durations.items():
            start = pack.clips[i].start + max(0, first - EDGE_FRAMES)
            self.durations[i] = [min(first, EDGE_FRAMES), *inner, min(last, EDGE_FRAMES)]
            self.span[i] = slice(start, start + sum(self.durations[i]))
        self.ids = {index: phoneme_ids(text) for index, text in phonemes.items()}
        self.clips_of: dict[str, list[int]] = defaultdict(list)
        for index, clip in enumerate(pack.clips):
            # A clip without a speaker counts as a speaker of its own.
            self.clips_of[clip.speaker or clip.name].append(index)
        self.statistics = {
            speaker: pitch_statistics(np.concatenate([self._f0(pack.clips[i]) for i in clips]).astype(np.float32))
            for speaker, clips in self.clips_of.items()
        }
        self.speaker = {i: s for s, clips in self.clips_of.items() for i in clips}
        known = sorted({clip.speaker for clip in pack.clips if clip.speaker and clip.split == split})
        self.number = {name: k for k, name in enumerate(known)}
        usable = [i for i in durations if pack.clips[i].split == split and FEWEST_FRAMES < self.frames(i) < MOST_FRAMES]
        self.groups = {
            name: sorted((i for i in usable if pack.clips[i].archive == name), key=self.frames) for name in shares
        }
        self.shares = shares
        total, count = np.zeros(len(SYMBOLS)), np.zeros(len(SYMBOLS))
        for i in usable:
            np.add.at(total, self.ids[i], self.durations[i])
            np.add.at(count, self.ids[i], 1)
        self.mean_duration = total / np.maximum(count, 1)

    def keep(self, wanted: Callable[[Clip], bool]) -> None:
        """Draw only the clips that are ``wanted``. ``clips_of`` still holds all clips of a voice."""
        self.groups = {name: [i for i in group if wanted(self.pack.clips[i])] for name, group in self.groups.items()}

    def _f0(self, clip: Clip) -> npt.NDArray[np.float32]:
        return self.pack.f0[clip.start : clip.start + clip.frames]

    def frames(self, index: int) -> int:
        """Frames of a clip, without the silence that is cut."""
        return self.span[index].stop - self.span[index].start

    def rate(self, index: int) -> float:
        """Log of a clip's speaking rate, relative to the mean durations of its phonemes."""
        inner = slice(1, -1)
        expected = self.mean_duration[self.ids[index][inner]].sum()
        return float(np.clip(math.log(expected / max(1, sum(self.durations[index][inner]))), -0.6, 0.6))

    def pitch(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """A clip's log2 f0 over its speaker's median (0 where unvoiced) and whether it is voiced, both [T]."""
        f0 = self.pack.f0[self.span[index]].astype(np.float32)
        voiced = f0 > 0
        relative = np.zeros_like(f0)
        relative[voiced] = np.log2(f0[voiced] / REFERENCE_HZ) - self.statistics[self.speaker[index]][0]
        return relative, voiced.astype(np.float32)

    def recording(self, index: int) -> list[float]:
        """The acoustic model's ``recording`` input for a clip: noise and narrow band."""
        clip = self.pack.clips[index]
        return [float(np.clip((40 - clip.snr_db) / 40, 0, 1)), float(clip.rate < 24000)]

    def _reference(self, index: int, length: int, ratio: float, random: np.random.Generator) -> npt.NDArray[np.float32]:
        siblings = self.clips_of[self.speaker[index]]
        chosen = index if random.random() < SAME_CLIP else siblings[int(random.integers(len(siblings)))]
        samples = self.pack.samples16(self.pack.clips[chosen])
        wanted = int(length * ratio) + 1
        if len(samples) > wanted:
            at = int(random.integers(len(samples) - wanted))
            samples = samples[at : at + wanted]
        if ratio != 1:
            samples = soxr.resample(samples, 16000 * ratio, 16000)
        samples = np.resize(samples, length)
        if random.random() < DAMAGED:
            samples = damage(samples, random.standard_normal(length).astype(np.float32), random)
        return samples

    def batch(self, indices: Sequence[int], random: np.random.Generator, warping: float = WARPED) -> AcousticBatch:
        """Stack clips into one padded batch, each with a reference recording of its voice.

        warping: how often pitch and formants are moved.
        """
        clips = [self.pack.clips[i] for i in indices]
        frames = np.array([self.frames(i) for i in indices])
        length, width = max(len(self.ids[i]) for i in indices), int(frames.max())
        phonemes = np.zeros((len(clips), length), np.int64)
        durations = np.zeros((len(clips), length), np.int64)
        pitch, voiced = (np.zeros((len(clips), width), np.float32) for _ in range(2))
        mel = np.full((len(clips), width, self.pack.config.n_mels), SILENCE, np.float32)
        reference_length = int(min(random.uniform(*REFERENCE_S), max(2.0, REFERENCES_S / len(clips))) * 16000)
        references, speakers, valid, statistics, recording = [], [], [], [], []
        for row, (i, clip) in enumerate(zip(indices, clips, strict=True)):
            phonemes[row, : len(self.ids[i])] = self.ids[i]
            durations[row, : len(self.durations[i])] = self.durations[i]
            speaker = self.speaker[i]
            median, spread = self.statistics[speaker]
            pitch[row, : frames[row]], voiced[row, : frames[row]] = self.pitch(i)
            ratio = float(WARP ** random.uniform(-1, 1)) if random.random() < warping else 1.0
            made = self.pack.mel[self.span[i]].astype(np.float32)
            if ratio != 1:
                made = warped(made, ratio, self.centres)
            mel[row, : len(made)] = np.maximum(made, SILENCE)
            highest = NARROW_BAND_HZ if clip.rate < 24000 else FULL_BAND_HZ
            valid.append(self.centres <= highest * min(1.0, ratio))
            references.append(self._reference(i, reference_length, ratio, random))
            speakers.append(self.number.get(speaker, -1) if ratio == 1 else -1)
            statistics.append([median + math.log2(ratio), spread, self.rate(i)])
            recording.append(self.recording(i))
        return AcousticBatch(
            torch.from_numpy(phonemes),
            torch.from_numpy(durations),
            torch.from_numpy(pitch),
            torch.from_numpy(voiced),
            torch.from_numpy(mel),
            torch.from_numpy(np.stack(valid).astype(np.float32)),
            torch.from_numpy(np.stack(references)),
            torch.tensor(speakers),
            torch.tensor(statistics, dtype=torch.float32),
            torch.tensor(recording, dtype=torch.float32),
            torch.from_numpy(frames),
            torch.tensor(indices),
        )

    def batches(
        self, seed: int, frames: int = FRAMES_A_BATCH, clips: int = FRAMES_A_BATCH, warping: float = WARPED
    ) -> Iterator[AcousticBatch]:
        """Random batches of clips of similar length, for ever: about ``frames`` frames and at most ``clips`` clips."""
        random = np.random.default_rng(seed)
        names = [name for name in self.shares if self.groups[name]]
        shares = np.array([self.shares[name] for name in names])
        while True:
            group = self.groups[names[random.choice(len(names), p=shares / shares.sum())]]
            # A window in the order of length keeps padding small; drawing inside it keeps batches fresh.
            centre = int(random.integers(len(group)))
            near = group[max(0, centre - 40) : centre + 40]
            size = max(2, min(clips, frames // self.frames(near[-1])))
            chosen = random.choice(near, size=min(size, len(near)), replace=False)
            yield self.batch([int(i) for i in chosen], random, warping)


def band_centres(pack: Pack) -> npt.NDArray[np.float64]:
    """Centre frequency of every mel band, Hz [M]."""
    c = pack.config
    bank = mel_filterbank(c.sample_rate, c.n_fft, c.n_mels, c.f_min, c.f_max)
    return np.asarray(bank.argmax(axis=1) * c.sample_rate / c.n_fft, dtype=np.float64)
