"""The engine on the shipped bundle: enrollment, synthesis, streaming, and every documented error."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrotlet import Parrotlet, SpeakOptions, VoiceProfile
from parrotlet.encoding import write_audio
from parrotlet.errors import BundleError, InputError, UsageError, WrongModelError

TEXT = "The small bird said good morning, and then it said it again."


def joined(bird: Parrotlet, text: str, profile: VoiceProfile, **options: float) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in bird.speak(text, profile, **options)])


@pytest.fixture(scope="module")
def voice(bird: Parrotlet) -> VoiceProfile:
    return next(iter(bird.presets.values())).profile


def test_there_are_at_least_eight_presets_of_women_and_men(bird: Parrotlet) -> None:
    assert len(bird.presets) >= 8
    assert {preset.description.split(",")[0] for preset in bird.presets.values()} == {"woman", "man"}
    for preset in bird.presets.values():
        assert np.linalg.norm(preset.profile.embedding[:256]) == pytest.approx(1, abs=1e-3)


def test_speech_is_as_long_as_a_person_would_take(bird: Parrotlet, voice: VoiceProfile) -> None:
    seconds = len(joined(bird, TEXT, voice)) / bird.sample_rate
    assert 2.2 < seconds < 6


def test_presets_speak_at_the_pace_of_people(bird: Parrotlet) -> None:
    text = (
        "The meeting about the kitchen budget was moved to Thursday afternoon, and my brother gave both of his gloves "
        "to a stranger on the bridge near the old market square."
    )
    seconds = [len(joined(bird, text, preset.profile)) / bird.sample_rate for preset in bird.presets.values()]
    assert 140 < 60 * len(text.split()) / np.median(seconds) < 185  # words a minute


def test_every_preset_speaks_audibly_and_unclipped(bird: Parrotlet) -> None:
    for preset in bird.presets.values():
        samples = joined(bird, "One two three.", preset.profile)
        assert np.isfinite(samples).all()
        assert 0.01 < np.sqrt(np.mean(samples**2)) < 0.3
        assert np.mean(np.abs(samples) > 0.99) < 1e-3


def test_a_seed_gives_the_same_samples_and_another_seed_others(bird: Parrotlet, voice: VoiceProfile) -> None:
    first, second, other = (joined(bird, TEXT, voice, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@settings(max_examples=10, deadline=None)
@given(first=st.integers(1, 300), chunk=st.integers(1, 300))
def test_chunks_of_any_size_join_to_the_same_waveform(
    bird: Parrotlet, voice: VoiceProfile, first: int, chunk: int
) -> None:
    acoustics = bird.acoustics(bird.phonemize(TEXT), voice)
    whole = np.concatenate(list(bird.vocode(acoustics.mel, acoustics.f0, first=10**6)))
    parts = np.concatenate(list(bird.vocode(acoustics.mel, acoustics.f0, first=first, chunk=chunk)))
    assert len(parts) == len(whole) == len(acoustics.mel) * bird.bundle.hop_length
    error = np.sqrt(np.mean((parts - whole) ** 2)) / np.sqrt(np.mean(whole**2))
    assert 20 * np.log10(error + 1e-12) < -60


def test_speed_changes_the_length(bird: Parrotlet, voice: VoiceProfile) -> None:
    normal, fast, slow = (len(joined(bird, TEXT, voice, speed=speed)) for speed in (1, 2, 0.5))
    assert fast / normal == pytest.approx(0.5, abs=0.06)
    assert slow / normal == pytest.approx(2, abs=0.1)


def test_pitch_moves_f0_by_semitones(bird: Parrotlet, voice: VoiceProfile) -> None:
    phonemes = bird.phonemize(TEXT)
    plain, raised = (bird.acoustics(phonemes, voice, pitch=pitch).f0 for pitch in (0, 6))
    ratio = np.median(raised[raised > 0]) / np.median(plain[plain > 0])
    assert 12 * np.log2(ratio) == pytest.approx(6, abs=0.5)


def test_volume_scales_the_samples(bird: Parrotlet, voice: VoiceProfile) -> None:
    loud, soft = (joined(bird, TEXT, voice, volume=volume) for volume in (1, 0.5))
    assert np.allclose(loud * 0.5, soft, atol=1e-6)


def test_text_may_come_as_tokens(bird: Parrotlet, voice: VoiceProfile) -> None:
    text = "The small bird said good morning. It said it again."  # no clause is long enough to be cut off
    tokens = [text[i : i + 5] for i in range(0, len(text), 5)]
    assert np.array_equal(
        np.concatenate([c.samples for c in bird.speak(iter(tokens), voice)]), joined(bird, text, voice)
    )


def test_the_first_chunk_comes_before_the_text_ends(bird: Parrotlet, voice: VoiceProfile) -> None:
    taken = []

    def words():
        for word in ["Hello there. ", "This is next. ", "And more. "]:
            taken.append(word)
            yield word
        pytest.fail("the first chunk needed the whole text")

    next(iter(bird.speak(words(), voice)))
    assert 1 <= len(taken) <= 3


def test_marks_say_when_each_word_is_spoken(bird: Parrotlet, voice: VoiceProfile) -> None:
    chunks = list(bird.speak("Good morning. The birds are singing.", voice))
    words = [mark for chunk in chunks for mark in chunk.words]
    assert [mark.text.lower().strip(".") for mark in words] == ["good", "morning", "the", "birds", "are", "singing"]
    assert all(mark.start < mark.end for mark in words)
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(words))
    assert words[-1].end <= sum(chunk.seconds for chunk in chunks)
    samples = np.concatenate([chunk.samples for chunk in chunks])
    inside = samples[int(words[3].start * bird.sample_rate) : int(words[3].end * bird.sample_rate)]
    assert np.sqrt(np.mean(inside**2)) > 0.01


def test_phonemes_can_be_spoken_directly(bird: Parrotlet, voice: VoiceProfile) -> None:
    phonemes = bird.phonemize("Good morning.")
    spoken = np.concatenate([c.samples for c in bird.speak(profile=voice, phonemes=phonemes)])
    assert len(spoken) > bird.sample_rate // 3


def test_an_engine_is_shared_by_threads(bird: Parrotlet, voice: VoiceProfile) -> None:
    expected = joined(bird, TEXT, voice)
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(joined(bird, TEXT, voice))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert all(np.array_equal(result, expected) for result in results)


def test_enrollment_keeps_the_person_apart_from_others(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    woman = [bird.enroll(path).embedding for path in recordings["woman"]]
    man = [bird.enroll(path).embedding for path in recordings["man"]]
    same = min(float(woman[0] @ woman[1]), float(man[0] @ man[1]))
    other = max(float(a @ b) for a in woman for b in man)
    assert same > other + 0.1


def test_enrollment_measures_pitch(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    woman, man = (bird.enroll(recordings[kind]).statistics["pitch_median_hz"] for kind in ("woman", "man"))
    assert 140 < woman < 280
    assert 70 < man < 160


def test_an_enrolled_voice_speaks_near_its_own_pitch(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    for files in recordings.values():
        profile = bird.enroll(files)
        f0 = bird.acoustics(bird.phonemize(TEXT), profile).f0
        ratio = np.median(f0[f0 > 0]) / profile.statistics["pitch_median_hz"]
        assert abs(12 * np.log2(ratio)) < 3


def test_two_people_in_one_enrollment_are_refused(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    with pytest.raises(InputError, match="another person"):
        bird.enroll([*recordings["woman"], recordings["man"][0]])


def test_samples_of_any_rate_can_be_enrolled(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    import soundfile

    samples, rate = soundfile.read(recordings["man"][0], dtype="float32")
    stereo = np.stack([samples, samples], axis=1)
    profile = bird.enroll((stereo, rate))
    assert profile.embedding @ bird.enroll(recordings["man"][0]).embedding > 0.99


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"speed": 3}, "speed"),
        ({"pitch": 9}, "pitch"),
        ({"volume": -1}, "volume"),
        ({"speed": float("nan")}, "speed"),
    ],
)
def test_options_out_of_range_name_themselves(options: dict[str, float], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        SpeakOptions(**options)


def test_errors_come_at_the_call(bird: Parrotlet, voice: VoiceProfile) -> None:
    with pytest.raises(UsageError, match="profile"):
        bird.speak("Hello.")
    with pytest.raises(UsageError, match="either"):
        bird.speak(profile=voice)
    with pytest.raises(InputError, match="X"):
        bird.speak(profile=voice, phonemes="X")
    stranger = VoiceProfile(voice.tensors, "0" * 64, "some-other-bundle")
    with pytest.raises(WrongModelError, match="some-other-bundle"):
        bird.speak("Hello.", stranger)


@pytest.mark.parametrize("text", [5, b"abc", bytearray(b"abc"), 1.5, object()])
def test_what_is_no_text_is_said_at_the_call(bird: Parrotlet, voice: VoiceProfile, text: object) -> None:
    with pytest.raises(UsageError, match="text is a string or an iterator of strings"):
        bird.speak(text, voice)  # type: ignore[arg-type]


@pytest.mark.parametrize("piece", [None, 5, b"abc"])
def test_a_piece_that_is_no_text_is_said_when_it_comes(bird: Parrotlet, voice: VoiceProfile, piece: object) -> None:
    with pytest.raises(UsageError, match="a piece of the text is"):
        list(bird.speak(["Hello ", piece], voice))  # type: ignore[list-item]


@pytest.mark.parametrize("number", [np.float32(1.2), np.float64(1.2), np.int64(1), 1, Fraction(6, 5)])
def test_every_real_number_is_a_number(bird: Parrotlet, voice: VoiceProfile, number: float) -> None:
    assert list(bird.speak("Hi.", voice, speed=number, pitch=number, volume=number, sentence_silence=number))


@pytest.mark.parametrize("number", [True, "1", None, float("nan"), 1j, np.array([1.0])])
def test_what_is_no_number_is_said(number: object) -> None:
    with pytest.raises(UsageError, match="speed must be a number between"):
        SpeakOptions(speed=number)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="seed must be a whole number"):
        SpeakOptions(seed=number)  # type: ignore[arg-type]


def test_a_recording_that_is_none_is_said(bird: Parrotlet) -> None:
    samples = np.zeros(1000, np.float32)
    for recording in (samples, 5, None, [samples], (samples,), [(samples, 16000, 1)]):
        with pytest.raises(UsageError, match="pass the rate too"):
            bird.enroll(recording)  # type: ignore[arg-type]
    for recording in (("abc", 16000), (samples, "fast"), (samples, None)):
        with pytest.raises(UsageError, match="samples are an array of numbers"):
            bird.enroll(recording)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3"])
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    for chunks in (np.zeros(1000, np.float32), 5, "abc", [np.zeros(5)]):
        with pytest.raises(UsageError, match="what speak yields"):
            write_audio(tmp_path / name, chunks, 24000)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_sentences_to_read_are_those_of_the_bundle(bird: Parrotlet) -> None:
    prompts = bird.bundle.prompts
    assert prompts.demo and len(prompts.read_aloud) == 3
    assert all(bird.phonemize(sentence) for sentence in (prompts.demo, *prompts.read_aloud, *prompts.read_on))
    for without in ({}, {"prompts": {"demo": "Hello."}}, {"prompts": None}):
        manifest = {name: value for name, value in bird.bundle.manifest.items() if name != "prompts"} | without
        with pytest.raises(BundleError, match="signal-graphs BUNDLE"):
            replace(bird.bundle, manifest=manifest).prompts  # noqa: B018


def test_a_missing_or_damaged_bundle_says_so(tmp_path: Path, bird: Parrotlet) -> None:
    with pytest.raises(BundleError, match="no bundle"):
        Parrotlet.load(tmp_path / "nowhere")
    for file in bird.bundle.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damaged = bytearray((tmp_path / "vocoder.onnx").read_bytes())
    damaged[1000] ^= 1
    (tmp_path / "vocoder.onnx").write_bytes(damaged)
    with pytest.raises(BundleError, match="vocoder"):
        Parrotlet.load(tmp_path)


def test_importing_the_sdk_pulls_in_no_torch() -> None:
    code = "import sys, parrotlet, parrotlet.cli; sys.exit('torch' in sys.modules or 'onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_reaches_for_the_network(
    bird: Parrotlet, recordings: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    fresh = Parrotlet.load()
    assert sum(c.seconds for c in fresh.speak("No network.", fresh.enroll(recordings["man"]))) > 0.3
