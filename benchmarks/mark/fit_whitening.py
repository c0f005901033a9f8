"""Makes sdk/parrotlet/watermark.npz, which takes speech out of the cells that a mark is looked for in.

python benchmarks/mark/fit_whitening.py CORPUS.zip... : zips of recordings (see the corpus' README); 20 minutes
are used.
The matrices are the inverse of the cells' cross-spectral density over the slots, cut to neighboring slots.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

import parrotlet
from parrotlet.audio import resample
from parrotlet.marksearch import RATE, SLOTS, STEP, levels, powers

MINUTES = 20
FLATTEN = 1.0
"""Added to the density, in dB squared: what codecs and rooms do to every cell."""


def recordings(archives: list[str]) -> Iterator[np.ndarray]:
    for archive in archives:
        with zipfile.ZipFile(archive) as file:
            names = sorted(name for name in file.namelist() if name.endswith((".opus", ".ogg", ".flac", ".wav")))
            for name in names[:: max(1, len(names) * len(archives) // (MINUTES * 8))]:
                samples, rate = soundfile.read(io.BytesIO(file.read(name)), dtype="float32")
                yield resample(samples, rate, RATE)


def main() -> None:
    density, periods, seconds = 0.0, 0, 0.0
    for samples in recordings(sys.argv[1:]):
        seconds += len(samples) / RATE
        level = levels(powers(samples), 1.0)
        for phase in range(0, STEP, 3):
            slots = level[phase::STEP]
            for at in range(0, len(slots) - SLOTS, SLOTS):
                period = slots[at : at + SLOTS]
                spectrum = np.fft.fft(period - period.mean(axis=0), axis=0)
                density = density + np.einsum("ka,kb->kab", spectrum, spectrum.conj())
                periods += 1
    inverse = np.linalg.inv(density / (periods * SLOTS) + FLATTEN * np.eye(len(density[0])))
    inverse[0] = 0
    lags = np.fft.ifft(inverse, axis=0).real
    lags /= np.mean(np.diag(lags[0]))
    path = Path(parrotlet.__file__).with_name("watermark.npz")
    np.savez_compressed(path, same=lags[0].astype(np.float16), next=lags[1].astype(np.float16))
    print(f"{path}: from {seconds / 60:.0f} minutes, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
