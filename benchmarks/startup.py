"""From process start to the first sample, cold: ``python benchmarks/startup.py [--repeats N]``.

Runs ``parrotlet say --raw`` in new processes, in turn with ``import numpy, onnxruntime``, the floor that no code of
ours can pass. Prints, as JSON: seconds on the clock until the first byte came, processor seconds of the whole child
(which other programs on the machine hardly change), and both as ratios to the floor. ``--stages`` says where one
process spends its processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

FLOOR = [
    sys.executable,
    "-c",
    "import os; os.environ['ORT_DISABLE_TELEMETRY'] = '1'; import numpy, onnxruntime; print('x')",
]
SAY = [sys.executable, "-m", "parrotlet", "say", "Hello there.", "--voice", "preset:robin", "--raw"]
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


def run(command: list[str]) -> tuple[float, float]:
    """Seconds until the first byte, and processor seconds of the child until its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        first = time.perf_counter() - started
        process.stdout.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return first, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--stages", action="store_true")
    options = parser.parse_args()
    # As installed: compiled once, by the run that is not counted.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    run(SAY)
    pairs = [(run(FLOOR), run(SAY)) for _ in range(options.repeats)]
    floor, say = np.median(np.array(pairs), axis=0)
    result: dict[str, object] = {
        "first_byte_s": round(float(say[0]), 3),
        "cpu_s": round(float(say[1]), 3),
        "floor_first_byte_s": round(float(floor[0]), 3),
        "floor_cpu_s": round(float(floor[1]), 3),
        "ratio_clock": round(float(say[0] / floor[0]), 2),
        "ratio_cpu": round(float(say[1] / floor[1]), 2),
    }
    if options.stages:
        done = subprocess.run([sys.executable, "-c", STAGES], capture_output=True, check=True)
        result["stages_cpu_ms"] = json.loads(done.stdout)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
