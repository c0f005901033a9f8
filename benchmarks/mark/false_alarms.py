"""How often speech without the mark looks as if it had one.

python benchmarks/mark/false_alarms.py OUT.npz ARCHIVE.zip... : zips of real recordings (see the corpus' README), joined
and cut into minutes; or one file NAME.i16 with samples at 8 kHz. Stopped early, it has written what it has.
python benchmarks/mark/false_alarms.py OUT.npz : the table of what was written.

A stretch of 2 to 16 s has its p: by Gauss's tail, times the alignments that were tried. If p is right or too large, at
most x of the stretches have p <= x. The tail beyond what was seen is fitted: excesses of -ln p over its 99th percentile
by a generalized Pareto distribution (Pickands 1975), by moments.
"""

from __future__ import annotations

import io
import math
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from parrotlet.audio import resample
from parrotlet.marksearch import LIMIT, RATE, SPEEDS, chance, levels, powers, sightings, whitened

MINUTE = 60 * RATE


def minutes(paths: list[str]) -> Iterator[np.ndarray]:
    held = np.zeros(0, np.float32)
    for samples in _recordings(paths):
        held = np.concatenate([held, samples])
        while len(held) >= MINUTE:
            yield held[:MINUTE]
            held = held[MINUTE:]


def _recordings(paths: list[str]) -> Iterator[np.ndarray]:
    for path in paths:
        if path.endswith(".i16"):
            raw = np.memmap(path, "<i2", "r")
            # Spread, so that any part of them is of all archives.
            starts = np.random.default_rng(0).permutation(len(raw) // MINUTE) * MINUTE
            yield from (raw[at : at + MINUTE].astype(np.float32) / 32767 for at in starts)
            continue
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith((".opus", ".ogg", ".flac", ".wav")):
                    samples, rate = soundfile.read(io.BytesIO(archive.read(name)), dtype="float32")
                    yield resample(samples, rate, RATE)


def measure(out: Path, paths: list[str]) -> None:
    rows = []
    for count, block in enumerate(minutes(paths), 1):
        below = powers(block)
        evidence = {pitch: whitened(levels(below, pitch)) for pitch in SPEEDS}
        rows += [(count, seen.slots, seen.z, seen.raw, seen.speed) for seen in sightings(evidence)]
        if count % 20 == 0:
            np.savez(out, rows=np.array(rows), minutes=count)
            print(f"{count} minutes", flush=True)
    np.savez(out, rows=np.array(rows), minutes=count)


def table(out: Path) -> None:
    with np.load(out) as file:
        rows, length = file["rows"], int(file["minutes"])
    rows[:, 3] = [chance(z, speed == 1) for z, speed in rows[:, [2, 4]]]  # by today's constants
    print(f"{length / 60:.2f} hours")
    for slots in (*np.unique(rows[:, 1]), 0):
        p = rows[(rows[:, 1] == slots) | (slots == 0), 3]
        seen = "  ".join(f"{bound:g}: {np.mean(p <= bound):.1e}" for bound in (0.1, 0.01, 1e-3, 1e-4, 1e-5))
        name = f"{slots * 0.04:.0f} s" if slots else "all"
        print(f"{name}: {len(p)} stretches, least p {p.min():.1e}; share with p <= {seen}")
    # What search decides by: the least p of a minute, times the stretches in it.
    numbers = rows[:, 0].astype(int)
    by_minute = np.array([rows[numbers == one, 3].min() * (numbers == one).sum() for one in np.unique(numbers)])
    print(f"minutes said to be marked: {(by_minute <= LIMIT).sum()} of {len(by_minute)}; least p {by_minute.min():.2g}")
    for name, p in (("2 s", rows[rows[:, 1] == 50, 3]), ("minute", by_minute)):
        depth = -np.log(p)
        edge = np.percentile(depth, 95)
        excess = depth[depth > edge] - edge
        shape = 0.5 * (1 - excess.mean() ** 2 / excess.var())
        scale = excess.mean() * (1 - shape)
        share, wanted = len(excess) / len(p), -math.log(LIMIT) - edge
        for fitted, width in ((shape, scale), (0.0, excess.mean())):
            inside = 1 + fitted * wanted / width
            beyond = 0.0 if inside <= 0 else inside ** (-1 / fitted) if fitted else math.exp(-wanted / width)
            print(f"{name}: tail of shape {fitted:.3f}, scale {width:.3f}: P(p <= {LIMIT:g}) = {share * beyond:.1e}")


if __name__ == "__main__":
    if sys.argv[2:]:
        measure(Path(sys.argv[1]), sys.argv[2:])
    table(Path(sys.argv[1]))
