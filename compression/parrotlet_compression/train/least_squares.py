"""Products that least squares find, with what they read and what they are to give."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

RIDGE = 1e-3
"""Of the mean variance of what a product reads."""
AT_ONCE = 10
"""Pieces that are heard together."""


@torch.no_grad()
def fit(layer: nn.Module, x: Tensor, wanted: Tensor, before: Tensor | None = None) -> None:
    """Make a Linear, or two that follow each other, give wanted [..., N] of x [..., M] as nearly as it can.

    before [N, M]: weights to stay near to; near to 0 without.
    """
    x, wanted = x.flatten(0, -2).double(), wanted.flatten(0, -2).double()
    means, aim = x.mean(0), wanted.mean(0)
    x = x - means
    products, both = x.T @ x, x.T @ (wanted - aim)
    ridge = RIDGE * products.diagonal().mean()
    products.diagonal().add_(ridge)
    if before is not None:
        both = both + ridge * before.T
    weight = torch.linalg.solve(products, both)
    if isinstance(layer, nn.Sequential):
        narrow, last = layer
        # The directions in which most of what it gives lies.
        directions = torch.linalg.eigh(weight.T @ products @ weight).eigenvectors
        directions = directions[:, -last.get_parameter("weight").shape[1] :]
        narrow.get_parameter("weight").copy_((weight @ directions).T)
        last.get_parameter("weight").copy_(directions)
        weight = weight @ directions @ directions.T
    else:
        last = layer
        last.get_parameter("weight").copy_(weight.T)
    last.get_parameter("bias").copy_(aim - means @ weight)


def in_parts(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a function gives of x [B, ...], without the memory that all of it would take at once."""
    return torch.cat([function(part) for part in x.split(AT_ONCE)])
