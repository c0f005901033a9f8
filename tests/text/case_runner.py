"""Reads the case files, and tells whether a case is right."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from parrotlet.text import TextFrontEnd

MARKS = re.compile(r"[,.;:!?]")
LIST_NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()


def rows(name: str) -> list[tuple[str, ...]]:
    """The rows of a case file of this folder."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


def plain(spoken: str) -> str:
    return " ".join(MARKS.sub(" ", spoken.lower().replace("-", " ")).split())


def sounds_in_order(phonemes: str, expected: str) -> bool:
    words = MARKS.sub(" ", phonemes).split()
    at = 0
    for sound in expected.split():
        if sound not in words[at:]:
            return False
        at = words.index(sound, at) + 1
    return True


def words_with_pauses(front_end: TextFrontEnd, text: str) -> list[tuple[str, str]]:
    """Each word as spoken, and after it "|" for the end of a sentence or utterance, "," for a comma, or nothing."""
    said: list[tuple[str, str]] = []
    for utterance in front_end.sentences(text):
        for at, word in enumerate(utterance.words):
            following = utterance.words[at + 1 :]
            marks = utterance.phonemes[word.end : following[0].start if following else None]
            mark = "|" if not following or re.search(r"[.;:!?]", marks) else "," if "," in marks else ""
            parts = plain(word.text).split()
            said += [(part, mark if part_at + 1 == len(parts) else "") for part_at, part in enumerate(parts)]
    return said


def pauses_are(front_end: TextFrontEnd, text: str, expected: str) -> bool:
    wanted: list[tuple[str, str]] = []
    for token in expected.split():
        if token in "|,":
            wanted[-1] = (wanted[-1][0], token)
        else:
            wanted.append((token, ""))
    said = words_with_pauses(front_end, text)
    if [word for word, _ in said] != [word for word, _ in wanted]:
        return False
    for at, ((word, mark), (_, want)) in enumerate(zip(said[:-1], wanted, strict=False)):
        own_number = word in LIST_NUMBERS and (at == 0 or wanted[at - 1][1] == "|")
        if (want == "|" and mark != "|") or (want == "," and not mark) or (not want and mark == "|" and not own_number):
            return False
    return True


def shown(front_end: TextFrontEnd, test: str, text: str) -> str:
    """What the front end makes of a case's text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if test == "say":
            return front_end.normalize(text)
        if test == "ssml":
            return " ".join(utterance.text for utterance in front_end.sentences(text, ssml=True))
        if test == "sound":
            return front_end.phonemize(text)
        if test == "lex":
            entry, said = text.split(" ⇒ ")
            word, value = entry.split("=")
            return TextFrontEnd(lexicon={word: value}).phonemize(said).strip(".")
        if test == "cut":
            return str(len(list(front_end.sentences(text))))
        return " ".join(f"{word} {mark}".strip() for word, mark in words_with_pauses(front_end, text))


def is_right(front_end: TextFrontEnd, test: str, text: str, expected: str) -> bool:
    """`expected` holds " | " between answers that are all right, but for the test "pause"."""
    if test == "pause":
        return pauses_are(front_end, text, expected)
    got, answers = shown(front_end, test, text), expected.split(" | ")
    if test in ("say", "ssml"):
        return plain(got) in map(plain, answers)
    if test == "sound":
        return any(sounds_in_order(got, answer) for answer in answers)
    return got in answers
