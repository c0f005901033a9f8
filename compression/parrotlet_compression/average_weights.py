"""Averages of the weights of two models, one of which was trained from the other (model soups; Wortsman 2022).

An average keeps what holds for all people and loses part of what a long run on few people overfits.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from parrotlet.errors import InputError

from .export import new_students
from .models.weights import load_weights, save_weights

Weights = dict[str, Tensor]
ACOUSTIC = "acoustic.safetensors"


def average_weights(first: Weights, second: Weights, share: float, parts: Mapping[str, float]) -> Weights:
    """``share`` of the second model and the rest of the first, in float32.

    parts: other shares for tensors whose names begin so; the longest match counts. Raises InputError when a share is
    not between 0 and 1, when a part matches no tensor, and when the models differ in names or shapes.
    """
    shares = {"": share, **parts}
    for part, value in shares.items():
        if not 0 <= value <= 1:
            raise InputError(f"a share of {value:g} is no mean: give one between 0 and 1")
        if not any(name.startswith(part) for name in first):
            beginnings = sorted({".".join(name.split(".")[:2]) for name in first})
            raise InputError(f"no weights are called {part}...: try one of {', '.join(beginnings)}")
    if {name: x.shape for name, x in first.items()} != {name: x.shape for name, x in second.items()}:
        raise InputError("these two are not versions of one model: their weights differ in name or shape")

    def mean(name: str) -> Tensor:
        part = max((part for part in shares if name.startswith(part)), key=len)
        return torch.lerp(first[name].float(), second[name].float(), shares[part])

    return {name: mean(name) for name in first}


def write_average(first: Path, second: Path, out: Path, share: float, parts: Mapping[str, float]) -> None:
    """Write the students of the folder ``first`` to ``out``, with acoustic.safetensors averaged with that of
    ``second``.

    Raises InputError as ``average_weights`` does, and when files are missing.
    """
    _, synthesizer, _ = new_students()

    def read(folder: Path) -> Weights:
        load_weights(synthesizer, folder / ACOUSTIC)
        return {name: value.clone() for name, value in synthesizer.state_dict().items()}

    synthesizer.load_state_dict(average_weights(read(first), read(second), share, parts))
    out.mkdir(parents=True, exist_ok=True)
    if out.resolve() != first.resolve():
        for path in first.glob("*.safetensors"):
            if path.name != ACOUSTIC:
                shutil.copy(path, out)
    save_weights(synthesizer, out / ACOUSTIC, half=True)
