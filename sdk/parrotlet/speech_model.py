"""What the engine asks of a speech model. A bundle's manifest names its ``architecture``; each is one such class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from parrotlet.audio import Samples
from parrotlet.profile import Fitted, VoiceProfile
from parrotlet_runtimes import SessionInfo

if TYPE_CHECKING:
    from parrotlet.alignment import Aligned
    from parrotlet.text import Utterance


@dataclass(frozen=True, eq=False)
class Voice:
    """A profile as one model takes it, by ``Parrotlet.voice``: cheap to make, and never stored.

    inputs: the graph inputs that say who speaks. loudness_lufs: of the model's speech in this voice, before it is
    finished. model: sha256 of the weights that it is for. likeness: 0 to 1, as it was asked for.
    """

    inputs: Mapping[str, npt.NDArray[np.float32]]
    loudness_lufs: float
    model: str
    likeness: float

    def __repr__(self) -> str:  # biometric data: keep it out of logs
        return f"Voice(likeness={self.likeness:g})"


class Spoken(NamedTuple):
    """An utterance: where each phoneme begins, then where the last one ends, in samples [L + 1]; and the samples."""

    edges: npt.NDArray[np.int64]
    samples: Iterator[Samples]


class SpeechModel(Protocol):
    """Speaks utterances in a voice. A model keeps nothing of what it spoke: threads may share it."""

    def load(self) -> None:
        """Load the graphs that speech needs, so that the first sentence does not wait for them."""

    @property
    def session_info(self) -> dict[str, SessionInfo]:
        """What each graph runs on."""

    @property
    def learns_from_texts(self) -> bool:
        """Whether it can be fine-tuned."""

    def require_learning(self) -> None:
        """Raises UsageError where it cannot be fine-tuned: what is missing, and what to do."""

    def fit(self, profile: VoiceProfile) -> Fitted:
        """What this model makes of a profile once, and a profile may keep for it."""

    def finetune(self, profile: VoiceProfile, heard: Sequence[Aligned]) -> VoiceProfile:
        """A profile that was fitted, and what the model is fine-tuned by to recordings whose text is known."""

    def prepare(self, profile: VoiceProfile, likeness: float) -> Voice:
        """The voice of a profile."""

    def speak(
        self, utterance: Utterance, voice: Voice, speed: float, pitch: float, random: np.random.Generator
    ) -> Spoken:
        """Speak one utterance. speed: a factor; pitch: semitones; random: of the noise source."""
