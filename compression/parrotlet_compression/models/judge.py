"""Judge of speakers: log-mel spectrogram in, what a speaker encoder hears out. It guides fine-tuning on the device.

It hears of a spectrogram what CAM++ hears of the speech that the vocoder makes of it, and has its gradient, at a
hundredth of the cost. What it is compared with is another piece's embedding: how near a clone is to a recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .blocks import ConvNeXtStack
from .speaker import attentive_statistics, unit

STRIDE = 2


@dataclass(frozen=True)
class JudgeConfig:
    """Shape of the judge. ``embedding`` is CAM++'s; ``frames``: how many principal components of each of CAM++'s inner
    layers it knows, after an equal share of its own layers each."""

    n_mels: int = 80
    width: int = 192
    layers: int = 6
    embedding: int = 192
    frames: tuple[int, ...] = (64, 96, 192)


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


class SpeakerJudge(nn.Module):
    """mel [B, T, M], as the vocoder reads it, of an even number of frames -> what CAM++ hears."""

    def __init__(self, config: JudgeConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or JudgeConfig()
        if config.layers % len(config.frames):
            raise ValueError(
                f"{config.layers} layers are no equal share for each of {len(config.frames)} kinds of frames"
            )
        self.stem = nn.Linear(STRIDE * config.n_mels, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.body = ConvNeXtStack(config.width, config.layers)
        self.heads = nn.ModuleList(nn.Linear(config.width, components) for components in config.frames)
        self.attention = nn.Linear(config.width, config.width)
        self.output = nn.Linear(2 * config.width, config.embedding)

    def forward(self, mel: Tensor) -> Heard:
        batch, frames, bands = mel.shape
        pairs = ((mel + 5) / 2).reshape(batch, frames // STRIDE, STRIDE * bands)
        x, heard = self.norm(self.stem(pairs)), []
        each = self.config.layers // len(self.heads)
        for number, block in enumerate(self.body.blocks, 1):
            x = block(x)
            if number % each == 0:
                heard.append(self.heads[number // each - 1](x))
        return Heard(unit(self.output(attentive_statistics(x, self.attention))), heard)
