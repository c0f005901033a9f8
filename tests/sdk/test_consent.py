"""Spoken consent: the protocol, the words, one take, and what a record says. Attacks are tests here."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from parrotlet import ConsentRecord, Parrotlet
from parrotlet.challenge import AGREEMENT, Challenge, Challenges, consent_challenge, later
from parrotlet.consent import LIMITS, Scores, SpokenConsent, is_spoken, problem
from parrotlet.consent_words import WORDS
from parrotlet.errors import ConsentError, UsageError
from parrotlet.one_take import Continuity, continuity
from parrotlet.recognizer import align, free_path, heard
from parrotlet.spoken_words import Sentence, WordScores, spotted
from parrotlet.text import TextFrontEnd

NOW = "2026-11-29T10:00:00Z"


def test_a_challenge_is_drawn_at_random_with_32_bits() -> None:
    first, second = consent_challenge(now=NOW), consent_challenge(now=NOW)
    assert first.nonce != second.nonce
    assert first.words != second.words
    assert len(WORDS) == len(set(WORDS)) == 256
    assert math.floor(first.bits) == 31
    assert all(word in first.sentence for word in first.words)
    assert Challenge.from_json(first.to_json()) == first


def test_the_words_of_a_challenge_differ_in_what_is_heard() -> None:
    text = TextFrontEnd()
    sounds = ["".join(s for s in text.phonemize(word) if s.isalpha() and s not in "ˈˌ") for word in WORDS]
    assert min(map(len, sounds)) >= 5
    assert len(set(sounds)) == len(WORDS)


def test_a_challenge_is_answered_once() -> None:
    book = Challenges(most=2)
    first, second = book.make(), book.make()
    assert book.redeem(first.nonce) == first
    with pytest.raises(ConsentError, match="answered before"):
        book.redeem(first.nonce)
    book.make()
    book.make()
    with pytest.raises(ConsentError, match="never shown"):
        book.redeem(second.nonce)


def test_a_challenge_is_answered_soon_and_not_before_it_was_made() -> None:
    challenge = consent_challenge(now=NOW)
    challenge.require_timely(later(NOW, 60), 8)
    with pytest.raises(ConsentError, match="later than 120 s"):
        challenge.require_timely(later(NOW, 121), 8)
    with pytest.raises(ConsentError, match="longer than the time"):
        challenge.require_timely(later(NOW, 3), 8)  # an older recording


@pytest.mark.parametrize("damage", [{"words": ["x"]}, {"made_at": "now"}, {"nonce": 1}, {"within_s": "2"}])
def test_a_damaged_challenge_is_refused(damage: dict[str, object]) -> None:
    text = json.dumps({**json.loads(consent_challenge().to_json()), **damage})
    with pytest.raises(ConsentError, match="new sentence"):
        Challenge.from_json(text)


def test_a_part_of_a_word_is_not_a_word_of_the_sentence() -> None:
    value = json.loads(consent_challenge().to_json())
    with pytest.raises(ConsentError, match="new sentence"):
        Challenge.from_json(json.dumps({**value, "words": [value["words"][0][:-1]]}))


def test_challenges_out_of_bounds_are_refused() -> None:
    for wrong in ({"words": 1}, {"within_s": 5}, {"agreement": " "}, {"agreement": "a" * 301}):
        with pytest.raises(UsageError):
            consent_challenge(**wrong)  # type: ignore[arg-type]


def test_random_words_are_found_in_the_sentence() -> None:
    text = TextFrontEnd()
    challenge = consent_challenge()
    sentence = Sentence.of(challenge.sentence, text)
    places = sentence.places(challenge.words)
    assert [sentence.phonemes[a:b] for a, b in places] == [
        sentence.phonemes[first:last] for word, first, last in sentence.words if word in challenge.words
    ]


def _said(text: str, frames: int = 4) -> np.ndarray:
    """Log posteriors over silence, a, b and c of a text that is certainly said."""
    rows = np.repeat(["-abc".index(letter) for letter in text], frames)
    made = np.full((len(rows), 4), np.log(0.01), np.float32)
    made[np.arange(len(rows)), rows] = np.log(0.97)
    return made


def test_a_string_is_aligned_where_it_is_said() -> None:
    made = align(_said("-ab-c-"), "ˈab c.", "abc")
    assert made.start.tolist() == [4, 4, 8, 12, 16, 20]
    assert made.end.tolist() == [4, 8, 12, 16, 20, 20]
    np.testing.assert_allclose(made.forced, made.free)
    other = align(_said("-ab-c-"), "ˈbb c.", "abc")
    assert other.ratio(1, 3) < -1
    assert heard(_said("-ab-c-"), "abc") == "abc"
    assert free_path(_said("-ab-")).tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [0] * 4


def test_a_word_fits_its_place_better_than_others() -> None:
    relative = _said("-ab-") - _said("-ab-").max(axis=1, keepdims=True)
    own, swapped, longer = spotted(relative, [[1, 2], [2, 1], [1, 2, 3]])
    assert own > swapped
    assert own > longer


def _room(seconds: float, level: float, seed: int, rate: int = 24000) -> np.ndarray:
    """Bursts of a buzz in noise of a level."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    buzz = 0.2 * np.sign(np.sin(2 * np.pi * 130 * time)) * (np.sin(2 * np.pi * 1.3 * time) > 0)
    return np.asarray(buzz + level * random.standard_normal(len(time)), np.float32)


def test_one_take_is_continuous_and_splices_of_two_rooms_are_not() -> None:
    take = continuity(_room(6, 1e-3, 0), 24000)
    assert take.background_db < LIMITS.background_db
    assert take.dead_s < LIMITS.dead_s
    splice = continuity(np.concatenate([_room(3, 1e-4, 1), _room(3, 3e-3, 2)]), 24000)
    assert splice.background_db > LIMITS.background_db
    gated = _room(6, 1e-3, 3)
    gated[72000:78000] = 0
    assert continuity(gated, 24000).dead_s > LIMITS.dead_s


