"""How well the device's f0 agrees with WORLD's, on real clips of a pack: `python benchmarks/quality/pitch.py PACK`.

The reference is DIO and StoneMask, as the pack holds it. Clips are of validation people, and every 120th of the
archives that hold nobody out. Prints one row for each depth of a dip that counts as a pitch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parrotlet import pitch
from parrotlet_compression.corpus import Clip, Pack

DEPTHS = (0.2, 0.3, 0.4, 0.5)
CLIPS = 140


def chosen(pack: Pack) -> list[Clip]:
    held = [clip for clip in pack.clips if clip.split == "validation" and clip.archive in ("vctk", "commonvoice")]
    rest = [clip for clip in pack.clips if clip.archive in ("librispeech", "speechocean762")][::120]
    clips = held + rest
    return [clips[i] for i in np.random.default_rng(0).permutation(len(clips))[:CLIPS]]


def agreement(found: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Recall and precision of voicing, share of errors over a quarter octave, and share of voiced frames."""
    voiced, true = found > 0, reference > 0
    both = voiced & true
    errors = np.abs(np.log2(found[both] / reference[both])) > 0.25
    return both.sum() / true.sum(), both.sum() / max(1, voiced.sum()), float(errors.mean()), float(voiced.mean())


def main() -> None:
    pack = Pack(Path(sys.argv[1]))
    print("depth  recall  5th percentile  precision  quarter-octave errors  least voiced")
    for pitch.ROUGH in DEPTHS:
        rows = []
        for clip in chosen(pack):
            found = pitch.estimate_f0(pack.samples16(clip), 16000)
            # The device's frames are centered 400 samples after their start, the pack's 100 after theirs.
            reference = np.asarray(pack.f0[clip.start : clip.start + clip.frames], np.float32)[2:][: len(found)]
            found = found[: len(reference)]
            if (reference > 0).sum() >= 20 and (found > 0).any():
                rows.append(agreement(found, reference))
        recall, precision, errors, voiced = np.array(rows).T
        row = (recall.mean(), np.percentile(recall, 5), precision.mean(), errors.mean(), voiced.min())
        print(f"{pitch.ROUGH:5.1f}  {row[0]:6.2f}  {row[1]:14.2f}  {row[2]:9.2f}  {row[3]:21.3f}  {row[4]:12.2f}")


if __name__ == "__main__":
    main()
