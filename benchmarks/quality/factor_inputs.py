"""The shipped INT8 graph of frames with a person's factors as an input: what it costs, and what INT8 leaves of them.

    python benchmarks/quality/factor_inputs.py time
    python benchmarks/quality/factor_inputs.py speak FOLDER NAME OUT --people vctk_p360
    JUDGE_PYTHON benchmarks/quality/flow.py judge JUDGE.py OUT fitted_int8 ...

FOLDER/NAME is of ``fitting_step.py fit``; OUT has the ``references.json`` of ``one_person.py speak``. See
docs/experiments/037-a-fitting-step-as-a-graph.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from commands import Commands

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "sdk" / "parrotlet" / "bundles" / "default" / "acoustic_frames.onnx"
STEM, MODULATE, EXPAND, CONTRACT, HEAD = (448, 256), (128, 512), (256, 768), (768, 256), (256, 80)
LAYERS, RANK = 6, 4
VOICE = RANK * (261 + 256 + 256 + 128)  # factors of the voice's layers, which are in the graph of the text
LENGTHS = (64, 200, 600)


def with_factors() -> Any:
    """The shipped graph with an input more: what is left of the factors of ``fitting_graph`` after VOICE of them."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(SHIPPED)
    graph = model.graph
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    found: dict[tuple[int, ...], list[Any]] = defaultdict(list)
    for node in graph.node:
        if node.op_type not in ("MatMul", "Gemm"):
            continue
        name = node.input[1]
        while name in made_by and made_by[name].op_type in ("DequantizeLinear", "Cast"):
            name = made_by[name].input[0]
        shape = weights.get(name, [])
        transposed = any(entry.name == "transB" and entry.i for entry in node.attribute)
        found[tuple(shape[::-1] if transposed else shape)].append(node)
    order = [(STEM, 0)]
    order += [(shape, layer) for layer in range(LAYERS) for shape in (EXPAND, CONTRACT, MODULATE)] + [(HEAD, 0)]
    after, sizes, pieces = {}, [], []
    for k, (shape, layer) in enumerate(order):
        node = found[shape][layer]
        given, out = node.input[0], node.output[0]
        if made_by.get(given) is not None and made_by[given].op_type == "DequantizeLinear":
            given = made_by[made_by[given].input[0]].input[0]  # as it was before it was rounded
        node.output[0] = f"{out}_unchanged"
        nodes = []
        for part, side in (("down", (RANK, shape[0])), ("up", (shape[1], RANK))):
            name = f"{part}{k}"
            graph.initializer.append(numpy_helper.from_array(np.array(side, np.int64), f"{name}_shape"))
            nodes.append(helper.make_node("Reshape", [name, f"{name}_shape"], [f"{name}_matrix"]))
            nodes.append(helper.make_node("Transpose", [f"{name}_matrix"], [f"{name}_turned"], perm=[1, 0]))
            pieces.append(name)
            sizes.append(side[0] * side[1])
        nodes.append(helper.make_node("MatMul", [given, f"down{k}_turned"], [f"few{k}"]))
        nodes.append(helper.make_node("MatMul", [f"few{k}", f"up{k}_turned"], [f"change{k}"]))
        nodes.append(helper.make_node("Add", [node.output[0], f"change{k}"], [out]))
        after[node.output[0]] = nodes
    graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), "factor_sizes"))
    nodes = [helper.make_node("Split", ["factors", "factor_sizes"], pieces, axis=0)]
    for node in list(graph.node):
        nodes += [node, *after.get(node.output[0], [])]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info("factors", TensorProto.FLOAT, [sum(sizes)]))
    onnx.checker.check_model(model)
    return model


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _time(options: argparse.Namespace) -> None:
    from parrotlet_compression.export import load_students, onnx_graphs

    frames = onnx_graphs(*load_students(ROOT / "compression" / "checkpoints"))["acoustic"][2]
    sessions = {"shipped": _session(SHIPPED.read_bytes()), "with factors": _session(with_factors().SerializeToString())}
    zeros = np.zeros(sessions["with factors"].get_inputs()[-1].shape, np.float32)
    for length in LENGTHS:
        feeds = {name: value.numpy() for name, value in frames.example(length).items()} | {"factors": zeros}
        took: dict[str, list[float]] = defaultdict(list)
        for _ in range(25):
            for name, session in sessions.items():
                given = {entry.name: feeds[entry.name] for entry in session.get_inputs()}
                began = time.process_time()
                session.run(None, given)
                took[name].append(1e3 * (time.process_time() - began))
        for name, values in took.items():
            print(f"{length} frames, {name}: {np.median(values):.1f} ms (least {min(values):.1f})")


