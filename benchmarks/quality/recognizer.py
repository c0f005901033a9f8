"""How well the phoneme recognizer hears, and how exactly it aligns.

    python benchmarks/quality/recognizer.py PACK [--bundle DIR] [--clips N] [--split validation]

PACK is from `parrotlet-compress corpus`. Of people of the split: phoneme error rate against the front end's phonemes of
the transcript, stress left out (people say words in other ways than a lexicon, which counts as errors here). Of
synthetic clips, whose durations are true: share of frames whose class is right, where frames of stress marks, spaces
and beside a boundary may be of either sound; and how far off the forced alignment begins each sound.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parrotlet.bundle import Bundle
from parrotlet.recognizer import Recognizer, heard
from parrotlet.text import TextFrontEnd
from parrotlet_compression.corpus import Clip, Pack
from parrotlet_compression.train.recognizer import allowed_classes

FRAME_MS = 12.5


def distance(first: str, second: str) -> int:
    """Edits between two strings (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def boundary_errors(recognizer: Recognizer, posteriors: npt.NDArray[np.float32], clip: Clip) -> list[float]:
    """Frames between where each sound is found to begin and where it does: from the end of the sound before to the
    start of its own, since a stress mark or a space between them is of neither."""
    found = recognizer.align(posteriors, clip.phonemes)
    edges = np.cumsum(clip.durations)  # the end of start, of each symbol, and of end
    errors, end = [], int(edges[0])
    for k, symbol in enumerate(clip.phonemes):
        if symbol not in recognizer.phonemes:
            continue
        start = int(found.start[k])
        errors.append(float(max(end - start, start - int(edges[k]), 0)))
        end = int(edges[k + 1])
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--split", default="validation")
    options = parser.parse_args()
    pack, bundle, text = Pack(options.pack), Bundle.load(options.bundle), TextFrontEnd()
    recognizer = Recognizer(bundle, bundle.session)
    random = np.random.default_rng(0)
    for archive in ("synthetic", "vctk", "commonvoice"):
        clips = [c for c in pack.clips if c.archive == archive and c.split == options.split and c.text.strip()]
        chosen = [clips[i] for i in random.permutation(len(clips))[: options.clips]]
        edits = sounds = 0
        right: list[float] = []
        errors: list[float] = []
        for clip in chosen:
            mel = pack.mel[clip.start : clip.start + clip.frames].astype(np.float32)
            posteriors = recognizer.frame_phonemes(mel)
            known = clip.phonemes or text.phonemize(clip.text)
            wanted = "".join(symbol for symbol in known if symbol in recognizer.phonemes)
            edits += distance(wanted, heard(posteriors, recognizer.phonemes))
            sounds += len(wanted)
            if clip.durations:
                allowed = allowed_classes(clip.phonemes, clip.durations)
                right += allowed[np.arange(len(allowed)), posteriors.argmax(axis=1)].tolist()
                errors += boundary_errors(recognizer, posteriors, clip)
        row = {"archive": archive, "clips": len(chosen), "people": len({c.speaker for c in chosen})}
        row |= {"phonemes": sounds, "phoneme_error_rate": round(edits / max(1, sounds), 3)}
        if right:
            ms = FRAME_MS * np.array(errors)
            row |= {"frame_accuracy": round(float(np.mean(right)), 3), "boundary_median_ms": float(np.median(ms))}
            row |= {"boundary_mean_ms": round(float(ms.mean()), 1), "within_25_ms": round(float((ms <= 25).mean()), 3)}
        print(json.dumps(row))


if __name__ == "__main__":
    main()
