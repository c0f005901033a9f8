"""Speaker encoder: raw samples in, unit-norm speaker embedding out.

The log-mel front end is part of the graph, as a convolution over the windowed DFT basis, so every host
shares one definition. The body is a stack of ConvNeXt blocks and attentive statistics pooling
(Okabe 2018); it is distilled from GE2E (Wan 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet.mel import mel_filterbank

from .blocks import ConvNeXtStack, Convolution


@dataclass(frozen=True)
class SpeakerConfig:
    """Shape of the speaker encoder."""

    sample_rate: int = 16000
    window: int = 400
    hop: int = 240
    n_mels: int = 64
    width: int = 192
    layers: int = 5
    embedding: int = 256


class MelFrontEnd(nn.Module):
    """samples [B, N] -> log-mel energies [B, 1 + (N - window) // hop, n_mels], level-normalized."""

    basis: Tensor
    bank: Tensor

    def __init__(self, config: SpeakerConfig) -> None:
        super().__init__()
        self.hop = config.hop
        n = np.arange(config.window)
        bins = np.arange(config.window // 2 + 1)
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / config.window)
        angle = 2 * np.pi * bins[:, None] * n[None] / config.window
        basis = np.concatenate([np.cos(angle), -np.sin(angle)]) * hann
        self.register_buffer("basis", torch.tensor(basis[:, None, None], dtype=torch.float32), persistent=False)
        bank = mel_filterbank(config.sample_rate, config.window, config.n_mels, 40, config.sample_rate / 2)
        self.register_buffer("bank", torch.from_numpy(bank.T.copy()), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        rms = samples.square().mean(dim=-1, keepdim=True).clamp_min(1e-8).sqrt()
        leveled = samples / rms * 0.05
        spectrum = functional.conv2d(leveled[:, None, None], self.basis, stride=(1, self.hop))
        real, imaginary = spectrum.squeeze(2).transpose(1, 2).chunk(2, dim=-1)
        return torch.log((real.square() + imaginary.square()) @ self.bank + 1e-5)


class SpeakerEncoder(nn.Module):
    """samples [B, N] at 16 kHz, N >= 400 -> embedding [B, E] of unit Euclidean norm."""

    def __init__(self, config: SpeakerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SpeakerConfig()
        self.front_end = MelFrontEnd(config)
        self.stem = Convolution(config.n_mels, config.width, 5)
        self.norm = nn.LayerNorm(config.width)
        self.body = ConvNeXtStack(config.width, config.layers)
        self.attention = nn.Linear(config.width, config.width)
        self.output = nn.Linear(2 * config.width, config.embedding)
        self.whiten = nn.Linear(config.embedding, config.embedding)
        with torch.no_grad():
            self.whiten.weight.copy_(torch.eye(config.embedding))
            self.whiten.bias.zero_()

    def features(self, samples: Tensor) -> Tensor:
        """Log-mel energies [B, T, n_mels], the input of ``embed``."""
        mel: Tensor = self.front_end(samples)
        return mel

    def raw(self, mel: Tensor) -> Tensor:
        """Log-mel energies [B, T, n_mels] -> what is compared with the teacher, [B, E] of unit norm."""
        x = self.body(self.norm(self.stem(mel * 0.25)))
        return unit(self.output(attentive_statistics(x, self.attention)))

    def forward(self, samples: Tensor) -> Tensor:
        return unit(self.whiten(self.raw(self.features(samples))))


def attentive_statistics(x: Tensor, attention: nn.Module) -> Tensor:
    """Mean and spread over time of x [B, T, C], by weights that ``attention`` gives of it: [B, 2 C]."""
    weights = torch.softmax(attention(x), dim=1)
    mean = (weights * x).sum(dim=1)
    variance = (weights * (x - mean.unsqueeze(1)).square()).sum(dim=1)
    return torch.cat([mean, (variance + 1e-5).sqrt()], dim=-1)


def unit(x: Tensor) -> Tensor:
    """x [..., E] at a Euclidean norm of 1."""
    return x / (x.square().sum(dim=-1, keepdim=True) + 1e-12).sqrt()


@torch.no_grad()
def fit_whitening(
    encoder: SpeakerEncoder, raw: npt.NDArray[np.float32], speakers: list[str], shrink: float = 0.3
) -> None:
    """Set ``encoder.whiten`` by within-class covariance normalization (Hatch 2006).

    raw [N, E]: what ``raw`` gave for N recordings; speakers: who each is of. Raw embeddings lie in a narrow
    cone. Whitening removes the mean and shrinks the directions in which one person's recordings differ.
    ``shrink`` moves the covariance toward a multiple of the identity.
    """
    mean = raw.mean(axis=0)
    rows: dict[str, list[int]] = {}
    for index, speaker in enumerate(speakers):
        rows.setdefault(speaker, []).append(index)
    centered = np.concatenate([raw[r] - raw[r].mean(axis=0) for r in rows.values() if len(r) >= 2])
    within = centered.T @ centered / len(centered)
    within = (1 - shrink) * within + shrink * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within.astype(np.float64))
    matrix = vectors / np.sqrt(values) @ vectors.T
    matrix /= np.abs(matrix).mean() * len(matrix)
    encoder.whiten.weight.copy_(torch.from_numpy(matrix.T))
    encoder.whiten.bias.copy_(torch.from_numpy(-mean @ matrix))


@torch.no_grad()
def embed_clips(
    clips: Sequence[npt.NDArray[np.float32]], encoder: SpeakerEncoder, whitened: bool = True, max_seconds: int = 8
) -> npt.NDArray[np.float32]:
    """One embedding a clip [N] at 16 kHz, from its first seconds: float32 [len(clips), E].

    whitened: the embedding of the exported graph; otherwise what is compared with the teacher.
    """
    encoder.eval()
    out = np.zeros((len(clips), encoder.config.embedding), np.float32)
    # Equal lengths go through together: clips are grouped by whole half seconds.
    half_second = encoder.config.sample_rate // 2
    groups: dict[int, list[int]] = {}
    for index, clip in enumerate(clips):
        groups.setdefault(max(1, min(max_seconds * 2, len(clip) // half_second)), []).append(index)
    for halves, indices in sorted(groups.items()):
        for start in range(0, len(indices), 32):
            part = indices[start : start + 32]
            samples = torch.from_numpy(np.stack([np.resize(clips[i], halves * half_second) for i in part]))
            made = encoder(samples) if whitened else encoder.raw(encoder.features(samples))
            out[part] = made.numpy()
    return out
