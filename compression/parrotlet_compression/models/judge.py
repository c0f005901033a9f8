"""Judge of speakers: log-mel spectrogram in, what a speaker encoder hears out. It guides fine-tuning on the device.

It hears of a spectrogram what CAM++ hears of the speech that the vocoder makes of it, and has its gradient, at a small
part of the cost. What it is compared with is another piece's embedding: how near a clone is to a recording.

It is of CAM++'s own kind (Wang 2023), so that it can begin with CAM++'s layers: residual convolutions over bands and
time, then dense blocks of time delay layers with a gate that knows the whole piece. ``train.judge_start`` makes one of
all CAM++'s layers, and ``train.judge_part`` a smaller one of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .speaker import unit
from .weights import load_tensors, load_weights

STRIDE = 2
SEEN = 5
"""Frames that one after the stem is made of."""
BANDS = 8
"""Bands of the input that are one at the dense blocks."""
DILATIONS = (1, 2, 2)
LEVEL = 150
"""What the bands' convolutions give is divided by, as CAM++'s are some hundreds: so that weights are of one size, as
steps of training are."""
SPREAD = 1e-4
"""Added to variances, whose root has no gradient at 0."""


@dataclass(frozen=True)
class JudgeConfig:
    """Shape of the judge. ``strides``: of each residual part. ``layers``: of each dense block. ``outputs``: channels
    after each. ``rank``: of the product that narrows what a layer reads; 0 is any. ``embedding`` is CAM++'s;
    ``frames``: how many principal components of each of CAM++'s inner layers it knows, after a block each."""

    n_mels: int = 80
    channels: int = 32
    strides: tuple[int, ...] = (2, 2)
    width: int = 128
    inner: int = 128
    rank: int = 32
    growth: int = 32
    layers: tuple[int, ...] = (8, 12, 8)
    outputs: tuple[int, ...] = (256, 512, 512)
    embedding: int = 192
    frames: tuple[int, ...] = (64, 96, 192)

    @staticmethod
    def whole() -> JudgeConfig:
        """With all of CAM++'s layers."""
        return JudgeConfig(strides=(2, 1, 2, 1), rank=0, layers=(12, 24, 16))


class Heard(NamedTuple):
    """What the judge hears of mel [B, T, M], as CAM++ does."""

    embedding: Tensor
    """[B, E], of unit norm"""
    frames: list[Tensor]
    """CAM++'s inner layers, in their principal components: [B, T / STRIDE, F] of each."""


def frame_error(frames: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """The squared error [] of frames [.., T, F] of every layer, each of a variance of 1: their mean.

    As products of rows: the gradient of a sum of squares would have constants of the size of the frames in its graph.
    """
    errors = []
    for one, other in zip(frames, wanted, strict=True):
        wrong = (one - other).reshape(1, -1)
        errors.append(wrong @ wrong.T * (one.shape[-1] / one.numel()))
    return torch.cat(errors).mean()


class Residual(nn.Module):
    """Two convolutions beside the input: x [B, C, M, T] -> [B, C, M / stride, T]."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, (stride, 1), 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        self.beside = nn.Conv2d(channels, channels, 1, (stride, 1)) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.beside is None else self.beside(x)
        return functional.relu(self.second(functional.relu(self.first(x))) + beside)


class BandConvolutions(nn.Module):
    """x [B, T, M] -> [B, T, C * M / BANDS]."""

    def __init__(self, channels: int, strides: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, 1, 1)
        self.body = nn.Sequential(*(Residual(channels, stride) for stride in strides))
        self.last = nn.Conv2d(channels, channels, 3, (2, 1), 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x.transpose(1, 2).unsqueeze(1)))
        return functional.relu(self.last(self.body(x))).flatten(1, 2).transpose(1, 2)


class Rectified(nn.Module):
    """x [B, T, C] -> the positive part of gain * x + bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x * self.gain + self.bias)