def test_every_check_refuses_by_itself() -> None:
    words = WordScores(-0.1, (-0.1, -0.1), (9.0, 9.0))
    good = Scores(words, 9.0, Continuity(3.0, 3.0, 0.0, 1.0, 40.0))
    assert problem(good, ("amber", "velvet")) is None
    wrong = {
        "sentence that was shown": Scores(WordScores(-9, (-0.1, -0.1), (9, 9)), 9, good.take),
        "'velvet' was not heard": Scores(WordScores(-0.1, (-0.1, -9), (9, -9)), 9, good.take),
        "'amber' was not heard": Scores(WordScores(-0.1, (-0.1, -0.1), (-9, 9)), 9, good.take),
        "too noisy to tell": Scores(words, 9.0, Continuity(3.0, 3.0, 0.0, 1.0, 8.0)),
        "sound like the person": Scores(words, -9.0, good.take),
        "background changes": Scores(words, 9.0, Continuity(30.0, 3.0, 0.0, 1.0, 40.0)),
        "level changes": Scores(words, 9.0, Continuity(3.0, 30.0, 0.0, 1.0, 40.0)),
        "digital silence": Scores(words, 9.0, Continuity(3.0, 3.0, 1.0, 1.0, 40.0)),
    }
    for reason, scores in wrong.items():
        assert reason in str(problem(scores, ("amber", "velvet")))


def fixed(*words: str) -> Challenge:
    """A challenge whose words are not drawn, so that a test has one outcome."""
    asked = f"My words are {words[0]} {words[1]}, and {words[2]} {words[3]}."
    return Challenge(f"{AGREEMENT} {asked}", words, "0" * 32, NOW)


@pytest.fixture(scope="module")
def spoken(bird: Parrotlet) -> tuple[Challenge, tuple[np.ndarray, int]]:
    """A challenge and a take of the voice of the recordings "woman"."""
    challenge = fixed("dolphin", "umbrella", "marigold", "telescope")
    name = next(p.name for p in bird.presets.values() if p.description.startswith("woman"))
    speech = np.concatenate([c.samples for c in bird.speak(challenge.sentence, bird.presets[name].profile)])
    speech = np.pad(speech, 6000)
    noise = 0.0005 * np.random.default_rng(5).standard_normal(len(speech)).astype(np.float32)
    return challenge, (speech + noise, bird.sample_rate)


def test_a_spoken_consent_is_recorded(
    bird: Parrotlet, recordings: dict[str, list[Path]], spoken: tuple[Challenge, tuple[np.ndarray, int]]
) -> None:
    challenge, take = spoken
    consent = SpokenConsent(challenge, take, "Anna", later(NOW, 30))
    profile = bird.enroll(recordings["woman"], consent=consent)
    record = profile.consent
    assert record is not None
    assert is_spoken(record)
    assert (record.text, record.speaker, record.given_at) == (challenge.sentence, "Anna", later(NOW, 30))
    assert record.further["nonce"] == challenge.nonce
    assert float(record.further["person_score"]) >= LIMITS.person[-1]
    assert len(record.recording_sha256) == 64


def test_a_consent_by_another_voice_is_refused(
    bird: Parrotlet, recordings: dict[str, list[Path]], spoken: tuple[Challenge, tuple[np.ndarray, int]]
) -> None:
    challenge, take = spoken
    with pytest.raises(ConsentError, match="sound like the person"):
        bird.enroll(recordings["man"], consent=SpokenConsent(challenge, take, answered_at=later(NOW, 30)))


def test_an_earlier_consent_is_not_the_answer_to_a_new_sentence(
    bird: Parrotlet, recordings: dict[str, list[Path]], spoken: tuple[Challenge, tuple[np.ndarray, int]]
) -> None:
    earlier, take = spoken
    new = fixed("pineapple", "cathedral", "hedgehog", "symphony")
    assert not set(new.words) & set(earlier.words)
    with pytest.raises(ConsentError, match=r"was not heard|not the sentence"):
        bird.enroll(recordings["woman"], consent=SpokenConsent(new, take, answered_at=later(NOW, 30)))


def test_a_bundle_that_requires_consent_refuses_a_profile_without(
    bird: Parrotlet, recordings: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from parrotlet.errors import ConsentRequired

    profile = bird.enroll(recordings["woman"])
    monkeypatch.setitem(bird.bundle.manifest, "policy", {"require_consent": "machine"})
    bird.voice(profile)
    with pytest.raises(ConsentRequired, match="spoken consent"):
        bird.voice(replace(profile, foreign=True))
    monkeypatch.setitem(bird.bundle.manifest, "policy", {"require_consent": "always"})
    with pytest.raises(ConsentRequired, match="--consent"):
        bird.voice(profile)
    bird.voice(replace(profile, consent=ConsentRecord("I agree.", method="spoken/1")))
    bird.voice(next(iter(bird.presets)))


def test_one_word_that_is_said_indistinctly_is_forgiven() -> None:
    take = Continuity(3.0, 3.0, 0.0, 1.0, 40.0)
    indistinct = WordScores(-0.3, (-0.1,) * 4, (3.0, 2.5, 3.0, 0.2))
    assert problem(Scores(indistinct, 9.0, take), ("amber",) * 4) is None
    weak = WordScores(-0.8, (-0.1,) * 4, (1.0, 1.0, 1.0, 0.2))
    assert "was not heard" in str(problem(Scores(weak, 9.0, take), ("amber",) * 4))
