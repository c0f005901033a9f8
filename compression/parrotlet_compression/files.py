"""Files that other commands or the user wrote, read with an error that names them; files of a bundle, and arrays,
written."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet.bundle import SPOKEN_WITH
from parrotlet.errors import InputError
from parrotlet.output import open_output

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_object(path: Path, advice: str) -> dict[str, Any]:
    """The object that a JSON file holds. Raises InputError, which ends with ``advice``."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {_why(error)}: {advice}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds no JSON object: {advice}")
    return value


def read_manifest(bundle: Path) -> dict[str, Any]:
    """The manifest of a bundle whose graphs are to be changed. Raises InputError where there is none, or where the
    weights of the graphs that speak have four bits: such a bundle is made last."""
    path = bundle / "manifest.json"
    if not path.is_file():
        raise InputError(f"{bundle} has no manifest.json: give the folder of a bundle")
    manifest = read_object(path, "give the folder of a bundle")
    if any(part["file"] in manifest.get("packed", ()) for part in spoken_parts(manifest)):
        raise InputError(f"{bundle} has weights of four bits: give the INT8 bundle that it was made of")
    return manifest


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """An object as a bundle's files hold it."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def write_files(bundle: Path, manifest: dict[str, Any], files: Mapping[str, bytes]) -> None:
    """Write files of a bundle by their names, and its manifest with their sha256. No old file goes before all are
    written, and the manifest goes last."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest["files"] = dict(sorted({**manifest["files"], **digests}.items()))
    written = {bundle / name: data for name, data in files.items()}
    written[bundle / "manifest.json"] = json_bytes(manifest)
    parts = {path: path.with_name(path.name + ".part") for path in written}
    for path, part in parts.items():
        part.write_bytes(written[path])
    for path, part in parts.items():
        part.replace(path)


def spoken_parts(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The manifest's entries of the ONNX files that speech needs."""
    for graph in SPOKEN_WITH:
        entry = manifest.get("graphs", {}).get(graph, {}).get("onnx")
        if entry is not None:
            yield from entry.get("parts", [entry])


def read_array(path: Path, advice: str) -> npt.NDArray[np.float32]:
    """The array of an .npy file in float32. Raises InputError, which ends with ``advice``."""
    try:
        return np.asarray(np.load(path), dtype=np.float32)
    except (OSError, ValueError, EOFError, TypeError) as error:
        raise InputError(f"{path}: {_why(error)}: {advice}") from error


def write_arrays(path: Path, **arrays: npt.NDArray[np.generic]) -> None:
    """Write arrays in one file, as ``np.load`` reads them by their names."""
    with open_output(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_credits(path: Path) -> dict[str, Any]:
    """Under which licence a model may be used and what it learned from: a TOML or JSON file of ``licence``, a text,
    and ``training_data``, a list of texts. Raises InputError."""
    advice = 'write licence = "..." and training_data = ["...", "..."], as compression/checkpoints/credits.toml'
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {_why(error)}: {advice}") from error
    data = value.get("training_data") if isinstance(value, dict) else None
    right = isinstance(data, list) and all(isinstance(one, str) for one in data)
    if not right or set(value) != {"licence", "training_data"} or not isinstance(value["licence"], str):
        raise InputError(f"{path} is not what a model is credited with: {advice}")
    return dict(value)


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or f"cannot be read ({str(error).splitlines()[0]})"
