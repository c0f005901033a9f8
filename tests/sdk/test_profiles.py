"""A profile holds the person: every released one speaks today, and what it holds decides how."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from parrotlet import KeyFile, Parrotlet, ProfileStore, VoiceProfile
from parrotlet.errors import ProfileFormatError, UsageError, WrongModelError
from parrotlet.profile import ProfileWarning
from parrotlet.vault import payload_v1
from parrotlet.vault.envelope import unlocked
from parrotlet.vault.sealing import derive, unseal

RELEASED = sorted((Path(__file__).parents[1] / "vectors" / "profiles").glob("*.voice"))
KEY = f"parrotlet-key-1 {bytes(range(100, 132)).hex()}\n"
TEXT = "The boats come back."


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    """A store with the key that the released profiles were made under."""
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(0o600)
    return ProfileStore.open(tmp_path / "store", key=KeyFile(path))


@pytest.fixture(scope="module")
def clone(bird: Parrotlet, recordings: dict[str, list[Path]]) -> VoiceProfile:
    return bird.enroll(recordings["man"])


def spoken(bird: Parrotlet, *what: object, **options: float) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in bird.speak(TEXT, *what, **options)])  # type: ignore[arg-type]


def put(store: ProfileStore, released: Path) -> None:
    path = store.path / "me.voice"
    path.write_bytes(released.read_bytes())
    path.chmod(0o600)


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_a_profile_of_every_release_speaks(bird: Parrotlet, store: ProfileStore, released: Path) -> None:
    """All are of one recording, of a voice that speaks at 107 Hz."""
    put(store, released)
    number = int(released.stem.rpartition("-")[2])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        profile = store.load("me", speaker_model=bird.bundle.speaker_model)
    # Up to parrotlet-en-6 exemplars had another form, or there were none.
    assert bool(caught) == (number < 7)
    assert all(issubclass(w.category, ProfileWarning) and "enrolled again" in str(w.message) for w in caught)
    assert np.linalg.norm(profile.embedding) == pytest.approx(1, abs=1e-5)
    assert profile.embedding @ bird.presets["finch"].profile.embedding > 0.6
    assert profile.pitch.median_hz == pytest.approx(107, rel=0.1)
    assert np.abs(spoken(bird, profile)).max() > 0.05
    store.rekey("me")
    again = store.load("me")
    assert again == profile


def test_the_last_release_of_format_1_sounds_as_it_did(bird: Parrotlet, store: ProfileStore) -> None:
    file = next(path for path in RELEASED if path.stem == "parrotlet-en-11").read_bytes()
    with unlocked(file, store.keys) as opened:
        key = derive(opened.data_key, "parrotlet/1 payload")
        sealed = unseal(key, opened.parts.payload, opened.parts.bound)
        profile = opened.profile()
    assert sealed is not None
    embedding, _ = payload_v1.parse_payload(sealed)
    assert np.array_equal(bird.voice(profile).inputs["embedding"][0], embedding)


def test_a_later_model_takes_the_exemplars_of_format_1(
    bird: Parrotlet, store: ProfileStore, recwarn: pytest.WarningsRecorder
) -> None:
    """Parrotlet-en-9 had another acoustic model: its map does not fit, its exemplars do."""
    put(store, next(path for path in RELEASED if path.stem == "parrotlet-en-9"))
    profile = store.load("me")
    assert profile.fitted(bird.bundle.model_sha256).map is None
    voice = Parrotlet.load().voice(profile)  # an engine that does not remember it
    assert any("kept less of the recording" in str(w.message) for w in recwarn)
    exemplars = voice.inputs["embedding"][0, -128 * 23 :]
    assert np.array_equal(exemplars.reshape(128, 23), profile.spectrum.exemplars)  # type: ignore[union-attr]
    plain = bird.voice(replace(profile, tensors={n: v for n, v in profile.tensors.items() if "spectrum" not in n}))
    made, without = (bird.acoustics(bird.phonemize(TEXT), one).mel for one in (voice, plain))
    assert np.abs(made - without).mean() > 0.05


def test_what_a_model_made_is_only_a_cache(bird: Parrotlet, clone: VoiceProfile) -> None:
    """Without it, or with another model's, the voice is the same."""
    bare = replace(clone, tensors={n: v for n, v in clone.tensors.items() if not n.startswith("fitted.")})
    other = bare.with_fitted("ab" * 32, clone.fitted(bird.bundle.model_sha256))
    expected = bird.voice(clone)
    for profile in (bare, other):
        voice = bird.voice(profile)
        assert np.allclose(voice.inputs["embedding"], expected.inputs["embedding"], atol=1e-4)
        assert voice.loudness_lufs == pytest.approx(expected.loudness_lufs, abs=0.01)
    assert set(bare.tensors) < set(clone.tensors)


