"""Peak memory against the length of the text: ``python benchmarks/memory.py [SENTENCES ...]``.

Each length (1, 100 and 1,000 sentences unless given) is spoken by a new process, chunk by chunk as a player would
take it. Prints a JSON line for each: sentences, seconds of speech, peak resident memory, and its ratio to the first.
"""

from __future__ import annotations

import json
import subprocess
import sys

CHILD = """
import json, random, sys
from parrotlet import Parrotlet
from parrotlet.bench import TEN_SECONDS, peak_rss_megabytes
words, dice = TEN_SECONDS.replace(",", "").replace(".", "").split(), random.Random(1)
bird = Parrotlet.load()
voice = next(iter(bird.presets.values())).profile
list(bird.speak(TEN_SECONDS, voice))
text = (" ".join(dice.choices(words, k=dice.randint(3, 30))) + ". " for _ in range(int(sys.argv[1])))
seconds = sum(chunk.seconds for chunk in bird.speak(text, voice))
print(json.dumps({"sentences": int(sys.argv[1]), "speech_s": round(seconds, 1), "peak_rss_mb": peak_rss_megabytes()}))
"""


def main() -> None:
    first = None
    for sentences in sys.argv[1:] or ["1", "100", "1000"]:
        done = subprocess.run([sys.executable, "-c", CHILD, sentences], stdout=subprocess.PIPE, check=True)
        row = json.loads(done.stdout)
        first = first or row["peak_rss_mb"]
        print(json.dumps(row | {"ratio": round(row["peak_rss_mb"] / first, 3)}), flush=True)


if __name__ == "__main__":
    main()
