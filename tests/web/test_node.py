"""examples/web as a library in Node: the same reports, profiles, speech and errors as the SDK."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from alike import WEB, require_alike, spoken

from parrotlet import Parrotlet
from parrotlet.audio import resample
from parrotlet.bundle import DEFAULT
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.recording import RecordingWarning
from parrotlet.same_person import TABLE, comparison, voiceprint
from parrotlet.vault import Passphrase, ProfileStore

SECRET = "drei Wörter"
CASES: dict[str, dict[str, Any]] = {
    "plain": {"text": "Glue the sheet to the dark blue background.", "voice": "wren"},
    "slower": {"text": "Rice is often served in round bowls.", "voice": "kite", "speed": 0.8, "pitch": 2},
    "silence": {"text": "One. [[pause 700ms]] Two. Three, four.", "voice": "finch", "sentenceSilence": 1},
    "loud": {"text": "It's easy to tell the depth of a well.", "voice": "dove", "volume": 4},
    "question": {"text": "Would you like tea? Where is it?", "voice": "heron"},
    "own": {"text": "The juice of parrotlets makes fine punch.", "voice": "grace"},
}
ERRORS = {
    "preset": "UsageError",
    "speed": "UsageError",
    "seed": "UsageError",
    "text": "UsageError",
    "phonemes": "InputError",
    "pause": "InputError",
    "voice": "UsageError",
    "encoder": "WrongModelError",
    "shape": "ProfileFormatError",
    "silence": "InputError",
    "recording": "UsageError",
    "none": "InputError",
    "two": "InputError",
    "name": "UsageError",
    "taken": "ProfileExists",
    "missing": "ProfileNotFound",
    "key": "UnlockError",
    "changed": "UnlockError",
    "damaged": "ProfileFormatError",
    "expired": "ProfileExpired",
    "model": "WrongModelError",
    "address": "BundleError",
}
Made = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


@pytest.fixture(scope="module")
def files(folder: Path, recordings: dict[str, list[Path]], bird: Parrotlet) -> list[Path]:
    """Two recordings of a woman, one of a man; both together; one too quiet; one clipped; one of a telephone."""
    woman, man = (soundfile.read(recordings[kind][0], dtype="float32")[0] for kind in ("woman", "man"))
    made = {
        "both": np.concatenate([woman, man, woman]),
        "quiet": woman * np.float32(0.002),
        "clipped": np.clip(woman * 20, -1, 1),
    }
    for name, samples in made.items():
        soundfile.write(folder / f"{name}.wav", samples, bird.sample_rate)
    made["telephone"] = resample(woman, bird.sample_rate, 8000)
    soundfile.write(folder / "telephone.wav", made["telephone"], 8000)
    (folder / "own.txt").write_text("parrotlet\tpˈæɹətlət\n", encoding="utf-8")
    return [*recordings["woman"], recordings["man"][0], *(folder / f"{name}.wav" for name in made)]


@pytest.fixture(scope="module")
def made(folder: Path, files: list[Path], recordings: dict[str, list[Path]], bird: Parrotlet) -> Made:
    if not (WEB / "node_modules/onnxruntime-web").exists() or shutil.which("node") is None:
        pytest.skip("needs Node and onnxruntime-web: npm install --prefix examples/web")
    export = pytest.importorskip("parrotlet_compression.g2p.export_rules")
    export.write_rules(folder / "rules.bin")
    store = ProfileStore.open(folder / "voices", Passphrase(SECRET, log_n=12))
    store.save("grace", bird.enroll(recordings["woman"]))
    settings = {
        "bundle": str(DEFAULT),
        "text": str(Path(__file__).parents[2] / "sdk/parrotlet/text/en/data"),
        "rules": str(folder),
        "store": str(folder / "voices"),
        "recordings": [str(path) for path in files],
        "secret": SECRET,
        "cases": CASES,
        "table": str(TABLE),
        "out": str(folder),
    }
    command = ["node", Path(__file__).with_name("node_driver.mjs"), json.dumps(settings)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr
    result: Made = json.loads(run.stdout)
    return result


def test_reports(made: Made, files: list[Path], bird: Parrotlet) -> None:
    for path in files:
        ours, theirs = bird.examine(path)[0].as_dict(), made["reports"][str(path)]
        assert theirs["hint"] == ours["hint"] and theirs["advice"] == ours["advice"], path.name
        assert theirs["speech_s"] == pytest.approx(ours["speech_s"], abs=0.05)
        assert theirs["level_dbfs"] == pytest.approx(ours["level_dbfs"], abs=0.1)
        spans = np.array(ours["other_voice"]).reshape(-1), np.array(theirs["other_voice"]).reshape(-1)
        assert spans[0].shape == spans[1].shape and np.abs(spans[0] - spans[1]).max(initial=0) < 0.1, path.name
    problems = [made["reports"][str(path)]["problem"] for path in files]
    assert problems[:3] == [None, None, None]
    assert problems[3].startswith("two people speak: another voice from ")
    assert problems[4].startswith("too quiet") and problems[5].startswith("clipped")


def test_one_store_for_both(made: Made, folder: Path, bird: Parrotlet) -> None:
    assert made["listed"] == [[name, ["scrypt"]] for name in ("grace", "henry", "iris")]
    assert made["imported"] == "again"
    store = ProfileStore.open(folder / "voices", Passphrase(SECRET, log_n=12))
    grace, henry = store.load("grace"), store.load("henry")
    assert henry.likeness == 0.5
    assert float(grace.embedding @ henry.embedding) > 0.995
    assert henry.pitch.median_hz == pytest.approx(grace.pitch.median_hz, rel=0.01)
    ours, theirs = (profile.fitted(bird.bundle.model_sha256) for profile in (grace, henry))
    assert ours.map is not None and theirs.map is not None
    assert np.sqrt(np.mean((ours.map - theirs.map) ** 2) / np.mean(ours.map**2)) < 0.1


@pytest.mark.parametrize("name", CASES)
def test_speech(made: Made, folder: Path, bird: Parrotlet, name: str) -> None:
    case = dict(CASES[name])
    text, voice = case.pop("text"), case.pop("voice")
    if "sentenceSilence" in case:
        case["sentence_silence"] = case.pop("sentenceSilence")
    if voice == "grace":
        voice = ProfileStore.open(folder / "voices", Passphrase(SECRET, log_n=12)).load("grace")
    theirs = soundfile.read(folder / f"{name}.wav")[0]
    own = Parrotlet.load(lexicon=folder / "own.txt") if name == "own" else bird
    ours = spoken(own, text, voice, **case)
    require_alike(ours, theirs)
    assert np.abs(theirs).max() < 0.95
    pause = slice(-6000, None)  # after every text
    assert 10 * np.log10(np.mean(theirs[pause] ** 2) / np.mean(ours[pause] ** 2)) == pytest.approx(0, abs=6)


def test_one_person_or_two(made: Made, files: list[Path], bird: Parrotlet) -> None:
    with pytest.raises(InputError) as refused:
        bird.enroll(files[:3])
    assert made["refused"] == str(refused.value)
    prints = []
    for path in files[:3]:
        _, speech, f0 = bird._enroller.examine(path)
        mel = mel_spectrogram(resample(speech, 16000, 24000), MelConfig())
        prints.append(voiceprint(len(speech) / 16000, bird._enroller.speaker_embedding(speech), mel, f0))
    ours = comparison().log_odds(prints)
    assert np.abs(ours - made["odds"]).max() < 0.05
    assert ours[0, 1] > 2.25 and max(ours[0, 2], ours[1, 2]) < -1


def test_a_telephone_and_its_recording_are_kept_alike(
    made: Made, files: list[Path], folder: Path, bird: Parrotlet
) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", RecordingWarning)
        bird.enroll(files[:2])
        ours = bird.enroll(files[-1], keep_recording=True)
    assert made["warnings"] == [str(one.message) for one in seen if issubclass(one.category, RecordingWarning)]
    theirs = ProfileStore.open(folder / "voices", Passphrase(SECRET, log_n=12)).load("iris")
    for part in ("mean", "band_means"):
        first, second = (profile.tensors[f"spectrum.{part}"] for profile in (ours, theirs))
        assert np.abs(first - second).max() < 0.02, part
    kept = [soundfile.read(io.BytesIO(profile.tensors["recording.flac"].tobytes()))[0] for profile in (ours, theirs)]
    size = min(map(len, kept))
    assert size > 0.99 * max(map(len, kept))
    assert np.corrcoef(kept[0][:size], kept[1][:size])[0, 1] > 0.99


def test_text_in_pieces_by_an_engine_from_an_address(made: Made) -> None:
    assert " ".join(made["words"]) == "The birch canoe slid on the smooth planks and the sheet is blue"


def test_errors(made: Made) -> None:
    assert made["errors"] == ERRORS


def test_memory_does_not_grow(made: Made) -> None:
    resident = made["resident"]
    assert np.median(resident[-10:]) - np.median(resident[10:20]) < 30
