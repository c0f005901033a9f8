"""Muon: momentum whose every step is made orthogonal, for the weights of products (Jordan 2024).

As ``torch.optim.Muon``, but in the weights' own precision: that one computes in bfloat16, which processors without it
emulate, and a step of training takes three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that brings singular values near 1; these values are Jordan's."""
ROUNDS = 5
SIZE = 0.2
"""Root mean square of a step at a rate of 1: about AdamW's (Liu 2025)."""


class Muon(torch.optim.Optimizer):
    """params: matrices, or groups of them."""

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float = 1e-3) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change all that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"]
                momentum.lerp_(weight.grad, 1 - MOMENTUM)
                change = orthogonal(weight.grad.lerp(momentum, MOMENTUM))
                weight.add_(change, alpha=-group["lr"] * SIZE * max(weight.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix [M, N] whose singular values are all alike, near 1."""
    x = matrix / (matrix.norm() + 1e-7)
    tall = len(x) > x.shape[1]
    if tall:
        x = x.T
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
