"""Complete the spectrum of a recording that lacks the upper bands, as a telephone's does.

Frames of speech are taken to be Gaussian: the bands that are missing get their mean given those that were heard
(Kain & Macon 1998 use such a regression for conversion; Park & Kim 2000 for the bandwidth). The table beside this
module (``narrow_band.npz``) holds mean and covariance over people of the training split and is made by
``benchmarks/quality/narrow_band.py fit``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parrotlet.adaptation import FLOOR
from parrotlet.mel import MelConfig, mel_edges

Matrix = npt.NDArray[np.float64]

TABLE = Path(__file__).with_suffix(".npz")
MARGIN_HZ = 500
"""Below the measured bandwidth a resampler's filter already falls."""
LEVEL_BANDS = slice(5, 28)
"""Bands whose mean is a frame's level, from 0.3 to 2 kHz: every telephone passes them."""
TRUST = 0.05  # added to the variance of the bands that were heard: recordings color them


@cache
def speech_moments() -> tuple[Matrix, Matrix]:
    """Mean [B] and covariance [B, B] of frames of log-mel, about the mean level of their recording."""
    with np.load(TABLE) as table:
        return table["mean"].astype(np.float64), table["covariance"].astype(np.float64)


def missing_from(bandwidth_hz: float, config: MelConfig) -> int:
    """The first mel band that a recording of this bandwidth does not hold whole."""
    return int(
        np.searchsorted(
            mel_edges(config.n_mels, config.f_min, config.f_max)[2:], bandwidth_hz - MARGIN_HZ, side="right"
        )
    )


def completed(heard: npt.NDArray[np.float32], bandwidth_hz: float, config: MelConfig) -> npt.NDArray[np.float32]:
    """Log-mel [T, M] of a recording that holds nothing above its bandwidth, with the bands above as they probably were.

    Bands that the table does not reach stay as they are.
    """
    mean, covariance = speech_moments()
    low, bands = missing_from(bandwidth_hz, config), len(mean)
    if low >= bands:
        return heard
    known = covariance[:low, :low] + TRUST * np.eye(low)
    regression = np.linalg.solve(known, covariance[:low, low:])
    level, whole = recording_level(heard), heard.copy()
    below = np.maximum(heard[:, :low], FLOOR) - level - mean[:low]
    whole[:, low:bands] = level + mean[low:] + below @ regression
    return whole


def recording_level(heard: npt.NDArray[np.float32]) -> float:
    """The mean level of the loud frames, in nepers."""
    level = heard[:, LEVEL_BANDS].mean(axis=1)
    return float(level[level > np.percentile(level, 95) - 5].mean())
