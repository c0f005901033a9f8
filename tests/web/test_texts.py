"""Recordings whose text is known, in examples/web and in the SDK: each speaks with what the other learned."""

from __future__ import annotations

import json
import subprocess
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from alike import ROOT, require_alike, require_packages, spoken

from parrotlet import Parrotlet, VoiceProfile
from parrotlet.alignment import Aligned
from parrotlet.bundle import DEFAULT
from parrotlet.enroller import kept_recordings
from parrotlet.errors import InputError
from parrotlet.factors import Settings
from parrotlet.fastspeech_nsf import FastSpeechNsf
from parrotlet.vault import Passphrase, ProfileStore

READ = (
    "We bought four loaves of bread and a jar of honey.",
    "The old bridge was closed, so everybody walked around the lake.",
    "She wondered why the garden looked so different in the morning.",
)
SAID = "He could not remember where he had put the yellow umbrella."
SHRUNK = 1.07
"""A person whom the model does not know: a preset with a shorter vocal tract, who speaks faster and higher."""
SECRET = "drei Wörter"
Made = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@pytest.fixture(scope="module")
def files(folder: Path, bird: Parrotlet) -> list[Path]:
    """What the person says of each sentence: those of READ, then SAID."""
    man = next(name for name, preset in bird.presets.items() if preset.description.startswith("man"))
    random = np.random.default_rng(0)
    made = []
    for number, text in enumerate((*READ, SAID)):
        speech = np.pad(spoken(bird, text, man), 6000)
        made.append(folder / f"{number}.wav")
        noise = 3e-4 * random.standard_normal(len(speech))
        soundfile.write(made[-1], speech + noise, round(bird.sample_rate * SHRUNK), subtype="FLOAT")
    return made


@pytest.fixture(scope="module")
def store(folder: Path) -> ProfileStore:
    return ProfileStore.open(folder / "voices", Passphrase(SECRET, log_n=12))


@pytest.fixture(scope="module")
def grace(files: list[Path], store: ProfileStore, bird: Parrotlet) -> VoiceProfile:
    """What the SDK learns of the person."""
    profile = bird.enroll(files[:3], texts=READ, keep_recording=True)
    store.save("grace", profile)
    return profile