def _speak(options: argparse.Namespace) -> None:
    import soundfile
    import torch
    from one_person import Bench

    from parrotlet_compression.fitting_graph import Changed
    from parrotlet_compression.models.acoustic import length_regulate
    from parrotlet_compression.symbols import phoneme_ids

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    bench, int8 = Bench(options.folder), _session(with_factors().SerializeToString())
    changed, rows = Changed(bench.synthesizer), defaultdict(list)
    references = json.loads((options.out / "references.json").read_text())
    for name in options.people:
        prepared, distances = bench.profile(name, options.seconds), []
        embedding, statistics = (torch.from_numpy(prepared.inputs[key]) for key in ("embedding", "statistics"))
        fitted = torch.from_numpy(np.load(options.folder / options.name / f"{name}.npy"))
        for number in bench.people[name]["spoken"]:
            text = bench.pack.clips[number].text
            phonemes, mels = bench.bird.phonemize(text.lower()), {}
            planned, ids = bench.bird.acoustics(phonemes, prepared), torch.tensor([phoneme_ids(phonemes)])
            durations = torch.from_numpy(planned.durations)[None]
            for label, factors in (("plain", torch.zeros_like(fitted)), ("fitted", fitted)):
                changed.take(factors)
                encoded, condition, _ = changed.synthesizer.text_side(ids, embedding, statistics)
                given = (*length_regulate(encoded, durations, durations.sum()), condition, statistics)
                f0 = torch.from_numpy(planned.f0)[None]
                mels[label, "float"] = changed.synthesizer.decode_side(*given, f0)[0][0].numpy()
                names = ("rows", "position", "condition", "statistics", "f0", "factors")
                feeds = zip(names, (*given, f0, factors[VOICE:]), strict=True)
                mels[label, "int8"] = int8.run(None, {key: value.numpy() for key, value in feeds})[0][0]
            for (label, kind), mel in mels.items():
                path = options.out / f"{label}_{kind}_{name}_{number}.wav"
                soundfile.write(path, np.concatenate(list(bench.bird.vocode(mel, planned.f0))), 24000)
                rows[f"{label}_{kind}"].append(f"{path}\t{text}\t{references[name]['same']}\n")
            pairs = [((k, "float"), (k, "int8")) for k in ("plain", "fitted")]
            pairs += [(("plain", kind), ("fitted", kind)) for kind in ("float", "int8")]
            distances.append([np.abs(mels[a] - mels[b]).mean() for a, b in pairs])
        told = " ".join(f"{value:.3f}" for value in np.mean(distances, axis=0))
        print(f"{name}: rounding of plain and fitted, change by the fit in float and INT8, nepers: {told}", flush=True)
    for label, lines in rows.items():
        (options.out / f"{label}.tsv").write_text("".join(lines))


def main() -> None:
    commands = Commands(__doc__)
    commands.add(_time)
    speak = commands.add(_speak, "folder", "name", "out")
    speak.add_argument("--seconds", type=float, default=30.0, help="of the enrollment")
    speak.add_argument("--people", nargs="+", required=True)
    commands.run()


if __name__ == "__main__":
    main()
