"""What one call of ``speak`` may change."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

from parrotlet.errors import UsageError

SPEED, PITCH, VOLUME = (0.5, 2.0), (-6.0, 6.0), (0.0, 4.0)
SILENCE = (0.0, 10.0)


@dataclass(frozen=True)
class SpeakOptions:
    """What one call may change.

    speed: 0.5 to 2 times the natural rate. pitch: -6 to 6 semitones. volume: 0 to 4, a factor, limited.
    sentence_silence: 0 to 10 seconds after each sentence, None for what the punctuation asks for (which follows
    the speed). Pauses that the text itself sets, by [[pause]] or <break>, stay as they are.
    seed: of the noise source, 0 or more; the same seed gives the same samples on the same runtime.
    """

    speed: float = 1.0
    pitch: float = 0.0
    volume: float = 1.0
    sentence_silence: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in (("speed", SPEED), ("pitch", PITCH), ("volume", VOLUME)):
            require_number(name, getattr(self, name), low, high)
        if self.sentence_silence is not None:
            require_number("sentence_silence", self.sentence_silence, *SILENCE)
        if not isinstance(self.seed, numbers.Integral) or isinstance(self.seed, bool) or self.seed < 0:
            raise UsageError(f"seed must be a whole number, 0 or more, not {self.seed!r}")


def require_number(name: str, value: object, low: float, high: float) -> None:
    """Raise UsageError unless ``value`` is a real number of any type, from ``low`` to ``high``."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not low <= float(value) <= high:
        raise UsageError(f"{name} must be a number between {low:g} and {high:g}, not {value!r}")
