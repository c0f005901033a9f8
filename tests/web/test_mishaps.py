"""What goes wrong at the page of examples/web, in Chromium, and its checks: spoken consent, and the mark of a sound."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from alike import build, driven, require_chromium, require_packages

from parrotlet import Parrotlet
from parrotlet.challenge import AGREEMENT
from parrotlet.consent import is_spoken
from parrotlet.consent_words import WORDS
from parrotlet.vault import Passphrase, ProfileStore

VECTORS = Path(__file__).parents[1] / "vectors"
SECRET = "Übergröße パスワード 🦜 ﬁ"
DRAWN = ("dolphin", "umbrella", "marigold", "telescope")
SENTENCE = f"{AGREEMENT} My words are dolphin umbrella, and marigold telescope."
Made = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mishaps")


@pytest.fixture(scope="module")
def made(folder: Path, bird: Parrotlet, recordings: dict[str, list[Path]]) -> Made:
    require_packages("onnxruntime-web", "@noble/hashes", "playwright-core")
    require_chromium()
    site = folder / "built" / "parrotlet"
    build(site)
    woman = next(p.name for p in bird.presets.values() if p.description.startswith("woman"))
    said = np.concatenate([chunk.samples for chunk in bird.speak(SENTENCE, bird.presets[woman].profile)])
    said = np.pad(said, (24000, 5 * 24000))  # the room goes on
    noise = 0.0005 * np.random.default_rng(5).standard_normal(len(said)).astype(np.float32)
    soundfile.write(folder / "answer.wav", said + noise, bird.sample_rate)
    store = ProfileStore.open(folder / "store", Passphrase(SECRET, log_n=12))
    store.save("grace", bird.enroll(recordings["woman"]))
    store.export("grace", folder / "grace.voice", key=Passphrase(SECRET))
    settings = {
        "site": str(site),
        "out": str(folder),
        "python": sys.executable,
        "mic": str(VECTORS / "enroll-v1.wav"),
        "answer": str(folder / "answer.wav"),
        "real": str(VECTORS / "enroll-v1.wav"),
        "keyed": str(VECTORS / "profiles/parrotlet-en-11.voice"),
        "exported": str(folder / "grace.voice"),
        "recordings": [str(path) for path in recordings["woman"]],
        "words": [WORDS.index(word) for word in DRAWN],
        "secret": unicodedata.normalize("NFD", SECRET),
    }
    return driven("mishaps_driver.mjs", settings)


def test_a_microphone_asked_for_twice_is_taken_once(made: Made) -> None:
    assert made["asked_twice"] == ["", "Agree aloud"]


def test_an_unplugged_microphone_ends_the_recording(made: Made) -> None:
    assert made["unplugged"] == "The microphone went away. What it heard until then is kept."
    assert made["kept"].startswith("Recording 1")
    assert made["record_again"] == "Record"


def test_recordings_count_together(made: Made) -> None:
    """Each of two has five seconds, half of what is asked for."""
    assert made["good"] == 2


def test_other_words_than_the_shown_ones_are_no_consent(made: Made) -> None:
    assert made["other_words"].startswith("Consent: ")
    assert "was not heard" in made["other_words"] or "not the sentence" in made["other_words"]


def test_a_spoken_consent_is_kept_under_a_passphrase_in_any_unicode_form(made: Made, folder: Path) -> None:
    assert made["sentence"] == SENTENCE
    assert made["while_agreeing"] == ["Stop the recording first.", "Record"]
    assert made["with_consent"].startswith("anna") and "with spoken consent" in made["with_consent"]
    store = ProfileStore.open(folder / "imported", Passphrase(SECRET, log_n=12))
    store.import_(folder / "anna.voice", key=Passphrase(SECRET))
    record = store.load("anna").consent
    assert record is not None and is_spoken(record)
    assert (record.text, record.speaker) == (SENTENCE, "anna")


def test_a_voice_is_made_while_another_speaks(made: Made) -> None:
    said, *errors = made["together"]
    assert said.split() == "This is said while a voice is made It has two sentences".split()
    assert errors == ["", ""]


def test_a_sound_is_checked_for_the_mark(made: Made) -> None:
    spoken, real = made["marks"]
    assert spoken.startswith("spoken.wav: synthetic speech, marked by Parrotlet from 0.0 to ")
    assert spoken.endswith("The file says of itself: “Synthetic speech made with parrotlet (trainedAlgorithmicMedia)”")
    assert real.startswith("enroll-v1.wav: no mark in ") and real.endswith("The file says nothing of how it was made.")
    assert made["not_a_sound"].startswith("Notes.txt: not a recording")


def test_files_that_are_no_profiles_are_explained(made: Made) -> None:
    assert made["imports"]["large"] == "The file is too large to be a voice profile."
    assert made["imports"]["cut"].startswith("Not a valid voice profile: its length does not fit")
    assert made["imports"]["damaged"].startswith("Cannot unlock the profile")
    assert "export it again with a passphrase" in made["imports"]["keyed"]


def test_a_long_text_is_made_as_it_is_heard(made: Made) -> None:
    """Of 100 kB, no more than what is heard next."""
    assert 6 <= made["long"] < 400


def test_two_tabs(made: Made) -> None:
    before, after = made["tabs"]
    assert "second" in before and after == [name for name in before if name != "second"]
    assert made["deleted_there"] == 0
    assert [said.split() for said in made["both"]] == [["Both", "tabs", "speak"]] * 2


def test_a_browser_that_keeps_nothing(made: Made) -> None:
    assert made["state"] == "Ready"
    assert made["refused"].startswith("This browser keeps nothing for this page.")
    assert made["refused_words"].split() == ["Nothing", "is", "kept"]
