"""Speaker encoder: raw samples in, unit-norm speaker embedding out.

The log-mel front end is part of the graph, as a convolution over the windowed DFT basis, so every host
shares one definition. The body is a stack of ConvNeXt blocks and attentive statistics pooling
(Okabe 2018); it is distilled from GE2E (Wan 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..mel import mel_filterbank
from .blocks import Convolution, ConvNeXtStack


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

    def features(self, samples: Tensor) -> Tensor:
        """Log-mel energies [B, T, n_mels], the input of ``embed``."""
        mel: Tensor = self.front_end(samples)
        return mel

    def embed(self, mel: Tensor) -> Tensor:
        """Log-mel energies [B, T, n_mels] -> embedding [B, E]."""
        x = self.body(self.norm(self.stem(mel * 0.25)))
        weights = torch.softmax(self.attention(x), dim=1)
        mean = (weights * x).sum(dim=1)
        variance = (weights * (x - mean.unsqueeze(1)).square()).sum(dim=1)
        pooled = torch.cat([mean, (variance + 1e-5).sqrt()], dim=-1)
        embedding = self.output(pooled)
        return embedding / (embedding.square().sum(dim=-1, keepdim=True) + 1e-12).sqrt()

    def forward(self, samples: Tensor) -> Tensor:
        return self.embed(self.features(samples))
