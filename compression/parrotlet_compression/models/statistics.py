"""Order statistics without sorting: what a graph needs of ``numpy.percentile``, over the values that a mask counts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

HALVINGS = 32
"""Of the range in which a value is sought: what is left of 100 dB is then less than float32 tells apart."""


def order_statistics(values: Tensor, counted: Tensor, positions: Tensor) -> Tensor:
    """What stands at ``positions`` once the counted values are sorted, between two of them by linear interpolation.

    values [T]; counted [P, T] or [1, T], each 0 or 1; positions [P], from 0 -> [P]. A search by halving: sorting, and
    selections of unknown length, are operators that TFLite does not have.
    """
    values = values.unsqueeze(0)
    below = positions.floor().unsqueeze(1)
    low = values.min(dim=1, keepdim=True).values - 1 + 0 * below
    high = values.max(dim=1, keepdim=True).values + 0 * below
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = ((values <= middle).to(values.dtype) * counted).sum(dim=1, keepdim=True) > below
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    here = _least(values, counted * (values > low))
    more = ((values <= here).to(values.dtype) * counted).sum(dim=1, keepdim=True) > below + 1
    after = torch.where(more, here, _least(values, counted * (values > here)))
    # The last value has none after it.
    share = (positions.unsqueeze(1) - below) * (after < _beyond(values)).to(values.dtype)
    return (here + share * (torch.where(share > 0, after, here) - here)).squeeze(1)


def quantiles(values: Tensor, counted: Tensor, shares: Sequence[float]) -> Tensor:
    """``numpy.quantile`` of the counted values [T] at every share: [len(shares)]."""
    shares_row = values.new_tensor(shares)
    return order_statistics(values, counted.unsqueeze(0), (counted.sum() - 1) * shares_row)


def median(values: Tensor, counted: Tensor) -> Tensor:
    """The median of the counted values [T]: [1]."""
    return quantiles(values, counted, [0.5])


def _beyond(values: Tensor) -> Tensor:
    return values.max(dim=1, keepdim=True).values + 1


def _least(values: Tensor, counted: Tensor) -> Tensor:
    """The least counted value of a row [P, 1]; more than any value where none is counted."""
    return torch.where(counted > 0, values, _beyond(values)).min(dim=1, keepdim=True).values
