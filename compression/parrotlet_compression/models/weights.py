"""Weights as files: safetensors, written whole or not at all, with a note of how they were made."""

from __future__ import annotations

import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from parrotlet.errors import InputError
from parrotlet.output import open_output

REPOSITORY = Path(__file__).parents[3]


def save_weights(model: nn.Module, path: Path, half: bool = False, step: int | str | None = None) -> None:
    """Write a state dict as safetensors, in float16 if ``half``; the old file stays until the new one is whole.

    The file's metadata hold ``command``, and ``commit`` and ``step`` where they are known. step: of training.
    """
    state = {
        name: value.half() if half and value.is_floating_point() else value.clone()
        for name, value in model.state_dict().items()
    }
    with open_output(path) as file:
        file.write(save({name: value.contiguous() for name, value in state.items()}, metadata=_provenance(step)))


def _provenance(step: int | str | None) -> dict[str, str]:
    known = {"command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]), "commit": _commit()}
    if step is not None:
        known["step"] = str(step)
    return {name: value for name, value in known.items() if value}


@cache
def _commit() -> str:
    """The commit of this code, "-dirty" if it is changed since; empty for an installed package."""
    if not (REPOSITORY / ".git").exists():
        return ""
    describe = ["git", "-C", str(REPOSITORY), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        return subprocess.run(describe, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def load_metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says of how it was made: see ``save_weights``. Empty for older files."""
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


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
