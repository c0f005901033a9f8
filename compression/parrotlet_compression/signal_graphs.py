"""Graphs without weights: what a host computes around the models, so that a host needs no arithmetic of its own.

They are the same in every bundle. ``numbers`` are the thresholds and sizes that go with them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from parrotlet import adaptation, advice, enroller, enrollment, fastspeech_nsf
from parrotlet.bundle import Bundle
from parrotlet.errors import InputError
from parrotlet.text import TextFrontEnd

from .files import read_manifest, write_files
from .graph import Feeds, Graph, export_onnx
from .models.enrollment import Activity, Adapt, Bandwidth, MeanEmbedding, Mel, Pitch, Resample, Spectrum, Windows
from .models.rendering import Render
from .onnx_compact import compact_onnx_file
from .tflite import export_tflite, require_converter
from .tflite_compact import compact_file

SIGNAL_GRAPHS = (
    "activity",
    "pitch",
    "bandwidth",
    "windows",
    "mean_embedding",
    "resample",
    "mel",
    "spectrum",
    "adapt",
    "render",
)
ONNX_ONLY = ("windows",)
"""How many windows there are depends on the length in a way that TFLite cannot say."""
MULTIPLES = {"activity": 320, "pitch": 200, "bandwidth": 256, "resample": 2, "mel": 300}
"""What a number of samples must be a multiple of in TFLite, where a graph cannot cut off the rest."""
SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It's easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
)
"""What the model says to be measured (Harvard sentences; IEEE 1969)."""
DEMO = "Hello, this is my voice, spoken by a small device that keeps it to itself. The time is 7:45."
READ_ALOUD = (
    "The rainbow is a division of white light into many beautiful colors.",
    "These take the shape of a long round arch, with its path high above.",
    "When the sunlight strikes raindrops in the air, they act as a prism.",
)
"""From the rainbow passage (Fairbanks 1960), which holds the sounds of English about as often as speech does."""
READ_ON = (
    "Good bread needs only flour, water, salt, and a little patience.",
    "She bought a huge box of fresh fish at the market on Thursday.",
    "The judge asked the young teacher to choose a cheaper hotel.",
    "Her voice sounded calm, although the path was steep and icy.",
    "They have both been working on this unusual machine for years.",
    "He carefully measured the length of the bridge with an old rope.",
    "A thick fog lay over the harbor, and no boat could leave.",
    "Our neighbors enjoyed the warm weather throughout the month of June.",
    "A small child was laughing loudly at the clown in the garden.",
)
"""For who reads more, so that the voice gets nearer: each brings the most pairs of sounds that those before lack."""

_BANDS, _CEPSTRA, _MELS, _EMBEDDING = adaptation.BANDS, adaptation.CEPSTRA, 80, 256
_BINS, _HOP = 513, 300


def signal_graphs() -> list[Graph]:
    """All of ``SIGNAL_GRAPHS``, with the tensor names that hosts rely on."""
    return list(_graphs())


def _graphs() -> Iterator[Graph]:
    samples, mel = {"samples": {1: "N"}}, {"mel": {1: "T"}}
    lengths = (32000, 24000, 64160)

    def one(
        name: str, module: nn.Module, outputs: str, axes: dict[str, dict[int, str]], open_outputs: str = ""
    ) -> Graph:
        named = {**axes, **{output: {1: "T"} for output in open_outputs.split()}}
        return Graph(name, module, _sound, tuple(outputs.split()), named, lengths)

    yield one("activity", Activity(), "level active speech_s level_dbfs clipped snr_db", samples, "level active")
    yield one("pitch", Pitch(), "f0 voiced median_hz spread_octaves", samples, "f0")
    yield one("bandwidth", Bandwidth(), "bandwidth_hz", samples)
    yield one("windows", Windows(), "windows", {**samples, "windows": {0: "W"}})
    several = {"embeddings": {0: "W"}, "seconds": {0: "W"}, "likeness": {0: "W", 1: "W"}}
    outputs = ("embedding", "likeness")
    yield Graph("mean_embedding", MeanEmbedding(), _embeddings, outputs, several, (3, 1, 7))
    yield one("resample", Resample(), "resampled", {**samples, "resampled": {1: "M"}})
    yield one("mel", Mel(), "mel", {**samples, **mel})
    measured = ("exemplars", "mean", "covariance", "band_means", "frames")
    yield Graph("spectrum", Spectrum(_MELS), _log_mel, measured, mel, (250, 180, 611))
    yield Graph("adapt", Adapt(_MELS), _fitting, ("map",), {"predicted": {1: "T"}}, (250, 180, 611))
    frames = {name: {1: "T"} for name in ("magnitude", "phase", "noise")}
    rendered = {**frames, "f0": {1: "A"}, "white": {1: "N"}, "samples": {1: "N"}}
    yield Graph("render", Render(), _spectra, ("samples",), rendered, (53, 37, 211))


def _sound(length: int) -> Feeds:
    """A buzz of 125 Hz that comes and goes, in noise."""
    time = torch.arange(length) / 16000
    pulses = ((time * 125) % 1 < 0.1).float() * (torch.sin(time * 9) > 0)
    noise = torch.randn(length, generator=torch.Generator().manual_seed(length))
    return {"samples": (0.3 * pulses + 0.001 * noise).unsqueeze(0)}


def _embeddings(length: int) -> Feeds:
    random = torch.Generator().manual_seed(length)
    rows = torch.randn(length, _EMBEDDING, generator=random)
    return {"embeddings": rows / rows.norm(dim=1, keepdim=True), "seconds": torch.rand(length, generator=random) + 1}


def _log_mel(length: int) -> Feeds:
    return {"mel": torch.randn(1, length, _MELS, generator=torch.Generator().manual_seed(length)) - 5}


def _fitting(length: int) -> Feeds:
    _, mean, covariance, bands, _ = Spectrum(_MELS)(_log_mel(length + 1)["mel"])
    predicted = _log_mel(length)["mel"]
    return {"predicted": predicted, "mean": mean, "covariance": covariance, "band_means": bands}


def _spectra(length: int) -> Feeds:
    random = torch.Generator().manual_seed(length)

    def frames() -> Tensor:
        return torch.rand(1, length, _BINS, generator=random)

    f0 = (torch.arange(length + 9.0) % 20 > 6) * 150.0
    white = torch.randn(1, length * _HOP, generator=random)
    magnitude, phase, noise = frames(), frames(), frames()
    return {
        "magnitude": magnitude,
        "phase": phase,
        "noise": noise,
        "f0": f0.unsqueeze(0),
        "white": white,
        "first": torch.tensor([4]),
    }


def numbers() -> dict[str, dict[str, Any]]:
    """What the manifest says beside the graphs, by section."""
    text = TextFrontEnd()
    return {
        "enrollment": {
            "frame_s": enrollment.FRAME_S,
            "some_speech_s": enrollment.SOME_SPEECH_S,
            "min_speech_s": enrollment.MIN_SPEECH_S,
            "good_speech_s": enrollment.GOOD_SPEECH_S,
            "most_speech_s": enrollment.MOST_SPEECH_S,
            "min_level_dbfs": enrollment.MIN_LEVEL_DBFS,
            "max_clipped": enrollment.MAX_CLIPPED,
            "min_snr_db": enrollment.MIN_SNR_DB,
            "min_voiced": enrollment.MIN_VOICED,
            "narrow_hz": advice.NARROW_HZ,
            "window_s": enroller.EMBED_WINDOW_S,
            "windows_a_length": enroller.EMBED_WINDOWS_A_LENGTH,
        },
        "adaptation": {
            **adaptation.shape(),
            "min_frames": adaptation.MIN_FRAMES,
            "likeness": adaptation.SHARE,
            "sentences": [text.phonemize(sentence) for sentence in SENTENCES],
        },
        "prompts": {"demo": DEMO, "read_aloud": list(READ_ALOUD), "read_on": list(READ_ON)},
        "pitch": {"reference_hz": fastspeech_nsf.REFERENCE_HZ},
        "synthesis": {"edge_frames": fastspeech_nsf.EDGE_FRAMES, "render_context": Render().context},
    }


def add_signal_graphs(bundle: Path, source: Path | None = None) -> None:
    """Write every signal graph into a bundle, for the runtimes that its models are for, and its manifest's part.

    Those that are there are replaced. source: a bundle to copy their files from, since conversion to TFLite takes two
    minutes; by default they are made. Raises InputError when a converter or a file of ``source`` is missing.
    """
    made = _exported if source is None else partial(_copied, Bundle.load(source))
    manifest = read_manifest(bundle)
    kinds = [kind for kind in ("onnx", "tflite") if kind in manifest["graphs"]["acoustic"]]
    if "tflite" in kinds and source is None:
        require_converter()
    written: dict[str, bytes] = {}
    for graph in signal_graphs():
        entry: dict[str, Any] = {"inputs": list(graph.example(graph.lengths[0])), "outputs": list(graph.outputs)}
        for kind in kinds:
            if kind == "tflite" and graph.name in ONNX_ONLY:
                continue
            file = f"{graph.name}.{kind}"
            written[file] = made(graph.name, kind)
            entry[kind] = {"file": file, "precision": "fp32"}
            if kind == "onnx":
                entry[kind]["fold_int8"] = False
            elif graph.name in MULTIPLES:
                entry[kind]["multiple_of"] = MULTIPLES[graph.name]
        manifest["graphs"][graph.name] = entry
    for section, values in numbers().items():
        manifest[section] = {**manifest.get(section, {}), **values}
    write_files(bundle, manifest, written)


def _copied(source: Bundle, name: str, kind: str) -> bytes:
    """The file of one graph in another bundle."""
    entry = source.manifest["graphs"].get(name, {}).get(kind)
    if entry is None:
        raise InputError(f"{source.path} has no {name} graph for {kind}: leave it out, and the graph is made")
    return source.read(entry["file"])


@cache  # the same in every bundle
def _exported(name: str, kind: str) -> bytes:
    """The file of one graph."""
    (graph,) = (graph for graph in signal_graphs() if graph.name == name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if kind == "onnx":
            export_onnx(graph, path)
            compact_onnx_file(path)
        else:
            graph = for_tflite(graph)
            export_tflite(graph.module, graph.example, graph.outputs, graph.lengths[:2], path)
            compact_file(path)
        return path.read_bytes()


def for_tflite(graph: Graph) -> Graph:
    """A graph with example feeds that TFLite can take."""
    multiple = MULTIPLES.get(graph.name)
    short, _, long = graph.lengths
    lengths = (131 * multiple, 167 * multiple, 240 * multiple) if multiple else (short, long, short + 7)

    def example(length: int) -> Feeds:
        feeds = graph.example(length)
        return {name: value.int() if value.dtype == torch.int64 else value for name, value in feeds.items()}

    return replace(graph, example=example, lengths=lengths)
