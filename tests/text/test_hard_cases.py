"""The hand-written cases: all are right but those that are known to fail, each by its name."""

from __future__ import annotations

import pytest
from case_runner import is_right, rows, shown

from parrotlet.errors import InputError
from parrotlet.text import TextFrontEnd

HARD = rows("hard_cases.tsv")
SENT = rows("sent_cases.tsv")
KNOWN_FAILURES: frozenset[str] = frozenset(("i. Open it\\nii. Close it",))
"""Texts of cases that are read wrong. Mend one and the test says that its name can go."""


def failures(front_end: TextFrontEnd, cases: list[tuple[str, ...]]) -> dict[str, str]:
    """The cases that are wrong, with what is said and what is right."""
    wrong = {}
    for *kind, test, written, expected in cases:
        text = written.replace("\\n", "\n") if kind else written
        if not is_right(front_end, test, text, expected):
            wrong[written] = f"{written} -> {shown(front_end, test, text)}, right: {expected}"
    return wrong


@pytest.mark.parametrize("test", ["say", "sound", "ssml"])
def test_hard_cases(front_end: TextFrontEnd, test: str) -> None:
    wrong = failures(front_end, [case for case in HARD if case[0] == test])
    unknown = wrong.keys() - KNOWN_FAILURES
    assert not unknown, "\n".join(wrong[text] for text in sorted(unknown))


@pytest.mark.parametrize("kind", sorted({row[0] for row in SENT}, key=lambda kind: int(kind.split()[0])))
def test_what_people_send(front_end: TextFrontEnd, kind: str) -> None:
    wrong = failures(front_end, [case for case in SENT if case[0] == kind])
    unknown = wrong.keys() - KNOWN_FAILURES
    assert not unknown, "\n".join(wrong[text] for text in sorted(unknown))


def test_british_readings() -> None:
    wrong = failures(TextFrontEnd(convention="en-GB"), rows("british_cases.tsv"))
    assert not wrong, "\n".join(wrong[text] for text in sorted(wrong))


def test_american_readings_do_not_change_with_the_other_convention(front_end: TextFrontEnd) -> None:
    assert front_end.normalize("03/04/2025, £3.50, 105") == (
        "March fourth, twenty twenty five, three pounds and fifty pence, one hundred five"
    )
    document = "<speak><say-as interpret-as='cardinal'>105</say-as></speak>"
    said = [next(TextFrontEnd(convention=one).sentences(document, ssml=True)).text for one in ("en-US", "en-GB")]
    assert said == ["one hundred five", "one hundred and five"]


def test_a_convention_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="choose from en-US, en-GB"):
        TextFrontEnd(convention="en-AU")


def test_known_failures_still_fail(front_end: TextFrontEnd) -> None:
    right = KNOWN_FAILURES - failures(front_end, [*HARD, *SENT]).keys()
    assert not right, f"no longer wrong, take out of KNOWN_FAILURES: {sorted(right)}"
