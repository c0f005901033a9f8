"""A graph to be exported: its module, the names of its tensors, and how it becomes an ONNX file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

# The first in which Gelu is one operator (a sixth of the acoustic model's time). onnxruntime reads it from 1.18 on.
OPSET = 20
Feeds = dict[str, Tensor]


@dataclass(frozen=True)
class Graph:
    """One graph of the contract. ``example(n)`` makes feeds of length n; ``axes`` name the dynamic dimensions."""

    name: str
    module: nn.Module
    example: Callable[[int], Feeds]
    outputs: tuple[str, ...]
    axes: dict[str, dict[int, str]]
    lengths: tuple[int, int, int]


def export_onnx(graph: Graph, path: Path) -> None:
    """Write one fp32 graph as ONNX."""
    feeds = graph.example(graph.lengths[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module.eval(),
            tuple(feeds.values()),
            str(path),
            input_names=list(feeds),
            output_names=list(graph.outputs),
            dynamic_axes=graph.axes,
            opset_version=OPSET,
            dynamo=False,
        )
