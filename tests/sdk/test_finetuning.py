"""Recordings whose text is known: aligned, learned from on this machine, kept in the profile, heard in the voice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parrotlet import Parrotlet, VoiceProfile, fastspeech_nsf
from parrotlet.alignment import EDGE, Read, aligned, heard_phonemes
from parrotlet.audio import resample
from parrotlet.bundle import Bundle
from parrotlet.errors import InputError, ProfileFormatError, UsageError
from parrotlet.factors import Settings
from parrotlet.fastspeech_nsf import FastSpeechNsf
from parrotlet.finetuning import ENOUGH_S, Line, Material, fit
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.pitch import HOP_S, f0_of_frames
from parrotlet.profile import Fitted
from parrotlet.recognizer import align
from parrotlet.vault import KeyFile, ProfileStore

READ = (
    "We bought four loaves of bread and a jar of honey.",
    "The old bridge was closed, so everybody walked around the lake.",
    "She wondered why the garden looked so different in the morning.",
)
SAID = "He could not remember where he had put the yellow umbrella."
RATE = 24000
SHRUNK = 1.07
"""A person whom the model does not know: a preset with a shorter vocal tract, who speaks faster and higher."""

Recording = tuple[np.ndarray, int]


def spoken(bird: Parrotlet, text: str, voice: object) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in bird.speak(text, voice)])


@pytest.fixture(scope="module")
def person(bird: Parrotlet) -> dict[str, Recording]:
    """What the person says of each sentence."""
    man = next(name for name, preset in bird.presets.items() if preset.description.startswith("man"))
    random = np.random.default_rng(0)
    made = {}
    for text in (*READ, SAID):
        speech = np.pad(spoken(bird, text, man), 6000)
        made[text] = speech + 3e-4 * random.standard_normal(len(speech)).astype(np.float32), round(RATE * SHRUNK)
    return made


@pytest.fixture(scope="module")
def plain(bird: Parrotlet, person: dict[str, Recording]) -> VoiceProfile:
    return bird.enroll([person[text] for text in READ])


@pytest.fixture(scope="module")
def guided(bird: Parrotlet, person: dict[str, Recording]) -> VoiceProfile:
    return bird.enroll([person[text] for text in READ], texts=READ)


@pytest.fixture(scope="module")
def found(bird: Parrotlet) -> Settings:
    settings = Settings.of(bird.bundle)
    assert settings is not None
    return settings


def envelope(samples: np.ndarray) -> np.ndarray:
    """Mean log-mel spectrum of the speech, without its level."""
    mel = mel_spectrogram(samples, MelConfig())[:, :66]
    level = mel.mean(axis=1)
    mean = mel[level > np.percentile(level, 95) - 5].mean(axis=0)
    return np.asarray(mean - mean.mean())


def test_the_voice_comes_nearer(
    bird: Parrotlet, person: dict[str, Recording], plain: VoiceProfile, guided: VoiceProfile
) -> None:
    samples, rate = person[SAID]
    truth = envelope(resample(samples, rate, RATE))
    before, after = (np.abs(envelope(spoken(bird, SAID, voice)) - truth).mean() for voice in (plain, guided))
    assert after < before


def test_a_profile_keeps_what_was_learned(guided: VoiceProfile, plain: VoiceProfile, found: Settings) -> None:
    factors = guided.factors(found.model)
    assert factors is not None
    assert factors.shape == (found.size,)
    assert factors.dtype == np.float32
    assert np.isfinite(factors).all()
    assert factors.any()
    assert plain.factors(found.model) is None
    others = {name: value for name, value in guided.tensors.items() if "factors" not in name and "loudness" not in name}
    assert all(np.array_equal(value, plain.tensors[name]) for name, value in others.items())


def test_a_store_keeps_it_too(bird: Parrotlet, guided: VoiceProfile, found: Settings, tmp_path: Path) -> None:
    store = ProfileStore.open(tmp_path / "voices", KeyFile.create(tmp_path / "key"))
    store.save("me", guided)
    loaded = store.load("me")
    assert loaded == guided
    assert np.array_equal(spoken(bird, "Hello.", loaded), spoken(bird, "Hello.", guided))


def test_without_likeness_nothing_of_it_is_heard(bird: Parrotlet, plain: VoiceProfile, guided: VoiceProfile) -> None:
    mels = [bird.acoustics(bird.phonemize(SAID), bird.voice(each, likeness=0)).mel for each in (plain, guided)]
    assert np.array_equal(*mels)
    mels = [bird.acoustics(bird.phonemize(SAID), each).mel for each in (plain, guided)]
    assert np.abs(mels[0] - mels[1]).mean() > 0.05


def test_recordings_without_a_text_teach_nothing(
    bird: Parrotlet, person: dict[str, Recording], plain: VoiceProfile
) -> None:
    made = bird.enroll([person[text] for text in READ], texts=["", " ", ""])
    assert made.tensors.keys() == plain.tensors.keys()


def test_one_recording_may_have_one_text(bird: Parrotlet, person: dict[str, Recording], found: Settings) -> None:
    samples = np.concatenate([person[text][0] for text in READ])
    made = bird.enroll((samples, person[SAID][1]), texts=" ".join(READ))
    assert made.factors(found.model) is not None


def test_what_was_read_is_kept_with_the_recording(
    bird: Parrotlet, person: dict[str, Recording], guided: VoiceProfile, found: Settings
) -> None:
    kept = bird.enroll([person[text] for text in READ], texts=READ, keep_recording=True)
    assert np.array_equal(kept.factors(found.model), guided.factors(found.model))
    without = {name: value for name, value in kept.tensors.items() if not name.startswith("finetuned.")}
    again = bird.renew(replace(kept, tensors=without))
    assert again.factors(found.model) is not None
    assert again.tensors["recording.texts"] is kept.tensors["recording.texts"]
    damaged = {**kept.tensors, "recording.texts": np.frombuffer(b"[1, 2]", np.uint8)}
    with pytest.raises(ProfileFormatError, match="damaged: enroll again"):
        bird.renew(replace(kept, tensors=damaged))


@pytest.fixture(scope="module")
def by_ear(bird: Parrotlet, person: dict[str, Recording]) -> VoiceProfile:
    return bird.enroll([person[text] for text in READ], fine_tune=True, keep_recording=True)


def test_what_is_heard_teaches_nearly_as_much_as_what_was_read(
    bird: Parrotlet, person: dict[str, Recording], plain: VoiceProfile, guided: VoiceProfile, by_ear: VoiceProfile
) -> None:
    samples, rate = person[SAID]
    theirs = envelope(resample(samples, rate, RATE))
    before, read, heard = (
        np.abs(envelope(spoken(bird, SAID, profile)) - theirs).mean() for profile in (plain, guided, by_ear)
    )
    assert heard < before - 0.3 * (before - read)


def test_what_is_heard_has_a_space_where_it_is_silent_and_stress_on_vowels() -> None:
    table = ("t", "i", "ə")
    posteriors = np.full((40, 4), -9.0, np.float32)
    for start, symbol in ((0, 0), (4, 1), (10, 2), (18, 0), (26, 1), (32, 3), (38, 0)):
        posteriors[start:] = -9.0
        posteriors[start:, symbol] = 0.0
    assert heard_phonemes(posteriors, table) == "tˈi tə"


def test_a_voice_that_was_learned_by_ear_is_renewed_so(bird: Parrotlet, by_ear: VoiceProfile, found: Settings) -> None:
    assert by_ear.is_fine_tuned
    without = {name: value for name, value in by_ear.tensors.items() if not name.startswith("finetuned.")}
    again = bird.renew(replace(by_ear, tensors=without).with_factors("ab" * 32, np.ones(7, np.float32)))
    assert again.factors(found.model) is not None
    assert not bird.renew(replace(by_ear, tensors=without)).is_fine_tuned


def test_a_long_recording_without_a_text_is_learned_from(bird: Parrotlet, person: dict[str, Recording]) -> None:
    samples, rate = person[SAID]
    long = np.tile(samples, 25), rate
    report, _ = bird.examine(long)
    assert len(bird._enroller.aligned(long, report, None).read.mel) * HOP_S <= 60


def test_where_no_phoneme_is_heard_there_is_nothing_to_align() -> None:
    with pytest.raises(InputError, match="no phoneme"):
        aligned(Silent(), Read("x", None, np.zeros((40, 80), np.float32), np.zeros(40, np.float32), 8000.0))  # type: ignore[arg-type]


class Silent:
    """A recognizer that hears nothing."""

    phonemes = ("t",)

    def frame_phonemes(self, mel: np.ndarray) -> np.ndarray:
        return np.tile(np.float32([0, -9]), (len(mel), 1))

    def align(self, posteriors: np.ndarray, phonemes: str) -> object:
        return align(posteriors, phonemes, self.phonemes)


def test_another_text_is_refused(bird: Parrotlet, person: dict[str, Recording]) -> None:
    with pytest.raises(InputError, match="the text was not heard in it: give what was read"):
        bird.enroll([person[text] for text in READ], texts=[READ[0], SAID, READ[2]])
    assert bird.was_read(person[SAID], SAID)
    assert not bird.was_read(person[SAID], READ[0])
    assert not bird.was_read(person[SAID], " ")


def test_every_recording_needs_a_text(bird: Parrotlet, person: dict[str, Recording]) -> None:
    with pytest.raises(UsageError, match="3 recordings and 2 texts"):
        bird.enroll([person[text] for text in READ], texts=READ[:2])


def test_a_text_of_nothing_to_say_is_refused(bird: Parrotlet, person: dict[str, Recording]) -> None:
    with pytest.raises(InputError):
        bird.enroll([person[text] for text in READ], texts=[READ[0], "...", READ[2]])


def test_a_long_recording_is_to_be_cut(bird: Parrotlet, person: dict[str, Recording]) -> None:
    samples, rate = person[SAID]
    with pytest.raises(InputError, match="longer than 60 s: cut it and its text"):
        bird.enroll((np.tile(samples, 25), rate), texts=SAID)


def test_factors_of_another_model_are_left_alone(
    bird: Parrotlet, plain: VoiceProfile, guided: VoiceProfile, found: Settings
) -> None:
    other = plain.with_factors("ab" * 32, np.ones(7, np.float32))
    assert np.array_equal(spoken(bird, "Hello.", other), spoken(bird, "Hello.", plain))
    kept = guided.with_fitted("cd" * 32, Fitted(None, -20.0))
    assert np.array_equal(kept.factors(found.model), guided.factors(found.model))


def test_factors_of_another_shape_are_refused(bird: Parrotlet, plain: VoiceProfile, found: Settings) -> None:
    with pytest.raises(ProfileFormatError, match="enroll again"):
        bird.voice(plain.with_factors(found.model, np.ones(7, np.float32)))


def test_factors_are_stressed_as_the_bundle_says(bird: Parrotlet, found: Settings) -> None:
    class Step:
        def run(self, feeds: dict[str, Any]) -> dict[str, np.ndarray]:
            return {"next": feeds["state"], "factors": np.ones((1, found.size), np.float32)}

    frames = int(ENOUGH_S / HOP_S) + 1
    rows = {"features": 288, "predicted": 80, "mel": 80, "real": 80, "heard": 80, "inside": 1}
    parts = {name: np.ones((frames, width), np.float32) for name, width in rows.items()}
    material = Material([Line(f0=np.zeros(frames, np.float32), **parts)], np.zeros((1, 4), np.float32))
    for stress in (0.0, 0.5):
        assert np.all(fit(Step(), replace(found, stress=stress), material) == np.float32(1 + stress))  # type: ignore[arg-type]
    manifest = dict(bird.bundle.manifest)
    manifest["finetuning"] = {name: value for name, value in manifest["finetuning"].items() if name != "stress"}
    earlier = Settings.of(replace(bird.bundle, manifest=manifest))
    assert earlier is not None
    assert earlier.stress == 0.3


def test_a_bundle_that_cannot_learn_says_so(bird: Parrotlet, plain: VoiceProfile) -> None:
    manifest = {name: value for name, value in bird.bundle.manifest.items() if name != "finetuning"}
    bundle: Bundle = replace(bird.bundle, manifest=manifest)
    model = FastSpeechNsf(bundle, bundle.session)
    assert not model.learns_from_texts
    with pytest.raises(UsageError, match="enroll without texts"):
        model.finetune(plain, [])


@pytest.mark.parametrize("how", [{"texts": SAID}, {"fine_tune": True}])
def test_without_onnxruntime_that_is_said_before_anything_is_measured(
    bird: Parrotlet, person: dict[str, Recording], monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    monkeypatch.setattr(fastspeech_nsf, "installed", lambda runtime: False)
    with pytest.raises(UsageError, match="needs onnxruntime: install it, or enroll without texts"):
        bird.enroll(next(iter(person.values())), on_report=lambda report: pytest.fail("measured"), **how)


def test_blank_texts_teach_nothing_and_need_nothing(
    bird: Parrotlet, person: dict[str, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastspeech_nsf, "installed", lambda runtime: False)
    assert not bird.enroll(next(iter(person.values())), texts=" ").is_fine_tuned


def test_phonemes_lie_where_they_are_spoken(bird: Parrotlet, person: dict[str, Recording]) -> None:
    """Of speech whose durations are known, boundaries are found to a few hundredths of a second."""
    voice = next(iter(bird.presets))
    phonemes = bird.phonemize(SAID)
    known = bird.acoustics(phonemes, voice)
    speech = np.concatenate(list(bird.vocode(known.mel, known.f0)))
    report, _ = bird.examine((speech, RATE))
    one = bird._enroller.aligned((speech, RATE), report, SAID)
    assert len(one.durations) == len(phonemes) + 2
    assert one.durations.sum() == len(one.read.mel) == len(one.read.f0)
    assert (one.durations >= 0).all()
    starts = np.cumsum(known.durations)[:-1]
    begin = max(0, starts[0] - EDGE)
    sounds = [k for k, symbol in enumerate(phonemes) if symbol.isalpha()]
    apart = np.abs(np.cumsum(one.durations)[:-1] + begin - starts)[sounds]
    assert np.median(apart) <= 4


def test_pitch_is_that_of_its_frames() -> None:
    """A jump of f0 lies at the mel frame in which it is, and there is one value a frame."""
    rate, at = 16000, 0.8
    time = np.arange(round(1.6 * rate)) / rate
    phase = np.cumsum(np.where(time < at, 120.0, 200.0)) / rate
    samples = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 8)).astype(np.float32) * 0.1
    f0 = f0_of_frames(samples, rate, 128)
    assert len(f0) == 128
    jump = at / HOP_S
    assert np.allclose(f0[10 : round(jump) - 4], 120, rtol=0.02)
    assert np.allclose(f0[round(jump) + 4 : 118], 200, rtol=0.02)


def test_an_alignment_needs_as_many_frames_as_sounds(bird: Parrotlet, person: dict[str, Recording]) -> None:
    samples, rate = person[SAID]
    report, _ = bird.examine((samples, rate))
    with pytest.raises(InputError, match="too short for the text"):
        bird._enroller.aligned((samples[: rate // 2], rate), report, SAID * 2)
