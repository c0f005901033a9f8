"""Train the acoustic model on clips whose phoneme durations are known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from ..corpus import Clip, Pack
from ..models.acoustic import REFERENCE_HZ, AcousticConfig, AcousticModel
from ..models.likeness import LikenessCritic
from ..symbols import SYMBOLS, phoneme_ids
from .loop import Losses, Schedule, fast_math, load_weights, train

FRAMES_A_BATCH = 2600
# Digital silence lies at the floor of the logarithm; left there it would dominate the loss.
SILENCE = -9.0
NARROW_BAND_HZ = 7600.0
# How often the voice is that of the very clip: an embedding holds no words, and it fits this clip best.
SAME_CLIP = 0.6
LIKENESS = 1.0


@dataclass(frozen=True)
class Batch:
    """phonemes, durations [B, L]; pitch, voiced [B, T]; mel [B, T, M]; embedding [B, E]; statistics [B, 3];
    recording [B, 2]; frames [B]."""

    phonemes: Tensor
    durations: Tensor
    pitch: Tensor
    voiced: Tensor
    mel: Tensor
    embedding: Tensor
    statistics: Tensor
    recording: Tensor
    frames: Tensor


def pitch_statistics(f0: npt.NDArray[np.float32]) -> tuple[float, float]:
    """(log2 of the median over REFERENCE_HZ, standard deviation of log2) of the voiced frames of f0 [T]."""
    voiced = np.log2(f0[f0 > 0] / REFERENCE_HZ)
    if len(voiced) < 10:
        return 0.0, 0.25
    return float(np.median(voiced)), float(np.clip(voiced.std(), 0.05, 0.6))


class AlignedClips:
    """Clips with durations, ready to be drawn: voices as embeddings, statistics measured once a speaker.

    ``embeddings`` float32 [len(pack.clips), E]: one for every clip of the pack, in its order.
    ``shares``: how often each archive is drawn.
    """

    def __init__(
        self,
        pack: Pack,
        embeddings: npt.NDArray[np.float32],
        durations: dict[int, list[int]],
        phonemes: dict[int, str],
        shares: dict[str, float],
        split: str = "train",
    ) -> None:
        self.pack, self.embeddings, self.durations = pack, embeddings, durations
        self.ids = {index: phoneme_ids(text) for index, text in phonemes.items()}
        self.clips_of: dict[str, list[int]] = defaultdict(list)
        for index, clip in enumerate(pack.clips):
            # Clips of nobody in particular are speakers of their own.
            self.clips_of[clip.speaker or f"{clip.archive}/{clip.id}"].append(index)
        self.statistics = {
            speaker: pitch_statistics(np.concatenate([self._f0(pack.clips[i]) for i in clips]).astype(np.float32))
            for speaker, clips in self.clips_of.items()
        }
        self.speaker = {i: s for s, clips in self.clips_of.items() for i in clips}
        usable = [i for i in durations if pack.clips[i].split == split and 40 < pack.clips[i].frames < 1100]
        self.groups = {
            name: sorted((i for i in usable if pack.clips[i].archive == name), key=lambda i: pack.clips[i].frames)
            for name in shares
        }
        self.shares = shares
        total, count = np.zeros(len(SYMBOLS)), np.zeros(len(SYMBOLS))
        for i in usable:
            np.add.at(total, self.ids[i], durations[i])
            np.add.at(count, self.ids[i], 1)
        self.mean_duration = total / np.maximum(count, 1)

    def _f0(self, clip: Clip) -> npt.NDArray[np.float32]:
        return self.pack.f0[clip.start : clip.start + clip.frames]

    def rate(self, index: int) -> float:
        """Log of how fast a clip is spoken, against the mean duration of its phonemes."""
        inner = slice(1, -1)
        expected = self.mean_duration[self.ids[index][inner]].sum()
        return float(np.clip(math.log(expected / max(1, sum(self.durations[index][inner]))), -0.6, 0.6))

    def batch(self, indices: Sequence[int], random: np.random.Generator) -> Batch:
        """Stack clips into one padded batch; the voice comes from another clip of the speaker where there is one."""
        clips = [self.pack.clips[i] for i in indices]
        frames = np.array([c.frames for c in clips])
        length, width = max(len(self.ids[i]) for i in indices), int(frames.max())
        phonemes = np.zeros((len(clips), length), np.int64)
        durations = np.zeros((len(clips), length), np.int64)
        pitch, voiced = (np.zeros((len(clips), width), np.float32) for _ in range(2))
        mel = np.full((len(clips), width, self.pack.config.n_mels), SILENCE, np.float32)
        embedding, statistics, recording = [], [], []
        for row, (i, clip) in enumerate(zip(indices, clips, strict=True)):
            phonemes[row, : len(self.ids[i])] = self.ids[i]
            durations[row, : len(self.durations[i])] = self.durations[i]
            speaker = self.speaker[i]
            median, spread = self.statistics[speaker]
            f0 = self._f0(clip).astype(np.float32)
            on = f0 > 0
            voiced[row, : clip.frames] = on
            pitch[row, : clip.frames][on] = np.log2(f0[on] / REFERENCE_HZ) - median
            mel[row, : clip.frames] = np.maximum(self.pack.mel[clip.start : clip.start + clip.frames], SILENCE)
            siblings = self.clips_of[speaker]
            reference = i if random.random() < SAME_CLIP else siblings[int(random.integers(len(siblings)))]
            embedding.append(self.embeddings[reference])
            statistics.append([median, spread, self.rate(i)])
            recording.append([float(np.clip((40 - clip.snr_db) / 40, 0, 1)), float(clip.rate < 24000)])
        return Batch(
            torch.from_numpy(phonemes),
            torch.from_numpy(durations),
            torch.from_numpy(pitch),
            torch.from_numpy(voiced),
            torch.from_numpy(mel),
            torch.from_numpy(np.stack(embedding)),
            torch.tensor(statistics, dtype=torch.float32),
            torch.tensor(recording, dtype=torch.float32),
            torch.from_numpy(frames),
        )

    def batches(self, seed: int) -> Iterator[Batch]:
        """Random batches of about FRAMES_A_BATCH frames, for ever, each of clips of similar length."""
        random = np.random.default_rng(seed)
        names = [name for name in self.shares if self.groups[name]]
        shares = np.array([self.shares[name] for name in names])
        while True:
            group = self.groups[names[random.choice(len(names), p=shares / shares.sum())]]
            # A window in the order of length keeps padding small; drawing inside it keeps batches fresh.
            centre = int(random.integers(len(group)))
            near = group[max(0, centre - 40) : centre + 40]
            clip_frames = self.pack.clips[group[centre]].frames
            size = max(2, FRAMES_A_BATCH // clip_frames)
            chosen = random.choice(near, size=min(size, len(near)), replace=False)
            yield self.batch([int(i) for i in chosen], random)


def acoustic_losses(
    model: AcousticModel, batch: Batch, hertz: npt.NDArray[np.float64], critic: LikenessCritic | None = None
) -> Losses:
    """L1 on the mel spectrogram, Huber on log durations, L1 on pitch, cross-entropy on voicing.

    With a ``critic``, also the distance between the voice it hears in the predicted mel and the one asked for.

    ``hertz`` [M]: centre of every mel band, to leave out what narrow-band recordings do not hold.
    """
    with fast_math():
        out = model(
            batch.phonemes,
            batch.durations,
            batch.pitch,
            batch.voiced,
            batch.embedding,
            batch.statistics,
            batch.recording,
        )
    frames = (torch.arange(batch.mel.shape[1])[None] < batch.frames[:, None]).float()
    bands = torch.from_numpy(hertz < NARROW_BAND_HZ).float()[None, None]
    narrow = batch.recording[:, 1, None, None]
    mask = frames.unsqueeze(-1) * (1 - narrow * (1 - bands))
    mel = ((out.mel.float() - batch.mel).abs() * mask).sum() / mask.sum()
    tokens = (batch.phonemes > 0).float()
    target = torch.log1p(batch.durations.float())
    duration = functional.smooth_l1_loss(out.log_durations.float(), target, reduction="none", beta=0.25)
    voiced = batch.voiced * frames
    pitch = ((out.pitch.float() - batch.pitch).abs() * voiced).sum() / voiced.sum().clamp_min(1)
    voicing = functional.binary_cross_entropy_with_logits(out.voicing.float(), batch.voiced, reduction="none")
    losses = {
        "mel": mel,
        "duration": (duration * tokens).sum() / tokens.sum(),
        "pitch": pitch,
        "voicing": 0.3 * (voicing * frames).sum() / frames.sum(),
    }
    if critic is not None:
        heard = torch.where(mask > 0, out.mel.float(), batch.mel)
        with fast_math():
            voice = critic(heard, frames.unsqueeze(-1)).float()
        losses["likeness"] = LIKENESS * (1 - (voice * batch.embedding).sum(-1)).mean()
    return losses


def band_centres(pack: Pack) -> npt.NDArray[np.float64]:
    """Centre frequency of every mel band, Hz [M]."""
    from ..mel import mel_filterbank

    c = pack.config
    bank = mel_filterbank(c.sample_rate, c.n_fft, c.n_mels, c.f_min, c.f_max)
    return np.asarray(bank.argmax(axis=1) * c.sample_rate / c.n_fft, dtype=np.float64)


def train_acoustic(
    clips: AlignedClips,
    out: Path,
    schedule: Schedule,
    start_from: Path | None = None,
    critic_weights: Path | None = None,
) -> None:
    """Train, or go on training, an acoustic model; with a likeness critic if its weights are given."""
    torch.manual_seed(0)
    model = AcousticModel(AcousticConfig(symbols=len(SYMBOLS), embedding=clips.embeddings.shape[1]))
    hertz = band_centres(clips.pack)
    critic = None
    if critic_weights is not None:
        critic = LikenessCritic(clips.embeddings.shape[1])
        load_weights(critic, critic_weights)
        critic.requires_grad_(False).eval()
    batches = clips.batches(seed=int(torch.randint(1 << 30, ())))

    def voice(name: str) -> bool:
        return name.startswith("voice.") or ".modulate." in name

    train(model, batches, lambda batch: acoustic_losses(model, batch, hertz, critic), out, schedule, start_from, voice)
