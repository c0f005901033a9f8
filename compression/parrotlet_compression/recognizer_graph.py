"""The phoneme recognizer as a graph of a bundle, in INT8, for the runtimes that the bundle's models are for."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from parrotlet.recognizer import MULTIPLE

from .files import read_manifest, write_files
from .graph import Feeds, Graph, export_onnx
from .models.recognizer import SOUNDS, STRIDE, Recognizer
from .models.weights import load_weights
from .quantize import quantize_int8
from .tflite import export_tflite, quantize_tflite, require_converter

NAME, FILE = "recognizer", "recognizer.safetensors"
_MELS = 80


def recognizer_graph(model: Recognizer) -> Graph:
    """The graph with the tensor names that hosts rely on."""

    def mel(length: int) -> Feeds:
        return {"mel": torch.randn(1, length, _MELS, generator=torch.Generator().manual_seed(length)) - 5}

    time = {1: "T"}
    return Graph(NAME, model.eval(), mel, ("posteriors",), {"mel": time, "posteriors": time}, (136, 84, 264))


def load_recognizer(path: Path) -> Recognizer:
    """Read trained weights. Raises InputError."""
    model = Recognizer()
    load_weights(model, path)
    return model.eval()


def add_recognizer(bundle: Path, weights: Path, formats: Sequence[str] = ("onnx", "tflite")) -> None:
    """Write the recognizer into a bundle that holds everything else, in place of one that is there.

    formats: those of them that the bundle's other graphs have.

    Raises InputError when the bundle, the weights or a converter is missing.
    """
    manifest = read_manifest(bundle)
    kinds = [kind for kind in formats if kind in manifest["graphs"]["acoustic"]]
    if "tflite" in kinds:
        require_converter()
    graph = recognizer_graph(load_recognizer(weights))
    entry: dict[str, Any] = {"inputs": ["mel"], "outputs": list(graph.outputs)}
    written = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            file, full, small = f"{NAME}.{kind}", Path(folder) / f"full.{kind}", Path(folder) / f"small.{kind}"
            if kind == "onnx":
                export_onnx(graph, full)
                quantize_int8(full, small, dynamic=False)
                entry[kind] = {"file": file, "precision": "int8", "quantization": "weight-only", "fold_int8": True}
            else:
                export_tflite(graph.module, graph.example, graph.outputs, graph.lengths[:2], full)
                quantize_tflite(full, small)
                entry[kind] = {"file": file, "precision": "int8", "activations": "float32", "multiple_of": MULTIPLE}
            written[file] = small.read_bytes()
    assert STRIDE == MULTIPLE
    old = manifest["graphs"].get(NAME, {}).get("onnx", {}).get("file")
    packed = "onnx" in kinds and manifest.get("packed", {}).pop(old, None)
    if packed:
        del manifest["files"][old]
    manifest["graphs"][NAME] = entry
    manifest[NAME] = {
        "phonemes": list(SOUNDS),
        "multiple_of": MULTIPLE,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    write_files(bundle, manifest, written)
    if packed:
        (bundle / old).unlink(missing_ok=True)
