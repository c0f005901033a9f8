"""Are words skipped or repeated? 200 varied sentences, spoken by the presets in turn, read back by a recognizer.

    python benchmarks/quality/robustness.py speak FOLDER [BUNDLE]
    JUDGE_PYTHON benchmarks/quality/robustness.py count path/to/judge.py FOLDER

Prints, for every kind of sentence, how many words the recognizer missed, added and took for others, and the sentences
where it missed or added any. One-word utterances have no context: there the recognizer errs most by itself.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
from pathlib import Path
from typing import Any

NAMES = ("Anna", "Peter", "my neighbour", "the doctor", "our teacher", "Maria", "the captain", "George")
DOES = ("opened the window", "fed the grey cat", "wrote a long letter", "fixed the old radio", "cooked some rice")
WHEN = ("before lunch", "on Sunday morning", "after the storm", "without a word", "while it was still dark")
WORDS = (
    "yes no hello thanks stop maybe tomorrow sunshine kitchen elephant window music question seven breakfast holiday "
    "computer mountain garden yesterday important strawberry October banana telephone hospital umbrella winter orange "
    "library"
)
NUMBERS = (
    "The train leaves at {h}:{m:02d} from platform {p}.",
    "It costs ${c}.{m:02d} and weighs {p} kilograms.",
    "They counted {k} birds in {y}.",
    "Call me on {h} March, around {p} o'clock.",
    "About {p}% of the {k} seats were taken.",
)


def sentences() -> dict[str, list[str]]:
    """The 200 sentences by kind; always the same."""
    clauses = [f"{n} {d} {w}" for n, d, w in itertools.product(NAMES, DOES, WHEN)]
    plain = [f"{clause[0].upper()}{clause[1:]}." for clause in clauses]
    eight = [[clauses[(k * 7 + j * 31) % len(clauses)] for j in range(8)] for k in range(20)]
    long = [f"{text[0].upper()}{text[1:]}." for text in (", and ".join(parts) for parts in eight)]
    shouted = [plain[(k * 11 + 3) % len(plain)].upper() for k in range(20)]
    numbers = [
        NUMBERS[k % 5].format(h=1 + k % 12, m=(k * 7) % 60, p=2 + k % 19, c=3 + k * 4, k=1000 + 37 * k, y=1950 + k)
        for k in range(40)
    ]
    repeated = [
        f"It was a very, very {a} day, and {b} {b} {b} went the bell."
        for a, b in itertools.product(("cold", "long", "quiet", "strange", "happy"), ("ding", "dong", "ring", "boom"))
    ]
    return {
        "one word": [w.capitalize() + "." for w in WORDS.split()],
        "plain": [plain[k * 3 % len(plain)] for k in range(70)],
        "some 60 words": long,
        "capitals": shouted,
        "numbers": numbers,
        "repeated words": repeated,
    }


def speak(folder: str, bundle: str | None = None) -> None:
    """Write one WAV a sentence, and ``index.json``."""
    from parrotlet import Parrotlet, write_wav
    from parrotlet.audio import SYNTHETIC

    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    bird = Parrotlet.load(bundle)
    voices = list(bird.presets.values())
    rows = []
    for kind, lines in sentences().items():
        for line in lines:
            voice = voices[len(rows) % len(voices)]
            path = out / f"{len(rows):03}.wav"
            write_wav(path, bird.speak(line, voice.profile), bird.sample_rate, SYNTHETIC)
            rows.append({"kind": kind, "text": line, "voice": voice.name, "wav": path.name})
    (out / "index.json").write_text(json.dumps(rows, indent=1))


def count(judge_file: str, folder: str) -> None:
    """Read the WAVs back and print what was missed and added."""
    import jiwer
    from whisper_normalizer.english import EnglishTextNormalizer

    spec = importlib.util.spec_from_file_location("judge", judge_file)
    assert spec is not None
    assert spec.loader is not None
    judge: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    normal = EnglishTextNormalizer()
    totals: dict[str, list[int]] = {}
    for row in json.loads((Path(folder) / "index.json").read_text()):
        heard = normal(judge.transcribe(str(Path(folder) / row["wav"]))) or "-"
        found = jiwer.process_words(normal(row["text"]), heard)
        words = found.hits + found.substitutions + found.deletions
        numbers = [1, words, found.deletions, found.insertions, found.substitutions]
        total = totals.setdefault(row["kind"], [0] * 5)
        totals[row["kind"]] = [a + b for a, b in zip(total, numbers, strict=True)]
        if found.deletions or found.insertions:
            print(f"{row['kind']} | {row['voice']} | {row['text']} | heard: {heard}", flush=True)
    print("| kind | sentences | words | missed | added | taken for others |\n|---|---|---|---|---|---|")
    for kind, total in totals.items():
        print(f"| {kind} | {' | '.join(map(str, total))} |")


if __name__ == "__main__":
    {"speak": speak, "count": count}[sys.argv[1]](*sys.argv[2:])
