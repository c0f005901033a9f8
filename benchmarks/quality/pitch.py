"""How well the device's f0 agrees with WORLD's, on real clips of a pack: `python benchmarks/quality/pitch.py PACK`.

The reference is DIO and StoneMask (WORLD; Morise 2016): `pip install pyworld 'setuptools<81'`. Clips are of validation
people, and every 120th of the archives that hold nobody out. Prints one row for each depth of a dip that counts as a
pitch, and then how far the two are apart in what a profile holds.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parrotlet import pitch
from parrotlet.enrollment import voice_statistics
from parrotlet_compression.corpus import Clip, Pack, measured_f0

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports pkg_resources, which tells every user that it will go
    import pyworld

DEPTHS = (0.2, 0.3, 0.4, 0.5)
CLIPS = 140
FEWEST_FRAMES = 20


def chosen(pack: Pack) -> list[Clip]:
    held = [clip for clip in pack.clips if clip.split == "validation" and clip.archive in ("vctk", "commonvoice")]
    rest = [clip for clip in pack.clips if clip.archive in ("librispeech", "speechocean762")][::120]
    clips = held + rest
    return [clips[i] for i in np.random.default_rng(0).permutation(len(clips))[:CLIPS]]


def by_world(pack: Pack, clip: Clip) -> npt.NDArray[np.float32]:
    """f0 [frames] at the center of every hop, Hz, 0 where unvoiced."""
    config = pack.config
    shifted = np.pad(pack.samples24(clip)[config.hop_length // 2 :], (0, config.hop_length)).astype(np.float64)
    period = 1000 / config.frame_rate
    rough, times = pyworld.dio(shifted, config.sample_rate, f0_floor=60, f0_ceil=500, frame_period=period)
    return np.asarray(pyworld.stonemask(shifted, rough, times, config.sample_rate)[: clip.frames], np.float32)


def agreement(found: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Recall and precision of voicing, share of errors over a quarter octave, and share of voiced frames."""
    voiced, true = found > 0, reference > 0
    both = voiced & true
    errors = np.abs(np.log2(found[both] / reference[both])) > 0.25
    return both.sum() / true.sum(), both.sum() / max(1, voiced.sum()), float(errors.mean()), float(voiced.mean())


def main() -> None:
    pack = Pack(Path(sys.argv[1]))
    clips = chosen(pack)
    references = [by_world(pack, clip) for clip in clips]
    known = [k for k, reference in enumerate(references) if (reference > 0).sum() >= FEWEST_FRAMES]
    shipped = pitch.ROUGH
    print("depth  recall  5th percentile  precision  quarter-octave errors  least voiced")
    for pitch.ROUGH in DEPTHS:
        found = [measured_f0(pack.samples16(clips[k])) for k in known]
        rows = [agreement(f0, references[k]) for k, f0 in zip(known, found, strict=True) if (f0 > 0).any()]
        recall, precision, errors, voiced = np.array(rows).T
        row = (recall.mean(), np.percentile(recall, 5), precision.mean(), errors.mean(), voiced.min())
        print(f"{pitch.ROUGH:5.1f}  {row[0]:6.2f}  {row[1]:14.2f}  {row[2]:9.2f}  {row[3]:21.3f}  {row[4]:12.2f}")
        if shipped == pitch.ROUGH:
            pairs = [
                (voice_statistics(f0), voice_statistics(references[k]))
                for k, f0 in zip(known, found, strict=True)
                if (f0 > 0).sum() >= FEWEST_FRAMES
            ]
    apart = np.array([(np.log2(a.median_hz / b.median_hz), a.spread_octaves - b.spread_octaves) for a, b in pairs])
    print(f"median f0: {np.median(np.abs(apart[:, 0])):.3f} octaves apart (median clip), ", end="")
    print(
        f"{np.percentile(np.abs(apart[:, 0]), 95):.3f} (95th percentile); its spread {apart[:, 1].mean():+.3f} octaves"
    )


if __name__ == "__main__":
    main()
