"""Alignment by comparison with speech of ours finds the sounds of another voice, and its pauses."""

from __future__ import annotations

import numpy as np
import pytest

from parrotlet import Parrotlet

pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0, then '.[compress]'")

from parrotlet_compression.warping import durations_by_warping, warp

TEXT = "The old bridge was closed because the river had risen overnight"


def test_another_voice_is_aligned(bird: Parrotlet) -> None:
    first, second, *_ = (preset.profile for preset in bird.presets.values())
    phonemes = bird.phonemize(TEXT)
    recorded = bird.acoustics(phonemes, first, speed=0.8)
    found, _ = durations_by_warping(bird, phonemes, second, recorded.mel, 66)
    assert sum(found) == len(recorded.mel)
    assert len(found) == len(phonemes) + 2
    sounds = np.array([False, *(symbol not in " ˈˌ,." for symbol in phonemes), False])
    error = np.abs(np.cumsum(found) - np.cumsum(recorded.durations))[sounds]
    assert np.mean(error <= 2) > 0.9  # frames of 12.5 ms
    uniform = np.round(np.cumsum(np.full(len(found), len(recorded.mel) / len(found))))
    assert error.mean() < 0.1 * np.abs(uniform - np.cumsum(recorded.durations))[sounds].mean()


def test_a_pause_falls_to_the_space_between_the_words(bird: Parrotlet) -> None:
    first, second, *_ = (preset.profile for preset in bird.presets.values())
    phonemes = bird.phonemize(TEXT)
    recorded = bird.acoustics(phonemes, first)
    space = [number for number, symbol in enumerate(phonemes) if symbol == " "][4] + 1  # after the start token
    at, pause = int(np.cumsum(recorded.durations)[space]), 40
    quiet = np.repeat(recorded.mel[:1], pause, axis=0)
    mel = np.concatenate([recorded.mel[:at], quiet, recorded.mel[at:]])
    found, _ = durations_by_warping(bird, phonemes, second, mel, 66)
    assert found[space] == pytest.approx(pause + recorded.durations[space], abs=4)


def test_a_recording_too_short_for_its_text_is_refused(bird: Parrotlet) -> None:
    profile = next(iter(bird.presets.values())).profile
    with pytest.raises(ValueError, match="too short"):
        durations_by_warping(bird, bird.phonemize(TEXT), profile, np.zeros((20, 80), np.float32), 66)


def test_a_path_goes_from_the_first_frame_to_the_last() -> None:
    spoken = np.eye(6, dtype=np.float32) * 5
    recorded = spoken[[0, 0, 1, 2, 2, 2, 5]]
    skippable = np.array([False, False, False, True, True, False])
    assert warp(recorded, spoken, skippable).tolist() == [0, 0, 1, 2, 2, 2, 5]
