"""Fit people by an exported step, without torch's autograd. See docs/experiments/037-a-fitting-step-as-a-graph.md.

    python benchmarks/quality/fitting_step.py export STEP.onnx --store fp16
    python benchmarks/quality/fitting_step.py time STEP.onnx
    python benchmarks/quality/fitting_step.py fit STEP.onnx FOLDER NAME --people ls_118

FOLDER is a prepared one of ``one_person.py``. ``fit`` draws the pieces and the first factors that its ``fit --part
low_rank --loss slow`` draws, and writes NAME for its ``speak`` and ``factor_inputs.py``. ``time`` feeds random numbers.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from commands import Commands

STORED = {"fp32": "fp32", "fp16": "fp16", "int8": "weight-only"}
STEPS, RATE = 60, 4e-3


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _export(options: argparse.Namespace) -> None:
    from parrotlet_compression.export import load_students
    from parrotlet_compression.fitting_graph import fitting_graph
    from parrotlet_compression.graph import export_onnx
    from parrotlet_compression.precision import quantize_onnx

    graph = fitting_graph(load_students(Path(__file__).parents[2] / "compression" / "checkpoints")[1])
    full = options.step.with_suffix(".fp32.onnx")
    export_onnx(graph, full)
    if options.store == "fp32":
        full.rename(options.step)
    else:
        quantize_onnx(full, options.step, STORED[options.store])
        full.unlink()
    np.savez(options.step.with_suffix(".npz"), **{name: value.numpy() for name, value in graph.example(1).items()})
    print(f"{options.store}: {options.step.stat().st_size} bytes")


def _time(options: argparse.Namespace) -> None:
    import onnxruntime  # noqa: F401 # its own memory is not the step's

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    feeds, before = dict(np.load(options.step.with_suffix(".npz"))), peak()
    session, took = _session(options.step), []
    loaded = peak()
    for step in range(30):
        feeds["step"] = np.array([step + 1], np.float32)
        began = time.process_time()
        _, feeds["factors"], feeds["mean"], feeds["square"] = session.run(None, feeds)
        took.append(time.process_time() - began)
    print(f"{np.median(took):.3f} s a step (least {min(took):.3f})")
    print(f"MB over the empty process: {loaded - before:.0f} loaded, {peak() - before:.0f} after 30 steps")


def _fit(options: argparse.Namespace) -> None:
    import torch
    from one_person import Bench
    from safetensors.torch import save_file

    from parrotlet_compression.fitting_graph import Changed
    from parrotlet_compression.train.one_person import PIECE, Pieces, tail_state
    from parrotlet_compression.train.refiner import MARGIN

    torch.set_num_threads(1)
    bench, session, out = Bench(options.folder), _session(options.step), options.folder / options.name
    out.mkdir(exist_ok=True)
    settings = {"part": "low_rank", "loss": "slow", "seconds": options.seconds, "steps": STEPS}
    (out / "settings.json").write_text(json.dumps(settings))
    inner, plain = slice(MARGIN, MARGIN + PIECE), bench.synthesizer
    for name in options.people:
        bench.synthesizer = plain
        before, voice = bench.apart(name, options.seconds), bench.voice(name, options.seconds)
        pieces = Pieces(plain, bench.lines(name, options.seconds), voice)
        torch.manual_seed(0)
        changed, random, losses = Changed(plain), np.random.default_rng(0), []
        feeds = {name: getattr(voice, name).numpy() for name in ("embedding", "adapted", "statistics")}
        feeds |= {"bands": bench.bands.numpy(), "factors": changed.first().numpy()}
        feeds |= {moment: np.zeros(changed.size, np.float32) for moment in ("mean", "square")}
        began = time.process_time()
        for step in range(STEPS):
            batch = pieces.draw(random)
            feeds |= {name: getattr(batch, name).numpy() for name in ("features", "moved", "f0", "inside")}
            feeds |= {name: getattr(batch, name)[:, inner].numpy() for name in ("real", "before")}
            rate = RATE * min(1.0, (step + 1) / 10, 1.5 * (1 - step / STEPS))
            feeds |= {"rate": np.array([rate], np.float32), "step": np.array([step + 1], np.float32)}
            found, feeds["factors"], feeds["mean"], feeds["square"] = session.run(None, feeds)
            losses.append(float(found[0]))
        took = time.process_time() - began
        np.save(out / f"{name}.npy", feeds["factors"])
        changed.take(torch.from_numpy(feeds["factors"]))
        bench.synthesizer = changed.settled()
        end = {key: x for key, x in tail_state(bench.synthesizer).items() if not torch.equal(x, bench.start[key])}
        save_file(end, out / f"{name}.safetensors")
        after, (first, last) = bench.apart(name, options.seconds), (np.mean(losses[:10]), np.mean(losses[-20:]))
        print(f"{name}: loss {first:.3f} to {last:.3f}, held out {before:.4f} to {after:.4f}, {took:.1f} s", flush=True)


def main() -> None:
    commands = Commands(__doc__)
    export = commands.add(_export, "step")
    export.add_argument("--store", choices=list(STORED), default="fp32", help="how weights are stored")
    commands.add(_time, "step")
    fit = commands.add(_fit, "step", "folder")
    fit.add_argument("name")
    fit.add_argument("--seconds", type=float, default=30.0, help="of the enrollment")
    fit.add_argument("--people", nargs="+", required=True)
    commands.run()


if __name__ == "__main__":
    main()
