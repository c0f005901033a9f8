"""The discrete Fourier transform of real rows as a few small matrix products, for graphs without such an operator.

A transform of N = m * r points is m-point transforms, a rotation, and r-point transforms (Cooley & Tukey 1965). Its
constants take 20 to 100 kB, where one product with the whole N-point basis would take 8 to 16 MB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

RADIX = 16


def _turns(numerator: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.complex128]:
    """exp(2 pi i numerator / size)."""
    return np.asarray(np.exp(2j * np.pi * (numerator % size) / size))


def _float32(values: npt.NDArray[np.floating]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


class RealDft(nn.Module):
    """rows [T, used] -> real and imaginary parts [T, size // 2 + 1] of their transforms of ``size`` points.

    ``used``, a multiple of ``RADIX``, is ``size`` unless rows are shorter: then zeros follow them.
    """

    inner: Tensor
    rotation: Tensor
    outer: Tensor

    def __init__(self, size: int, used: int | None = None) -> None:
        super().__init__()
        self.bins = size // 2 + 1
        points = size // RADIX
        rows, columns = np.arange((used or size) // RADIX), np.arange(points)
        place, high = np.arange(RADIX), np.arange(RADIX // 2 + 1)
        # Sample RADIX * row + place to bin points * high + column.
        inner = _turns(-rows[:, None] * columns, points)
        rotation = _turns(-place[:, None] * columns, size)
        outer = _turns(-high[:, None] * place, RADIX)
        self.register_buffer("inner", _float32(np.concatenate([inner.real, inner.imag], axis=1)))
        self.register_buffer("rotation", _float32(np.stack([rotation.real, rotation.imag])))
        product = np.block([[outer.real, -outer.imag], [outer.imag, outer.real]])
        self.register_buffer("outer", _float32(product))

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        parts = rows.reshape(-1, len(self.inner), RADIX).transpose(1, 2) @ self.inner
        real, imaginary = parts.chunk(2, dim=2)  # [T, RADIX, points]
        cosine, sine = self.rotation[0], self.rotation[1]
        turned = torch.cat([real * cosine - imaginary * sine, real * sine + imaginary * cosine], dim=1)
        real, imaginary = (self.outer @ turned).chunk(2, dim=1)  # [T, RADIX / 2 + 1, points]
        return real.flatten(1)[:, : self.bins], imaginary.flatten(1)[:, : self.bins]


class InverseRealDft(nn.Module):
    """Real and imaginary parts [T, size // 2 + 1] -> the real rows [T, size] that have this transform."""

    weight: Tensor
    outer: Tensor
    rotation: Tensor
    inner: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.points = size // RADIX
        self.padding = self.points - 1  # bins up to the end of the last row of ``points``
        rows, columns = np.arange(self.points), np.arange(self.points)
        place, high = np.arange(RADIX), np.arange(RADIX // 2 + 1)
        # Bins between the first and the last stand for two, one of them mirrored.
        weight = np.full(size // 2 + self.points, 2.0)
        weight[[0, size // 2]] = 1
        outer = _turns(place[:, None] * high, RADIX)
        rotation = _turns(place[:, None] * columns, size)
        inner = _turns(columns[:, None] * rows, self.points) / size
        product = np.block([[outer.real, -outer.imag], [outer.imag, outer.real]])
        self.register_buffer("weight", _float32(weight[: size // 2 + 1]))
        self.register_buffer("outer", _float32(product))
        self.register_buffer("rotation", _float32(np.stack([rotation.real, rotation.imag])))
        self.register_buffer("inner", _float32(np.concatenate([inner.real, -inner.imag])))

    def forward(self, real: Tensor, imaginary: Tensor) -> Tensor:
        bins = torch.stack([real, imaginary], dim=1) * self.weight
        rows = nn.functional.pad(bins, (0, self.padding)).reshape(-1, RADIX + 2, self.points)
        real, imaginary = (self.outer @ rows).chunk(2, dim=1)  # [T, RADIX, points]
        cosine, sine = self.rotation[0], self.rotation[1]
        turned = torch.cat([real * cosine - imaginary * sine, real * sine + imaginary * cosine], dim=2)
        return (turned @ self.inner).transpose(1, 2).flatten(1)
