"""A person's factors: small changes of an acoustic model's weights, which it takes as an input.

Zeros change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from parrotlet.bundle import Bundle
from parrotlet.errors import ProfileFormatError

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """What a bundle's manifest says of factors, and of the ``finetune`` graph that fits them.

    A step takes ``pieces`` cuts of ``frames`` frames, with ``margin`` more at both ends. initial: how many of the first
    factors are drawn with which standard deviation, in their order; those with 0 are what all changes are a multiple
    of.
    """

    frames: int
    margin: int
    pieces: int
    steps: int
    rate: float
    initial: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, bundle: Bundle) -> Settings | None:
        """None where the model of a bundle takes no factors."""
        found = bundle.manifest.get("finetuning")
        if found is None:
            return None
        return cls(
            int(found["frames"]),
            int(found["margin"]),
            int(found["pieces"]),
            int(found["steps"]),
            float(found["rate"]),
            tuple((int(count), float(std)) for count, std in found["initial"]),
        )

    @property
    def size(self) -> int:
        """How many numbers a person's factors are."""
        return sum(count for count, _ in self.initial)

    def first(self, random: np.random.Generator) -> Array:
        """Factors [F] to begin with, which change nothing."""
        return np.concatenate(
            [np.float32(std) * random.standard_normal(count, np.float32) for count, std in self.initial]
        )

    def of_voice(self, factors: Array | None, share: float) -> Array:
        """The input [F] of a voice, whose changes are ``share`` times those of its factors.

        Raises ProfileFormatError for factors that are not of this model.
        """
        if factors is None:
            return np.zeros(self.size, np.float32)
        if factors.shape != (self.size,):
            raise ProfileFormatError("the profile's factors are not what this model takes: enroll again")
        scale = np.concatenate([np.full(count, share if std == 0 else 1.0) for count, std in self.initial])
        return np.asarray(factors * scale, np.float32)
