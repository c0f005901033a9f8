"""A voice profile: everything the device keeps of a person's voice, as a value.

No audio is in it, though mean spectra of the recordings are (``parrotlet.adaptation``). ``embedding`` and
``statistics`` are the secret part (the encrypted payload of a stored profile); the other fields go into its
authenticated header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt


def utc_now() -> str:
    """The present moment as RFC 3339 in UTC with whole seconds, e.g. ``2026-11-22T10:00:00Z``."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class ConsentRecord:
    """What the speaker agreed to, when, and how it was established (all strings, all optional but text)."""

    text: str
    given_at: str = field(default_factory=utc_now)
    speaker: str = ""
    recording_sha256: str = ""
    method: str = ""


@dataclass(frozen=True, eq=False)
class VoiceProfile:
    """A person's voice for one bundle's models.

    embedding: float32 [E + A], the speaker embedding, of unit Euclidean norm, then what adapts the acoustic model to
        the person (see ``parrotlet.adaptation``; zeros for none).
    statistics: named finite floats, e.g. ``pitch_median_hz``, ``pitch_spread`` (standard
        deviation of log f0), ``rate`` (relative speaking rate), ``level_dbfs``.
    speaker_model: sha256 (hex) of the weights of speaker encoder and acoustic model; a profile only fits these.
    bundle: name of the bundle it was made with, for messages.
    created, expires: RFC 3339 UTC timestamps; ``expires`` may be None.
    consent: what the speaker agreed to, or None.
    """

    embedding: npt.NDArray[np.float32]
    statistics: Mapping[str, float]
    speaker_model: str
    bundle: str
    created: str = field(default_factory=utc_now)
    expires: str | None = None
    consent: ConsentRecord | None = None

    def __repr__(self) -> str:  # the embedding is biometric data: keep it out of logs
        return f"VoiceProfile(bundle={self.bundle!r}, created={self.created!r}, expires={self.expires!r})"

    __hash__ = None  # type: ignore[assignment] # holds an array and a mapping

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VoiceProfile):
            return NotImplemented
        return (
            np.array_equal(self.embedding, other.embedding)
            and dict(self.statistics) == dict(other.statistics)
            and (self.speaker_model, self.bundle, self.created, self.expires, self.consent)
            == (other.speaker_model, other.bundle, other.created, other.expires, other.consent)
        )
