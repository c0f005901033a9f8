"""Where text is cut, and when its words are heard."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrotlet import AudioChunk, Parrotlet
from parrotlet.text import TextFrontEnd, TextWarning
from parrotlet.text.en.sentences import cut_stream

WHOLE = (
    "$1,000.50",
    "3.14",
    "Dr. Smith",
    "No. 5",
    "5 p.m. today",
    "e.g. this",
    "https://example.com/a.b?c=d",
    "jane.doe@mail.example.org",
    "v2.0.1",
    "Jan. 5, 2021",
    "St. Paul",
    "J. K. Rowling",
    "Mt. Everest",
    "vs. them",
    "12:30",
    "Fig. 2",
    "report.final.pdf",
    "Apt. 4B",
    "Sec. 3",
    "ca. 1850",
    "Tel. 555-0142",
)
WORDS = ("yes", "and", "we", "saw", "it", "there")
ADVERSARIAL = {
    "letters": "a" * 10_000,
    "punctuation": "!?.,;:" * 2_000,
    "ideographs": "你好世界" * 2_500,
    "arabic": "مرحبا" * 2_000,
    "emoji": "😀👍🏽" * 3_000,
    "address": "http://example.com/" + "a1/" * 3_000,
    "initials": "A. B. C. " * 1_000,
    "clock": "10:30-" * 1_700,
    "combining": "e" + "\u0301" * 10_000,
    "pauses": "[[pause 10s]] " * 700,
    "surrogates": "\ud800" * 1_000,
}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    parts=st.lists(st.one_of(st.sampled_from(WHOLE), st.sampled_from(WORDS)), min_size=1, max_size=40),
    ends=st.lists(st.sampled_from((" ", ", ", ". Then ", "! So ", "? Why ", "\n\n")), min_size=40, max_size=40),
    step=st.integers(1, 50),
)
def test_no_cut_inside_a_number_an_abbreviation_or_an_address(parts: list[str], ends: list[str], step: int) -> None:
    text, inside = "", set[int]()
    for part, end in zip(parts, ends, strict=False):
        inside |= set(range(len(text) + 1, len(text) + len(part)))
        text += part + end
    pieces = list(cut_stream(text[at : at + step] for at in range(0, len(text), step)))
    assert "".join(pieces) == text or "".join(pieces).strip() == text.strip()
    cuts, at = [], len(text) - len(text.lstrip())
    for piece in pieces[:-1]:
        at += len(piece)
        cuts.append(at)
    assert not inside & set(cuts), [text[cut - 15 : cut + 15] for cut in sorted(inside & set(cuts))]


def test_streets_end_a_sentence_and_saints_do_not() -> None:
    text = "He lives on Baker St. Paul knows. In St. Paul it rains. Go to St. Ives on Jan. 5. Then rest."
    assert [piece.strip() for piece in cut_stream([text])] == [
        "He lives on Baker St.",
        "Paul knows.",
        "In St. Paul it rains.",
        "Go to St. Ives on Jan. 5.",
        "Then rest.",
    ]


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_utterances_are_bounded(front_end: TextFrontEnd, name: str) -> None:
    text = ADVERSARIAL[name]
    assert all(len(piece) <= 1_000 for piece in cut_stream([text]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        assert all(len(utterance.phonemes) <= 300 for utterance in front_end.sentences(text))


@pytest.fixture(scope="module")
def bird() -> Parrotlet:
    return Parrotlet.load()


def utterances(chunks: Iterator[AudioChunk]) -> Iterator[tuple[float, float, AudioChunk]]:
    """Start and end of the sound of each utterance, with the chunk that carries its marks."""
    now = 0.0
    first: AudioChunk | None = None
    start = end = 0.0
    for chunk in chunks:
        if chunk.phonemes:
            if first is not None:
                yield start, end, first
            first, start = chunk, now
        now += len(chunk.samples) / chunk.sample_rate
        if chunk.samples.any():
            end = now
    assert first is not None
    yield start, end, first


@pytest.mark.parametrize("speed", [0.7, 1.0, 1.8])
def test_marks_fill_the_sound_of_their_utterance(silent_pauses: None, bird: Parrotlet, speed: float) -> None:
    voice = next(iter(bird.presets.values())).profile
    text = "Hello there, Dr. Smith. It costs $3.50! One [[pause 300ms]] two, [[həlˈO]] three. " + "A long one, " * 30
    found = list(utterances(bird.speak(text, voice, speed=speed)))
    assert len(found) > 4
    for start, end, chunk in found:
        marks = chunk.phonemes
        assert all(one.end == pytest.approx(other.start) for one, other in pairwise(marks))
        assert start <= marks[0].start <= start + 0.2
        assert end - 0.1 <= marks[-1].end <= end + 1e-6
        lead, tail = marks[0].start - start, end - marks[-1].end
        assert lead + sum(mark.end - mark.start for mark in marks) + tail == pytest.approx(end - start)
        for word in chunk.words:
            assert marks[0].start <= word.start < word.end <= marks[-1].end
    assert [word.text for word in found[1][2].words] == ["It", "costs", "three", "dollars", "and", "fifty", "cents"]
