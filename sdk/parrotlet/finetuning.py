"""Fine-tune a speech model to a person, from recordings whose text is known.

A bundle's ``finetune`` graph is one step of Adam on the person's factors: changes of low rank (LoRA, Hu 2021) of the
acoustic model's refiner. Here is all around it: where each phoneme lies in a recording, what the model makes of the
same phonemes at the same pitch, and which pieces a step learns from. See docs/export.md.
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
from parrotlet.bundle import in_bundle, run
from parrotlet.errors import InputError
from parrotlet.factors import Settings
from parrotlet.mel import MelConfig, mel_edges
from parrotlet.recognizer import Recognizer
from parrotlet.speech_model import Voice
from parrotlet_runtimes import Session

Array = npt.NDArray[np.float32]

MISREAD = -1.5
"""Mean log odds a frame of a text against the likeliest phonemes, below which something else was said."""
QUIET = 5.0
"""Nepers below the loud frames of a recording: what is quieter is background, from which nothing is learned."""
EDGE = 10
"""Frames of the silence before and after what is said."""
READ_S = 60.0
"""The longest recording that is aligned with a text."""
SEED = 0


class Read(NamedTuple):
    """A recording and what was read in it.

    name: for messages. phonemes: of the text. mel [T, M] and f0 [T] in Hz, 0 where unvoiced, of the whole recording.
    bandwidth_hz: what it holds of the spectrum.
    """

    name: str
    phonemes: str
    mel: Array
    f0: Array
    bandwidth_hz: float


class Aligned(NamedTuple):
    """A ``Read`` recording without the silence at its ends, and durations [L + 2] of phonemes, start and end in it."""

    read: Read
    durations: npt.NDArray[np.int64]


def aligned(recognizer: Recognizer, read: Read) -> Aligned:
    """Where the phonemes are. Raises InputError where the recording is of another text, or too short for it."""
    posteriors = recognizer.frame_phonemes(read.mel)
    found = recognizer.align(posteriors, read.phonemes)
    spoken = [k for k in range(len(read.phonemes)) if found.end[k] > found.start[k]]
    low, high = int(found.start[spoken[0]]), int(found.end[spoken[-1]])
    if float((found.forced - found.free)[low:high].mean()) < MISREAD:
        raise InputError(
            f"{read.name}: the text was not heard in it: give what was read, word for word, or enroll without a text"
        )
    # A character without a sound begins where the one before it ends.
    edges = np.maximum.accumulate(np.concatenate([found.start, [high]]))
    begin, end = max(0, low - EDGE), min(len(read.mel), high + EDGE)
    durations = np.diff(np.concatenate([[begin], edges, [end]]))
    return Aligned(read._replace(mel=read.mel[begin:end], f0=read.f0[begin:end]), durations)


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
        level = read.mel[:, bands].mean(axis=1)
        loud = level > np.percentile(level, 95) - QUIET
        # How loud a recording is is not the voice.
        real = read.mel + np.float32(mel[loud, bands].mean() - read.mel[loud, bands].mean())
        heard = (loud[:, None] & (self._highest <= read.bandwidth_hz)[None]).astype(np.float32)
        inside = np.ones((len(real), 1), np.float32)
        line = Line(out["features"][0], out["predicted"][0], mel, read.f0, real, heard, inside)
        return line, out["condition"]


def fit(step: Session, settings: Settings, material: Material) -> Array:
    """A person's factors [F], by so many steps of the ``finetune`` graph."""
    random, state = np.random.default_rng(SEED), np.zeros((3, settings.size), np.float32)
    for number in range(1, settings.steps + 1):
        # Warm-up, then a linear decay of the last two thirds.
        rate = settings.rate * min(1.0, number / 10, 1.5 * (1 - (number - 1) / settings.steps))
        given = {"rate": np.array([rate], np.float32), "step": np.array([number], np.float32)}
        state = run(step, state=state, **given, **material.draw(settings, random))["next"]
    return np.asarray(state[0], np.float32)
