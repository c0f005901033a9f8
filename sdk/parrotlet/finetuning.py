"""Fine-tune a speech model to a person, from recordings whose text is known.

A bundle's ``finetune`` graph is one step of Adam on the person's factors: changes of low rank (LoRA, Hu 2021) of the
acoustic model's refiner. Here is all around it: where each phoneme lies in a recording, what the model makes of the
same phonemes at the same pitch, and which pieces a step learns from. See docs/export.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from parrotlet import adaptation
from parrotlet.acoustic import SplitAcoustic
from parrotlet.bundle import Bundle, in_bundle, run
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


class _Line(NamedTuple):
    """What is learned from in a recording of T frames, by the names of the graph's inputs: [T, ...] each."""

    features: Array
    predicted: Array
    mel: Array
    f0: Array
    real: Array
    heard: Array
    inside: Array


class FineTuner:
    """Fits factors by a bundle's ``finetune`` graph and its acoustic model."""

    def __init__(self, settings: Settings, bundle: Bundle, step: Session, acoustic: SplitAcoustic) -> None:
        self.settings, self._step, self._acoustic = settings, step, acoustic
        self._mel = MelConfig(**bundle.manifest["mel"])

    def fit(self, voice: Voice, ids: Sequence[npt.NDArray[np.int64]], recordings: Sequence[Aligned]) -> Array:
        """A person's factors [F]. voice: enrolled, without factors; ids: of each recording's phonemes."""
        settings, random = self.settings, np.random.default_rng(SEED)
        made = [self._line(voice, each, one) for each, one in zip(ids, recordings, strict=True)]
        lines, condition = [line for line, _ in made], made[0][1]
        state = np.zeros((3, settings.size), np.float32)
        state[0] = settings.first(random)
        for step in range(settings.steps):
            rate = settings.rate * min(1.0, (step + 1) / 10, 1.5 * (1 - step / settings.steps))
            cuts = [self._cut(lines, random) for _ in range(settings.pieces)]
            out = run(
                self._step,
                state=state,
                rate=np.array([rate], np.float32),
                step=np.array([step + 1], np.float32),
                condition=condition,
                **{name: np.stack([getattr(cut, name) for cut in cuts]) for name in _Line._fields},
            )
            state = out["next"]
        return np.asarray(state[0], np.float32)

    def _line(self, voice: Voice, ids: npt.NDArray[np.int64], recording: Aligned) -> tuple[_Line, Array]:
        """A line, and the condition [1, C] that all of a voice have."""
        read = recording.read
        feeds: dict[str, npt.NDArray[Any]] = {"phonemes": ids[None], **voice.inputs}
        out = in_bundle(partial(self._acoustic.aligned, feeds, recording.durations, read.f0))
        mel, bands = out["mel"][0], adaptation.LEVEL_BANDS
        level = read.mel[:, bands].mean(axis=1)
        loud = level > np.percentile(level, 95) - QUIET
        # How loud a recording is is not the voice.
        real = read.mel + np.float32(mel[loud, bands].mean() - read.mel[loud, bands].mean())
        held = mel_edges(self._mel.n_mels, self._mel.f_min, self._mel.f_max)[2:] <= read.bandwidth_hz
        heard = (loud[:, None] & held[None]).astype(np.float32)
        inside = np.ones((len(real), 1), np.float32)
        line = _Line(out["features"][0], out["predicted"][0], mel, read.f0, real, heard, inside)
        return line, out["condition"]

    def _cut(self, lines: Sequence[_Line], random: np.random.Generator) -> _Line:
        """A random piece with its margins; beyond the ends of a recording are zeros."""
        margin, size = self.settings.margin, self.settings.frames + 2 * self.settings.margin
        lengths = np.array([len(line.f0) for line in lines])
        line = lines[int(random.choice(len(lines), p=lengths / lengths.sum()))]
        length = len(line.f0)
        start = int(random.integers(-margin, max(1 - margin, length + margin - size + 1)))
        low, high = max(0, start), min(length, start + size)
        ends = (low - start, start + size - high)
        return _Line(*(np.pad(part[low:high], (ends, *[(0, 0)] * (part.ndim - 1))) for part in line))
