"""Blocks that both exporters and both INT8 runtimes handle well.

Everything is channels-last: [B, T, C]. A depthwise convolution is a Conv2d over [B, C, 1, T], which is the
same memory, because 2-D kernels are several times faster than 1-D ones in torch and onnxruntime alike;
all the rest is LayerNorm and Linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Convolution(nn.Module):
    """Same-length convolution over time, [B, T, C_in] -> [B, T, C_out].

    ``mask`` [B, T, 1] zeroes frames that are padding, so that a padded batch equals its parts.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, depthwise: bool = False) -> None:
        super().__init__()
        groups = inputs if depthwise else 1
        self.conv = nn.Conv2d(inputs, outputs, (1, kernel), padding=(0, kernel // 2), groups=groups)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None:
            x = x * mask
        return self.conv(x.unsqueeze(1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).squeeze(1)


class LowRank(NamedTuple):
    """A change of a linear layer's weight by two factors (LoRA, Hu 2021): down [M, R], up [R, N]."""

    down: Tensor
    up: Tensor


class BlockChange(NamedTuple):
    """What a person's factors change in a ConvNeXtBlock: both products, and gain and bias [2 C] of its LayerNorm."""

    expand: LowRank
    contract: LowRank
    modulation: Tensor


def changed(layer: nn.Module, x: Tensor, change: LowRank | None) -> Tensor:
    """What a linear layer makes of x [..., M], with its change: [..., N].

    The change is multiplied by the input, not added to the weight: so INT8 weights stay, and no gradient of the
    weight's size is computed.
    """
    made: Tensor = layer(x)
    return made if change is None else made + (x @ change.down) @ change.up


class ConvNeXtBlock(nn.Module):
    """ConvNeXt block in one dimension (Liu 2022; Siuzdak 2023), optionally conditioned by adaptive LayerNorm.

    x [B, T, C], condition [B, D] -> [B, T, C].
    """

    def __init__(self, width: int, expansion: int = 3, kernel: int = 7, condition: int = 0, layers: int = 8) -> None:
        super().__init__()
        self.depthwise = Convolution(width, width, kernel, depthwise=True)
        self.norm = nn.LayerNorm(width, elementwise_affine=condition == 0)
        self.expand = nn.Linear(width, width * expansion)
        self.contract = nn.Linear(width * expansion, width)
        self.scale = nn.Parameter(torch.full((width,), 1 / layers))
        self.modulate = nn.Linear(condition, 2 * width) if condition else None
        if self.modulate is not None:
            nn.init.normal_(self.modulate.weight, std=0.02)
            nn.init.zeros_(self.modulate.bias)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        condition: Tensor | None = None,
        change: BlockChange | None = None,
    ) -> Tensor:
        h = self.norm(self.depthwise(x, mask))
        if self.modulate is not None:
            modulation = self.modulate(condition)
            if change is not None:
                modulation = modulation + change.modulation
            gain, bias = modulation.unsqueeze(1).chunk(2, dim=-1)
            h = h * (1 + gain) + bias
        h = functional.gelu(changed(self.expand, h, change and change.expand), approximate="tanh")
        return x + self.scale * changed(self.contract, h, change and change.contract)


class ConvNeXtStack(nn.Module):
    """``layers`` blocks one after the other; see ConvNeXtBlock for shapes."""

    def __init__(self, width: int, layers: int, expansion: int = 3, kernel: int = 7, condition: int = 0) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvNeXtBlock(width, expansion, kernel, condition, layers) for _ in range(layers))

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        condition: Tensor | None = None,
        changes: Sequence[BlockChange] | None = None,
    ) -> Tensor:
        for k, block in enumerate(self.blocks):
            x = block(x, mask, condition, changes[k] if changes else None)
        return x
