"""Is hard text as intelligible as plain text? Word error rates of the same sentences in both spellings.

    python benchmarks/text/spoken.py OUT_FOLDER --judge judge.py [--judge-python PYTHON] [--pairs FILE] [--voices 2]

Each line of `spoken_pairs.tsv` holds a sentence as people write it (numbers, dates, money, abbreviations) and, after
a tab, as a person would read it aloud. Both are spoken by the default bundle in the same presets (pair 1 by the first
two, pair 2 by the next two, and so on), and the judge compares its transcript of both with the plain sentence. Its
normalizer folds most number words to figures; what it does not fold ("March third", "9am") counts in both rates alike,
so a second rate has transcript and sentence put into spoken words by our own front end first.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from parrotlet import Parrotlet, write_wav
from parrotlet.text import TextFrontEnd
from parrotlet_compression.evaluate import judged
from parrotlet_compression.g2p.words import edit_distance

Pair = tuple[str, str]


def read_pairs(path: Path) -> list[Pair]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(hard, plain) for hard, plain in (line.split("\t") for line in lines)]


def write_speech(bird: Parrotlet, pairs: list[Pair], voices: int, folder: Path) -> dict[str, Path]:
    """WAVs and one manifest for each spelling: wav, plain sentence."""
    presets = sorted(bird.presets)
    rows: dict[str, list[str]] = {"hard": [], "plain": []}
    for at, (hard, plain) in enumerate(pairs):
        for nth in range(voices):
            name = presets[(at * voices + nth) % len(presets)]
            for spelling, text in (("hard", hard), ("plain", plain)):
                wav = (folder / f"{at:02}-{name}-{spelling}.wav").resolve()
                write_wav(wav, bird.speak(text, bird.presets[name].profile), bird.sample_rate, "synthetic")
                rows[spelling].append(f"{wav}\t{plain}\t\n")
    manifests = {spelling: folder.resolve() / f"{spelling}.tsv" for spelling in rows}
    for spelling, lines in rows.items():
        manifests[spelling].write_text("".join(lines), encoding="utf-8")
    return manifests


def spoken_error_rate(sentences: list[str], transcripts: list[str]) -> float:
    """Word error rate with both sides in spoken words."""
    front_end = TextFrontEnd()
    errors = total = 0
    for sentence, transcript in zip(sentences, transcripts, strict=True):
        said, heard = (
            re.sub(r"[,.;:!?-]", " ", front_end.normalize(side).lower()).split() for side in (sentence, transcript)
        )
        errors, total = errors + edit_distance(heard, said), total + len(said)
    return errors / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--judge-python", default=sys.executable)
    parser.add_argument("--pairs", type=Path, default=Path(__file__).parent / "spoken_pairs.tsv")
    parser.add_argument("--voices", type=int, default=2)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    pairs = read_pairs(arguments.pairs)
    manifests = write_speech(Parrotlet.load(), pairs, arguments.voices, arguments.folder)
    by_judge, by_words = {}, {}
    for spelling, manifest in manifests.items():
        by_judge[spelling] = judged(arguments.judge_python, arguments.judge, manifest)["wer"]
        clips = json.loads(Path(f"{manifest}.json").read_text(encoding="utf-8"))
        plain = [pair[1] for pair in pairs for _ in range(arguments.voices)]
        by_words[spelling] = spoken_error_rate(plain, [clip["hyp"] for clip in clips])
        for clip in clips:
            if clip["wer"] > 0:
                print(f"{spelling:5} {clip['wer']:.2f} {Path(clip['wav']).stem}: {clip['hyp'].strip()}")
    print(f"pairs {len(pairs)}, voices each {arguments.voices}")
    for name, rates in (("Whisper's normalizer", by_judge), ("spoken words", by_words)):
        hard, plain_rate = rates["hard"], rates["plain"]
        print(f"WER by {name}: hard {hard:.2%}, plain {plain_rate:.2%}, difference {hard - plain_rate:+.2%}")


if __name__ == "__main__":
    main()
