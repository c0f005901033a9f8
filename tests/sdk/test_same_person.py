"""Recordings of one person are told from those of two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from parrotlet import Parrotlet, same_person
from parrotlet.audio import resample
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.pitch import estimate_f0
from parrotlet.recording import RecordingWarning, read_recording
from parrotlet.same_person import (
    DOUBTED,
    REFUSED,
    Odd,
    Voiceprint,
    comparison,
    likeness_to_the_rest,
    odd_one,
    voiceprint,
)


def voiceprint_of(bird: Parrotlet, speech: npt.NDArray[np.float32]) -> Voiceprint:
    """Of speech [N] at 16 kHz."""
    mel = mel_spectrogram(resample(speech, 16000, 24000), MelConfig())
    return voiceprint(len(speech) / 16000, bird.speaker_embedding(speech), mel, estimate_f0(speech, 16000))


@pytest.fixture(scope="module")
def prints(bird: Parrotlet, recordings: dict[str, list[Path]]) -> list[Voiceprint]:
    """Two of the woman, two of the man."""
    speech = [bird.examine(path)[1] for kind in ("woman", "man") for path in recordings[kind]]
    return [voiceprint_of(bird, part) for part in speech]


def test_the_table_belongs_to_the_encoder_that_is_shipped(bird: Parrotlet) -> None:
    assert comparison().encoder == bird.bundle.manifest["speaker"]["weights_sha256"]


def test_pairs_of_one_person_score_higher(prints: list[Voiceprint]) -> None:
    scores = comparison().log_odds(prints)
    assert np.allclose(scores, scores.T)
    assert min(scores[0, 1], scores[2, 3]) > DOUBTED
    assert scores[:2, 2:].max() < REFUSED


def test_the_odd_one_is_named(bird: Parrotlet, recordings: dict[str, list[Path]], prints: list[Voiceprint]) -> None:
    encoder = comparison().encoder
    assert odd_one(prints[:2], encoder, False, 0.41) is None
    assert odd_one([prints[0], prints[2], prints[1]], encoder, False, 0.41) == Odd(1, True)
    with pytest.raises(InputError, match=r"man0\.wav: sounds like another person"):
        bird.enroll([recordings["woman"][0], recordings["man"][0], recordings["woman"][1]])
    bird.enroll(recordings["man"])


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("narrow", [True, False])
def test_without_a_table_or_a_full_band_the_cosine_decides(prints: list[Voiceprint], known: bool, narrow: bool) -> None:
    encoder = comparison().encoder if known else "another"
    far = replace(prints[1], means=prints[1].means + 3, correlations=-prints[1].correlations)
    cosine = float(prints[0].embedding @ far.embedding)
    found = odd_one([prints[0], far], encoder, narrow, cosine - 0.01)
    assert (found is None) == (narrow or not known)
    assert odd_one([prints[0], far], encoder, narrow, cosine + 0.01) is not None


def test_a_doubt_is_a_warning(
    bird: Parrotlet, recordings: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrotlet.same_person.DOUBTED", 100.0)
    with pytest.warns(RecordingWarning, match="may be of another person than the other recordings"):
        bird.enroll(recordings["man"])


def test_a_longer_recording_changes_a_voiceprint_little(bird: Parrotlet, recordings: dict[str, list[Path]]) -> None:
    samples, rate = read_recording(recordings["woman"][0])
    once, twice = (bird.examine((np.tile(samples, times), rate))[1] for times in (1, 2))
    short, long = (voiceprint_of(bird, part) for part in (once, twice))
    assert long.seconds == pytest.approx(2 * short.seconds, rel=0.1)
    for kind in same_person.KINDS:
        assert np.abs(getattr(long, kind) - getattr(short, kind)).max() < 0.15


def test_likeness_is_the_mean_over_the_others() -> None:
    scores = np.array([[9.0, 1, 2], [1, 9, 4], [2, 4, 9]])
    assert likeness_to_the_rest(scores).tolist() == [1.5, 2.5, 3]
