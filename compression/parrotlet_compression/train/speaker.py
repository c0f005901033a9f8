"""Distill the speaker encoder from GE2E, on clean and damaged copies of the same recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.signal import fftconvolve, firwin
from torch import Tensor, nn
from torch.nn import functional

from ..corpus import Pack, Samples
from ..models.speaker import SpeakerEncoder, embed_clips, fit_whitening
from ..models.weights import load_metadata, load_weights, save_weights
from .loop import Losses, Schedule, fast_math, train

SECONDS = (1.6, 3.2)
SpeakerBatch = tuple[Tensor, Tensor, Tensor]


def damage(samples: Samples, noise: Samples, random: np.random.Generator) -> Samples:
    """A copy as a phone in a room records it: reverberant, band-limited, noisy (each at random)."""
    if random.random() < 0.4:
        seconds = random.uniform(0.1, 0.6)
        tail = random.standard_normal(int(16000 * seconds)) * np.exp(
            -np.arange(int(16000 * seconds)) / (2300 * seconds)
        )
        room = np.concatenate([[1.0], tail * random.uniform(0.01, 0.08)])
        samples = fftconvolve(samples, room)[: len(samples)].astype(np.float32)
    if random.random() < 0.3:
        low, high = random.uniform(50, 300), random.uniform(3300, 7500)
        band = firwin(101, [low, high], pass_zero=False, fs=16000)
        samples = np.asarray(fftconvolve(samples, band, mode="same"), dtype=np.float32)
    if random.random() < 0.6:
        hiss = random.standard_normal(len(samples)).astype(np.float32)
        added = noise if random.random() < 0.4 else hiss
        ratio = 10 ** (-random.uniform(8, 35) / 20)
        scale = ratio * np.sqrt(np.mean(samples**2) / (np.mean(added**2) + 1e-9))
        samples = samples + added * scale
    return np.asarray(samples, dtype=np.float32)


def speaker_batches(
    pack: Pack, targets: npt.NDArray[np.float32], label: dict[int, int], batch: int, seed: int
) -> Iterator[SpeakerBatch]:
    """Random crops, for ever, every speaker equally often: samples [B, N], target [B, E], speaker id [B]."""
    random = np.random.default_rng(seed)
    by_speaker: dict[int, list[int]] = defaultdict(list)
    for index, speaker in label.items():
        by_speaker[speaker].append(index)
    speakers = sorted(by_speaker)

    def cut(index: int, length: int) -> Samples:
        samples = pack.samples16(pack.clips[index])
        if len(samples) < length:
            samples = np.tile(samples, length // len(samples) + 1)
        at = int(random.integers(len(samples) - length + 1))
        return samples[at : at + length]

    while True:
        length = int(random.uniform(*SECONDS) * 16000)
        chosen = random.choice(speakers, size=batch, replace=False)
        indices = [by_speaker[s][int(random.integers(len(by_speaker[s])))] for s in chosen]
        rows = [cut(i, length) for i in indices]
        rows = [damage(row, rows[(k + 1) % batch], random) for k, row in enumerate(rows)]
        yield torch.from_numpy(np.stack(rows)), torch.from_numpy(targets[indices]), torch.from_numpy(chosen)


class _Student(nn.Module):
    """The encoder with a classifier over the training speakers, which is dropped afterwards."""

    def __init__(self, encoder: SpeakerEncoder, speakers: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.classes = nn.Parameter(torch.randn(speakers, encoder.config.embedding) * 0.1)

    def losses(self, batch: SpeakerBatch) -> Losses:
        samples, target, speaker = batch
        mel = self.encoder.features(samples)
        with fast_math():
            embedding = self.encoder.raw(mel).float()
        # Additive margin (Wang 2018) beside the distance to the teacher: it separates the speakers.
        cosine = embedding @ functional.normalize(self.classes, dim=-1).T
        margin = 0.1 * functional.one_hot(speaker, len(self.classes))
        return {
            "distance": 4 * (1 - (embedding * target).sum(-1)).mean(),
            "speaker": 0.1 * functional.cross_entropy(25 * (cosine - margin), speaker),
        }


def train_speaker(pack_path: Path, targets: npt.NDArray[np.float32], out: Path, schedule: Schedule) -> SpeakerEncoder:
    """Train, or go on training; writes the encoder alone to ``encoder.safetensors`` in ``out`` at the end.

    ``targets`` float32 [len(pack.clips), E]: the teacher's embedding of every clip.
    """
    torch.manual_seed(0)
    pack = Pack(pack_path)
    names = sorted({c.speaker for c in pack.clips if c.speaker and c.split == "train"})
    number = {name: k for k, name in enumerate(names)}
    label = {i: number[c.speaker] for i, c in enumerate(pack.clips) if c.speaker in number and c.split == "train"}
    student = _Student(SpeakerEncoder(), len(names))
    batches = speaker_batches(pack, targets, label, batch=32, seed=int(torch.randint(1 << 30, ())))
    train(student, batches, student.losses, out, schedule)
    load_weights(student, out / "model.safetensors")
    indices = sorted(label)
    raw = embed_clips([pack.samples16(pack.clips[i]) for i in indices], student.encoder, whitened=False)
    fit_whitening(student.encoder, raw, [pack.clips[i].speaker for i in indices])
    save_weights(
        student.encoder, out / "encoder.safetensors", step=load_metadata(out / "model.safetensors").get("step")
    )
    return student.encoder
