"""Recognizer: the phoneme of each frame, whatever the level, the microphone and the room.

Unlike the aligner it knows sounds and silence only: stress and punctuation belong to the sounds about them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..symbols import SYMBOLS
from .blocks import ConvNeXtStack, Convolution

SOUNDS: tuple[str, ...] = tuple(symbol for symbol in SYMBOLS if symbol.isalpha() and symbol not in "ˈˌ")
"""The phoneme of each class; class 0 is silence, so that SOUNDS[k] is class k + 1."""
STRIDE = 2
"""Frames that the body sees at once."""
_FLOOR = -10.0


class Recognizer(nn.Module):
    """mel [B, T, M] (natural log), T even -> log posteriors [B, T, len(SOUNDS) + 1]."""

    def __init__(self, n_mels: int = 80, width: int = 144, layers: int = 6, expansion: int = 3) -> None:
        super().__init__()
        self.classes = len(SOUNDS) + 1
        self.stem = Convolution(n_mels * STRIDE, width, 3)
        self.norm_in = nn.LayerNorm(width)
        self.body = ConvNeXtStack(width, layers, expansion)
        self.norm_out = nn.LayerNorm(width)
        self.head = nn.Linear(width, self.classes * STRIDE)

    def forward(self, mel: Tensor) -> Tensor:
        x = mel.clamp(min=_FLOOR)
        # Level and channel differ between recordings, and so does how much of them is silence: the mean of each band
        # is that of the louder frames.
        level = x.mean(dim=2, keepdim=True)
        weight = torch.sigmoid(2 * (level - level.mean(dim=1, keepdim=True)))
        mean = (weight * x).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True)
        x = (x - mean) / 3
        batch, frames, bands = x.shape
        x = x.reshape(batch, frames // STRIDE, bands * STRIDE)
        logits = self.head(self.norm_out(self.body(self.norm_in(self.stem(x)))))
        return torch.log_softmax(logits.reshape(batch, frames, self.classes), dim=-1)
