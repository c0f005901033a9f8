"""A likeness critic: the speaker embedding, predicted from mel frames.

It gives the acoustic model a gradient of likeness without the vocoder and the speaker encoder's own front end
(speaker-consistency loss; Makishima 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import ConvNeXtStack, Convolution


class LikenessCritic(nn.Module):
    """mel [B, T, M] (natural log) and mask [B, T, 1] -> embedding [B, E] of unit norm."""

    def __init__(self, embedding: int = 256, n_mels: int = 80, width: int = 160, layers: int = 5) -> None:
        super().__init__()
        self.stem = Convolution(n_mels, width, 5)
        self.norm = nn.LayerNorm(width)
        self.body = ConvNeXtStack(width, layers)
        self.output = nn.Linear(2 * width, embedding)

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        total = mask.sum(dim=1).clamp_min(1)
        # Level is not identity.
        level = (mel * mask).sum(dim=(1, 2), keepdim=True) / (total.unsqueeze(1) * mel.shape[-1])
        x = self.body(self.norm(self.stem((mel - level) / 3, mask)), mask)
        mean = (x * mask).sum(dim=1) / total
        variance = ((x - mean.unsqueeze(1)).square() * mask).sum(dim=1) / total
        embedding: Tensor = self.output(torch.cat([mean, (variance + 1e-5).sqrt()], dim=-1))
        return nn.functional.normalize(embedding, dim=-1)
