"""The sentences that the page of examples/web shows are read aloud, in Chromium; the voice learns from them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from alike import WEB, build, driven, require_alike, require_chromium, require_packages, spoken

from parrotlet import Parrotlet
from parrotlet.bundle import Bundle
from parrotlet.factors import Settings
from parrotlet.vault import Passphrase, ProfileStore

SECRET = "vier kleine Wörter"
TEXT = "The birch canoe slid on the smooth planks."
MISREAD = "Not the sentence as it stands."
Made = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reading")


@pytest.fixture(scope="module")
def shown() -> list[str]:
    """The sentences of the page to begin with, and the first of the bundle's others."""
    body = re.search(r"sentences = \[(.*?),\s*\];", (WEB / "page/texts.en.js").read_text(encoding="utf-8"), re.DOTALL)
    assert body is not None
    sentences: list[str] = json.loads(f"[{body[1]}]")
    return [*sentences, Bundle.load().prompts.read_on[0]]


@pytest.fixture(scope="module")
def made(folder: Path, shown: list[str], bird: Parrotlet, recordings: dict[str, list[Path]]) -> Made:
    require_packages("onnxruntime-web", "@noble/hashes", "playwright-core", "axe-core")
    require_chromium()
    site = folder / "built" / "parrotlet"
    build(site)
    woman = next(p.name for p in bird.presets.values() if p.description.startswith("woman"))
    random = np.random.default_rng(5)
    for number, sentence in enumerate(shown[:3]):
        said = np.pad(spoken(bird, sentence, woman), (12000, 5 * 24000))  # the room goes on
        soundfile.write(folder / f"{number}.wav", said + 5e-4 * random.standard_normal(len(said)), bird.sample_rate)
    settings = {
        "site": str(site),
        "out": str(folder),
        "python": sys.executable,
        "sentences": [str(folder / f"{number}.wav") for number in range(3)],
        "upload": str(recordings["woman"][0]),
        "secret": SECRET,
        "text": TEXT,
    }
    return driven("reading_driver.mjs", settings)


def test_a_sentence_after_the_other_is_read(made: Made, shown: list[str]) -> None:
    first, second, third, fourth = shown
    assert made["current"] == [[first], [first], [second], [third], [fourth], [third]]
    assert made["read"] == [[], [], [first], [first, second], shown[:3], [first, second]]
    assert made["shown"] == [3, 3, 3, 3, 4, 3]
    assert MISREAD in made["takes"][0]
    for take, sentence in zip(made["takes"][1:], shown[:3], strict=True):
        assert f"“{sentence}”" in take and MISREAD not in take


def test_a_file_needs_no_text(made: Made, shown: list[str]) -> None:
    assert "s of speech" in made["uploaded"] and MISREAD not in made["uploaded"] and "“" not in made["uploaded"]


def test_another_voice_speaks_meanwhile(made: Made) -> None:
    assert made["meanwhile"][0].split() == ["Yes"]
    assert made["meanwhile"][1] == "Making the voice…"
    assert made["axe"] == []
    assert made["progress_after"] is False


def test_the_next_person_begins_anew(made: Made, shown: list[str]) -> None:
    assert made["current_after"] == shown[:1]


def test_python_speaks_with_what_was_learned(made: Made, folder: Path, bird: Parrotlet) -> None:
    store = ProfileStore.open(folder / "store", Passphrase(SECRET, log_n=12))
    store.import_(folder / "ada.voice", key=Passphrase(SECRET))
    profile, settings = store.load("ada"), Settings.of(bird.bundle)
    assert settings is not None
    factors = profile.factors(settings.model)
    assert factors is not None and factors.shape == (settings.size,) and factors.any()
    # Of this voice INT8 rounds half of the pitch by 12 cents or more, also without what was learned.
    require_alike(spoken(bird, TEXT, profile), soundfile.read(folder / "page.wav")[0], cents=20)