class DenseLayer(nn.Module):
    """A time delay layer with a gate (CAM): x [B, T, C] -> [B, T, growth], to be set beside x."""

    def __init__(self, config: JudgeConfig, inputs: int, dilation: int) -> None:
        super().__init__()
        inner, growth, rank = config.inner, config.growth, config.rank
        self.dilation = dilation
        self.rectified = Rectified(inputs)
        self.narrow = (
            nn.Sequential(nn.Linear(inputs, rank, bias=False), nn.Linear(rank, inner))
            if rank
            else nn.Linear(inputs, inner)
        )
        self.local = nn.Linear(3 * inner, growth, bias=False)
        self.context = nn.Linear(inner, inner // 2)
        self.gate = nn.Linear(inner // 2, growth)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.narrow(self.rectified(x)))
        gate = torch.sigmoid(self.gate(functional.relu(self.context(x.mean(1, keepdim=True)))))
        return self.local(neighbors(x, 3, self.dilation)) * gate


class DenseBlock(nn.Module):
    """x [B, T, C] -> [B, T, outputs]: layers that each see all before them, then a product."""

    def __init__(self, config: JudgeConfig, inputs: int, layers: int, dilation: int, outputs: int) -> None:
        super().__init__()
        widths = range(inputs, inputs + layers * config.growth, config.growth)
        self.layers = nn.ModuleList(DenseLayer(config, width, dilation) for width in widths)
        self.rectified = Rectified(inputs + layers * config.growth)
        self.output = nn.Linear(inputs + layers * config.growth, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=-1)
        made: Tensor = self.output(self.rectified(x))
        return made


class SpeakerJudge(nn.Module):
    """mel [B, T, M], as the vocoder reads it, of an even number of frames -> what CAM++ hears."""

    def __init__(self, config: JudgeConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or JudgeConfig()
        self.filters = nn.Linear(config.n_mels, config.n_mels)
        self.bands = BandConvolutions(config.channels, config.strides)
        self.stem = nn.Linear(SEEN * config.channels * config.n_mels // BANDS, config.width)
        inputs, blocks = (config.width, *config.outputs), zip(config.layers, DILATIONS, config.outputs, strict=True)
        self.blocks = nn.ModuleList(DenseBlock(config, inputs[k], *block) for k, block in enumerate(blocks))
        self.heads = nn.ModuleList(nn.Linear(*widths) for widths in zip(config.outputs, config.frames, strict=True))
        self.output = nn.Linear(2 * config.outputs[-1], config.embedding)

    def filtered(self, mel: Tensor) -> Tensor:
        """mel [B, T, M] -> about CAM++'s own filters, without their mean over time."""
        x: Tensor = self.filters((mel + 5) / 2)
        return x - x.mean(1, keepdim=True)

    def stacked(self, x: Tensor) -> Tensor:
        """What ``filtered`` gives -> what the stem reads [B, T / STRIDE, SEEN * C * M / BANDS]."""
        x = self.bands(x) / LEVEL
        pairs = neighbors(x.reshape(len(x), -1, STRIDE * x.shape[-1]), 3)
        return pairs[..., : SEEN * x.shape[-1]]

    def forward(self, mel: Tensor) -> Heard:
        x, heard = functional.relu(self.stem(self.stacked(self.filtered(mel)))), []
        for number, (block, components) in enumerate(zip(self.blocks, self.config.frames, strict=True), 1):
            x = block(x)
            if number == len(self.blocks):
                x = functional.relu(x)
            heard.append(self.heads[number - 1](x) / math.sqrt(components))  # of a variance of 1 together, not each
        return Heard(unit(self.output(statistics(x))), heard)


def read_judge(path: Path) -> SpeakerJudge:
    """The judge that a file holds, small or with all of CAM++'s layers. Raises InputError where there is no file, or no
    judge in it."""
    small = not path.is_file() or "blocks.0.layers.0.narrow.0.weight" in load_tensors(path)
    judge = SpeakerJudge(None if small else JudgeConfig.whole())
    load_weights(judge, path)
    return judge


def neighbors(x: Tensor, count: int, dilation: int = 1) -> Tensor:
    """x [B, T, C] -> [B, T, count * C]: every frame with those before and after it, zeros beyond the ends."""
    reach = count // 2 * dilation
    padded = functional.pad(x, (0, 0, reach, reach))
    return torch.cat([padded[:, k * dilation : k * dilation + x.shape[1]] for k in range(count)], dim=-1)


def statistics(x: Tensor) -> Tensor:
    """x [B, T, C] -> mean and standard deviation over time [B, 2 C]."""
    mean = x.mean(1, keepdim=True)
    variance = (x - mean).square().sum(1) / (x.shape[1] - 1)
    return torch.cat([mean.squeeze(1), (variance + SPREAD).sqrt()], dim=-1)
