"""Commands that make and judge bundles: export, signal-graphs, compact, fuse, quantize, int4, report and evaluate."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from parrotlet import Parrotlet
from parrotlet.bundle import DEFAULT

from ..compact import compact_bundle
from ..corpus import Pack
from ..evaluate import judged, write_parts, write_test_speech
from ..export import SAME_SPEAKER, export_bundle
from ..files import read_credits
from ..fuse import fuse_bundle
from ..int4 import int4_bundle
from ..precision import PRECISIONS, SHIPPED_TFLITE, parse_precision, quantize_bundle
from ..recognizer_graph import add_recognizer
from ..report import JUDGED_STACKS, LITERT_STACKS, STACKS, write_report
from ..signal_graphs import add_signal_graphs
from ..static import ERROR_BOUND
from ..tflite import ACTIVATIONS
from .common import Commands, aligned, print_static, read_presets

PRECISION = f"int8 (the tested mixture), {', '.join(PRECISIONS)}, or of some graphs: vocoder=static,acoustic=fp16"
TFLITE_ACTIVATIONS = (
    "static, which ships: products in int8 with fixed scales, calibrated like static ONNX graphs: a bundle needs "
    "preset voices. float32: only weights are int8, twice as fast in tflite-runtime 2.14. int8: products too, each "
    "input scaled on the fly, for ai-edge-litert only (tflite-runtime 2.14 refuses such graphs)"
)


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    adders = (
        _add_export,
        _add_signal_graphs,
        _add_recognizer_graph,
        _add_compact,
        _add_fuse,
        _add_quantize,
        _add_int4,
        _add_report,
        _add_evaluate,
    )
    for add in adders:
        add(commands)


def _add_export(commands: Commands) -> None:
    command = commands.add("export", _export, "write a bundle and print how far each graph is from torch")
    command.add_argument("checkpoints", type=Path, help="speaker, acoustic and vocoder .safetensors")
    command.add_argument("out", type=Path, help="bundle folder")
    command.add_argument(
        "--presets", type=Path, required=True, help="presets.json of another bundle, or from `presets`"
    )
    command.add_argument("--name", required=True, help="of the bundle; a profile says by it which one it needs")
    command.add_argument(
        "--credits", type=Path, metavar="F", help="licence and training_data of the weights, .toml or .json"
    )
    command.add_argument("--precision", default="int8", metavar="P", help=PRECISION)
    command.add_argument(
        "--calibrate", type=Path, metavar="PACK", help="recordings for static INT8 (else its own speech)"
    )
    command.add_argument("--formats", default="onnx", metavar="onnx,tflite", help="one or both, in one bundle")
    command.add_argument("--tflite-activations", choices=ACTIVATIONS, default=SHIPPED_TFLITE, help=TFLITE_ACTIVATIONS)
    command.add_argument("--fp32", type=Path, metavar="DIR", help="also write the fp32 bundle, to compare with")
    command.add_argument(
        "--signal-graphs", type=Path, metavar="BUNDLE", help="copy the graphs without weights from here (else made)"
    )
    command.add_argument(
        "--same-speaker", type=float, default=SAME_SPEAKER, metavar="X", help="least cosine of one person's recordings"
    )


def _add_signal_graphs(commands: Commands) -> None:
    command = commands.add(
        "signal-graphs", _signal_graphs, "write the graphs without weights, for enrollment, into a bundle"
    )
    command.add_argument("bundle", type=Path, help="bundle folder")


def _add_compact(commands: Commands) -> None:
    command = commands.add("compact", _compact, "make the files of a bundle's graphs smaller, with the same results")
    command.add_argument("bundle", type=Path, help="bundle folder")


def _add_fuse(commands: Commands) -> None:
    command = commands.add("fuse", _fuse, "optimize a bundle's ONNX graphs, so that they load in half of the time")
    command.add_argument("bundle", type=Path, help="bundle folder")


def _add_recognizer_graph(commands: Commands) -> None:
    command = commands.add("recognizer-graph", _recognizer_graph, "write the phoneme recognizer into a bundle")
    command.add_argument("bundle", type=Path, help="bundle folder")
    command.add_argument("weights", type=Path, help="recognizer.safetensors")
    command.add_argument("--formats", default="onnx,tflite", help="those of them that the bundle has (%(default)s)")


def _add_quantize(commands: Commands) -> None:
    command = commands.add("quantize", _quantize, "write an fp32 bundle in other precisions, each graph in its own")
    command.add_argument("bundle", type=Path, help="fp32 bundle, from `export --fp32`")
    command.add_argument("out", type=Path, help="bundle folder")
    command.add_argument("--precision", default="int8", metavar="P", help=PRECISION)
    command.add_argument("--tflite-activations", choices=ACTIVATIONS, default=SHIPPED_TFLITE, help=TFLITE_ACTIVATIONS)
    command.add_argument(
        "--calibrate", type=Path, metavar="PACK", help="recordings for static INT8 (else its own speech)"
    )
    command.add_argument(
        "--bound",
        type=float,
        default=ERROR_BOUND,
        metavar="X",
        help="static: leave layers in float until no output moves by more than this part of its root mean square",
    )


def _add_int4(commands: Commands) -> None:
    command = commands.add("int4", _int4, "write an INT8 bundle for phones: weights in four bits, ONNX only")
    command.add_argument(
        "--graphs",
        type=lambda names: names.split(","),
        default=(),
        help="of these alone, comma-separated; all else stays as it is",
    )
    command.add_argument("bundle", type=Path, help="INT8 bundle")
    command.add_argument("out", type=Path, help="bundle folder")


def _add_report(commands: Commands) -> None:
    command = commands.add("report", _report, "measure every graph, runtime and precision, and write the table")
    command.add_argument("out", type=Path, help="Markdown; the shipped one is docs/quantization.md")
    command.add_argument("--checkpoints", type=Path, default=Path("compression/checkpoints"))
    command.add_argument("--presets", type=Path, help="presets.json (else that of the default bundle)")
    command.add_argument("--pack", type=Path, help="recordings of held-out people to clone (else preset voices)")
    command.add_argument("--judge", type=Path, help="judge.py")
    command.add_argument(
        "--stacks",
        default=",".join(JUDGED_STACKS),
        metavar="NAMES",
        help=f"whole stacks to judge: of {', '.join((*STACKS, *LITERT_STACKS))}",
    )
    command.add_argument("--judge-python", default=sys.executable)


def _add_evaluate(commands: Commands) -> None:
    command = commands.add("evaluate", _evaluate, "speak test sentences in presets and held-out people; score them")
    command.add_argument("pack", type=Path)
    command.add_argument("out", type=Path)
    command.add_argument("--bundle", type=Path)
    command.add_argument("--split", choices=["validation", "test"], default="validation")
    command.add_argument("--people", type=int, default=10)
    command.add_argument("--judge", type=Path, help="judge.py")
    command.add_argument("--students", type=Path, help="weights in torch: also measure every part by itself")
    command.add_argument("--alignments", type=Path, help="from `align`, for the acoustic model by itself")
    command.add_argument("--judge-python", default=sys.executable)


def _export(options: argparse.Namespace) -> None:
    rows = export_bundle(
        options.checkpoints,
        read_presets(options.presets),
        options.out,
        options.name,
        options.precision,
        options.same_speaker,
        options.formats.split(","),
        options.tflite_activations,
        options.fp32,
        options.calibrate,
        read_credits(options.credits) if options.credits else None,
        options.signal_graphs,
    )
    for row in rows:
        print(
            f"{row.graph:<9} {row.runtime:<6} {row.precision:<5} {row.output:<10} "
            f"largest {row.largest:.2e}  mean {row.mean:.2e}  rms of the output {row.scale:.2e}"
        )


def _signal_graphs(options: argparse.Namespace) -> None:
    add_signal_graphs(options.bundle)


def _compact(options: argparse.Namespace) -> None:
    before, after = compact_bundle(options.bundle)
    print(f"{options.bundle}: {before / 1e6:.2f} -> {after / 1e6:.2f} MB")


def _fuse(options: argparse.Namespace) -> None:
    print("\n".join(fuse_bundle(options.bundle)))


def _recognizer_graph(options: argparse.Namespace) -> None:
    add_recognizer(options.bundle, options.weights, options.formats.split(","))


def _quantize(options: argparse.Namespace) -> None:
    results = quantize_bundle(
        options.bundle,
        options.out,
        parse_precision(options.precision),
        options.tflite_activations,
        options.calibrate,
        options.bound,
    )
    fuse_bundle(options.out)
    print_static(results)


def _int4(options: argparse.Namespace) -> None:
    int4_bundle(options.bundle, options.out, options.graphs)
    print(f"{options.out}: {sum(path.stat().st_size for path in options.out.iterdir()) / 1e6:.2f} MB")


def _report(options: argparse.Namespace) -> None:
    presets = read_presets(options.presets or DEFAULT / "presets.json")
    judge = (options.judge, options.judge_python, options.stacks.split(","))
    write_report(options.out, options.checkpoints, presets, options.pack, *judge)
    print(options.out)


def _evaluate(options: argparse.Namespace) -> None:
    bird = Parrotlet.load(options.bundle)
    manifests = write_test_speech(bird, Pack(options.pack), options.out, options.split, options.people)
    if options.students:
        parts = write_parts(
            bird, aligned(options), options.students, options.out / "parts", options.split, options.people
        )
        manifests |= parts
    for name, manifest in manifests.items():
        if options.judge:
            print(
                json.dumps(
                    {
                        "set": name,
                        "split": options.split,
                        **judged(options.judge_python, options.judge, manifest),
                    }
                )
            )
        else:
            print(manifest)
