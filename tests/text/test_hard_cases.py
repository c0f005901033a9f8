"""The hand-written hard cases: at least 97 % must be right, and each kind of case by itself 95 %."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parrotlet.text import TextFrontEnd

CASES = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "hard_cases.tsv").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def plain(spoken: str) -> str:
    return " ".join(re.sub(r"[,.;:!?]", " ", spoken.lower().replace("-", " ")).split())


def is_right(front_end: TextFrontEnd, kind: str, text: str, expected: str) -> bool:
    if kind in ("say", "ssml"):
        answers = [plain(answer) for answer in expected.split(" | ")]
        return said(front_end, kind, text) in answers
    words = re.sub(r"[,.;:!?]", " ", front_end.phonemize(text)).split()
    at = 0
    for sound in expected.split():
        if sound not in words[at:]:
            return False
        at = words.index(sound, at) + 1
    return True


def said(front_end: TextFrontEnd, kind: str, text: str) -> str:
    if kind == "say":
        return plain(front_end.normalize(text))
    return plain(" ".join(utterance.text for utterance in front_end.sentences(text, ssml=True)))


@pytest.mark.parametrize("kind", ["say", "sound", "ssml"])
def test_hard_cases(front_end: TextFrontEnd, kind: str) -> None:
    cases = [case for case in CASES if case[0] == kind]
    wrong = [
        f"{text} -> {front_end.phonemize(text) if kind == 'sound' else said(front_end, kind, text)}, wanted {expected}"
        for _, text, expected in cases
        if not is_right(front_end, kind, text, expected)
    ]
    assert len(wrong) <= 0.05 * len(cases), "\n".join(wrong)


def test_at_least_97_percent_of_300(front_end: TextFrontEnd) -> None:
    assert len(CASES) >= 300
    assert sum(is_right(front_end, *case) for case in CASES) >= 0.97 * len(CASES)
