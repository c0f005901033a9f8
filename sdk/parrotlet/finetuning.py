"""Fine-tune a speech model to a person, from recordings whose text is known.

A bundle's ``finetune`` graph is one step of Adam on the person's factors: changes of low rank (LoRA, Hu 2021) of the
acoustic model's refiner. Here is what is around it: what the model makes of recorded phonemes at their own timing and
pitch, and which pieces a step learns from. See docs/export.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from parrotlet import adaptation
from parrotlet.acoustic import SplitAcoustic
from parrotlet.alignment import Aligned
from parrotlet.bundle import in_bundle, run
from parrotlet.factors import Settings
from parrotlet.mel import MelConfig, mel_edges
from parrotlet.pitch import HOP_S
from parrotlet.speech_model import Voice
from parrotlet_runtimes import Session

Array = npt.NDArray[np.float32]

FEWEST_QUIET, FAINT_PERCENTILE = 10, 10
"""Frames of background that tell how loud it is in each band; where there are fewer, which percentile of all frames."""
CLEAR = 1.5
"""Nepers above the background, below which it may all be noise. Without that limit, white noise at 22 dB was learned:
P.808 3.51 in place of 3.79 (six people)."""
ENOUGH_S = 16.0
"""Seconds of speech from which steps are as large as they get. Of less they are smaller, and learn less by heart: of 5
to 11 s, half as large ones gave validation people ECAPA 0.475 in place of 0.480, and P.808 3.69 in place of 3.67."""
MORE_S, MOST = 24.0, 2.5
"""Seconds of speech from which there are proportionally more steps, up to so many times the usual number: of 60 s,
150 steps give six readers ECAPA 0.600, and 60 steps 0.582; of 30 s, 0.575 and 0.561."""
SEED = 0


class Line(NamedTuple):
    """What is learned from in a recording of T frames, by the names of the graph's inputs: [T, ...] each."""

    features: Array
    predicted: Array
    mel: Array
    f0: Array
    real: Array
    heard: Array
    inside: Array


@dataclass(frozen=True)
class Material:
    """A person's lines, and the condition [1, C] of the voice that they are spoken in."""

    lines: Sequence[Line]
    condition: Array

    @property
    def seconds(self) -> float:
        """Of speech: how much is loud enough to be learned from."""
        return HOP_S * sum(float(line.heard.max(axis=1).sum()) for line in self.lines)

    def draw(self, settings: Settings, random: np.random.Generator) -> dict[str, Array]:
        """What a step takes beside its state: random pieces with their margins, [B, T, ...], and the condition."""
        lengths = np.array([len(line.f0) for line in self.lines])
        chosen = random.choice(len(lengths), settings.pieces, p=lengths / lengths.sum())
        cuts = [_cut(self.lines[int(k)], settings.margin, settings.frames, random) for k in chosen]
        parts = {name: np.stack([getattr(cut, name) for cut in cuts]) for name in Line._fields}
        return {**parts, "condition": self.condition}


def _cut(line: Line, margin: int, frames: int, random: np.random.Generator) -> Line:
    """A random piece of a line; beyond its ends are zeros."""
    length, size = len(line.f0), frames + 2 * margin
    start = int(random.integers(-margin, max(1 - margin, length + margin - size + 1)))
    low, high = max(0, start), min(length, start + size)
    ends = (low - start, start + size - high)
    return Line(*(np.pad(part[low:high], (ends, *[(0, 0)] * (part.ndim - 1))) for part in line))


class Speaker:
    """What an acoustic model makes of recordings whose text is known."""

    def __init__(self, acoustic: SplitAcoustic, mel: MelConfig) -> None:
        self._acoustic = acoustic
        self._highest = mel_edges(mel.n_mels, mel.f_min, mel.f_max)[2:]

    def material(self, voice: Voice, ids: Sequence[npt.NDArray[np.int64]], recordings: Sequence[Aligned]) -> Material:
        """voice: enrolled, without factors; ids: of each recording's phonemes."""
        made = [self._line(voice, each, one) for each, one in zip(ids, recordings, strict=True)]
        return Material([line for line, _ in made], made[0][1])

    def _line(self, voice: Voice, ids: npt.NDArray[np.int64], recording: Aligned) -> tuple[Line, Array]:
        read = recording.read
        feeds: dict[str, npt.NDArray[Any]] = {"phonemes": ids[None], **voice.inputs}
        out = in_bundle(partial(self._acoustic.aligned, feeds, recording.durations, read.f0))
        mel, bands = out["mel"][0], adaptation.LEVEL_BANDS
        loud = adaptation.is_speech(read.mel)  # the rest is background, from which nothing is learned
        # How loud a recording is is not the voice.
        real = read.mel + np.float32(mel[loud, bands].mean() - read.mel[loud, bands].mean())
        clear = read.mel > _noise(read.mel, loud) + CLEAR
        heard = (clear & loud[:, None] & (self._highest <= read.bandwidth_hz)).astype(np.float32)
        inside = np.ones((len(real), 1), np.float32)
        line = Line(out["features"][0], out["predicted"][0], mel, read.f0, real, heard, inside)
        return line, out["condition"]


def _noise(mel: Array, loud: npt.NDArray[np.bool_]) -> Array:
    """The background of each band [M]: what the frames that are not loud have, or in much noise the faintest frames."""
    if np.count_nonzero(~loud) >= FEWEST_QUIET:
        return np.asarray(mel[~loud].mean(axis=0), np.float32)
    return np.asarray(np.percentile(mel, FAINT_PERCENTILE, axis=0), np.float32)


def fit(step: Session, settings: Settings, material: Material) -> Array:
    """A person's factors [F], by so many steps of the ``finetune`` graph."""
    steps = int(settings.steps * min(max(material.seconds / MORE_S, 1.0), MOST))
    last = learned(step, settings, material, steps)
    if "factors" not in last:  # an earlier bundle's graph, which does not tell a person from everybody
        return np.asarray(last["next"][0], np.float32)
    return np.asarray((1 + settings.stress * _share(material)) * last["factors"][0], np.float32)


def _share(material: Material) -> float:
    """How much speech there is, of what is enough."""
    return min(1.0, material.seconds / ENOUGH_S)


def learned(step: Session, settings: Settings, material: Material, steps: int) -> dict[str, Array]:
    """What the last of so many steps gives."""
    random, state = np.random.default_rng(SEED), np.zeros((3, settings.size), np.float32)
    highest = settings.rate * _share(material)
    last: dict[str, Array] = {"next": state}
    for number in range(1, steps + 1):
        # Warm-up, then a linear decay of the last two thirds.
        rate = highest * min(1.0, number / 10, 1.5 * (1 - (number - 1) / steps))
        given = {"rate": np.array([rate], np.float32), "step": np.array([number], np.float32)}
        last = run(step, state=last["next"], **given, **material.draw(settings, random))
    return last
