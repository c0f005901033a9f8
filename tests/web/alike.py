"""When speech of two hosts is the same, and what the tests of both share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from parrotlet import Parrotlet, VoiceProfile
from parrotlet.mel import MelConfig, mel_spectrogram

WEB = Path(__file__).parents[2] / "examples/web"
Samples = npt.NDArray[np.float64]


def spoken(bird: Parrotlet, text: str, voice: VoiceProfile | str, **options: Any) -> Samples:
    return np.concatenate([chunk.samples for chunk in bird.speak(text, voice, **options)]).astype(np.float64)


def require_alike(ours: Samples, theirs: Samples) -> None:
    """The same speech but for its noise and for what INT8 rounds otherwise.

    Two seeds of Python's own noise correlate by 0.973 and lie 2.08 dB of the mel spectrogram apart, over loud frames.
    INT8 rounds the pitch, too, so that phases drift: of one voice more than of another, 0.917 was the least.
    """
    assert len(theirs) == pytest.approx(len(ours), rel=0.01)
    size = min(len(ours), len(theirs))
    same_length = len(theirs) == len(ours)
    ours, theirs = ours[:size], theirs[:size]
    assert abs(10 * np.log10(np.mean(theirs**2) / np.mean(ours**2))) < 0.5
    first, second = (mel_spectrogram(one.astype(np.float32), MelConfig()) for one in (ours, theirs))
    loud = first.mean(axis=1) > np.percentile(first.mean(axis=1), 40)
    if same_length:
        assert np.abs(first - second)[loud].mean() * 20 / np.log(10) < 2.6
        assert np.corrcoef(ours, theirs)[0, 1] > 0.85
    else:  # a phoneme that is a frame longer moves all that follows: the spectrum as a whole
        assert np.abs(first[loud].mean(axis=0) - second[loud].mean(axis=0)).mean() * 20 / np.log(10) < 1.5
