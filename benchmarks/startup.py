"""From process start to the first sample, cold: ``python benchmarks/startup.py [--repeats N] [--against CHECKOUT]``.

Runs ``parrotlet say --raw`` in new processes, in turn with ``import numpy, onnxruntime``, the floor that no code of
ours can pass. Prints, as JSON: seconds on the clock until the first byte came, processor seconds of the whole child
(which other programs on the machine hardly change), its peak memory, and each as a ratio to the floor. ``--against``
runs another checkout of this repository in turn with this one, and says the ratios to it. ``--graphs`` loads the graphs
as they ship, optimized before, in turn with the same graphs as other hosts read them. ``--stages`` says where one
process spends its processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

FLOOR = [
    sys.executable,
    "-c",
    "import os; os.environ['ORT_DISABLE_TELEMETRY'] = '1'; import numpy, onnxruntime; print('x')",
]
SAY = [sys.executable, "-m", "parrotlet", "say", "Hello there.", "--voice", "preset:robin", "--raw"]
FIGURES = ("first_byte_s", "cpu_s", "peak_mb")
HERE = Path(__file__).parents[1]
STAGES = """
import json, os, time
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
at, stages = 0.0, {}
def lap(name):
    global at
    now = time.process_time()
    stages[name] = round((now - at) * 1000, 1)
    at = now
lap("python")
import numpy, numpy.random
lap("import numpy")
import onnxruntime
lap("import onnxruntime")
import parrotlet.cli.say, parrotlet.engine
lap("import parrotlet")
import parrotlet.text
lap("import the text's rules")
bird = parrotlet.Parrotlet.load()
lap("acoustic and vocoder session")
voice = bird.presets["robin"].profile
lap("presets")
bird.phonemize("Hello there.")
lap("lexicon and first phonemes")
next(bird.speak("Hello there.", voice))
lap("first chunk")
print(json.dumps(stages))
"""
GRAPHS = """
import json, sys, time
from parrotlet.bundle import SPOKEN_WITH, Bundle
forms = {"optimized before": Bundle.load(), "as they are": Bundle.load()}
for graph in SPOKEN_WITH:
    entry = forms["as they are"].manifest["graphs"][graph]["onnx"]
    for part in entry.get("parts", [entry]):
        part.pop("fused", None)
took = {form: [] for form in forms}
for turn in range(int(sys.argv[1]) + 1):
    for form, bundle in forms.items():
        begun = time.process_time()
        for graph in SPOKEN_WITH:
            bundle.session(graph)
        if turn:  # the first load imports the runtime
            took[form].append(time.process_time() - begun)
print(json.dumps(took))
"""


def environment(checkout: Path | None) -> dict[str, str]:
    """That of a child. As installed: modules are compiled once, by the run that is not counted."""
    changed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if checkout is not None:
        changed["PYTHONPATH"] = f"{checkout / 'sdk'}{os.pathsep}{checkout / 'runtimes'}"
    return changed


def run(command: Sequence[str], checkout: Path | None = None) -> tuple[float, float, float]:
    """``FIGURES`` of one child: until the first byte, until its end, and at its peak."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(checkout)) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        first = time.perf_counter() - started
        process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{' '.join(command)} failed"
    return first, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--runtime", choices=["onnx", "tflite"], help="of speech; the floor is onnxruntime's")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--graphs", action="store_true")
    parser.add_argument("--stages", action="store_true")
    options = parser.parse_args()
    say = SAY + (["--runtime", options.runtime] if options.runtime else [])
    turns = {"": (say, HERE), "floor_": (FLOOR, None)}
    if options.against:
        turns["other_"] = (say, options.against.resolve())
    for command, checkout in turns.values():
        run(command, checkout)
    rows = np.array([[run(*turn) for turn in turns.values()] for _ in range(options.repeats)])
    result: dict[str, object] = {}
    for prefix, median in zip(turns, np.median(rows, axis=0), strict=True):
        result |= {f"{prefix}{name}": round(float(value), 3) for name, value in zip(FIGURES, median, strict=True)}
    # Pair by pair: what changes the machine's speed changes both of a pair.
    for index, prefix in enumerate(turns):
        if prefix:
            ratios = np.median(rows[:, 0] / rows[:, index], axis=0)
            for name, ratio in zip(("clock", "cpu", "peak"), ratios, strict=True):
                result[f"ratio_{name}" if prefix == "floor_" else f"{prefix}ratio_{name}"] = round(float(ratio), 2)
    if options.graphs:
        done = child("-c", GRAPHS, str(options.repeats))
        took = {form: float(np.median(seconds)) for form, seconds in done.items()}
        result["graphs_cpu_ms"] = {form: round(1000 * seconds, 1) for form, seconds in took.items()}
        result["graphs_ratio"] = round(took["optimized before"] / took["as they are"], 2)
    if options.stages:
        result["stages_cpu_ms"] = child("-c", STAGES)
    print(json.dumps(result))


def child(*arguments: str) -> dict[str, list[float]]:
    """What a Python program prints as JSON."""
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, env=environment(HERE), check=True)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
