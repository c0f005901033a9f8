"""The adaptation of a predicted mel spectrogram, as part of the acoustic graph; see ``parrotlet.adaptation``.

Nothing here is learned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet import adaptation


class _Exemplars(nn.Module):
    """Moves frames part of the way to a person's exemplars.

    Constant matrices in place of slices: tflite-runtime 2.14 runs graphs with slices of open length three times slower.
    """

    shape: Tensor
    loudness: Tensor
    mean: Tensor

    def __init__(self, n_mels: int, near: float, window: int) -> None:
        """near, window: of ``adaptation.NEAR`` and ``adaptation.WINDOWS``."""
        super().__init__()
        self.near = near
        basis = torch.tensor(adaptation.cosines(n_mels, adaptation.CEPSTRA)[:, 1:], dtype=torch.float32)
        self.register_buffer("shape", basis.contiguous(), persistent=False)
        loudness = torch.zeros(n_mels, 1)
        loudness[adaptation.LEVEL_BANDS] = 1 / len(loudness[adaptation.LEVEL_BANDS])
        self.register_buffer("loudness", loudness, persistent=False)
        mean = torch.full((adaptation.CEPSTRA - 1, 1, 1, window), 1 / window)
        self.register_buffer("mean", mean, persistent=False)

    def loud(self, mel: Tensor, level: Tensor) -> Tensor:
        """How much frames change [B, T, 1]: 0 for quiet ones, 1 for loud ones."""
        return ((mel @ self.loudness - level.unsqueeze(-1)) / adaptation.FADE).clamp(0, 1)

    def change(self, mel: Tensor, exemplars: Tensor) -> Tensor:
        """The difference from mel [B, T, M] to the nearest of exemplars [B, N * V]."""
        exemplars = exemplars.unflatten(1, (adaptation.EXEMPLARS, adaptation.CEPSTRA - 1))
        means = self._smooth(mel @ self.shape)
        # The part of |frame - exemplar|^2 that depends on the exemplar.
        apart = exemplars.square().sum(-1).unsqueeze(1) - 2 * means @ exemplars.transpose(1, 2)
        nearest = torch.softmax(-self.near * apart, dim=-1) @ exemplars
        return self._smooth(nearest - means) @ self.shape.T

    def _smooth(self, x: Tensor) -> Tensor:
        """x [B, T, C], averaged over the window around every frame."""
        padding = (0, self.mean.shape[-1] // 2)
        rows = functional.conv2d(x.unsqueeze(1).permute(0, 3, 1, 2), self.mean, padding=padding, groups=x.shape[-1])
        return rows.permute(0, 2, 3, 1).squeeze(1)


class Adapter(_Exemplars):
    """Before the refiner: the linear map, then part of the way to the exemplars."""

    cepstra: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__(n_mels, adaptation.NEAR[0], adaptation.WINDOWS[0])
        basis = torch.tensor(adaptation.cosines(n_mels, adaptation.CEPSTRA), dtype=torch.float32)
        self.register_buffer("cepstra", basis, persistent=False)

    def forward(self, mel: Tensor, adapted: Tensor) -> Tensor:
        """mel [B, T, M] as predicted and adaptation [B, A] -> mel [B, T, M]."""
        count = adaptation.CEPSTRA
        level, offset, matrix, share, exemplars = adapted.split(list(adaptation.sizes()), dim=1)
        loud = self.loud(mel, level)
        mapped = (mel @ self.cepstra) @ matrix.unflatten(1, (count, count)) + offset.unsqueeze(1)
        mel = mel + loud * (mapped @ self.cepstra.T)
        return mel + loud * share.unsqueeze(-1) * self.change(mel, exemplars)


class AdapterAfter(_Exemplars):
    """After the refiner, which makes voices more alike: part of the way to the exemplars again."""

    def __init__(self, n_mels: int) -> None:
        super().__init__(n_mels, adaptation.NEAR[1], adaptation.WINDOWS[1])

    def forward(self, mel: Tensor, adapted: Tensor) -> Tensor:
        """mel [B, T, M] as refined and adaptation [B, A] -> mel [B, T, M]."""
        level, _, _, share, exemplars = adapted.split(list(adaptation.sizes()), dim=1)
        return mel + self.loud(mel, level) * share.unsqueeze(-1) * self.change(mel, exemplars)
