"""Looks for the mark of synthetic speech: whether it is there, since when, and what it says.

The sound is brought to 8 kHz and measured in cells of 100 Hz, every 5 ms. A linear prediction from the neighboring
cells takes most of the speech out of them ("whitening"). What is left is correlated with the public chips, for every
alignment and for speeds of 0.98 to 1.02. How far the best correlation stands out of the others is its z; how often
speech that is not marked comes so far, its p. docs/watermark.md gives the measurements behind the constants.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from parrotlet.watermark import (
    BAND_HZ,
    BANDS,
    CHECK_BITS,
    FORMAT,
    INTEGRATOR_BITS,
    LOWEST_HZ,
    SLOTS,
    SYMBOL_BITS,
    SYMBOLS,
    checked,
    data_chips,
    data_order,
    is_data,
    sync_chips,
    walsh,
)

Array = npt.NDArray[np.float32]

RATE, HOP, WINDOW, FFT = 8000, 40, 400, 512
STEP = 8  # hops a slot
FLOOR_DB, LEVEL_FRAMES, CLIP = -35.0, 101, 9.0
SPEEDS = (0.98, 0.985, 0.99, 0.995, 1.0, 1.005, 1.01, 1.015, 1.02)
LENGTHS = (50, 100, 200, 400)
"""Slots that are correlated together: 2 to 16 s."""
STRIDE = 25
LEAST = 20
"""Slots of a recording, at least: 0.8 s."""
ALIGNMENTS, SPREAD = 400, 1.12
"""Alignments tried at one speed; and by how much the deviations of real speech are wider than Gauss has them, where it
matters (benchmarks/mark/false_alarms.py)."""
LIMIT, LOCAL = 1e-5, 1e-3
"""Chance that a recording without the mark, of whatever length, is said to have it; of one place in a marked one."""
BLOCK_S = 60
LONGER = 1.2
"""By what factor z grows, at least, where a stretch of twice the length is marked throughout; 1.41 is expected."""
LEAST_DATA_Z = 8.5
"""Of a payload; 6.7 is what no payload has, on average."""


class Sighting(NamedTuple):
    """The best alignment of one stretch. start, slots: in slots of its block; raw: p, which may be above 1 here."""

    start: int
    slots: int
    z: float
    raw: float
    speed: float
    pitch: float
    phase: int
    shift: int

    @property
    def p(self) -> float:
        """Chance that a stretch without the mark looks as much like one."""
        return min(1.0, self.raw)


@dataclass(frozen=True)
class Payload:
    """What a mark says. keyed: it was read with the key that was given."""

    format: int
    integrator: int
    keyed: bool


@dataclass(frozen=True)
class MarkReport:
    """Whether a sound has the mark.

    p: chance that a sound without it, of this length, looks as much like one. z: of the clearest stretch. speed: that
    it is played at, against which it was made. segments: (start, end) in seconds. payload: None where it is not read.
    """

    marked: bool
    seconds: float
    p: float
    z: float
    speed: float
    segments: tuple[tuple[float, float], ...]
    payload: Payload | None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        said = self.payload
        return {
            "marked": self.marked,
            "seconds": round(self.seconds, 2),
            "p": float(f"{self.p:.2g}"),
            "z": round(self.z, 2),
            "speed": self.speed,
            "segments": [[round(start, 1), round(end, 1)] for start, end in self.segments],
            "payload": said and {"format": said.format, "integrator": said.integrator, "keyed": said.keyed},
        }


def find_mark(samples: npt.NDArray[np.floating], rate: int, key: bytes | None = None) -> MarkReport:
    """Look for the mark in samples [N] or [N, channels]. key: that the payload may be keyed with, see ``Watermark``."""
    from parrotlet.audio import resample

    mono = np.asarray(samples, np.float32)
    mono = mono if mono.ndim == 1 else mono.mean(axis=1)
    heard = resample(mono, rate, RATE)
    return search([heard[at : at + BLOCK_S * RATE] for at in range(0, len(heard), BLOCK_S * RATE)], key)


def verify(source: Path | str | bytes, key: bytes | None = None) -> MarkReport:
    """Look for the mark in a recording, of any length, in bounded memory. Raises InputError."""
    from parrotlet.recording import mono_blocks

    return search(mono_blocks(source, RATE, BLOCK_S), key)


def search(blocks: Iterable[Array], key: bytes | None = None) -> MarkReport:
    """Look for the mark in samples at 8 kHz, in blocks of a minute, say; a mark is looked for in each alone."""
    best = Sighting(0, 0, 0.0, math.inf, 1.0, 1.0, 0, 0)
    trials, seconds = 0, 0.0
    places: list[tuple[float, float, float]] = []
    cells = np.zeros((SLOTS, BANDS))
    squares = 0.0
    for block in blocks:
        power = powers(block)
        evidence = {pitch: whitened(levels(power, pitch)) for pitch in SPEEDS}
        for seen in sightings(evidence):
            trials += 1
            best = min(best, seen, key=lambda one: one.raw)
            if seen.p > LOCAL:
                continue
            slot_s = STEP * HOP / RATE / seen.speed
            start = seconds + seen.phase * HOP / RATE + seen.start * slot_s
            places.append((start, start + seen.slots * slot_s, seen.z))
            if seen.slots <= LENGTHS[0]:
                squares += _collect(cells, evidence[seen.pitch], seen)
        seconds += len(block) / RATE
    p = min(1.0, best.p * max(1, trials))
    if p > LIMIT:
        return MarkReport(False, seconds, p, best.z, best.speed, (), None)
    return MarkReport(True, seconds, p, best.z, best.speed, _joined(places, seconds), _payload(cells, squares, key))


def powers(samples: Array) -> npt.NDArray[np.float64]:
    """Power around every 5 ms, in Hann windows of 50 ms, summed over the frequencies below each: [T, 258]."""
    padded = np.pad(samples, (WINDOW // 2, WINDOW // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    blocks = [np.abs(np.fft.rfft(frames[at : at + 256] * window, FFT)) ** 2 for at in range(0, len(frames), 256)]
    return np.cumsum(np.pad(np.concatenate(blocks), ((0, 0), (1, 0))), axis=1, dtype=np.float64)


def levels(below: npt.NDArray[np.float64], pitch: float) -> Array:
    """Levels of the bands [T, 32] in dB, above those around them, of a sound whose frequencies are ``pitch`` times."""
    edges = (LOWEST_HZ + BAND_HZ * np.arange(BANDS + 1)) * pitch * FFT / RATE + 0.5
    whole = edges.astype(int)
    share = edges - whole
    at_edges = below[:, whole] * (1 - share) + below[:, whole + 1] * share
    energy = np.diff(at_edges, axis=1)
    around = np.convolve(energy.mean(axis=1), np.ones(LEVEL_FRAMES) / LEVEL_FRAMES, mode="same")[: len(energy)]
    around = np.maximum(around, 1e-9)
    return np.asarray(10 * np.log10(energy / around[:, None] + 10 ** (FLOOR_DB / 10)), dtype=np.float32)


@lru_cache
def _whitening() -> tuple[Array, Array]:
    """Matrices [32, 32] on the cells of a slot, and on those of the next."""
    with np.load(Path(__file__).with_name("watermark.npz")) as file:
        return file["same"].astype(np.float32), file["next"].astype(np.float32)


def whitened(level: Array) -> Array:
    """What the neighbors of each cell [T, 32] do not tell of it."""
    same, after = _whitening()
    made = level @ same.T
    made[:-STEP] += level[STEP:] @ after.T
    made[STEP:] += level[:-STEP] @ after
    made -= made.mean(axis=0)
    return np.asarray(np.clip(made, -CLIP, CLIP))


def sightings(evidence: dict[float, Array]) -> Iterator[Sighting]:
    """The best alignment of each stretch, for each length that fits; a block shorter than 2 s is one stretch."""
    chips = (sync_chips() * ~is_data()).T.astype(np.float32)
    frames = len(evidence[1.0])
    slots = (frames - STEP) // STEP + 1
    hypotheses = [(speed, pitch) for speed in SPEEDS for pitch in {speed, 1.0}]
    if slots < LEAST:
        return
    count = min(slots, int((frames - STEP) / STEP * min(SPEEDS)) + 1)
    sums = np.stack([_sums(evidence[pitch] @ chips, speed, count) for speed, pitch in hypotheses])
    plain = hypotheses.index((1.0, 1.0))
    lengths = [length for length in LENGTHS if length <= count] or [count]
    for length in lengths:
        for start in range(0, count - length + 1, STRIDE):
            scores = sums[..., start + length, :] - sums[..., start, :]  # [hypothesis, phase, shift]
            z = scores / (np.median(np.abs(scores)) / 0.6745 + 1e-9)
            tops = z.reshape(len(z), -1).argmax(axis=1)
            values = z.reshape(len(z), -1).max(axis=1)
            chances = [chance(float(value), k == plain) for k, value in enumerate(values)]
            which = int(np.argmin(chances))
            phase, shift = divmod(int(tops[which]), SLOTS)
            yield Sighting(start, length, float(values[which]), chances[which], *hypotheses[which], phase, shift)


def chance(z: float, plain: bool) -> float:
    """How often sound without a mark comes to z. plain: it plays as it was made; other speeds have the other half."""
    trials = 2 * ALIGNMENTS * (1 if plain else 2 * len(SPEEDS) - 2)
    return trials * 0.5 * math.erfc(z / SPREAD / math.sqrt(2))


def _sums(scores: Array, speed: float, count: int) -> Array:
    """Correlations of each alignment, summed from the beginning on.

    scores [T, 50]: of each frame with each slot's chips -> [8 phases, count + 1, 50 shifts].
    """
    order = (np.arange(count)[:, None] + np.arange(SLOTS)) % SLOTS
    made = np.zeros((STEP, count + 1, SLOTS), np.float32)
    for phase in range(STEP):
        rows = scores[_frames(phase, 0, count, speed, len(scores))]
        np.cumsum(np.take_along_axis(rows, order, axis=1), axis=0, out=made[phase, 1:])
    return made


def _frames(phase: int, start: int, count: int, speed: float, most: int) -> npt.NDArray[np.int64]:
    """Frames in the middle of the slots."""
    at = np.rint(phase + STEP / speed * np.arange(start, start + count)).astype(np.int64)
    return np.asarray(np.minimum(at, most - 1))


def _collect(cells: npt.NDArray[np.float64], evidence: Array, seen: Sighting) -> float:
    """Add the cells of a stretch to those of a period [50, 32]; the sum of their squares, of the payload's."""
    rows = evidence[_frames(seen.phase, seen.start, seen.slots, seen.speed, len(evidence))]
    slot = (np.arange(seen.start, seen.start + seen.slots) + seen.shift) % SLOTS
    np.add.at(cells, slot, rows)
    return float((rows[is_data()[slot]] ** 2).sum())


