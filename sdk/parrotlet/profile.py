"""A voice profile: everything the device keeps of a person's voice, as a value.

The secret part is a set of named tensors, grouped by what made them. ``TENSORS`` lists the names that this version
knows; a profile keeps the others. No audio is in it unless the person asked for that; mean spectra of the recordings
are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from parrotlet.errors import ProfileFormatError

Array = npt.NDArray[np.float32]

TENSORS = {
    "speaker.embedding": "float32 [E], of unit norm, by the speaker encoder that the profile names",
    "pitch.median_hz": "float32 [1]: the median fundamental frequency",
    "pitch.spread_octaves": "float32 [1]: standard deviation of log2 of it",
    "spectrum.band_means": "float32 [bands]: mean log-mel spectrum of the speech",
    "spectrum.mean": "float32 [C]: mean of its cepstra",
    "spectrum.covariance": "float32 [C, C]: their covariance",
    "spectrum.exemplars": "float32 [N, C - 1]: centers of groups of frames",
    "preference.likeness": "float32 [1]: how near speech comes to the recordings when the speaker does not say, 0 to 1",
    "recording.flac": "uint8 [n]: the speech itself, when the person asked to keep it",
    "recording.texts": "uint8 [n]: what was read in it, JSON in UTF-8: [first sample after it, text] of each recording",
}
"""Beside these, ``fitted.MODEL.map`` and ``fitted.MODEL.loudness_lufs`` hold what one bundle made of them: a
cache, which every other bundle ignores. MODEL is the first 16 digits of the SHA-256 of the weights that speak.

``finetuned.MODEL.factors``, float32 [F], holds what a refiner was fine-tuned by (``parrotlet.factors``). That takes the
recordings and their text, so it is kept for later."""


class ProfileWarning(UserWarning):
    """A profile of an earlier release can be used, but holds less than one that is made today."""


def utc_now() -> str:
    """The present moment as RFC 3339 in UTC with whole seconds, e.g. ``2026-11-22T10:00:00Z``."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class ConsentRecord:
    """What the speaker agreed to, when, and how it was established (all strings, all optional but text).

    further: more that was established, by name.
    """

    text: str
    given_at: str = field(default_factory=utc_now)
    speaker: str = ""
    recording_sha256: str = ""
    method: str = ""
    further: Mapping[str, str] = field(default_factory=dict, hash=False)

    def fields(self) -> dict[str, str]:
        """All of it by name, for JSON."""
        own = {"text", "given_at", "speaker", "recording_sha256", "method"}
        return {**self.further, **{name: value for name, value in vars(self).items() if name in own}}


def recordings_sha256(recordings: Iterable[bytes]) -> str:
    """SHA-256 (hex) of recordings one after the other, for a ``ConsentRecord``."""
    digest = hashlib.sha256()
    for recording in recordings:
        digest.update(recording)
    return digest.hexdigest()


class Pitch(NamedTuple):
    """Median fundamental frequency in Hz, and the standard deviation of log2 of it."""

    median_hz: float
    spread_octaves: float


class Spectrum(NamedTuple):
    """How a person's speech is spread in cepstral space; see ``parrotlet.adaptation.measure``.

    exemplars [N, C - 1]; mean [C], covariance [C, C] and band_means [bands] are None in profiles of format 1, which
    did not keep them.
    """

    exemplars: Array
    mean: Array | None = None
    covariance: Array | None = None
    band_means: Array | None = None


class Fitted(NamedTuple):
    """What one bundle made of a profile: the map [1 + C + C * C] (level, offset, matrix) and the loudness."""

    map: Array | None
    loudness_lufs: float | None


