"""The page of examples/web in a real browser: what a person does there, and what the SDK makes of the same profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from alike import build, driven, require_alike, require_chromium, require_packages, spoken

from parrotlet import Parrotlet, VoiceProfile
from parrotlet.vault import Passphrase, ProfileStore

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests/vectors/enroll-v1.wav"
SECRET = "vier kleine Wörter"
TEXT = "The birch canoe slid on the smooth planks. Is the time 7:45?"
Made = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def site(folder: Path) -> Path:
    """The built folder."""
    require_packages("onnxruntime-web", "@noble/hashes", "playwright-core", "axe-core")
    built = folder / "built" / "parrotlet"
    build(built)
    return built


@pytest.fixture(scope="module")
def made(folder: Path, site: Path, bird: Parrotlet) -> Made:
    """What came of an hour at the page, done in a minute."""
    require_chromium()
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    soundfile.write(folder / "mic.wav", np.tile(samples, 3), rate)
    soundfile.write(folder / "quiet.wav", np.random.default_rng(0).normal(0, 1e-4, 3 * rate), rate)
    store = ProfileStore.open(folder / "store", Passphrase(SECRET, log_n=12))
    with pytest.warns(match=r"only 4\.0 s of speech"):
        store.save("grace", bird.enroll(RECORDING))
    store.export("grace", folder / "grace.voice", key=Passphrase(SECRET))
    settings = {
        "site": str(site),
        "out": str(folder),
        "python": sys.executable,
        "mic": str(folder / "mic.wav"),
        "quiet": str(folder / "quiet.wav"),
        "exported": str(folder / "grace.voice"),
        "secret": SECRET,
        "text": TEXT,
    }
    return driven("page_driver.mjs", settings)


def opened(folder: Path, name: str) -> VoiceProfile:
    store = ProfileStore.open(folder / f"store-{name}", Passphrase(SECRET, log_n=12))
    store.import_(folder / f"{name}.voice", key=Passphrase(SECRET), replace=True)
    return store.load(name)


def test_the_first_sound_needs_no_microphone(made: Made) -> None:
    assert made["preset_words"][:3] == ["Hello", "This", "is"]
    assert "times as fast" in made["measured"]


def test_first_load_is_small(made: Made) -> None:
    assert made["sent"] < 30e6


def test_stop_stops(made: Made) -> None:
    assert made["stopped"] == "Stopped."
    assert made["words_after_stop"] == 0


def test_what_cannot_be_said_is_explained(made: Made) -> None:
    assert "write a pause like [[pause 300ms]]" in made["speak_error"]


def test_by_keyboard(made: Made) -> None:
    assert made["by_keyboard"] == ["Yes"]
    assert made["speed_text"] == "1.25 ×"


def test_speed_and_pitch(made: Made, folder: Path, bird: Parrotlet) -> None:
    assert made["pitch_text"] == "+5 semitones"
    assert made["likeness_of_presets"] is True
    require_alike(spoken(bird, TEXT, "robin", speed=1.25, pitch=5), soundfile.read(folder / "faster.wav")[0])


def test_likeness(made: Made, folder: Path, bird: Parrotlet) -> None:
    assert made["likeness_text"] == "20 %"
    ours = spoken(bird, TEXT, bird.voice(opened(folder, "ada"), likeness=0.2))
    require_alike(ours, soundfile.read(folder / "less.wav")[0])


def test_a_bad_recording_is_explained(made: Made) -> None:
    assert ":" in made["problem"] and ("closer" in made["problem"] or "quieter" in made["problem"])
    assert made["takes_after_removal"] == 0
    assert made["not_audio"].startswith("Notes.txt: not a recording")
    assert made["nothing_recorded"] == "Record something first."
    assert made["no_microphone"].startswith("No microphone: Permission denied. Allow it")


def test_enrollment(made: Made) -> None:
    assert "s of speech" in made["take"]
    assert "“ada” is made and sealed" in made["enrolled"]
    assert (made["secret_shown"], made["secret_after"]) == ("text", "")
    assert made["chosen"] == "ada"


def test_wrong_passphrase(made: Made) -> None:
    assert made["wrong_passphrase"].startswith("Cannot unlock the profile: the key is wrong or the file was changed")


def test_python_speaks_a_profile_of_the_page(made: Made, folder: Path, bird: Parrotlet) -> None:
    profile = opened(folder, "ada")
    assert profile.consent is not None and profile.consent.method == "web"
    samples, rate = soundfile.read(folder / "page.wav")
    assert rate == bird.sample_rate
    require_alike(spoken(bird, TEXT, profile), samples)


def test_the_page_speaks_a_profile_of_python(made: Made, folder: Path, bird: Parrotlet) -> None:
    assert made["imported"].startswith("hopper")
    require_alike(spoken(bird, TEXT, opened(folder, "grace")), soundfile.read(folder / "imported.wav")[0])


def test_what_cannot_be_imported_is_explained(made: Made) -> None:
    assert made["not_a_voice"] == "The file is not a voice profile."
    assert made["taken"].startswith('There is a profile "ada" already')


def test_deleted(made: Made) -> None:
    assert made["after_escape"].startswith("ada")
    assert made["after_delete"] == "None yet."


def test_a_half_replaced_folder_is_not_taken_in(made: Made) -> None:
    assert made["half_replaced"] == "redundant"
    assert made["half_title"].startswith("Clone your voice")


def test_a_new_version_takes_over(made: Made) -> None:
    assert made["later_title"].startswith("A later version.")
    assert made["later_kept"].startswith("hopper")
    assert len(made["shells"]) == 2  # one of the page, one of the model


def test_works_without_a_server(made: Made) -> None:
    assert made["offline_words"][:3] == ["Hello", "This", "is"]


def test_nothing_leaves(made: Made) -> None:
    origins = {url.split("/")[2] for url in made["requests"] if not url.startswith(("blob:", "data:"))}
    assert len(origins) == 1
    assert made["elsewhere_from_page"] == made["elsewhere_from_worker"] == "refused"
    assert made["own_from_worker"] == "answered"
    assert made["elsewhere_requests"] == 0


def test_accessible(made: Made) -> None:
    assert set(made["axe"]) == {"start", "dark", "recorded", "dialog", "voices"}
    assert not any(made["axe"].values()), made["axe"]


def test_nothing_is_wider_than_the_screen(made: Made) -> None:
    assert all(excess <= 0 for excess in made["sizes"].values()), made["sizes"]
