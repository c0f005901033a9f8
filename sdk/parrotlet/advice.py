"""One line for the person who records: what would make the next recording better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parrotlet.enrollment import RecordingReport

GOOD = "good"
ENOUGH_SPEECH_S = 10.0
"""Of all recordings together. Likeness (ECAPA cosine of validation people) is 0.43 with 5 s and 0.48 with 10 s."""
QUIET_ROOM_DB = 20.0
"""By the report's measure. White noise 20 dB below the speech measures 25 and already costs likeness (0.40, where clean
recordings give 0.47); but of 794 clips of a studio (VCTK) 24 % measure less than that, and 2 % less than 20."""
NARROW_HZ = 6500
"""Of 150 clips of real people one has a bandwidth of 4,250 Hz and the rest 7,500 or more; resampled to 11 kHz, 5,500 at
most; to 8 kHz, 4,000."""

_ADVICE: tuple[tuple[Callable[[RecordingReport], bool], str], ...] = (
    (lambda r: bool(r.other_voice), "perhaps two people: record one alone"),
    (lambda r: r.snr_db < QUIET_ROOM_DB, "a little noisy: move closer or find a quieter room"),
    (lambda r: r.clipped > 0, "a little too loud: lower the gain or move away"),
    (lambda r: r.bandwidth_hz < NARROW_HZ, "sounds like a telephone: record at 16 kHz or more"),
)


def advised(reports: Sequence[RecordingReport]) -> list[RecordingReport]:
    """The reports of recordings that are enrolled together, with advice: the length is that of all together."""
    total = sum(report.speech_s for report in reports if report.problem is None)
    return [replace(report, advice=_advice(report, total)) for report in reports]


def _advice(report: RecordingReport, total_s: float) -> str:
    if report.problem is not None:
        return f"record again: {report.hint}"
    lines = [text for applies, text in _ADVICE if applies(report)]
    if total_s < ENOUGH_SPEECH_S:
        lines.append(f"speak {max(1, round(ENOUGH_SPEECH_S - total_s))} s more")
    return "; ".join(lines) or GOOD
