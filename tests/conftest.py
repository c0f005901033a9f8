"""Shared fixtures: the shipped engine, and recordings made on the spot with its preset voices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from parrotlet import Parrotlet

SENTENCES = (
    "The quick brown fox jumps over the lazy dog while the sun is shining on the river.",
    "Please read a few more sentences so that the device can learn how you sound today.",
)


@pytest.fixture(scope="session")
def bird() -> Parrotlet:
    return Parrotlet.load()


@pytest.fixture(scope="session")
def recordings(bird: Parrotlet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Two WAVs each of two preset voices with room noise under them: what a microphone would give."""
    folder = tmp_path_factory.mktemp("recordings")
    random = np.random.default_rng(0)
    women = next(p.name for p in bird.presets.values() if p.description.startswith("woman"))
    men = next(p.name for p in bird.presets.values() if p.description.startswith("man"))
    files: dict[str, list[Path]] = {}
    for kind, name in (("woman", women), ("man", men)):
        for index, sentence in enumerate(SENTENCES):
            speech = np.concatenate([c.samples for c in bird.speak(sentence, bird.presets[name].profile)])
            speech = np.pad(speech, 6000)
            speech = speech + 0.0005 * random.standard_normal(len(speech)).astype(np.float32)
            path = folder / f"{kind}{index}.wav"
            soundfile.write(path, speech, bird.sample_rate)
            files.setdefault(kind, []).append(path)
    return files