@dataclass(frozen=True, eq=False)
class VoiceProfile:
    """A person's voice, for every bundle with the same speaker encoder.

    tensors: the secret part, named as in ``TENSORS``.
    speaker_model: sha256 (hex) of the weights of the speaker encoder.
    bundle: name of the bundle it was made with, for messages.
    created, expires: RFC 3339 UTC timestamps; ``expires`` may be None.
    consent: what the speaker agreed to, or None.
    foreign: a store says that it was made on another machine, or by a version that did not note where.
    """

    tensors: Mapping[str, npt.NDArray[Any]]
    speaker_model: str
    bundle: str
    created: str = field(default_factory=utc_now)
    expires: str | None = None
    consent: ConsentRecord | None = None
    foreign: bool = False

    @property
    def embedding(self) -> Array:
        """The speaker embedding [E]."""
        return np.asarray(self._required("speaker.embedding"), np.float32)

    @property
    def pitch(self) -> Pitch:
        """What is known of the person's fundamental frequency."""
        return Pitch(
            float(self._required("pitch.median_hz").flat[0]), float(self._required("pitch.spread_octaves").flat[0])
        )

    @property
    def spectrum(self) -> Spectrum | None:
        """None for presets, and where the recordings held too little."""
        exemplars = self.tensors.get("spectrum.exemplars")
        if exemplars is None:
            return None
        parts = (self.tensors.get(f"spectrum.{name}") for name in ("mean", "covariance", "band_means"))
        return Spectrum(exemplars, *parts)

    @property
    def likeness(self) -> float | None:
        """What the person chose at enrollment, if anything."""
        chosen = self.tensors.get("preference.likeness")
        if chosen is None:
            return None
        if chosen.shape != (1,) or not 0 <= chosen[0] <= 1:
            raise ProfileFormatError("the profile's likeness is out of bounds: enroll again")
        return float(chosen[0])

    @property
    def recording(self) -> bytes | None:
        """The speech as a FLAC file, if it was kept."""
        kept = self.tensors.get("recording.flac")
        return None if kept is None else kept.tobytes()

    @property
    def statistics(self) -> dict[str, float]:
        """The pitch by the names that profiles of format 1 gave it."""
        return {"pitch_median_hz": self.pitch.median_hz, "pitch_spread": self.pitch.spread_octaves}

    def fitted(self, model: str) -> Fitted:
        """What lies here for a bundle, given its ``model_sha256``. A cache that cannot be right counts as none."""
        loudness = self.tensors.get(f"fitted.{model[:16]}.loudness_lufs")
        if loudness is not None and not (loudness.shape == (1,) and -70 <= loudness[0] <= 10):
            loudness = None
        return Fitted(self.tensors.get(f"fitted.{model[:16]}.map"), None if loudness is None else float(loudness[0]))

    def with_fitted(self, model: str, fitted: Fitted) -> VoiceProfile:
        """The profile with what a bundle made of it, in place of what was there for any."""
        tensors = {name: value for name, value in self.tensors.items() if not name.startswith("fitted.")}
        if fitted.map is not None:
            tensors[f"fitted.{model[:16]}.map"] = fitted.map
        if fitted.loudness_lufs is not None:
            tensors[f"fitted.{model[:16]}.loudness_lufs"] = number(fitted.loudness_lufs)
        return replace(self, tensors=tensors)

    def factors(self, model: str) -> Array | None:
        """What lies here of fine-tuning to the person, for a refiner given its SHA-256."""
        return self.tensors.get(f"finetuned.{model[:16]}.factors")

    @property
    def is_fine_tuned(self) -> bool:
        """Whether some model was fine-tuned to the person."""
        return any(name.startswith("finetuned.") for name in self.tensors)

    def with_factors(self, model: str, factors: Array) -> VoiceProfile:
        """The profile with what a refiner was fine-tuned by."""
        return replace(self, tensors={**self.tensors, f"finetuned.{model[:16]}.factors": factors})

    def _required(self, name: str) -> npt.NDArray[Any]:
        value = self.tensors.get(name)
        if value is None or not value.size:
            raise ProfileFormatError(f"the profile has no {name}: enroll again")
        return value

    def __repr__(self) -> str:  # the tensors are biometric data: keep them out of logs
        return f"VoiceProfile(bundle={self.bundle!r}, created={self.created!r}, expires={self.expires!r})"

    __hash__ = None  # type: ignore[assignment] # holds arrays

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VoiceProfile):
            return NotImplemented
        return (
            self.tensors.keys() == other.tensors.keys()
            and all(np.array_equal(value, other.tensors[name]) for name, value in self.tensors.items())
            and (self.speaker_model, self.bundle, self.created, self.expires, self.consent)
            == (other.speaker_model, other.bundle, other.created, other.expires, other.consent)
        )


def number(value: float) -> Array:
    """A number as a tensor [1]."""
    return np.array([value], np.float32)


def person(embedding: npt.ArrayLike, pitch: Pitch, spectrum: Spectrum | None = None) -> dict[str, npt.NDArray[Any]]:
    """The tensors of what was measured of a person."""
    tensors: dict[str, npt.NDArray[Any]] = {
        "speaker.embedding": np.asarray(embedding, np.float32),
        "pitch.median_hz": number(pitch.median_hz),
        "pitch.spread_octaves": number(pitch.spread_octaves),
    }
    for name, value in (spectrum._asdict() if spectrum else {}).items():
        if value is not None:
            tensors[f"spectrum.{name}"] = np.asarray(value, np.float32)
    return tensors
