"""Two people in one recording: noticed, and the seconds named."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from parrotlet import Parrotlet
from parrotlet.errors import InputError
from parrotlet.recording import RecordingWarning, read_recording
from parrotlet.talkers import LIKELY, SURE, OtherVoice, find_other_voice, two_groups


@pytest.fixture(scope="module")
def woman(recordings: dict[str, list[Path]]) -> np.ndarray:
    return np.concatenate([read_recording(path)[0] for path in recordings["woman"]])


@pytest.fixture(scope="module")
def man(recordings: dict[str, list[Path]]) -> np.ndarray:
    return read_recording(recordings["man"][0])[0]


def test_one_person_is_one_voice(bird: Parrotlet, woman: np.ndarray) -> None:
    assert bird.examine((woman, bird.sample_rate))[0].other_voice == ()


def test_one_after_the_other_is_refused_with_the_seconds(
    bird: Parrotlet, woman: np.ndarray, man: np.ndarray, tmp_path: Path
) -> None:
    pause = np.zeros(3 * bird.sample_rate, np.float32)
    soundfile.write(tmp_path / "two.wav", np.concatenate([woman, pause, man]), bird.sample_rate)
    report, _ = bird.examine(tmp_path / "two.wav")
    ((start, end),) = report.other_voice
    begins = (len(woman) + len(pause)) / bird.sample_rate
    assert start == pytest.approx(begins, abs=1)
    assert end == pytest.approx(begins + len(man) / bird.sample_rate, abs=1)
    with pytest.raises(
        InputError, match=rf"two\.wav: two people speak: another voice from {start:.1f} s to {end:.1f} s"
    ):
        bird.enroll(tmp_path / "two.wav")


def test_in_turns_every_turn_is_named(bird: Parrotlet, woman: np.ndarray, man: np.ndarray) -> None:
    turn = 3 * bird.sample_rate
    turns = [woman[:turn], man[:turn], woman[turn : 2 * turn], man[turn : 2 * turn], woman[2 * turn : 4 * turn]]
    report, _ = bird.examine((np.concatenate(turns), bird.sample_rate))
    assert len(report.other_voice) == 2
    for found, true in zip(report.other_voice, ((3, 6), (9, 12)), strict=True):
        assert found == pytest.approx(true, abs=1.25)


def directions(*cosines: float) -> list[np.ndarray]:
    """Unit vectors [64]; each but the first has this cosine to the first."""
    rows = [np.eye(64)[0]]
    rows += [cosine * np.eye(64)[0] + np.sqrt(1 - cosine**2) * np.eye(64)[k] for k, cosine in enumerate(cosines, 1)]
    return [row.astype(np.float32) for row in rows]


@pytest.mark.parametrize("cosine", [0.1, SURE + 0.05, LIKELY + 0.05])
def test_doubt_is_told_from_certainty(cosine: float) -> None:
    one, two = directions(cosine)
    voices = iter([one] * 8 + [two] * 6)
    speech, times = np.zeros(8 * 16000, np.float32), np.arange(400) * 0.02
    other = find_other_voice(speech, times, 16000, lambda _: next(voices))
    if cosine > LIKELY:
        assert other is None
        return
    assert isinstance(other, OtherVoice)
    assert other.cosine == pytest.approx(cosine, abs=1e-5)
    assert other.sure == (cosine < SURE)
    assert other.spans == ((pytest.approx(4.5, abs=0.02), pytest.approx(8.0)),)


def test_a_doubt_is_a_warning(bird: Parrotlet, woman: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parrotlet.talkers.LIKELY", 2.0)
    with pytest.warns(RecordingWarning, match=r"perhaps another voice from .* s to .* s: record one person alone"):
        bird.enroll((woman, bird.sample_rate))


def test_groups_are_found_wherever_they_are() -> None:
    one, two = directions(0.2)
    random = np.random.default_rng(0)
    for order in ([0] * 6 + [1] * 4, [0] * 4 + [1] * 3 + [0] * 4 + [1] * 3, [1] * 4 + [0] * 6):
        windows = np.array([(one, two)[k] for k in order]) + 0.03 * random.standard_normal((len(order), 64))
        windows /= np.linalg.norm(windows, axis=1, keepdims=True)
        found = two_groups(windows.astype(np.float32))
        assert found is not None
        assert found[0].tolist() in ([k == 1 for k in order], [k == 0 for k in order])
        assert found[1] == pytest.approx(0.2, abs=0.1)


def test_a_microphone_for_each_of_two_people_gives_the_louder_alone(
    bird: Parrotlet, woman: np.ndarray, man: np.ndarray, tmp_path: Path
) -> None:
    size = min(len(woman), len(man))
    channels = np.stack([0.5 * woman[:size], man[:size]], axis=1)
    soundfile.write(tmp_path / "each.wav", channels, bird.sample_rate, subtype="FLOAT")
    with pytest.warns(RecordingWarning, match=r"each\.wav: its channels hold different sounds: channel 2, the loudest"):
        samples, _ = read_recording(tmp_path / "each.wav")
    assert np.array_equal(samples, man[:size])
    with pytest.warns(RecordingWarning, match="its channels hold different sounds"):
        bird.examine((channels, bird.sample_rate))


def test_two_microphones_in_one_room_are_mixed(woman: np.ndarray, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    echo = random.standard_normal(6000) * np.exp(-np.arange(6000) / 1200) * 0.03
    echo[4] = 1
    far = np.convolve(woman, echo)[: len(woman)] + 0.001 * random.standard_normal(len(woman))
    soundfile.write(tmp_path / "room.wav", np.stack([woman, far], axis=1), 24000, subtype="FLOAT")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples, _ = read_recording(tmp_path / "room.wav")
    assert np.allclose(samples, (woman + far) / 2, atol=1e-6)
