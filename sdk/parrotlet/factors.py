"""A person's factors: small changes of an acoustic model's weights, which it takes as an input.

Zeros change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from parrotlet.bundle import Bundle
from parrotlet.errors import ProfileFormatError
from parrotlet.profile import VoiceProfile

Array = npt.NDArray[np.float32]

EARLIER_STRESS = 0.3
"""Of bundles whose manifest says nothing of it: of 30 s, ECAPA 0.589 and P.808 3.687 in place of 0.583 and 3.697 (ten
people)."""


@dataclass(frozen=True)
class Settings:
    """What a bundle's manifest says of factors, and of the ``finetune`` graph that fits them.

    size: how many numbers factors are. model: sha256 of what they change. A step takes ``pieces`` cuts of ``frames``
    frames, with ``margin`` more at both ends. stress: what is added to the factors learned, of themselves, where there
    is enough speech.
    """

    size: int
    model: str
    frames: int
    margin: int
    pieces: int
    steps: int
    rate: float
    stress: float = EARLIER_STRESS

    @classmethod
    def of(cls, bundle: Bundle) -> Settings | None:
        """None where the model of a bundle takes no factors."""
        found = bundle.manifest.get("finetuning")
        if found is None:
            return None
        frames, margin, pieces, steps = (int(found[name]) for name in ("frames", "margin", "pieces", "steps"))
        rate, stress = float(found["rate"]), float(found.get("stress", EARLIER_STRESS))
        return cls(int(found["factors"]), str(found["weights_sha256"]), frames, margin, pieces, steps, rate, stress)

    def of_voice(self, profile: VoiceProfile, share: float) -> Array:
        """The input [1, F] of a voice: ``share`` times the factors of a profile, or zeros where it has none.

        Raises ProfileFormatError for factors that are not what the model takes.
        """
        factors = profile.factors(self.model)
        if factors is None:
            return np.zeros((1, self.size), np.float32)
        if factors.shape != (self.size,):
            raise ProfileFormatError("the profile's factors are not what this model takes: enroll again")
        return np.asarray(factors[None] * np.float32(share), np.float32)
