"""Weights as files: safetensors, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from parrotlet.errors import InputError


def save_weights(model: nn.Module, path: Path, half: bool = False) -> None:
    """Write a state dict as safetensors, in float16 if ``half``; the old file stays until the new one is whole."""
    state = {
        name: value.half() if half and value.is_floating_point() else value.clone()
        for name, value in model.state_dict().items()
    }
    part = path.with_suffix(".part")
    save_file({name: value.contiguous() for name, value in state.items()}, part)
    part.chmod(0o644)
    part.replace(path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises InputError for one that is damaged."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path} is damaged, or not in safetensors form ({error}): copy it again") from error


def load_weights(model: nn.Module, path: Path) -> None:
    """Read safetensors of any float type into ``model``. Raises InputError when they are another model's."""
    if not path.is_file():
        raise InputError(f"no weights at {path}: train first, or give the released ones in compression/checkpoints")
    state = {name: value.float() if value.is_floating_point() else value for name, value in load_tensors(path).items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()  # lists every tensor
        raise InputError(f"{path} holds another model, or that of another version: {first[:80]}") from error
