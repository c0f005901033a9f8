"""Vocoder: mel spectrogram in, waveform out, every layer at the frame rate.

A Vocos-like backbone (Siuzdak 2023) whose head predicts no phases. For every frame it predicts the filters of a
harmonic source (a band-limited pulse train at f0) and of a noise source, as a neural source-filter model does
(Wang 2019), and a phase correction of the harmonic part. The host, or ``render`` here, makes the sources, multiplies,
and overlap-adds. So pitch is exact, and small models do not buzz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .acoustic import REFERENCE_HZ
from .blocks import ConvNeXtStack, Convolution


@dataclass(frozen=True)
class VocoderConfig:
    """Shape of the vocoder and of its synthesis window."""

    sample_rate: int = 24000
    hop_length: int = 300
    n_fft: int = 1024
    n_mels: int = 80
    width: int = 256
    layers: int = 8
    pitch_layers: int = 2

    @property
    def bins(self) -> int:
        return self.n_fft // 2 + 1


class VocoderOutput(NamedTuple):
    """magnitude, phase, noise: [B, T, F] each; f0 [B, T] in Hz, 0 where unvoiced."""

    magnitude: Tensor
    phase: Tensor
    noise: Tensor
    f0: Tensor


class Vocoder(nn.Module):
    """mel [B, T, M] (natural log) -> VocoderOutput."""

    def __init__(self, config: VocoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or VocoderConfig()
        self.stem = Convolution(config.n_mels, config.width, 7)
        self.stem_norm = nn.LayerNorm(config.width)
        self.body = ConvNeXtStack(config.width, config.layers)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, 3 * config.bins)
        self.pitch = ConvNeXtStack(config.width, config.pitch_layers, 1)
        self.pitch_head = nn.Linear(config.width, 2)
        with torch.no_grad():
            self.head.weight[config.bins : 2 * config.bins] *= 0.1
            self.head.bias.zero_()
            self.head.bias[: config.bins] = -3.0
            self.head.bias[2 * config.bins :] = -5.0

    @property
    def context(self) -> int:
        """Frames on each side that an output frame depends on."""
        return 3 * (1 + self.config.layers)

    def pitch_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Backbone features [B, T, C] -> log2(f0 / REFERENCE_HZ) [B, T], voicing logit [B, T]."""
        out = self.pitch_head(self.pitch(x))
        return out[..., 0], out[..., 1]

    def backbone(self, mel: Tensor) -> Tensor:
        """mel [B, T, M] -> features [B, T, C]."""
        x = self.stem_norm(self.stem((mel + 5) / 4))
        features: Tensor = self.norm(self.body(x))
        return features

    def filters(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Backbone features -> magnitude, phase and noise [B, T, F]."""
        magnitude, phase, noise = self.head(x).float().chunk(3, dim=-1)
        return torch.exp(magnitude.clamp(max=6)), phase, torch.exp(noise.clamp(max=6))

    def forward(self, mel: Tensor) -> VocoderOutput:
        x = self.backbone(mel)
        pitch, voicing = self.pitch_logits(x)
        f0 = REFERENCE_HZ * torch.exp(pitch * math.log(2)) * (voicing > 0).to(pitch.dtype)
        return VocoderOutput(*self.filters(x), f0)


def pulse_train(f0: Tensor, hop_length: int, sample_rate: int, phase: Tensor | None = None) -> Tensor:
    """A band-limited pulse train: all harmonics of f0 below the Nyquist frequency, each of amplitude 1.

    f0 [B, T] in Hz, 0 where unvoiced -> samples [B, T * hop]. Uses the closed form of the sum of cosines
    (the Dirichlet kernel), not one oscillator a harmonic. ``phase`` [B] is the starting phase in cycles.
    """
    voiced = (f0 > 0).to(f0.dtype)
    samples = f0.shape[1] * hop_length

    def to_samples(x: Tensor) -> Tensor:
        return functional.interpolate(x[:, None], size=samples, mode="linear", align_corners=False)[:, 0]

    # Weighting by voicing keeps the zero of an unvoiced neighbor out of the interpolated frequency.
    gate = to_samples(voiced)
    frequency = (to_samples(f0) / gate.clamp_min(1e-6)).clamp_min(40.0)
    cycles = torch.cumsum(frequency.double() / sample_rate, dim=1)
    if phase is not None:
        cycles = cycles + phase[:, None]
    theta = ((cycles - cycles.round()) * 2 * math.pi).float()
    harmonics = torch.floor(0.5 * sample_rate / frequency)
    half = torch.sin(theta / 2)
    small = half.abs() < 1e-4
    kernel = (torch.sin((harmonics + 0.5) * theta) / torch.where(small, torch.ones_like(half), half) - 1) / 2
    return torch.where(small, harmonics, kernel) * gate


def frame(samples: Tensor, config: VocoderConfig) -> Tensor:
    """Windowed frames around the centers of hops: [B, T * hop] -> [B, T, n_fft]."""
    pad = (config.n_fft - config.hop_length) // 2
    window = torch.hann_window(config.n_fft, device=samples.device)
    return functional.pad(samples, (pad, pad)).unfold(1, config.n_fft, config.hop_length) * window


def overlap_add(frames: Tensor, config: VocoderConfig) -> Tensor:
    """Weighted overlap-add with the Hann window: [B, T, n_fft] -> [B, T * hop]."""
    pad = (config.n_fft - config.hop_length) // 2
    window = torch.hann_window(config.n_fft, device=frames.device)
    length = (frames.shape[1] - 1) * config.hop_length + config.n_fft

    def fold(x: Tensor) -> Tensor:
        return functional.fold(x.transpose(1, 2), (1, length), (1, config.n_fft), stride=(1, config.hop_length))[
            :, 0, 0
        ]

    weight = fold((window * window).expand(1, frames.shape[1], -1))
    return (fold(frames * window) / weight.clamp_min(1e-3))[:, pad:-pad]


def render(
    magnitude: Tensor, phase: Tensor, noise: Tensor, source: Tensor, white: Tensor, config: VocoderConfig
) -> Tensor:
    """Filter the two sources and overlap-add.

    magnitude, phase, noise [B, T, F]; source, white [B, T * hop] -> samples [B, T * hop].
    """
    harmonic = torch.fft.rfft(frame(source, config)) * torch.polar(magnitude, phase)
    breath = torch.fft.rfft(frame(white, config)) * noise
    return overlap_add(torch.fft.irfft(harmonic + breath, config.n_fft), config)
