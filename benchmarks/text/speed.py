"""Speed, load time and size of the front end, on one core.

    python benchmarks/text/speed.py [TEXT] [--copies 1]

Without a file it makes a text of its own: sentences with numbers, names and abbreviations. Times are
processor time of this process, so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import parrotlet.text
from parrotlet.text import TextFrontEnd

_SAMPLE = (
    "It was a bright cold day in April, and the clocks were striking thirteen. Dr. Smith read the letter twice, "
    "folded it, and walked slowly down the long street towards the river. On May 5, 2021 she had paid $3.50 for two "
    "cups of tea; nobody remembered why. The children were playing in the garden, and their mother watched them from "
    "the kitchen window, wondering whether the rain would come before evening. "
)
_LOAD = """
import sys, time, types
import numpy, parrotlet_runtimes, onnxruntime
package = types.ModuleType("parrotlet")  # the front end alone: the package itself would import the engine
package.__path__ = [sys.argv[1]]
sys.modules["parrotlet"] = package
times = [time.process_time()]
from parrotlet.text import TextFrontEnd
times.append(time.process_time())
front_end = TextFrontEnd()
for text in ("Hello there, Dr. Smith.", "glorping"):
    front_end.phonemize(text)
    times.append(time.process_time())
print(*(after - before for before, after in zip(times, times[1:])))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path, nargs="?")
    parser.add_argument("--copies", type=int, default=1)
    arguments = parser.parse_args()
    text = arguments.text.read_text(encoding="utf-8") if arguments.text else _SAMPLE * 200
    text *= arguments.copies
    front_end = TextFrontEnd()
    begun = time.process_time()
    words = sum(len(utterance.words) for utterance in front_end.sentences(text))
    cold = time.process_time() - begun
    begun = time.process_time()
    for _ in front_end.sentences(text):
        pass
    warm = time.process_time() - begun
    folder = Path(parrotlet.text.__file__).parent
    size = sum(
        file.stat().st_size for file in folder.rglob("*") if file.suffix in (".py", ".bin", ".onnx", ".tflite", ".json")
    )
    loading = [sys.executable, "-c", _LOAD, str(folder.parent)]
    parts = [float(part) for part in subprocess.run(loading, stdout=subprocess.PIPE, check=True).stdout.split()]
    imported, first, unknown = (part * 1000 for part in parts)
    print(f"words per second   {words / cold:,.0f} cold, {words / warm:,.0f} warm ({words} words)")
    print(f"load               {sum(parts) * 1000:.0f} ms: import {imported:.0f} (without numpy and onnxruntime),")
    print(f"                   first line {first:.0f}, first unknown word {unknown:.0f}")
    print(f"size               {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
