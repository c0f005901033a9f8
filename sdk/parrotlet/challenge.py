"""The sentence that a person is asked to say: made at random when it is asked for, answered once and soon."""

from __future__ import annotations

import json
import math
import re
import secrets
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta, timezone

from parrotlet.consent_words import WORDS
from parrotlet.errors import ConsentError, UsageError
from parrotlet.profile import utc_now

AGREEMENT = "I agree that this device may speak in my voice."
RANDOM_WORDS, WITHIN_S = 4, 120
EARLY_S = 2
"""How much longer than the time since the question a take may be: clocks are read in whole seconds."""
MOST_AGREEMENT, MOST_OPEN = 300, 64


@dataclass(frozen=True)
class Challenge:
    """What is shown to the person, and what the host keeps of it.

    sentence: to be read aloud. words: the random ones in it, in order. nonce: 32 hex digits, names it.
    made_at: RFC 3339 UTC. within_s: seconds in which it is to be answered.
    """

    sentence: str
    words: tuple[str, ...]
    nonce: str
    made_at: str
    within_s: int = WITHIN_S

    @property
    def bits(self) -> float:
        """Entropy of the random words."""
        return sum(math.log2(len(WORDS) - drawn) for drawn in range(len(self.words)))

    def require_timely(self, answered_at: str, seconds: float) -> None:
        """Raise ConsentError unless a take of ``seconds`` that was complete at ``answered_at`` (RFC 3339 UTC) can be
        the answer."""
        age = (_moment(answered_at) - _moment(self.made_at)).total_seconds()
        if age > self.within_s:
            raise ConsentError(
                f"consent: answered {age:.0f} s after the sentence was shown, later than {self.within_s} s: "
                "ask for a new sentence"
            )
        if seconds > age + EARLY_S:
            raise ConsentError(
                "consent: the recording is longer than the time since the sentence was shown: ask for a new sentence, "
                "and set the clock of this device"
            )

    def to_json(self) -> str:
        """The challenge as one JSON object, for a host that keeps it."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Challenge:
        """What ``to_json`` wrote. Raises ConsentError."""
        try:
            value = json.loads(text)
            made = cls(**{**value, "words": tuple(value["words"])})
            right = all(isinstance(getattr(made, f.name), str) for f in fields(made) if f.name not in _NO_TEXT)
            _moment(made.made_at)
        except (TypeError, ValueError, KeyError) as error:
            raise ConsentError(f"consent: this is no challenge ({error}): ask for a new sentence") from error
        if right:
            spoken = re.findall(r"\w+", made.sentence)
            right = isinstance(made.within_s, int) and all(word in spoken for word in made.words)
        if not right:
            raise ConsentError("consent: the challenge is damaged: ask for a new sentence")
        return made


_NO_TEXT = {"words", "within_s"}


def consent_challenge(
    agreement: str = AGREEMENT, words: int = RANDOM_WORDS, within_s: int = WITHIN_S, now: str | None = None
) -> Challenge:
    """A new sentence: the agreement, and ``words`` random ones (4 have 32 bits).

    agreement: what the person agrees to, plain text that can be read aloud. now: RFC 3339 UTC, for tests.
    Raises UsageError.
    """
    agreement = " ".join(agreement.split())
    if not 0 < len(agreement) <= MOST_AGREEMENT:
        raise UsageError(f"an agreement has 1 to {MOST_AGREEMENT} letters, not {len(agreement)}: shorten it")
    if not 2 <= words <= 8:
        raise UsageError(f"a consent sentence has 2 to 8 random words, not {words}: 4 have 32 bits")
    if not 10 <= within_s <= 3600:
        raise UsageError(f"a consent sentence is answered within 10 to 3600 s, not {within_s}: 120 is usual")
    drawn = tuple(secrets.SystemRandom().sample(WORDS, words))
    half = (words + 1) // 2
    asked = f"My words are {' '.join(drawn[:half])}, and {' '.join(drawn[half:])}."
    return Challenge(f"{agreement} {asked}", drawn, secrets.token_hex(16), now or utc_now(), within_s)


class Challenges:
    """The open challenges of a host that several clients ask, in its memory: each is answered once. Thread-safe."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most, self._lock = most, threading.Lock()
        self._open: OrderedDict[str, Challenge] = OrderedDict()

    def make(self, **more: object) -> Challenge:
        """A new challenge; see ``consent_challenge``. Where too many are open, the oldest ends."""
        challenge = consent_challenge(**more)  # type: ignore[arg-type]
        with self._lock:
            self._open[challenge.nonce] = challenge
            while len(self._open) > self._most:
                self._open.popitem(last=False)
        return challenge

    def redeem(self, nonce: str) -> Challenge:
        """The challenge of a nonce, which ends with that. Raises ConsentError for one that is not open."""
        with self._lock:
            challenge = self._open.pop(nonce, None)
        if challenge is None:
            raise ConsentError("consent: this sentence was answered before or never shown: ask for a new one")
        return challenge


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def later(text: str, seconds: float) -> str:
    """RFC 3339 UTC of a moment ``seconds`` after another."""
    return (_moment(text) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
