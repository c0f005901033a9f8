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
_LOAD = (
    "import time; begun = time.process_time(); from parrotlet.text import TextFrontEnd; imported = time.process_time();"
    "TextFrontEnd().phonemize('Hello there, Dr. Smith.'); print(imported - begun, time.process_time() - imported)"
)


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
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.suffix in (".py", ".bin", ".onnx", ".json"))
    imported, first = subprocess.run(
        [sys.executable, "-c", _LOAD], capture_output=True, text=True, check=True
    ).stdout.split()
    print(f"words per second   {words / cold:,.0f} cold, {words / warm:,.0f} warm ({words} words)")
    print(f"import             {float(imported) * 1000:.0f} ms (numpy and the rest of parrotlet included)")
    print(f"load + first line  {float(first) * 1000:.0f} ms")
    print(f"size               {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
