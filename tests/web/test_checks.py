"""What examples/web checks, in Node, against the SDK: the mark in a sound, and a spoken consent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from alike import WEB, require_alike, spoken

from parrotlet import Parrotlet
from parrotlet.audio import SYNTHETIC, resample
from parrotlet.bundle import DEFAULT
from parrotlet.challenge import AGREEMENT, Challenge, later
from parrotlet.consent import LIMITS, SpokenConsent
from parrotlet.consent_words import WORDS
from parrotlet.encoding import write_audio
from parrotlet.errors import ConsentError
from parrotlet.marksearch import find_mark
from parrotlet.vault import KeyFile, ProfileStore
from parrotlet.watermark import Watermark, marked

SDK = Path(__file__).parents[2] / "sdk/parrotlet"
NOW = "2026-11-29T10:00:00Z"
SCORES = ("sentence_score", "word_scores", "word_margins", "take_background_db", "take_level_db", "take_snr_db")
REASONS = ("sound like the person", "later than 120 s", "longer than the time", "background", "digital silence")
RELEASED = sorted((Path(__file__).parents[1] / "vectors/profiles").glob("*.voice"))
RELEASED_KEY = f"parrotlet-key-1 {bytes(range(100, 132)).hex()}\n"
KINDS = ("wav", "flac", "mp3", "opus", "ogg")
KEY = bytes(range(16))
TEXT = (
    "The weather was calm this morning, so we walked along the river and counted the boats that came by. Nobody said "
    "much, but everyone seemed happy enough."
)
Sounds = dict[str, tuple[np.ndarray, int, bytes | None]]
Made = dict[str, Any]


def fixed(*words: str) -> Challenge:
    """A challenge whose words are not drawn, so that a test has one outcome."""
    asked = f"My words are {words[0]} {words[1]}, and {words[2]} {words[3]}."
    return Challenge(f"{AGREEMENT} {asked}", words, "0" * 32, NOW)


SHOWN, OTHER = fixed("dolphin", "umbrella", "marigold", "telescope"), fixed("pineapple", "cathedral", "badger", "tulip")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checks")


@pytest.fixture(scope="module")
def sounds(bird: Parrotlet) -> Sounds:
    """Speech without a mark and with several, at other rates and speeds."""
    rate = bird.sample_rate
    plain = np.concatenate([chunk.samples for chunk in Parrotlet(bird.bundle, watermark=None).speak(TEXT, "jay")])
    said, keyed = marked(plain, rate, Watermark(4711)), marked(plain, rate, Watermark(4711, KEY))
    parts = np.concatenate([plain[: 6 * rate], said[: 4 * rate], plain[: 4 * rate]])
    faster = resample(said, 101 * rate // 100, rate)
    return {
        "plain": (plain, rate, None),
        "marked": (said, rate, None),
        "in parts": (parts, rate, None),
        "keyed": (keyed, rate, KEY),
        "unread": (keyed, rate, None),
        "faster": (faster, rate, None),
        "resampled": (resample(said, rate, 44100), 44100, None),
        "long": (np.concatenate([plain] * 8 + [said]), rate, None),
        "short": (said[: rate // 2], rate, None),
    }


@pytest.fixture(scope="module")
def takes(bird: Parrotlet) -> dict[str, np.ndarray]:
    """Answers to the challenge SHOWN, in the voice of the recordings "woman"."""
    name = next(p.name for p in bird.presets.values() if p.description.startswith("woman"))
    speech = np.concatenate([c.samples for c in bird.speak(SHOWN.sentence, bird.presets[name].profile)])
    speech = np.pad(speech, 6000)
    random, half = np.random.default_rng(5), len(speech) // 2
    level = np.concatenate([np.full(half, 1e-5), np.full(len(speech) - half, 3e-3)])
    noise = random.standard_normal(len(speech)).astype(np.float32)
    gated = speech + np.float32(0.0005) * noise
    gated[half : half + 2400] = 0
    return {
        "good": speech + np.float32(0.0005) * noise,
        "two rooms": (speech + level * noise).astype(np.float32),
        "gated": gated,
        "brief": (speech + np.float32(0.0005) * noise)[: 2 * bird.sample_rate],
    }


@pytest.fixture(scope="module")
def consents(takes: dict[str, np.ndarray], recordings: dict[str, list[Path]]) -> list[tuple[Challenge, str, str, str]]:
    """Challenge, take, time of the answer, and whose recordings."""
    return [
        (SHOWN, "good", later(NOW, 30), "woman"),
        (SHOWN, "good", later(NOW, 30), "man"),
        (OTHER, "good", later(NOW, 30), "woman"),
        (SHOWN, "good", later(NOW, 121), "woman"),
        (SHOWN, "good", later(NOW, 3), "woman"),
        (SHOWN, "two rooms", later(NOW, 30), "woman"),
        (SHOWN, "gated", later(NOW, 30), "woman"),
        (SHOWN, "brief", later(NOW, 30), "woman"),
    ]


def noted(path: Path, bird: Parrotlet) -> Path:
    """A file of speech that says of itself that it is synthetic."""
    write_audio(path, bird.speak("Yes.", "robin"), bird.sample_rate)
    return path


@pytest.fixture(scope="module")
def made(
    folder: Path,
    sounds: Sounds,
    takes: dict[str, np.ndarray],
    consents: list[tuple[Challenge, str, str, str]],
    recordings: dict[str, list[Path]],
    bird: Parrotlet,
) -> Made:
    if not (WEB / "node_modules/onnxruntime-web").exists() or shutil.which("node") is None:
        pytest.skip("needs Node and onnxruntime-web: npm install --prefix examples/web")
    export = pytest.importorskip("parrotlet_compression.g2p.export_rules")
    export.write_rules(folder / "rules.bin")
    for name, (samples, rate, _) in sounds.items():
        soundfile.write(folder / f"{name}.wav", samples, rate, subtype="FLOAT")
    for name, take in takes.items():
        soundfile.write(folder / f"{name}.wav", take, bird.sample_rate, subtype="FLOAT")
    settings = {
        "bundle": str(DEFAULT),
        "text": str(SDK / "text/en/data"),
        "rules": str(folder),
        "table": str(SDK / "watermark.npz"),
        "sounds": [
            {"file": str(folder / f"{name}.wav"), "key": key and key.hex()} for name, (_, _, key) in sounds.items()
        ],
        "said": TEXT,
        "released": {"key": RELEASED_KEY, "text": "The boats come back.", "files": [str(path) for path in RELEASED]},
        "noted": [str(noted(folder / f"noted.{kind}", bird)) for kind in KINDS] + [str(recordings["woman"][0])],
        "out": str(folder),
        "consents": [
            {
                "challenge": asdict(challenge),
                "take": str(folder / f"{take}.wav"),
                "answeredAt": answered_at,
                "recordings": [str(path) for path in recordings[kind]],
            }
            for challenge, take, answered_at, kind in consents
        ],
    }
    command = ["node", Path(__file__).with_name("checks_driver.mjs"), json.dumps(settings)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    result: Made = json.loads(run.stdout)
    return result


def test_marks_are_found_as_by_python(made: Made, sounds: Sounds) -> None:
    for (name, (samples, rate, key)), theirs in zip(sounds.items(), made["marks"], strict=True):
        ours = find_mark(samples, rate, key)
        assert theirs["marked"] == ours.marked, name
        assert theirs["z"] == pytest.approx(ours.z, abs=0.3), name
        assert theirs["speed"] == ours.speed or not ours.marked, name
        segments = np.array(theirs["segments"]).reshape(-1), np.array(ours.segments).reshape(-1)
        assert segments[0].shape == segments[1].shape and np.abs(segments[0] - segments[1]).max(initial=0) < 0.1, name
        assert theirs["payload"] == ours.as_dict()["payload"], name
    found = dict(zip(sounds, made["marks"], strict=True))
    assert [name for name, one in found.items() if not one["marked"]] == ["plain", "short"]
    assert found["keyed"]["payload"] == {"format": 1, "integrator": 4711, "keyed": True}
    assert found["unread"]["payload"] is None
    assert made["shortKey"]["name"] == "UsageError"


def test_what_a_file_says_of_itself_is_read(made: Made) -> None:
    assert made["notes"] == [SYNTHETIC] * len(KINDS) + [None]


def test_a_number_of_ones_own_is_spoken(made: Made) -> None:
    assert made["own"]["payload"] == {"format": 1, "integrator": 77, "keyed": False}


def test_consents_are_judged_as_by_python(
    made: Made,
    takes: dict[str, np.ndarray],
    consents: list[tuple[Challenge, str, str, str]],
    recordings: dict[str, list[Path]],
    bird: Parrotlet,
) -> None:
    for (challenge, take, answered_at, kind), theirs in zip(consents, made["made"], strict=True):
        answer = SpokenConsent(challenge, (takes[take], bird.sample_rate), "Anna", answered_at)
        try:
            record = bird.enroll(recordings[kind], consent=answer).consent
        except ConsentError as error:
            assert theirs == {"name": "ConsentError", "message": str(error)}, (take, kind)
            continue
        assert record is not None
        ours = {**{key: value for key, value in asdict(record).items() if key != "further"}, **record.further}
        assert set(theirs) == set(ours)
        for key in ("text", "given_at", "speaker", "method", "words", "asked_at", "nonce", "recording_sha256"):
            assert theirs[key] == ours[key], key
        for key in SCORES:
            first, second = (np.array(one[key].split(), float) for one in (theirs, ours))
            assert np.abs(first - second).max() < 0.1, key
        assert float(theirs["person_score"]) == pytest.approx(float(ours["person_score"]), abs=0.3)
    refused = [one["message"] for one in made["made"] if "message" in one]
    for reason in REASONS:
        assert sum(reason in message for message in refused) == 1, reason
    assert len(refused) == len(consents) - 1


@pytest.mark.filterwarnings("ignore:.*enrolled again")
@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_a_profile_of_every_release_speaks(
    made: Made, released: Path, folder: Path, tmp_path: Path, bird: Parrotlet
) -> None:
    (tmp_path / "key").write_text(RELEASED_KEY)
    (tmp_path / "key").chmod(0o600)
    store = ProfileStore.open(tmp_path / "store", key=KeyFile(tmp_path / "key"))
    store.import_(released, key=KeyFile(tmp_path / "key"), name="early")
    theirs = soundfile.read(folder / f"{released.name}.wav")[0]
    require_alike(spoken(bird, "The boats come back.", store.load("early")), theirs)


def test_a_bundle_that_requires_consent(made: Made) -> None:
    for policy in ("machine", "always"):
        own, spoken, preset = made["voiced"][policy]
        assert own["name"] == "ConsentRequired" and "spoken consent" in own["message"]
        assert spoken == preset == "nothing"


def test_the_same_scores_are_asked_for() -> None:
    source = (WEB / "consent.js").read_text()
    numbers = {name: r"const LIMITS = {.*\b" + name + r": ([-\d.]+)" for name in asdict(LIMITS)}
    lists = {"person": r"const PERSON = \[(.*)\]", "snr_db": r"const SNR_DB = \[(.*)\]"}
    for name, wanted in asdict(LIMITS).items():
        found = re.search(lists.get(name, numbers[name]), source)
        assert found is not None, name
        theirs = tuple(map(float, found[1].split(",")))
        assert theirs == (wanted if name in lists else (wanted,)), name


def test_challenges(made: Made) -> None:
    assert tuple(made["words"]) == WORDS
    assert len({tuple(one["words"]) for one in made["drawn"]}) == len(made["drawn"])
    for one in made["drawn"]:
        challenge = Challenge.from_json(json.dumps(one))
        first, second, third, fourth = challenge.words
        assert challenge.sentence == f"{AGREEMENT} My words are {first} {second}, and {third} {fourth}."
        assert len(set(challenge.words)) == 4 and set(challenge.words) <= set(WORDS)
    assert made["bounds"] == ["UsageError"] * 4
