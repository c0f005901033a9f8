"""``parrotlet enroll``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from parrotlet.advice import RecordingReport
from parrotlet.bundle import Bundle
from parrotlet.cli import quiet_interrupt
from parrotlet.cli.common import emit, open_or_make_store
from parrotlet.cli.consent import answers, require_consent_options
from parrotlet.cli.record import record_sentences
from parrotlet.cli.streams import to_stdout
from parrotlet.engine import Parrotlet
from parrotlet.errors import ConsentError, UsageError
from parrotlet.profile import ConsentRecord, recordings_sha256, utc_now


def enroll(options: argparse.Namespace) -> None:
    """Make a profile. What can be wrong without hearing the recordings is found first."""
    _check_expiry(options.expires)
    if bool(options.recordings) == options.record:
        raise UsageError("give recordings, or --record to make some now with the microphone")
    texts = _texts(options)
    require_consent_options(options)
    bird = Parrotlet(Bundle.load(options.bundle))
    store = open_or_make_store(options)
    store.require_free(options.name, replace=options.replace)
    reports: list[RecordingReport] = []

    def show(report: RecordingReport) -> None:
        reports.append(report)
        if not options.json:
            with to_stdout():
                print(report.line(), flush=True)

    recordings = options.recordings
    if options.record:
        recordings, texts = record_sentences(bird)
    for answer, last in answers(options, store):
        consent = answer
        if options.record and isinstance(answer, ConsentRecord):
            digest = recordings_sha256(samples.tobytes() for samples, _ in recordings)
            consent = replace(answer, recording_sha256=digest)
        reports.clear()
        try:
            with quiet_interrupt():
                profile = bird.enroll(
                    recordings,
                    expires=options.expires,
                    consent=consent,
                    likeness=options.likeness,
                    keep_recording=options.keep_recording,
                    on_report=show,
                    texts=texts,
                    fine_tune=options.fine_tune or (options.record and bird.learns_from_texts),
                )
            break
        except ConsentError as error:
            if last:
                raise
            print(f"{error}. Once more, with another sentence.", file=sys.stderr, flush=True)
    store.save(options.name, profile, replace=options.replace)
    read = sum(bool(text.strip()) for text in texts)
    learned = ""
    if profile.is_fine_tuned:
        learned = ", fine-tuned to " + (
            f"what was read in {read} of {len(recordings)} recordings" if read else "its speech"
        )
    result = {
        "name": options.name,
        "bundle": profile.bundle,
        "created": profile.created,
        "expires": profile.expires,
        "recordings": [report.as_dict() for report in reports],
        "texts": read,
        "fine_tuned": profile.is_fine_tuned,
    }
    emit(
        options,
        result,
        f"enrolled {options.name!r}{learned}: try `parrotlet say 'Hello.' --voice {options.name}`",
    )


def _texts(options: argparse.Namespace) -> list[str]:
    """What was read in each recording; none where the user does not say. Raises UsageError."""
    if options.texts is None:
        return []
    if options.record:
        raise UsageError("--record shows what is to be read: leave --texts out")
    try:
        lines: list[str] = options.texts.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--texts {options.texts} cannot be read ({error}): give a text file in UTF-8") from error
    if len(lines) != len(options.recordings):
        raise UsageError(
            f"--texts {options.texts} has {len(lines)} lines for {len(options.recordings)} recordings: "
            "write one for each, in their order, empty where the text is not known"
        )
    return lines


def _check_expiry(expires: str | None) -> None:
    from parrotlet.vault.format import is_time

    if expires is None:
        return
    if not is_time(expires):
        raise UsageError(f"--expires {expires!r} is not a time in UTC: write it as 2030-01-31T00:00:00Z")
    if expires <= utc_now():
        raise UsageError(f"--expires {expires} has passed: name a time to come")