def _payload(cells: npt.NDArray[np.float64], squares: float, key: bytes | None) -> Payload | None:
    position, symbol = data_order()
    for secret in (None,) if key is None else (key, None):
        values = (cells * data_chips(secret))[is_data()]
        table = np.zeros((SYMBOLS, 64))
        table[symbol, position] = values
        scores = table @ walsh()
        best = np.abs(scores).argmax(axis=1)
        taken = scores[np.arange(SYMBOLS), best]
        word = sum(
            int(row | (value < 0) << 6) << SYMBOL_BITS * k
            for k, (row, value) in enumerate(zip(best, taken, strict=True))
        )
        said = word >> CHECK_BITS
        clear = np.abs(taken).sum() / math.sqrt(squares + 1e-9) >= LEAST_DATA_Z
        if clear and checked(said) == word and said >> INTEGRATOR_BITS == FORMAT:
            return Payload(FORMAT, said & ((1 << INTEGRATOR_BITS) - 1), secret is not None)
    return None


def _joined(places: list[tuple[float, float, float]], seconds: float) -> tuple[tuple[float, float], ...]:
    """Where the mark is, from sighted stretches: start, end, z.

    A long stretch may be marked in part only. Where all of it is, its z grows by the root of its length. So it counts
    only where it tells clearly more than the shorter ones that it overlaps, as where the mark is weak.
    """
    kept: list[tuple[float, float, float]] = []
    for start, end, z in sorted(places, key=lambda place: place[1] - place[0]):
        shorter = (
            one
            for inner, outer, one in kept
            if outer - inner < end - start - 1 and min(outer, end) - max(inner, start) > (outer - inner) / 2
        )
        if z > LONGER * max(shorter, default=0.0):
            kept.append((start, end, z))
    made: list[tuple[float, float]] = []
    for start, end, _ in sorted(kept):
        if made and start <= made[-1][1] + 0.5:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return tuple((max(0.0, start), min(seconds, end)) for start, end in made)
