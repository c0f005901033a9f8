"""``parrotlet enroll --record``: sentences to read, a level bar, and what was wrong, until all are good."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from parrotlet.audio import AudioChunk, Samples
from parrotlet.challenge import Challenge
from parrotlet.engine import Parrotlet
from parrotlet.errors import UsageError

TRIES = 5
_BAR, _FLOOR_DB = 40, 60.0


def record_sentences(bird: Parrotlet) -> tuple[list[tuple[Samples, int]], list[str]]:
    """Record every sentence until it is good: the recordings, and what was read in each ("" where that is not sure).

    Where the model learns from what is read, the person may read on.
    Raises UsageError where nobody can answer, or nothing gets good.
    """
    if not sys.stdin.isatty():
        raise UsageError("--record asks a person: run it on a terminal, or name recordings")
    _say("Sit close to the microphone, in a quiet room, and speak as you always do.")
    sentences, more = bird.bundle.prompts.read_aloud, bird.bundle.prompts.read_on
    made = []
    for number, sentence in enumerate(sentences, 1):
        taken = _sentence(bird, sentence, f"{number}/{len(sentences)}")
        if taken is None:
            raise UsageError(
                "no recording got good: see docs/recording.md, or record with another program and name the file"
            )
        made.append(taken)
    if bird.learns_from_texts:
        made += _more(bird, more)
    return [recording for recording, _ in made], [text for _, text in made]


def _more(bird: Parrotlet, sentences: Sequence[str]) -> Iterator[tuple[tuple[Samples, int], str]]:
    """Further sentences, for as long as the person likes."""
    for number, sentence in enumerate(sentences, 1):
        left = f"{len(sentences) - number + 1} left"
        if _ask(f"\nThe more you read, the nearer to yours the voice gets. Enter reads on ({left}), e enrolls: "):
            return
        taken = _sentence(bird, sentence, f"{number}/{len(sentences)}")
        if taken is not None:
            yield taken


def record_consent(challenge: Challenge) -> tuple[Samples, int]:
    """Show a consent sentence and record what is said: samples [N] and their rate. Raises UsageError."""
    from parrotlet.microphone import record

    if not sys.stdin.isatty():
        raise UsageError(
            "--consent asks a person: run it on a terminal, or record the answer to `parrotlet challenge` and name it "
            "with --consent-recording"
        )
    _ask(f"\nConsent  Press Enter, then read aloud:\n\n    {challenge.sentence}\n\n")
    taken = record(_show_level)
    _say("\r\033[K", end="")
    return taken


def _sentence(bird: Parrotlet, sentence: str, number: str) -> tuple[tuple[Samples, int], str] | None:
    """What was recorded and, if that is what was read, the sentence; None where no try is good."""
    from parrotlet.microphone import record

    for _ in range(TRIES):
        _ask(f"\n{number}  Press Enter, then read aloud:\n\n    {sentence}\n\n")
        samples, rate = record(_show_level)
        _say("\r\033[K", end="")
        report, _ = bird.examine((samples, rate), f"sentence {number}")
        if report.problem is not None:
            _say(f"{report.problem}: {report.hint}. Once more.")
            continue
        _say(f"{report.speech_s:.1f} s of speech, {report.level_dbfs:.0f} dBFS, {report.snr_db:.0f} dB above the noise")
        learned = bird.learns_from_texts and bird.was_read((samples, rate), sentence)
        if bird.learns_from_texts and not learned:
            _say("It was not the sentence as it stands. Read again, the voice gets nearer to yours.")
        if _kept(samples, rate):
            return (samples, rate), sentence if learned else ""
    return None


def _kept(samples: Samples, rate: int) -> bool:
    while True:
        answer = _ask("Enter keeps it, p plays it, r records again: ").lower()
        if answer != "p":
            return answer != "r"
        from parrotlet.loudspeaker import play

        try:
            play([AudioChunk(samples, rate)], rate)
        except UsageError as error:
            _say(str(error))


def _show_level(dbfs: float) -> None:
    filled = round(_BAR * max(0.0, 1 + dbfs / _FLOOR_DB))
    word = "too loud" if dbfs > -3 else ""
    _say(f"\r[{'#' * filled:<{_BAR}}] {word:<8}", end="")


def _ask(question: str) -> str:
    _say(question, end="")
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("the terminal was closed: nothing was enrolled")
    return answer.strip()


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)
