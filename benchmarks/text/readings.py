"""What ours and other front ends make of the written cases of tests/text, in one run on the same texts.

    python benchmarks/text/readings.py cases CASES.json
    python benchmarks/text/readings.py ours|nemo|tacotron|espeak CASES.json

Run each in an environment that has the peer: nemo_text_processing, espnet_tts_frontend (Tacotron's cleaners, with
inflect for numbers), espeak-ng as a program. A text is right if the words are those of an answer; marks, capitals,
"and" and "oh" for "zero" are overlooked. espeak-ng has no words: its phonemes of the text must be its phonemes of an
answer. The cases are those that our rules were mended against: the figures compare kinds of text, not quality at first
sight.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

CASES = Path(__file__).parents[2] / "tests/text"
Say = Callable[[Sequence[str]], list[str]]


def folded(spoken: str) -> str:
    """Words alone, those overlooked left out."""
    words = re.sub(r"[^a-z' ]", " ", spoken.lower().replace("-", " ")).split()
    return " ".join("zero" if word == "oh" else word for word in words if word != "and")


def cases() -> list[tuple[str, str, list[str]]]:
    """Kind, text and right answers."""
    rows = []
    for name in ("hard_cases.tsv", "sent_cases.tsv"):
        for line in (CASES / name).read_text(encoding="utf-8").splitlines():
            *kind, test, text, expected = line.split("\t") if not line.startswith("#") else ["", "", ""]
            if test == "say":
                written = text.replace("\\n", "\n") if kind else text
                rows.append((kind[0] if kind else "hard cases", written, expected.split(" | ")))
    return rows


def ours(texts: Sequence[str]) -> list[str]:
    from parrotlet.text import TextFrontEnd

    front_end = TextFrontEnd()
    return [front_end.normalize(text) for text in texts]


def nemo(texts: Sequence[str]) -> list[str]:
    from nemo_text_processing.text_normalization.normalize import Normalizer

    peer = Normalizer(input_case="cased", lang="en", cache_dir="nemo_cache")
    return [" ".join(peer.normalize(line) for line in text.split("\n") if line.strip()) for text in texts]


def tacotron(texts: Sequence[str]) -> list[str]:
    from tacotron_cleaner.cleaners import custom_english_cleaners

    return [custom_english_cleaners(text) for text in texts]


def espeak(texts: Sequence[str]) -> list[str]:
    """Phonemes, without stress and pauses."""
    said = []
    for text in texts:
        run = subprocess.run(
            ["espeak-ng", "-q", "-x", "-v", "en-us"], input=text, capture_output=True, text=True, check=True
        )
        said.append(re.sub(r"[\s,'_:|%=;!]", "", run.stdout))
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cases", "ours", "nemo", "tacotron", "espeak"])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "cases":
        arguments.file.write_text(json.dumps(cases(), ensure_ascii=False))
        return
    rows = json.loads(arguments.file.read_text())
    say: Say = {"ours": ours, "nemo": nemo, "tacotron": tacotron, "espeak": espeak}[arguments.what]
    begun = time.process_time()
    said = say([text for _, text, _ in rows])
    spent = time.process_time() - begun
    right, total = Counter[str](), Counter[str]()
    for (kind, _, answers), spoken in zip(rows, said, strict=True):
        wanted = say(answers) if arguments.what == "espeak" else [folded(answer) for answer in answers]
        total[kind] += 1
        right[kind] += (spoken if arguments.what == "espeak" else folded(spoken)) in wanted
    for kind in sorted(total, key=lambda kind: int(kind.split()[0]) if kind[0].isdigit() else -1):
        print(f"{kind:28} {right[kind]:4} of {total[kind]:4}")
    print(f"{arguments.what:28} {right.total():4} of {total.total():4}, {spent:.1f} s")


if __name__ == "__main__":
    main()
