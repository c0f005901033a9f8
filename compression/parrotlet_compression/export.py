"""Export the three student graphs as a bundle: ONNX in fp32 or INT8, manifest, checked against torch."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from parrotlet.errors import InputError
from parrotlet_runtimes import load_session

from .mel import MelConfig
from .models.acoustic import AcousticConfig, AcousticModel
from .models.speaker import SpeakerEncoder
from .models.vocoder import Vocoder
from .quantize import quantize_int8
from .symbols import SYMBOLS
from .train.loop import load_weights

OPSET = 17
# Many real recordings begin without silence, and alignment squeezed their first words: with a pause
# in front, the model does not swallow the first word of an utterance.
LEAD_IN = ", "
Feeds = dict[str, Tensor]


class _Acoustic(nn.Module):
    def __init__(self, model: AcousticModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.model.synthesize(*inputs)


@dataclass(frozen=True)
class Graph:
    """One graph of the contract. ``example(n)`` makes feeds of length n; ``axes`` name the dynamic dimensions."""

    name: str
    module: nn.Module
    example: Callable[[int], Feeds]
    outputs: tuple[str, ...]
    axes: dict[str, dict[int, str]]
    lengths: tuple[int, int, int]


@dataclass(frozen=True)
class Parity:
    """Largest and mean absolute difference of one output against torch, and its root mean square."""

    graph: str
    precision: str
    output: str
    largest: float
    mean: float
    scale: float


def load_students(checkpoints: Path) -> tuple[SpeakerEncoder, AcousticModel, Vocoder]:
    """Read speaker, acoustic and vocoder safetensors from a folder. Raises InputError when one is missing."""
    speaker = SpeakerEncoder()
    acoustic = AcousticModel(AcousticConfig(symbols=len(SYMBOLS), embedding=speaker.config.embedding))
    vocoder = Vocoder()
    for name, model in (("speaker", speaker), ("acoustic", acoustic), ("vocoder", vocoder)):
        load_weights(model, checkpoints / f"{name}.safetensors")
        model.eval()
    return speaker, acoustic, vocoder


def graphs(speaker: SpeakerEncoder, acoustic: AcousticModel, vocoder: Vocoder) -> list[Graph]:
    """The three graphs with the tensor names every runtime and host relies on."""
    config = acoustic.config

    def voice_of_text(length: int) -> Feeds:
        random = torch.Generator().manual_seed(length)
        body = torch.randint(3, len(SYMBOLS), (length,), generator=random)
        body[0], body[-1] = 1, 2
        embedding = torch.randn(1, config.embedding, generator=random).abs()
        return {
            "phonemes": body[None],
            "embedding": embedding / embedding.norm(),
            "statistics": torch.tensor([[0.2, 0.25, 0.0]]),
            "speed": torch.tensor([1.0]),
            "pitch": torch.tensor([0.0]),
        }

    def mel(length: int) -> Feeds:
        return {"mel": torch.randn(1, length, vocoder.config.n_mels, generator=torch.Generator().manual_seed(1)) - 5}

    def samples(length: int) -> Feeds:
        return {"samples": torch.randn(1, length, generator=torch.Generator().manual_seed(2)) * 0.1}

    time = {1: "T"}
    return [
        Graph("speaker", speaker, samples, ("embedding",), {"samples": {1: "N"}}, (24001, 16000, 64007)),
        Graph(
            "acoustic",
            _Acoustic(acoustic),
            voice_of_text,
            ("mel", "f0", "durations"),
            {"phonemes": {1: "L"}, "mel": time, "f0": time, "durations": {1: "L"}},
            (53, 12, 131),
        ),
        Graph(
            "vocoder",
            vocoder,
            mel,
            ("magnitude", "phase", "noise", "f0"),
            {"mel": time, "magnitude": time, "phase": time, "noise": time, "f0": time},
            (53, 37, 211),
        ),
    ]


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


@torch.no_grad()
def parity(graph: Graph, path: Path, precision: str) -> list[Parity]:
    """Compare a written graph with torch at the export length and at two others.

    Outputs whose length differs (durations rounded the other way) are compared over the shorter one.
    """
    session = load_session(path, "onnx", 1, fold_int8=precision == "int8")
    rows: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in graph.outputs}
    scale: dict[str, float] = {}
    for length in graph.lengths:
        feeds = graph.example(length)
        expected = graph.module(*feeds.values())
        expected = (expected,) if isinstance(expected, Tensor) else tuple(expected)
        made = session.run({name: value.numpy() for name, value in feeds.items()})
        for name, value in zip(graph.outputs, expected, strict=True):
            both = min(value.shape[1], made[name].shape[1])
            reference = value[:, :both].numpy().astype(np.float64)
            rows[name].append(np.abs(reference - made[name][:, :both]).reshape(-1))
            scale[name] = float(np.sqrt(np.mean(reference**2)))
    result = []
    for name, parts in rows.items():
        difference = np.concatenate(parts)
        result.append(
            Parity(graph.name, precision, name, float(difference.max()), float(difference.mean()), scale[name])
        )
    return result


def export_bundle(
    checkpoints: Path,
    presets: dict[str, Any],
    out: Path,
    name: str,
    precision: str = "int8",
    same_speaker: float = 0.6,
) -> list[Parity]:
    """Write a whole bundle to ``out`` and return how far each graph is from torch.

    presets: name -> {description, embedding, statistics}. precision: "int8" or "fp32".
    same_speaker: cosine below which two recordings are held to be two people.
    Raises InputError when a checkpoint is missing or ``precision`` is unknown.
    """
    if precision not in ("int8", "fp32"):
        raise InputError(f"unknown precision {precision!r}: choose int8 or fp32")
    speaker, acoustic, vocoder = load_students(checkpoints)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    results = []
    entries: dict[str, Any] = {}
    for graph in graphs(speaker, acoustic, vocoder):
        target = part / f"{graph.name}.onnx"
        export_onnx(graph, target)
        results += parity(graph, target, "fp32")
        if precision == "int8":
            full = target.rename(target.with_suffix(".fp32"))
            # Whitening magnifies small differences, and with them the rounding of its own weights.
            quantize_int8(full, target, dynamic=graph.name == "acoustic", keep=("whiten",))
            full.unlink()
            results += parity(graph, target, "int8")
        entries[graph.name] = {
            "onnx": {"file": target.name, "precision": precision, "fold_int8": precision == "int8"},
            "inputs": list(graph.example(graph.lengths[0])),
            "outputs": list(graph.outputs),
        }
    (part / "presets.json").write_text(json.dumps(presets, indent=1, ensure_ascii=False) + "\n")
    config = MelConfig()
    manifest = {
        "format": 1,
        "name": name,
        "created": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "licence": "Apache-2.0",
        "training_data": [
            "Kokoro-82M synthetic speech (Apache-2.0)",
            "LibriSpeech (CC BY 4.0)",
            "VCTK (CC BY 4.0)",
            "Mozilla Common Voice (CC0)",
            "speechocean762",
        ],
        "mel": config.as_dict(),
        "synthesis": {"n_fft": vocoder.config.n_fft, "context": vocoder.context},
        "speaker": {
            "sample_rate": speaker.config.sample_rate,
            "embedding": speaker.config.embedding,
            "same_speaker": same_speaker,
            "weights_sha256": _sha256(checkpoints / "speaker.safetensors"),
        },
        "symbols": list(SYMBOLS),
        "lead_in": LEAD_IN,
        "graphs": entries,
        "files": {path.name: _sha256(path) for path in sorted(part.iterdir())},
    }
    (part / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return results


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
