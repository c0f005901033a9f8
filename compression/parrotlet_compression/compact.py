"""Make the files of a whole bundle smaller; see ``tflite_compact`` and ``onnx_compact``."""

from __future__ import annotations

from pathlib import Path

from parrotlet.errors import InputError

from .files import read_manifest, spoken_parts, write_files
from .fuse import fuse_bundle
from .onnx_compact import compact_onnx
from .tflite_compact import compact


def compact_bundle(bundle: Path) -> tuple[int, int]:
    """Replace every graph by its compact form, and its sha256 in the manifest: bytes before and after.

    Raises InputError for a bundle one of whose graphs takes weights from another's file: it is compact already.
    """
    forms = {".onnx": compact_onnx, ".tflite": compact}
    manifest = read_manifest(bundle)
    if any("borrows" in forms.get("onnx", ()) for forms in manifest.get("graphs", {}).values()):
        raise InputError(f"{bundle} is compact: it was exported so")
    before = after = 0
    written: dict[str, bytes] = {}
    for file in manifest["files"]:
        path = bundle / file
        if path.suffix in forms and path.is_file():
            data = path.read_bytes()
            written[file] = forms[path.suffix](data)
            before, after = before + len(data), after + len(written[file])
    write_files(bundle, manifest, written)
    if any("fused" in part for part in spoken_parts(manifest)):
        fuse_bundle(bundle)  # those nodes know the weights by their old names
    return before, after
