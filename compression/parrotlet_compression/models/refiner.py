"""Refiner: gives a predicted mel spectrogram the harmonics, the detail and the range of a recorded one.

The acoustic model predicts about the mean of all mel spectrograms that fit. The mean is smoother than any of them and
differs less between people. A linear map adapts it to the person (``parrotlet.adaptation``). The refiner then makes the
result sound like a recording, in one pass. Its input includes where the harmonics of the f0 lie.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from parrotlet.mel import MelConfig, mel_filterbank

from .acoustic import VoiceCondition
from .blocks import BlockChange, ConvNeXtStack, LowRank, changed

COMB_LOWEST_HZ, COMB_OCTAVES, COMB_STEPS = 55.0, 3.5, 48
COMB_DEPTH = 3.0  # nepers
RANK = 16
"""Of the changes that a person's factors make."""


@dataclass(frozen=True)
class RefinerConfig:
    """Shape of the refiner."""

    n_mels: int = 80
    embedding: int = 256
    features: int = 288
    condition: int = 128
    width: int = 256
    layers: int = 6

    def products(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of every matrix product that a person's factors change, in their order."""
        block = (self.width, 3 * self.width), (3 * self.width, self.width)
        return (self.features + 2 * self.n_mels, self.width), *(block * self.layers), (self.width, self.n_mels)

    def factors(self) -> tuple[int, ...]:
        """Numbers of every part of a person's factors: of every product [R, N], row by row; then of every block what
        is added to gain and bias of its LayerNorm."""
        return *(RANK * outputs for _, outputs in self.products()), *([2 * self.width] * self.layers)


class RefinerChange(NamedTuple):
    """What a person's factors change in a refiner."""

    stem: LowRank
    blocks: tuple[BlockChange, ...]
    head: LowRank


class Directions(nn.Module):
    """In which directions [M, R] of its inputs a person's factors change each product: the same for all people.

    Random ones until ``load``: half as good as those that ``parrotlet-compress directions`` finds.
    ``common`` [F], of norm 1: where the factors of all people lead alike, as ``parrotlet-compress common`` finds; zeros
    where that is not known.
    """

    common: Tensor

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.register_buffer("common", torch.zeros(sum(config.factors())), persistent=False)
        generator = torch.Generator().manual_seed(0)
        self.count = len(config.products())
        for number, (inputs, _) in enumerate(config.products()):
            made = torch.randn(inputs, RANK, generator=generator) / math.sqrt(inputs)
            self.register_buffer(f"product{number}", made, persistent=False)

    def __iter__(self) -> Iterator[Tensor]:
        return (self.get_buffer(f"product{number}") for number in range(self.count))

    def load(self, found: Sequence[Tensor]) -> None:
        """Take directions of the same shapes in place of those that are here. Raises ValueError."""
        for own, new in zip(self, found, strict=True):
            if own.shape != new.shape:
                raise ValueError(f"directions are of shape {list(new.shape)}, not {list(own.shape)}")
            own.copy_(new)


def harmonic_combs(mel: MelConfig) -> npt.NDArray[np.float32]:
    """Harmonics of equal strength in log-mel frames: float32 [F, n_mels], nepers over their mean.

    Row k is of an f0 of COMB_LOWEST_HZ * 2 ** (k / COMB_STEPS).
    """
    bank = mel_filterbank(mel.sample_rate, mel.n_fft, mel.n_mels, mel.f_min, mel.f_max).astype(np.float64)
    bins = np.arange(mel.n_fft // 2 + 1) * mel.sample_rate / mel.n_fft
    window = np.hanning(mel.win_length + 1)[:-1]
    fine = 16
    lobe = np.abs(np.fft.rfft(window, fine * mel.n_fft))
    step = mel.sample_rate / (fine * mel.n_fft)
    rows = []
    for k in range(round(COMB_OCTAVES * COMB_STEPS) + 1):
        f0 = COMB_LOWEST_HZ * 2 ** (k / COMB_STEPS)
        harmonics = f0 * np.arange(1, int(mel.sample_rate / 2 / f0) + 1)
        at = np.abs(bins[:, None] - harmonics[None]) / step
        power = np.where(at < len(lobe), lobe[np.minimum(at, len(lobe) - 1).astype(int)] ** 2, 0).sum(axis=1)
        level = np.sqrt(power) @ bank.T
        rows.append(np.log(np.maximum(level / (np.sqrt(power).mean() * bank.sum(axis=1)), math.exp(-COMB_DEPTH))))
    return np.clip(np.stack(rows), -COMB_DEPTH, COMB_DEPTH).astype(np.float32)


class HarmonicCombs(nn.Module):
    """f0 [B, T] in Hz (0 where unvoiced) -> its harmonics in log-mel frames [B, T, M], 0 where unvoiced."""

    combs: Tensor
    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        table = torch.from_numpy(harmonic_combs(MelConfig()))
        self.register_buffer("combs", table, persistent=False)
        self.register_buffer("rows", torch.arange(len(table), dtype=torch.float32), persistent=False)

    def forward(self, f0: Tensor) -> Tensor:
        place = torch.log2(f0.clamp_min(COMB_LOWEST_HZ) / COMB_LOWEST_HZ) * COMB_STEPS
        # Linear interpolation between rows, as a product, which is fast on every runtime.
        weights = (1 - (place.unsqueeze(-1) - self.rows).abs()).clamp_min(0)
        harmonics: Tensor = (weights @ self.combs) * (f0 > 0).to(f0.dtype).unsqueeze(-1)
        return harmonics


class Refiner(nn.Module):
    """See ``forward``. Untrained, it changes nothing."""

    def __init__(self, config: RefinerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or RefinerConfig()
        self.comb = HarmonicCombs()
        self.voice = VoiceCondition(config.embedding, config.condition)
        self.stem = nn.Linear(config.features + 2 * config.n_mels, config.width)
        self.body = ConvNeXtStack(config.width, config.layers, 3, 7, config.condition)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.n_mels)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def change(self, factors: Tensor, directions: Directions) -> RefinerChange:
        """A person's factors [F], as ``RefinerConfig.factors`` orders them, as changes of the layers."""
        parts, count = factors.split(list(self.config.factors())), len(self.config.products())
        stem, *inner, head = (
            LowRank(down, up.reshape(RANK, -1)) for down, up in zip(directions, parts[:count], strict=True)
        )
        blocks = zip(inner[::2], inner[1::2], parts[count:], strict=True)
        return RefinerChange(stem, tuple(BlockChange(*block) for block in blocks), head)

    def forward(
        self,
        mel: Tensor,
        features: Tensor,
        f0: Tensor,
        condition: Tensor,
        mask: Tensor | None = None,
        change: RefinerChange | None = None,
    ) -> Tensor:
        """mel [B, T, M] as adapted, the decoder's features [B, T, C] that it comes from, f0 [B, T] in Hz (0 where
        unvoiced), condition [B, D] -> mel [B, T, M]."""
        x = torch.cat([features, (mel + 5) / 3, self.comb(f0)], dim=-1)
        x = self.body(changed(self.stem, x, change and change.stem), mask, condition, change and change.blocks)
        refined: Tensor = mel + changed(self.head, self.norm(x), change and change.head)
        return refined
