"""Judge of speakers: log-mel spectrogram in, unit-norm speaker embedding out. It guides fine-tuning on the device.

It hears of a spectrogram what CAM++ hears of the speech that the vocoder makes of it, and has its gradient, at a
hundredth of the cost. What it is compared with is another piece's embedding: how near a clone is to a recording.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from .blocks import ConvNeXtStack
from .speaker import attentive_statistics, unit

STRIDE = 2


@dataclass(frozen=True)
class JudgeConfig:
    """Shape of the judge. ``embedding`` is CAM++'s."""

    n_mels: int = 80
    width: int = 192
    layers: int = 3
    embedding: int = 192


class SpeakerJudge(nn.Module):
    """mel [B, T, M], as the vocoder reads it, of an even number of frames -> embedding [B, E] of unit norm."""

    def __init__(self, config: JudgeConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or JudgeConfig()
        self.stem = nn.Linear(STRIDE * config.n_mels, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.body = ConvNeXtStack(config.width, config.layers)
        self.attention = nn.Linear(config.width, config.width)
        self.output = nn.Linear(2 * config.width, config.embedding)

    def forward(self, mel: Tensor) -> Tensor:
        batch, frames, bands = mel.shape
        pairs = ((mel + 5) / 2).reshape(batch, frames // STRIDE, STRIDE * bands)
        x = self.body(self.norm(self.stem(pairs)))
        return unit(self.output(attentive_statistics(x, self.attention)))
