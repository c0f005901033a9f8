"""``parrotlet challenge``, and the consent of ``parrotlet enroll``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from parrotlet.challenge import AGREEMENT, WITHIN_S, consent_challenge
from parrotlet.cli.common import emit, open_or_make_store, unicode_text
from parrotlet.cli.record import record_consent
from parrotlet.consent import SpokenConsent
from parrotlet.errors import InputError, UsageError
from parrotlet.profile import ConsentRecord, recordings_sha256
from parrotlet.vault import ProfileStore

TRIES = 3
"""Sentences that are shown before an enrollment with the microphone fails."""


def challenge(options: argparse.Namespace) -> None:
    """Make a consent sentence, which the store keeps until it is answered."""
    agreement = AGREEMENT if options.agreement is None else unicode_text(options.agreement)
    within = WITHIN_S if options.within is None else options.within
    made = consent_challenge(agreement, within_s=within)
    open_or_make_store(options).keep_challenge(made)
    value = {"challenge": made.nonce, "sentence": made.sentence, "made_at": made.made_at, "within_s": made.within_s}
    emit(
        options,
        value,
        f"Read aloud and record within {made.within_s} s:\n\n    {made.sentence}\n\nthen: parrotlet enroll RECORDING "
        f"--name NAME --consent-recording ANSWER --challenge {made.nonce}",
    )


def require_consent_options(options: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    if bool(options.consent_recording) != bool(options.challenge):
        raise UsageError("--consent-recording and --challenge go together: `parrotlet challenge` makes one")
    if options.consent_recording and options.consent is not None:
        raise UsageError("give one of --consent and --consent-recording")
    if options.consent_recording and not options.consent_recording.is_file():
        raise InputError(f"{options.consent_recording} cannot be read: name the recorded answer")


def answers(
    options: argparse.Namespace, store: ProfileStore
) -> Iterator[tuple[ConsentRecord | SpokenConsent | None, bool]]:
    """What the speaker agreed to, each with whether it is the last: with the microphone there are several tries."""
    speaker = options.name if options.speaker is None else unicode_text(options.speaker)
    if options.consent_recording:
        yield SpokenConsent(store.redeem_challenge(options.challenge), options.consent_recording, speaker), True
    elif options.consent == "":
        for number in range(1, TRIES + 1):
            shown = consent_challenge()
            yield SpokenConsent(shown, record_consent(shown), speaker), number == TRIES
    elif options.consent is not None:
        digest = recordings_sha256(path.read_bytes() for path in options.recordings)
        text = unicode_text(options.consent)
        yield ConsentRecord(text, speaker=speaker, recording_sha256=digest, method="cli"), True
    else:
        yield None, True
