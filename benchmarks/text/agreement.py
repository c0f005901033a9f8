"""How far the front end agrees with the corpus that the acoustic model is trained on.

    python benchmarks/text/agreement.py synthetic.zip [--show 40]

Prints the phoneme error rate (edit distance over the corpus's symbols), the same without stress and
punctuation, agreement of words where both sides have as many, and the most frequent differences.
"""

from __future__ import annotations

import argparse
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from parrotlet.text import TextFrontEnd


def distance(left: str, right: str) -> int:
    """Levenshtein distance, one row of the table at a time."""
    target = np.array([ord(symbol) for symbol in right])
    row = np.arange(len(target) + 1)
    steps = np.arange(len(target) + 1)
    for at, symbol in enumerate(left, 1):
        best = np.minimum(row[1:] + 1, row[:-1] + (target != ord(symbol)))
        row = np.minimum.accumulate(np.concatenate(([at], best)) - steps) + steps
    return int(row[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--show", type=int, default=40)
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.archive) as archive:
        lines = archive.read("synthetic/metadata.jsonl").decode().splitlines()
    front_end = TextFrontEnd()
    errors = bare_errors = symbols = bare_symbols = same_words = words = exact = 0
    differences: Counter[str] = Counter()
    for line in lines:
        clip = json.loads(line)
        ours, theirs = front_end.phonemize(clip["text"]), clip["phonemes"]
        exact += ours == theirs
        errors += distance(ours, theirs)
        symbols += len(theirs)
        bare = [re.sub(r"[^\w ]|_", "", re.sub("[ˈˌ]", "", side)) for side in (ours, theirs)]
        bare_errors += distance(*bare)
        bare_symbols += len(bare[1])
        pair = [re.sub(r"[^\wˈˌ ]", "", side).split() for side in (ours, theirs)]
        words += len(pair[1])
        if len(pair[0]) == len(pair[1]):
            written = re.findall(r"[\w'-]+", clip["text"])
            for at, (one, other) in enumerate(zip(*pair, strict=True)):
                same_words += one == other
                if one != other:
                    word = written[at] if len(written) == len(pair[0]) else "?"
                    differences[f"{word}: {one} / {other}"] += 1
        else:
            differences["(other number of words)"] += 1
    print(f"clips                            {len(lines)}, exactly alike {exact / len(lines):.1%}")
    print(f"phoneme error rate               {errors / symbols:.2%}")
    print(f"  without stress and punctuation {bare_errors / bare_symbols:.2%}")
    print(f"words alike                      {same_words / words:.2%} of {words}")
    for difference, times in differences.most_common(arguments.show):
        print(f"{times:5} {difference}")


if __name__ == "__main__":
    main()
