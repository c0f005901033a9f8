"""What a front end hands to a speech model: utterances, their words and the pauses between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Pause:
    """Silence after an utterance, and where it comes from.

    origin: "clause" or "sentence" where punctuation or structure asks for it, "text" where the text sets its length.
    """

    seconds: float
    origin: Literal["clause", "sentence", "text"]

    def spoken(self, speed: float, sentence_silence: float | None) -> float:
        """Seconds at a speed. What the text sets stays, and ``sentence_silence`` takes a sentence's place."""
        if self.origin == "text":
            return self.seconds
        if self.origin == "sentence" and sentence_silence is not None:
            return sentence_silence
        return self.seconds / speed


def pauses(first: Pause, then: Pause) -> list[Pause]:
    """What is left of two pauses in a row: all that the text sets, else the longer of the two."""
    set_by_text = [pause for pause in (first, then) if pause.origin == "text"]
    return set_by_text or [max(first, then, key=lambda pause: pause.seconds)]


@dataclass(frozen=True)
class Word:
    """One spoken word and its slice of the utterance's phonemes."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Utterance:
    """What is spoken in one breath.

    `phonemes` holds at most 300 symbols of `PHONEMES` (none at all for a bare pause); `pause` is the
    silence that follows; `words` point into `phonemes`. `speed` and `volume` are factors, `pitch` is in semitones: SSML
    sets them.
    """

    text: str
    phonemes: str
    pause: Pause
    words: tuple[Word, ...]
    speed: float = 1.0
    pitch: float = 0.0
    volume: float = 1.0

    @property
    def pause_after(self) -> float:
        """Seconds of the pause."""
        return self.pause.seconds