@pytest.fixture(scope="module")
def made(folder: Path, files: list[Path], grace: VoiceProfile) -> Made:
    require_packages("onnxruntime-web", "@noble/hashes")
    export = pytest.importorskip("parrotlet_compression.g2p.export_rules")
    export.write_rules(folder / "rules.bin")
    manifest = json.loads((DEFAULT / "manifest.json").read_text())
    manifest["finetuning"]["steps"] = 3
    (folder / "hasty").mkdir()
    (folder / "hasty" / "manifest.json").write_text(json.dumps(manifest))
    del manifest["graphs"]["finetune"]
    (folder / "lacking").mkdir()
    (folder / "lacking" / "manifest.json").write_text(json.dumps(manifest))
    settings = {
        "bundle": str(DEFAULT),
        "hasty": str(folder / "hasty"),
        "lacking": str(folder / "lacking"),
        "text": str(ROOT / "sdk/parrotlet/text/en/data"),
        "rules": str(folder),
        "store": str(folder / "voices"),
        "recordings": [str(path) for path in files[:3]],
        "texts": READ,
        "held": str(files[3]),
        "said": SAID,
        "secret": SECRET,
        "out": str(folder),
    }
    command = ["node", Path(__file__).with_name("texts_driver.mjs"), json.dumps(settings)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    result: Made = json.loads(run.stdout)
    return result


def without(profile: VoiceProfile) -> VoiceProfile:
    """A profile as if nothing had been learned from texts."""
    tensors = {name: value for name, value in profile.tensors.items() if not name.startswith("finetuned.")}
    return VoiceProfile(tensors, profile.speaker_model, profile.bundle)


def test_the_voice_comes_nearer(made: Made, files: list[Path], store: ProfileStore, bird: Parrotlet) -> None:
    """At the timing and pitch of a sentence that was not enrolled, its spectrum is nearer to the person's."""
    heard = bird._enroller.aligned(files[3], bird.examine(files[3])[0], SAID)
    hazel = store.load("hazel")
    after, before = (distance(bird, profile, heard) for profile in (hazel, without(hazel)))
    assert after < 0.97 * before


def test_what_was_read_is_kept_with_the_recording(made: Made, grace: VoiceProfile, store: ProfileStore) -> None:
    ours, theirs = kept_recordings(grace), kept_recordings(store.load("hazel"))
    assert ours[1] == theirs[1] == list(READ)
    for (first, _), (second, _) in zip(ours[0], theirs[0], strict=True):
        assert len(first) == pytest.approx(len(second), rel=0.01)


def distance(bird: Parrotlet, profile: VoiceProfile, heard: Aligned) -> float:
    assert isinstance(bird._model, FastSpeechNsf)
    line = bird._model.material(profile, [heard]).lines[0]
    return float(np.abs(line.mel - line.real)[line.heard > 0].mean())


def test_only_a_text_teaches(made: Made, bird: Parrotlet) -> None:
    settings = Settings.of(bird.bundle)
    assert settings is not None
    assert made["learns"] == [True, False]
    assert made["factors"] == [[], [f"finetuned.{settings.model[:16]}.factors"], []]
    assert np.allclose(made["progress"], np.arange(1, settings.steps + 1) / settings.steps)


def test_what_is_heard_is_what_python_hears(made: Made, files: list[Path], bird: Parrotlet) -> None:
    heard = bird._enroller.aligned(files[0], bird.examine(files[0])[0], None).phonemes
    alike = SequenceMatcher(None, made["heard"], heard, autojunk=False).ratio()
    assert alike > 0.95, (made["heard"], heard)
    assert made["nothing"] is None
    assert made["learned"] == made["factors"][1]
    assert "fineTune" in made["errors"]["lackingToo"]["message"]


def test_each_speaks_with_what_the_other_learned(
    made: Made, folder: Path, grace: VoiceProfile, store: ProfileStore, bird: Parrotlet
) -> None:
    hazel = store.load("hazel")
    phonemes = bird.phonemize(SAID)
    for name, profile in (("grace", grace), ("guided", hazel)):
        ours = bird.acoustics(phonemes, profile).mel
        plain = bird.acoustics(phonemes, bird.voice(without(profile))).mel
        theirs = np.array(made["mels"][name]).reshape(-1, ours.shape[1])
        assert theirs.shape == ours.shape == plain.shape
        assert np.abs(theirs - ours).mean() < 0.5 * np.abs(plain - ours).mean(), name
        require_alike(spoken(bird, SAID, profile), soundfile.read(folder / f"{name}.wav")[0])


def test_phonemes_lie_where_python_finds_them(made: Made, files: list[Path], bird: Parrotlet) -> None:
    one = bird._enroller.aligned(files[0], bird.examine(files[0])[0], READ[0])
    durations, f0 = (np.array(made["aligned"][name]) for name in ("durations", "f0"))
    assert durations.shape == one.durations.shape
    assert durations.min() >= 0 and durations.sum() == len(f0)
    assert np.abs(np.cumsum(durations) - np.cumsum(one.durations)).max() <= 2
    size = min(len(f0), len(one.read.f0))
    theirs, ours = f0[:size], one.read.f0[:size]
    voiced = (theirs > 0) & (ours > 0)
    assert voiced.sum() > 0.9 * (ours > 0).sum()
    assert np.median(np.abs(1200 * np.log2(theirs[voiced] / ours[voiced]))) < 10


def test_what_was_not_read_is_known(made: Made) -> None:
    assert made["wasRead"] == [True, False, False, False]


def test_errors(made: Made, files: list[Path], bird: Parrotlet) -> None:
    errors = made["errors"]
    with pytest.raises(InputError) as refused:
        bird.enroll(files[:3], texts=[READ[0], SAID, READ[2]])
    assert errors["text"] == {"name": "InputError", "message": str(refused.value)}
    assert errors["long"]["name"] == "InputError" and "cut it and its text" in errors["long"]["message"]
    assert errors["count"]["name"] == "UsageError" and "3 recordings and 2 texts" in errors["count"]["message"]
    assert errors["kind"]["name"] == "UsageError"
    assert errors["lacking"]["name"] == "UsageError" and "enroll without texts" in errors["lacking"]["message"]