def test_no_tensor_of_the_person_depends_on_the_acoustic_model(
    bird: Parrotlet, recordings: dict[str, list[Path]]
) -> None:
    class Deaf:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"enrollment asked the acoustic model for {name}")

    engine = Parrotlet.load()
    engine._model, model = Deaf(), engine._model  # type: ignore[assignment]
    heard, _ = engine._enroller.enroll(recordings["man"])
    engine._model = model
    whole = engine.enroll(recordings["man"])
    assert {name for name in whole.tensors if not name.startswith("fitted.")} == set(heard.tensors)
    assert all(np.array_equal(value, whole.tensors[name]) for name, value in heard.tensors.items())


def test_likeness_is_chosen_when_speaking(
    bird: Parrotlet, clone: VoiceProfile, recordings: dict[str, list[Path]]
) -> None:
    assert bird.voice(clone).likeness == 0.85
    chosen = bird.enroll(recordings["man"], likeness=0.25)
    assert chosen.likeness == 0.25 and bird.voice(chosen).likeness == 0.25
    assert np.array_equal(bird.voice(chosen).inputs["embedding"], bird.voice(clone, likeness=0.25).inputs["embedding"])
    assert np.array_equal(bird.voice(chosen, likeness=0.85).inputs["embedding"], bird.voice(clone).inputs["embedding"])
    assert not np.array_equal(spoken(bird, chosen), spoken(bird, clone))


def test_a_voice_is_what_can_be_spoken_in(bird: Parrotlet, clone: VoiceProfile) -> None:
    preset = bird.presets["robin"]
    expected = spoken(bird, preset.profile)
    for voice in ("robin", "preset:robin", preset, bird.voice("robin"), bird.voice(preset.profile)):
        assert np.array_equal(spoken(bird, voice), expected)
    prepared = bird.voice(clone)
    assert bird.voice(prepared) is prepared
    assert bird.voice(clone) is prepared  # remembered
    assert "array" not in repr(prepared) and str(clone.pitch.median_hz) not in repr(prepared)
    with pytest.raises(UsageError, match="prepared already"):
        bird.voice(prepared, likeness=0.1)
    with pytest.raises(UsageError, match="the presets are robin"):
        bird.voice("magpie")
    for odd in (5, b"robin", ["robin"], object()):
        with pytest.raises(UsageError, match="a voice is a profile, from enroll or a store, or a preset's name"):
            bird.speak(TEXT, odd)  # type: ignore[arg-type]
    with pytest.raises(WrongModelError, match="another bundle"):
        bird.voice(replace(prepared, model="ab" * 32))


def test_a_memory_of_voices_has_an_end(bird: Parrotlet) -> None:
    engine = Parrotlet.load()
    for likeness in np.linspace(0, 1, 12):
        engine.voice("robin", likeness=likeness)
    assert len(engine._voices) == 8


def test_a_kept_recording_answers_a_new_encoder(
    bird: Parrotlet, clone: VoiceProfile, recordings: dict[str, list[Path]], store: ProfileStore
) -> None:
    profile = bird.enroll(recordings["man"], keep_recording=True, likeness=0.5)
    assert clone.recording is None and profile.recording is not None
    kept, rate = soundfile.read(io.BytesIO(profile.recording))
    assert rate == 24000 and 4 < len(kept) / rate < 15
    store.save("me", profile)
    loaded = store.load("me")
    assert loaded == profile
    of_another = replace(loaded, speaker_model="ab" * 32, created="2020-01-01T00:00:00Z")
    renewed = bird.renew(of_another)
    assert (renewed.created, renewed.likeness) == (of_another.created, 0.5)
    assert renewed.speaker_model == bird.bundle.speaker_model
    assert renewed.recording == profile.recording
    assert renewed.embedding @ profile.embedding > 0.98
    assert np.abs(spoken(bird, of_another)).max() > 0.05
    with pytest.raises(WrongModelError, match="was not kept"):
        bird.speak(TEXT, replace(clone, speaker_model="ab" * 32))


