"""Recognizer: the phoneme of each frame, whatever the level, the microphone and the room.

Unlike the aligner it knows sounds and silence only: stress and punctuation belong to the sounds about them.

Most of it works at 20 Hz, where context is cheap; fine layers before and after it, with a way past it, keep the
boundaries (as in a U-Net; Ronneberger 2015).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..symbols import SYMBOLS
from .blocks import ConvNeXtStack, Convolution

SOUNDS: tuple[str, ...] = tuple(symbol for symbol in SYMBOLS if symbol.isalpha() and symbol not in "ˈˌ")
"""The phoneme of each class; class 0 is silence, so that SOUNDS[k] is class k + 1."""
FINE, COARSE = 2, 2
"""Frames that a fine layer sees at once, and how many of those a coarse one."""
STRIDE = FINE * COARSE
_FLOOR = -10.0


class Recognizer(nn.Module):
    """mel [B, T, M] (natural log), T a multiple of STRIDE -> log posteriors [B, T, len(SOUNDS) + 1]."""

    def __init__(
        self, n_mels: int = 80, width: int = 192, layers: int = 5, expansion: int = 3, fine_width: int = 80
    ) -> None:
        super().__init__()
        self.classes = len(SOUNDS) + 1
        self.stem = Convolution(n_mels * FINE, fine_width, 3)
        self.norm_in = nn.LayerNorm(fine_width)
        self.before = ConvNeXtStack(fine_width, 1, 2)
        self.down = nn.Linear(fine_width * COARSE, width)
        self.norm_down = nn.LayerNorm(width)
        self.body = ConvNeXtStack(width, layers, expansion)
        self.norm_up = nn.LayerNorm(width)
        self.up = nn.Linear(width, fine_width * COARSE)
        self.after = ConvNeXtStack(fine_width, 1, 2)
        self.norm_out = nn.LayerNorm(fine_width)
        self.head = nn.Linear(fine_width, self.classes * FINE)

    def forward(self, mel: Tensor) -> Tensor:
        x = mel.clamp(min=_FLOOR)
        # Level and channel differ between recordings, and so does how much of them is silence: the mean of each band
        # is that of the louder frames.
        level = x.mean(dim=2, keepdim=True)
        weight = torch.sigmoid(2 * (level - level.mean(dim=1, keepdim=True)))
        mean = (weight * x).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True)
        x = (x - mean) / 3
        batch, frames, bands = x.shape
        x = self.before(self.norm_in(self.stem(x.reshape(batch, frames // FINE, bands * FINE))))
        y = self.norm_down(self.down(x.reshape(batch, frames // STRIDE, -1)))
        y = self.up(self.norm_up(self.body(y))).reshape(batch, frames // FINE, -1)
        logits = self.head(self.norm_out(self.after(x + y)))
        return torch.log_softmax(logits.reshape(batch, frames, self.classes), dim=-1)
