"""Export the three student graphs as a bundle: ONNX and TFLite in fp32 or INT8, manifest, checked against torch.

The graphs without weights go with them; see ``signal_graphs``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from parrotlet import Parrotlet, adaptation
from parrotlet.bundle import FORMAT, Bundle
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig
from parrotlet.profile import Fitted

from .acoustic_parts import Part, onnx_parts
from .files import json_bytes, read_manifest, write_files
from .finetuning_graph import add_finetuning
from .fuse import fuse_bundle
from .graph import Feeds, Graph, export_onnx
from .models.acoustic import AcousticConfig, AcousticModel
from .models.judge import SpeakerJudge, read_judge
from .models.refiner import Refiner
from .models.speaker import SpeakerEncoder
from .models.synthesizer import Synthesizer
from .models.vocoder import Vocoder
from .models.weights import load_tensors, load_weights
from .parity import Parity, parity
from .precision import parse_precision, quantize_bundle
from .recognizer_graph import FILE as RECOGNIZER
from .recognizer_graph import add_recognizer
from .signal_graphs import add_signal_graphs
from .symbols import SYMBOLS
from .tflite import export_tflite, require_converter

ARCHITECTURE = "fastspeech-nsf/1"
FORMATS = ("onnx", "tflite")
DIRECTIONS = "directions.safetensors"
"""Beside the weights, where there are any: what ``parrotlet-compress directions`` found."""
JUDGE = "judge.safetensors"
"""Beside the weights, where it is: the judge of speakers that guides fine-tuning."""
# Cosine below which two recordings are of two people, by the shipped encoder (`embed` measures an encoder).
SAME_SPEAKER = 0.41
LENGTH_REGULATOR = (
    "ends = round(cumsum(frames / speed)); durations = ends - previous ends; rows = encoded, each repeated for its "
    "duration; position, for every row: [done / duration, ln(done), ln(max(duration - done, 0.5))] with done = 0.5, "
    "1.5, ... within its phoneme"
)


def new_students() -> tuple[SpeakerEncoder, Synthesizer, Vocoder]:
    """The students of the three graphs, untrained."""
    speaker = SpeakerEncoder()
    acoustic = AcousticModel(AcousticConfig(symbols=len(SYMBOLS), embedding=speaker.config.embedding))
    return speaker, Synthesizer(acoustic, Refiner()), Vocoder()


def load_students(checkpoints: Path) -> tuple[SpeakerEncoder, Synthesizer, Vocoder]:
    """Read speaker, acoustic and vocoder safetensors from a folder. Raises InputError when one is missing."""
    speaker, synthesizer, vocoder = new_students()
    for name, model in (("speaker", speaker), ("acoustic", synthesizer), ("vocoder", vocoder)):
        load_weights(model, checkpoints / f"{name}.safetensors")
        model.eval()
    if (checkpoints / DIRECTIONS).is_file():
        found = load_tensors(checkpoints / DIRECTIONS)
        common = found.pop("common", None)
        synthesizer.directions.load([found[f"product{number}"].float() for number in range(len(found))])
        if common is not None:
            synthesizer.directions.common.copy_(common)
    return speaker, synthesizer, vocoder


def load_judge(checkpoints: Path) -> SpeakerJudge | None:
    """The judge of speakers in a folder of weights; None where there is none. Raises InputError for other weights."""
    if not (checkpoints / JUDGE).is_file():
        return None
    return read_judge(checkpoints / JUDGE).eval()


def graphs(speaker: SpeakerEncoder, synthesizer: Synthesizer, vocoder: Vocoder) -> list[Graph]:
    """The three graphs with the tensor names every runtime and host relies on."""
    config = synthesizer.acoustic.config

    def voice_of_text(length: int) -> Feeds:
        random = torch.Generator().manual_seed(length)
        body = torch.randint(3, len(SYMBOLS), (length,), generator=random)
        body[0], body[-1] = 1, 2
        embedding = torch.randn(1, config.embedding, generator=random).abs()
        adapted = 0.1 * torch.randn(1, adaptation.size(), generator=random)
        return {
            "phonemes": body[None],
            "embedding": torch.cat([embedding / embedding.norm(), adapted], dim=1),
            "statistics": torch.tensor([[0.2, 0.25, 0.0]]),
            "speed": torch.tensor([1.0]),
            "pitch": torch.tensor([0.0]),
            "factors": 0.05 * torch.randn(1, synthesizer.factors, generator=random),
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
            Part(synthesizer, "synthesize"),
            voice_of_text,
            ("mel", "f0", "durations", "predicted", "features"),
            {
                "phonemes": {1: "L"},
                "durations": {1: "L"},
                **dict.fromkeys(("mel", "f0", "predicted", "features"), time),
            },
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


def onnx_graphs(speaker: SpeakerEncoder, synthesizer: Synthesizer, vocoder: Vocoder) -> dict[str, tuple[Graph, ...]]:
    """The ONNX form of every graph: itself, or the parts it is cut into, so that speech begins early."""
    whole = {graph.name: (graph,) for graph in graphs(speaker, synthesizer, vocoder)}
    return {**whole, "acoustic": onnx_parts(synthesizer, whole["acoustic"][0].example)}


def tflite_graphs(speaker: SpeakerEncoder, synthesizer: Synthesizer, vocoder: Vocoder) -> dict[str, tuple[Graph, ...]]:
    """The TFLite form of every graph: itself, or the parts it is cut into.

    How many frames the acoustic graph makes depends on the durations it predicts, and TFLite has no such shapes:
    it is cut in two, and the length regulator between them is the host's.
    """
    whole = {graph.name: graph for graph in graphs(speaker, synthesizer, vocoder)}
    config = synthesizer.acoustic.config
    voice = whole["acoustic"].example

    def text(length: int) -> Feeds:
        feeds = voice(length)
        return {"phonemes": feeds["phonemes"].int(), "embedding": feeds["embedding"], "statistics": feeds["statistics"]}

    def frames(length: int) -> Feeds:
        random = torch.Generator().manual_seed(length)
        return {
            "rows": torch.randn(1, length, config.encoder_width, generator=random),
            "position": torch.randn(1, length, 3, generator=random),
            "condition": torch.cat(
                [
                    torch.randn(1, sum(synthesizer.conditions[:2]), generator=random),
                    0.1 * torch.randn(1, adaptation.size(), generator=random),
                ],
                dim=1,
            ),
            "statistics": voice(length)["statistics"],
            "pitch": torch.tensor([0.0]),
            "factors": voice(length)["factors"],
        }

    outputs, made = ("encoded", "condition", "frames"), ("mel", "f0", "predicted", "features")
    lengths = (53, 41, 131)  # no other dimension of a graph is one of these
    return {
        "speaker": (replace(whole["speaker"], lengths=(24001, 16007, 64007)),),
        "acoustic": (
            Graph("acoustic_text", Part(synthesizer, "text_side"), text, outputs, {}, lengths),
            Graph("acoustic_frames", Part(synthesizer, "frame_side"), frames, made, {}, lengths),
        ),
        "vocoder": (replace(whole["vocoder"], lengths=lengths),),
    }


@dataclass(frozen=True)
class _Written:
    """One graph in one format: the fp32 files, and how it looks in the manifest."""

    format: str
    graph: Graph
    parts: tuple[Graph, ...]

    def files(self, folder: Path) -> list[Path]:
        return [folder / f"{part.name}.{self.format}" for part in self.parts]

    def convert(self, folder: Path) -> None:
        for part, path in zip(self.parts, self.files(folder), strict=True):
            if self.format == "onnx":
                export_onnx(part, path)
            else:
                export_tflite(part.module, part.example, part.outputs, part.lengths[:2], path)

    def entry(self) -> dict[str, Any]:
        described = {"precision": "fp32"} | ({"fold_int8": False} if self.format == "onnx" else {})
        if len(self.parts) == 1:
            return {"file": f"{self.graph.name}.{self.format}", **described}
        return {
            **described,
            "parts": [
                {
                    "file": f"{part.name}.{self.format}",
                    "inputs": list(part.example(53)),
                    "outputs": list(part.outputs),
                    **described,
                }
                for part in self.parts
            ],
            "between": LENGTH_REGULATOR,
        }


def export_bundle(
    checkpoints: Path,
    presets: Mapping[str, Any],
    out: Path,
    name: str,
    precision: str = "int8",
    same_speaker: float = SAME_SPEAKER,
    formats: Sequence[str] = ("onnx",),
    tflite_activations: str = "float32",
    fp32: Path | None = None,
    pack: Path | None = None,
    credits: Mapping[str, Any] | None = None,
    signal_graphs: Path | None = None,
) -> list[Parity]:
    """Write a whole bundle to ``out`` and return how far each graph is from torch.

    presets: name -> {description, embedding, statistics}. precision: of the ONNX graphs, see ``parse_precision``;
    TFLite graphs are INT8 unless it is "fp32".
    same_speaker: cosine below which two recordings are held to be two people. formats: of ``FORMATS``.
    tflite_activations: see ``quantize_tflite``. fp32: write the fp32 bundle here as well. pack: recordings to
    calibrate with (else the bundle's own speech). credits: what the manifest is to say of licence and training data.
    signal_graphs: see ``add_signal_graphs``.
    Raises InputError when a checkpoint or a converter is missing, ``precision`` or a format is unknown, or a preset
    does not fit.
    """
    precisions = parse_precision(precision)
    if not formats or set(formats) - set(FORMATS):
        raise InputError(f"unknown formats {','.join(formats)!r}: choose {' or '.join((*FORMATS, ','.join(FORMATS)))}")
    if "tflite" in formats:
        require_converter()
    students = load_students(checkpoints)
    for preset, row in presets.items():
        if not isinstance(row, Mapping) or {"description", "embedding", "statistics"} - set(row):
            raise InputError(
                f"preset {preset} lacks description, embedding or statistics: make it with `parrotlet-compress presets`"
            )
        if len(row["embedding"]) != students[0].config.embedding:
            raise InputError(
                f"preset {preset} has {len(row['embedding'])} values, not {students[0].config.embedding}: "
                "make it again with `parrotlet-compress presets`"
            )
    split = {"onnx": onnx_graphs(*students), "tflite": tflite_graphs(*students)}
    written = [_Written(kind, graph, split[kind][graph.name]) for graph in graphs(*students) for kind in formats]
    weights = [_sha256(checkpoints / f"{graph}.safetensors") for graph in ("speaker", "acoustic", "vocoder")]
    manifest = _manifest(*students, name, same_speaker, weights, credits or {})
    full = out.with_name(out.name + ".float.part")
    results = []
    try:
        part = _empty(full.with_name(full.name + ".part"))
        for one in written:
            one.convert(part)
        _finish(part, full, manifest, presets, written)
        add_finetuning(full, students[1], load_judge(checkpoints))
        add_signal_graphs(full, signal_graphs)
        if (checkpoints / RECOGNIZER).is_file():
            add_recognizer(full, checkpoints / RECOGNIZER)
        results += _parities(full, written, "fp32")
        if precision == "fp32":
            _copy(full, out)
        else:
            quantize_bundle(full, out, precisions, tflite_activations, pack)
            fuse_bundle(out)
            results += _parities(out, written, "int8")
        if fp32 is not None:
            _copy(full, fp32)
        for bundle in (out, fp32):
            if bundle is not None:
                measure_presets(bundle)
    finally:
        shutil.rmtree(full, ignore_errors=True)
    return results


def measure_presets(bundle: Path) -> None:
    """Measure how loud a bundle speaks in its presets, and keep that in its ``presets.json``."""
    bird, presets = Parrotlet.load(bundle), json.loads((bundle / "presets.json").read_bytes())
    for name, preset in bird.presets.items():
        voice = bird.voice(preset.profile.with_fitted("", Fitted(None, None)))
        presets[name]["statistics"]["loudness_lufs"] = round(voice.loudness_lufs, 2)
    write_files(bundle, read_manifest(bundle), {"presets.json": json_bytes(presets)})


def _parities(folder: Path, written: Sequence[_Written], precision: str) -> list[Parity]:
    bundle = Bundle.load(folder)
    return [row for one in written for row in parity(one.graph, bundle.session(one.graph.name, one.format), precision)]


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def _manifest(
    speaker: SpeakerEncoder,
    synthesizer: Synthesizer,
    vocoder: Vocoder,
    name: str,
    same_speaker: float,
    weights: Sequence[str],
    credits: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything but the graphs and the files."""
    return {
        "format": FORMAT,
        "architecture": ARCHITECTURE,
        "language": "en-US",
        "front_end": "en/1",
        "name": name,
        "created": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **credits,
        "mel": MelConfig().as_dict(),
        "synthesis": {
            "n_fft": vocoder.config.n_fft,
            "context": vocoder.context,
            "acoustic_context": synthesizer.context,
        },
        "speaker": {
            "sample_rate": speaker.config.sample_rate,
            "embedding": speaker.config.embedding,
            "same_speaker": same_speaker,
            "weights_sha256": weights[0],
            # What a bundle made of a profile is of all weights that speak: loudness is of the vocoder as well.
            "model_sha256": hashlib.sha256("".join(weights).encode()).hexdigest(),
        },
        "adaptation": adaptation.shape(),
        "symbols": list(SYMBOLS),
    }


def _finish(
    part: Path,
    out: Path,
    manifest: Mapping[str, Any],
    presets: Mapping[str, Any],
    written: Sequence[_Written],
) -> None:
    """Complete a folder of fp32 graphs by presets and manifest, and put it in its place."""
    entries: dict[str, Any] = {}
    for one in written:
        names = {"inputs": list(one.graph.example(one.graph.lengths[0])), "outputs": list(one.graph.outputs)}
        entries.setdefault(one.graph.name, names)[one.format] = one.entry()
    (part / "presets.json").write_bytes(json_bytes(presets))
    files = {path.name: _sha256(path) for path in sorted(part.iterdir())}
    (part / "manifest.json").write_bytes(json_bytes({**manifest, "graphs": entries, "files": files}))
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