def test_a_recording_that_is_kept_is_a_minute_at_most(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    speech, rate = soundfile.read(recordings["man"][0], dtype="float32")
    with pytest.warns(UserWarning, match="60 s"):
        profile = bird.enroll((np.tile(speech, 30), rate), keep_recording=True)
    assert profile.recording is not None
    assert soundfile.info(io.BytesIO(profile.recording)).duration == pytest.approx(60, abs=0.01)
    assert len(profile.recording) < 3e6


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ({"speaker.embedding": None}, "no speaker.embedding"),
        ({"pitch.median_hz": None}, "no pitch.median_hz"),
        ({"pitch.median_hz": np.array([-1], np.float32)}, "pitch is out of bounds"),
        ({"pitch.median_hz": np.zeros(0, np.float32)}, "no pitch.median_hz"),
        ({"speaker.embedding": np.ones(3, np.float32)}, "not of 256 numbers"),
        ({"spectrum.exemplars": np.ones((3, 2), np.float32)}, "not what this model takes"),
        ({"spectrum.mean": np.ones(3, np.float32)}, "not what this model takes"),
        ({"fitted.6241714078035b31.map": np.ones(3, np.float32)}, "not what this model takes"),
        ({"fitted.6241714078035b31.map": np.ones((1, 601), np.float32)}, "not what this model takes"),
        ({"preference.likeness": np.zeros(0, np.float32)}, "likeness is out of bounds"),
        ({"preference.likeness": np.array([1e30], np.float32)}, "likeness is out of bounds"),
        ({"pitch.median_hz": np.array([1e38], np.float32)}, "pitch is out of bounds"),
    ],
)
def test_a_profile_that_a_model_cannot_take_says_so(
    bird: Parrotlet, clone: VoiceProfile, tensors: dict[str, np.ndarray | None], problem: str
) -> None:
    changed = {**clone.tensors, **tensors}
    if "spectrum.mean" in tensors:
        changed = {name: value for name, value in changed.items() if not name.startswith("fitted.")}
    profile = replace(clone, tensors={name: value for name, value in changed.items() if value is not None})
    with pytest.raises(ProfileFormatError, match=f"{problem}.*enroll again"):
        bird.speak(TEXT, profile)


@pytest.mark.parametrize("loudness", [np.zeros(0, np.float32), np.array([-1e30], np.float32)])
def test_a_loudness_that_cannot_be_is_measured_again(
    bird: Parrotlet, clone: VoiceProfile, loudness: np.ndarray
) -> None:
    name = f"fitted.{bird.bundle.model_sha256[:16]}.loudness_lufs"
    voice = bird.voice(replace(clone, tensors={**clone.tensors, name: loudness}))
    assert voice.loudness_lufs == pytest.approx(bird.voice(clone).loudness_lufs, abs=0.01)


def test_a_kept_recording_is_not_judged_again(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    """Without its pauses it measures noisier than it was."""
    speech, rate = soundfile.read(recordings["woman"][0], dtype="float32")
    noise = np.random.default_rng(3).standard_normal(len(speech)).astype(np.float32)
    for level in (0.01, 0.015, 0.02, 0.03):
        report = bird.examine((speech + level * noise, rate))[0]
        if report.problem is None and report.snr_db < 16:
            break
    profile = bird.enroll((speech + level * noise, rate), keep_recording=True)
    engine = Parrotlet.load()
    foreign = replace(profile, speaker_model="ab" * 32)
    voice = engine.voice(foreign)
    assert engine.voice(foreign) is voice  # made once
    assert engine.renew(foreign).embedding @ profile.embedding > 0.95


def test_unknown_tensors_are_kept_and_ignored(bird: Parrotlet, clone: VoiceProfile, store: ProfileStore) -> None:
    later = replace(clone, tensors={**clone.tensors, "prompt.codes": np.arange(6, dtype=np.int32).reshape(2, 3)})
    store.save("me", later)
    loaded = store.load("me")
    assert loaded.tensors["prompt.codes"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.array_equal(spoken(bird, loaded), spoken(bird, clone))
