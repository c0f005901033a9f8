"""Cutting and joining rows of open length with operators that leave the length open in ONNX and TFLite alike.

A slice that does not reach the end, a constant of that length or a range over it would fix the length in TFLite. So
masks are found by comparing, counting is a cumulative sum, and rows are gathered.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def all_of(values: Tensor) -> Tensor:
    """A mask that counts all values [T]."""
    return (values >= values.min()).to(values.dtype)


def places(values: Tensor) -> Tensor:
    """0, 1, 2, … for as many values as there are: int64 [T]."""
    return (torch.cumsum(all_of(values), dim=0) - 1).long()


def take(rows: Tensor, place: Tensor) -> Tensor:
    """rows [T, C] at ``place`` [S], none of it negative -> [S, C]. Indexing would ask for the length."""
    return functional.embedding(place, rows)


def hops(samples: Tensor, hop: int) -> Tensor:
    """samples [1, N] -> [N // hop, hop]."""
    return samples[:, : samples.shape[1] // hop * hop].reshape(-1, hop)


def frames(rows: Tensor, count: int) -> Tensor:
    """rows [T, hop] -> every ``count`` of them that follow each other [T - count + 1, count * hop]."""
    first = torch.tensor([[[1.0] + [0.0] * (count - 1)]])
    begins = functional.conv1d(all_of(rows.mean(dim=1))[None, None], first)[0, 0]
    place = places(begins)
    return torch.cat([take(rows, place + k) for k in range(count)], dim=1)
