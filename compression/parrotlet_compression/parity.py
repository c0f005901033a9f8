"""How far a written graph is from the torch module it was made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from parrotlet_runtimes import Session

from .graph import Graph


@dataclass(frozen=True)
class Parity:
    """Largest and mean absolute difference of one output against torch, and its root mean square."""

    graph: str
    runtime: str
    precision: str
    output: str
    largest: float
    mean: float
    scale: float


def counterparts(wanted: npt.NDArray[np.integer], made: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """For every frame under the durations ``wanted`` [L], the frame under ``made`` [L] at the same place of the same
    phoneme, or the last one there: int64 [T]."""
    phoneme = np.repeat(np.arange(len(wanted)), wanted)
    place = np.arange(len(phoneme)) - (np.cumsum(wanted) - wanted)[phoneme]
    frames = (np.cumsum(made) - made)[phoneme] + np.minimum(place, np.maximum(made[phoneme] - 1, 0))
    return np.minimum(frames, made.sum() - 1).astype(np.int64)


@torch.no_grad()
def parity(graph: Graph, session: Session, precision: str) -> list[Parity]:
    """Compare a written graph with torch at the export length and at two others.

    A duration that is rounded the other way moves all that follows: frames are compared with their ``counterparts``.
    """
    rows: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in graph.outputs}
    scale: dict[str, float] = {}
    for length in graph.lengths:
        feeds = graph.example(length)
        expected = graph.module(*feeds.values())
        expected = (expected,) if isinstance(expected, Tensor) else tuple(expected)
        made = session.run({name: value.numpy() for name, value in feeds.items()})
        wanted = {name: value.numpy() for name, value in zip(graph.outputs, expected, strict=True)}
        if "durations" in wanted:
            like = counterparts(wanted["durations"][0], made["durations"][0])
            made |= {name: made[name][:, like] for name in wanted if name != "durations"}
        for name, value in wanted.items():
            reference = value.astype(np.float64)
            rows[name].append(np.abs(reference - made[name]).reshape(-1))
            scale[name] = float(np.sqrt(np.mean(reference**2)))
    result = []
    for name, parts in rows.items():
        difference = np.concatenate(parts)
        result.append(
            Parity(
                graph.name,
                session.info.runtime,
                precision,
                name,
                float(difference.max()),
                float(difference.mean()),
                scale[name],
            )
        )
    return result
