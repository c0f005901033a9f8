"""Spoken consent, checked on this device: the words, the person, and that it was said now and in one take.

A host shows the sentence of a ``Challenge``, records the answer, and enrolls with both::

    challenge = consent_challenge()
    ...                       # show challenge.sentence, record
    profile = bird.enroll(recordings, consent=SpokenConsent(challenge, take))

What it does not stop is in docs/consent.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from parrotlet.challenge import Challenge, Challenges, consent_challenge
from parrotlet.consent_policy import METHOD, is_spoken
from parrotlet.consent_words import WORDS
from parrotlet.errors import ConsentError
from parrotlet.one_take import Continuity, continuity
from parrotlet.profile import ConsentRecord, utc_now
from parrotlet.spoken_words import Sentence, WordScores, phonemes_of, score_words
from parrotlet.text import FrontEnd

if TYPE_CHECKING:
    from parrotlet.recognizer import Recognizer
    from parrotlet.recording import Recording

__all__ = ["Challenge", "Challenges", "ConsentError", "SpokenConsent", "consent_challenge", "is_spoken"]


@dataclass(frozen=True)
class Limits:
    """The scores that a take has to reach; measured in docs/consent.md.

    sentence, total: see ``WordScores``. margin: of the least of the words. person: log odds that it is the person of
    the other recordings, at each of ``snr_db`` and between them by interpolation: in noise two people are more alike.
    Below the first of ``snr_db`` no take is accepted.
    background_db, speech_db, dead_s, bandwidth_ratio: at most, see ``Continuity``.
    """

    sentence: float = -1.3
    total: float = 0.8
    margin: float = -1.5
    person: tuple[float, ...] = (3.1, 3.1, 2.4, 2.4, 3.5)
    snr_db: tuple[float, ...] = (9.0, 15.0, 18.0, 27.0, 33.0)
    background_db: float = 28.0
    speech_db: float = 24.0
    dead_s: float = 0.04
    bandwidth_ratio: float = 2.0


LIMITS = Limits()


@dataclass(frozen=True)
class SpokenConsent:
    """A challenge and the recording that answers it.

    take: path, bytes, or (samples, rate), as ``Parrotlet.enroll`` takes them. speaker: the person's name, for the
    record. answered_at: RFC 3339 UTC, when the take was complete; None for now. A host that hands in a take late
    gives the moment at which it got it.
    """

    challenge: Challenge
    take: Recording
    speaker: str = ""
    answered_at: str | None = None


@dataclass(frozen=True)
class Scores:
    """What was measured of a take. person: None where no recording was compared with."""

    words: WordScores
    person: float
    take: Continuity

    def fields(self) -> dict[str, str]:
        """As text, for a ``ConsentRecord``."""
        return {
            "sentence_score": f"{self.words.sentence:.2f}",
            "word_scores": " ".join(f"{value:.2f}" for value in self.words.words),
            "word_margins": " ".join(f"{value:.2f}" for value in self.words.margins),
            "person_score": f"{self.person:.2f}",
            "take_background_db": f"{self.take.background_db:.1f}",
            "take_level_db": f"{self.take.speech_db:.1f}",
            "take_snr_db": f"{self.take.snr_db:.1f}",
        }


def measure(
    recognizer: Recognizer,
    front_end: FrontEnd,
    mel: npt.NDArray[np.float32],
    samples: npt.NDArray[np.float32],
    rate: int,
    sentence: str,
    words: Sequence[str],
    person: float,
    others: Sequence[str] | None = None,
) -> Scores:
    """Score a take: its mel [T, M] and samples [N]. others: phonemes of words that could stand for a random one."""
    rivals = phonemes_of(WORDS, front_end) if others is None else others
    spoken = score_words(recognizer, recognizer.frame_phonemes(mel), Sentence.of(sentence, front_end), words, rivals)
    return Scores(spoken, person, continuity(samples, rate))


def problem(scores: Scores, words: Sequence[str], limits: Limits = LIMITS) -> str | None:
    """What is wrong with a take and what to do, or None."""
    take, spoken = scores.take, scores.words
    if take.dead_s > limits.dead_s:
        return f"it holds {take.dead_s:.2f} s of digital silence: switch off noise suppression and record in one take"
    if take.background_db > limits.background_db or take.bandwidth_ratio > limits.bandwidth_ratio:
        return "its background changes on the way: record in one take, in one place"
    if take.speech_db > limits.speech_db:
        return "its level changes on the way: record in one take, at one distance"
    if spoken.sentence < limits.sentence:
        return "it is not the sentence that was shown: read it aloud as it stands"
    word, margin = min(zip(words, spoken.margins, strict=True), key=lambda pair: pair[1])
    if margin < limits.margin or spoken.total < limits.total:
        return f"the word {word!r} was not heard: read the sentence clearly, in a quiet place"
    if take.snr_db < limits.snr_db[0]:
        return "it is too noisy to tell who speaks: record in a quiet place, close to the microphone"
    if scores.person < float(np.interp(take.snr_db, limits.snr_db, limits.person)):
        return (
            "it does not sound like the person of the other recordings: the same person has to say it, "
            "with the same microphone"
        )
    return None


def record(consent: SpokenConsent, scores: Scores, samples: npt.NDArray[np.float32], answered_at: str) -> ConsentRecord:
    """What the profile keeps of a consent that was accepted. samples [N]: the take as it was checked."""
    challenge = consent.challenge
    further: Mapping[str, Any] = {
        "words": " ".join(challenge.words),
        "asked_at": challenge.made_at,
        "nonce": challenge.nonce,
        **scores.fields(),
        "sdk": _version(),
    }
    return ConsentRecord(
        challenge.sentence,
        given_at=answered_at,
        speaker=consent.speaker,
        recording_sha256=hashlib.sha256((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()).hexdigest(),
        method=METHOD,
        further=further,
    )


def checked(
    consent: SpokenConsent,
    recognizer: Recognizer,
    front_end: FrontEnd,
    mel: npt.NDArray[np.float32],
    samples: npt.NDArray[np.float32],
    rate: int,
    person: float,
) -> ConsentRecord:
    """The record of a take, mel [T, M] and samples [N], that passes every check. Raises ConsentError."""
    answered_at = consent.answered_at or utc_now()
    consent.challenge.require_timely(answered_at, len(samples) / rate)
    challenge = consent.challenge
    scores = measure(recognizer, front_end, mel, samples, rate, challenge.sentence, challenge.words, person)
    wrong = problem(scores, challenge.words)
    if wrong is not None:
        raise ConsentError(f"consent: {wrong}")
    return record(consent, scores, samples, answered_at)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # a hundredth of a second, for nobody else

    try:
        return version("parrotlet")
    except PackageNotFoundError:
        return "unknown"
