"""Questions rise: the rule, and what is heard of it in a preset and in a clone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parrotlet import Parrotlet, VoiceProfile, intonation
from parrotlet.pitch import estimate_f0
from parrotlet.text import TextFrontEnd

PAIRS = [
    ("Is it an apple?", "It is an apple."),
    ("Are you coming home?", "You are coming home."),
    ("Do you want some more coffee?", "You want some more coffee."),
    ("Really?", "Really."),
    ("You are leaving?", "You are leaving."),
    ("Did she call again?", "She called again."),
    ("Can we go now?", "We can go now."),
    ("Have they seen the river?", "They have seen the river."),
    ("It will rain tomorrow?", "It will rain tomorrow."),
    ("Was the door open all day?", "The door was open all day."),
]
RISING = [question for question, _ in PAIRS] + [
    "And are you well?",
    "You said what?",
    "When you come home, do you eat?",
    "It is cold, isn't it?",
    "Do you know where it is?",
]
FALLING = [
    "Where are you going?",
    "So what's the matter?",
    "With whom did you speak?",
    "If it rains, what do you do?",
    "Would you like tea, coffee, or water?",
    "Why?",
    "It is an apple.",
    "Stop!",
]


@pytest.fixture(scope="module")
def front_end() -> TextFrontEnd:
    return TextFrontEnd()


@pytest.fixture(scope="module", params=["robin", "finch", "clone"])
def voice(request: pytest.FixtureRequest, bird: Parrotlet, recordings: dict[str, list[Path]]) -> VoiceProfile:
    if request.param == "clone":
        return bird.enroll(recordings["man"])
    return bird.presets[request.param].profile


@pytest.mark.parametrize("text", RISING)
def test_questions_for_yes_or_no_and_echoes_rise(front_end: TextFrontEnd, text: str) -> None:
    assert intonation.rises(list(front_end.sentences(text))[-1])


@pytest.mark.parametrize("text", FALLING)
def test_other_questions_and_statements_do_not(front_end: TextFrontEnd, text: str) -> None:
    assert not intonation.rises(list(front_end.sentences(text))[-1])


def final_pitch(bird: Parrotlet, text: str, voice: VoiceProfile) -> float:
    """Of the last 100 ms that are voiced: the median of the contour that is spoken, in semitones."""
    (utterance,) = bird._text.sentences(text)
    f0 = bird._model._intoned(utterance, bird.voice(voice), 1.0, 0.0).f0
    return float(12 * np.log2(np.median(f0[f0 > 0][-8:])))


def test_questions_end_higher_than_statements(bird: Parrotlet, voice: VoiceProfile) -> None:
    steps = [final_pitch(bird, question, voice) - final_pitch(bird, said, voice) for question, said in PAIRS]
    assert min(steps) >= 2, steps


def test_the_rise_is_heard(bird: Parrotlet, voice: VoiceProfile) -> None:
    def end_above_median(text: str) -> float:
        """Semitones: the end of what is voiced in the samples, against the median that the model predicts."""
        heard = estimate_f0(np.concatenate([chunk.samples for chunk in bird.speak(text, voice)]), bird.sample_rate)
        predicted = bird.acoustics(bird.phonemize(text), voice).f0
        return float(12 * np.log2(np.median(heard[heard > 0][-8:]) / np.median(predicted[predicted > 0])))

    ends = [end_above_median(question) for question, _ in PAIRS]
    assert np.median(ends) > 2, ends
    assert end_above_median("Where are you going?") < 0


def test_the_contour_is_smooth_and_ends_high() -> None:
    f0 = np.where(np.arange(100) < 90, np.linspace(150, 90, 100), 0).astype(np.float32)
    up = intonation.lift("ɪz ɪt ən ˈæpᵊl?", np.array([10, *[6] * 15]), f0, 80.0)
    assert up[:50].max() == 0
    assert np.abs(np.diff(up)).max() < 0.8
    raised = intonation.raised(f0, up)
    assert 12 * np.log2(raised[89] / np.median(f0[:90])) == pytest.approx(intonation.ABOVE, abs=0.05)
    assert np.diff(raised[75:90]).min() > -0.5
    assert not raised[90:].any()
    assert not intonation.lift("s?", np.array([3, 3, 3]), np.zeros(9, np.float32), 80.0).any()


def test_words_before_the_rise_stay_as_they_are(bird: Parrotlet) -> None:
    voice = bird.presets["robin"].profile
    (utterance,) = bird._text.sentences("Do you think that the boats will come back in the morning?")
    plain, risen = (
        bird.acoustics(utterance.phonemes, voice),
        bird._model._intoned(utterance, bird.voice(voice), 1.0, 0.0),
    )
    same = len(plain.f0) // 2
    assert np.array_equal(plain.f0[:same], risen.f0[:same])
    assert np.array_equal(plain.mel[:same], risen.mel[:same])
    assert np.array_equal(plain.durations, risen.durations)
    assert not np.array_equal(plain.mel, risen.mel)


@pytest.mark.parametrize("size", [1, 3, 50])
def test_it_is_the_same_however_the_text_comes(bird: Parrotlet, size: int) -> None:
    text = "It rains. Do you want to stay at home with us this evening, or will you leave? Really? Where is it?"
    voice = bird.presets["finch"].profile

    def pieces() -> Iterator[str]:
        yield from (text[at : at + size] for at in range(0, len(text), size))

    made = np.concatenate([chunk.samples for chunk in bird.speak(pieces(), voice)])
    assert np.array_equal(made, np.concatenate([chunk.samples for chunk in bird.speak(iter([text]), voice)]))
