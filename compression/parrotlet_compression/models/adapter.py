"""What an adaptation does to a predicted mel spectrogram, as part of the acoustic graph; see ``parrotlet.adaptation``.

Nothing here is learned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet import adaptation


class Adapter(nn.Module):
    """See ``forward``. Constant matrices in place of slices: tflite-runtime 2.14 runs graphs with slices of open length
    three times slower."""

    cepstra: Tensor
    back: Tensor
    back_shape: Tensor
    loudness: Tensor
    slope: Tensor
    mean: Tensor
    keys: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__()
        basis = torch.tensor(adaptation.cosines(n_mels, adaptation.VALUES), dtype=torch.float32)
        self.register_buffer("cepstra", basis, persistent=False)
        self.register_buffer("back", basis.T.contiguous(), persistent=False)
        shape = basis.T * (torch.arange(adaptation.VALUES) > 0).unsqueeze(1)
        self.register_buffer("back_shape", shape, persistent=False)
        loudness = torch.zeros(n_mels, 1)
        loudness[adaptation.LEVEL_BANDS] = 1 / len(loudness[adaptation.LEVEL_BANDS])
        self.register_buffer("loudness", loudness, persistent=False)
        steps = torch.arange(adaptation.WINDOW, dtype=torch.float32) - adaptation.WINDOW // 2
        slope, mean = steps / steps.square().sum().sqrt(), torch.full_like(steps, 1 / adaptation.WINDOW)
        self.register_buffer("slope", slope.repeat(adaptation.SLOPES, 1, 1, 1), persistent=False)
        self.register_buffer("mean", mean.repeat(adaptation.VALUES, 1, 1, 1), persistent=False)
        values, slopes = (weight**0.5 for weight in adaptation.NEAR)
        keys = torch.tensor([values] * adaptation.VALUES + [slopes] * adaptation.SLOPES)
        self.register_buffer("keys", keys, persistent=False)

    def forward(self, mel: Tensor, adapted: Tensor) -> Tensor:
        """mel [B, T, M] and adaptation [B, A] -> mel [B, T, M]."""
        count = adaptation.CEPSTRA
        level, offset, matrix, share, exemplars = adapted.split(list(adaptation.sizes()), dim=1)
        loud = ((mel @ self.loudness - level.unsqueeze(-1)) / adaptation.FADE).clamp(0, 1)
        change = (mel @ self.cepstra[:, :count]) @ matrix.unflatten(1, (count, count)) + offset.unsqueeze(1)
        mel = mel + loud * (change @ self.back[:count])
        exemplars = exemplars.unflatten(1, (adaptation.EXEMPLARS, adaptation.VALUES + adaptation.SLOPES))
        return mel + loud * share.unsqueeze(-1) * (self.nearest(mel, exemplars) @ self.back_shape)

    def nearest(self, mel: Tensor, exemplars: Tensor) -> Tensor:
        """What lies between the cepstra of frames [B, T, M] and those of their nearest exemplars [B, N, V + S].

        [B, T, V], smooth in time. The first, how loud a frame is, is not to be used.
        """
        cepstra = mel @ self.cepstra
        means = _filtered(cepstra, self.mean)
        slopes = _filtered(mel @ self.cepstra[:, : adaptation.SLOPES], self.slope)
        frames = torch.cat([means, slopes], dim=-1) * self.keys
        keys = exemplars * self.keys
        # Of |frame - key|^2 the part that differs from key to key.
        near = torch.softmax(2 * frames @ keys.transpose(1, 2) - keys.square().sum(-1).unsqueeze(1), dim=-1)
        return _filtered(near @ exemplars[..., : adaptation.VALUES] - means, self.mean)


def _filtered(x: Tensor, kernels: Tensor) -> Tensor:
    """x [B, T, C], every channel correlated in time with its kernel of [C, 1, 1, W]: [B, T, C]."""
    padding = (0, kernels.shape[-1] // 2)
    rows = functional.conv2d(x.unsqueeze(1).permute(0, 3, 1, 2), kernels, padding=padding, groups=len(kernels))
    return rows.permute(0, 2, 3, 1).squeeze(1)
