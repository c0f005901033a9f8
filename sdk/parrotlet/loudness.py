"""How loud speech is: integrated loudness as ITU-R BS.1770-5 defines it, of one channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BLOCK_S, STEP_S = 0.4, 0.1
SILENT, QUIETER = -70.0, -10.0
"""Gates: LUFS, and LU below the mean of what passes the first."""


def integrated_loudness(samples: npt.NDArray[np.float32], rate: int) -> float:
    """LUFS of samples [N] at ``rate`` Hz; -inf where no 400 ms of them pass the gates."""
    size = 1 << (len(samples) + rate).bit_length()
    heard = np.fft.irfft(np.fft.rfft(samples, size) * _k_weighting(size, rate), size)[: len(samples)]
    block, step = round(BLOCK_S * rate), round(STEP_S * rate)
    energy = np.concatenate([[0.0], np.cumsum(np.square(heard))])
    power = (energy[block::step] - energy[:-block:step][: len(energy[block::step])]) / block
    power = power[_lufs(power) > SILENT]
    if len(power):
        power = power[_lufs(power) > _lufs(power.mean()) + QUIETER]
    return float(_lufs(power.mean())) if len(power) else -np.inf


def _lufs(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-20)))


def _k_weighting(size: int, rate: int) -> npt.NDArray[np.complex128]:
    """Response [size // 2 + 1] of the standard's two filters, a high shelf for the head and a high-pass."""
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    powers = np.stack([np.ones_like(delay), delay, delay**2])
    response = np.ones_like(delay)
    # Analog prototypes whose bilinear transforms at 48 kHz are the standard's coefficients (De Man 2018).
    gain, middle, q = 10 ** (3.999843853973347 / 20), 1681.974450955533, 0.7071752369554196
    k = np.tan(np.pi * middle / rate)
    share = gain**0.4996667741545416
    shelf = np.array([gain + share * k / q + k * k, 2 * (k * k - gain), gain - share * k / q + k * k])
    response *= (shelf @ powers) / (_poles(k, q) @ powers)
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    high_pass = np.array([1.0, -2.0, 1.0]) * (1 + k / q + k * k)  # the standard leaves its gain as it is
    response *= (high_pass @ powers) / (_poles(k, q) @ powers)
    return np.asarray(response)


def _poles(k: float, q: float) -> npt.NDArray[np.float64]:
    return np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
