"""What happens to an utterance's samples last: no rumble, the right level, no clipping, no click at its end.

However the samples are grouped into calls, they come out the same up to rounding.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

RUMBLE_HZ, RESPONSE_S = 50.0, 0.1
CEILING = 10 ** (-1 / 20)
"""True peak, at most: 1 dB below full scale."""
LOOKAHEAD_S, FADE_S = 0.005, 0.01
BLOCK = 8192  # samples that are filtered at once
STRETCH = 2 * BLOCK  # samples that are worked on at once: what they take in memory is bounded, and stays in cache
REACH = 6  # samples on each side from which a value between two samples is read


@lru_cache
def high_pass(rate: int) -> npt.NDArray[np.float64]:
    """Impulse response of a Butterworth filter of fourth order, 3 dB down at ``RUMBLE_HZ``: minimum phase, no delay."""
    size = 1 << 15
    turn = 2 * np.pi * np.arange(size // 2 + 1) / size
    delay = np.cos(turn) - 1j * np.sin(turn)  # complex exponentials and powers take far longer in numpy
    s = (1 - delay) / np.where(delay == -1, 1e-12, 1 + delay) / np.tan(np.pi * RUMBLE_HZ / rate)
    square = s * s
    response = square * square / ((square + 0.765366865 * s + 1) * (square + 1.847759065 * s + 1))
    return np.asarray(np.fft.irfft(response, size)[: round(RESPONSE_S * rate)])


@lru_cache
def _spectrum(rate: int) -> npt.NDArray[np.complex128]:
    return np.fft.rfft(high_pass(rate), BLOCK)


@lru_cache
def _between() -> npt.NDArray[np.float64]:
    """Filters [3, 2 * REACH] that read a quarter, a half and three quarters of the way to the next sample."""
    at = np.arange(2 * REACH) - (REACH - 1) - np.array([[0.25], [0.5], [0.75]])
    return np.asarray(np.sinc(at) * np.cos(np.pi * at / (2 * REACH)) ** 2)


def true_peaks(samples: npt.NDArray[np.floating], above: float = 0.0) -> npt.NDArray[np.float64]:
    """Largest magnitude [N] of the curve through samples [N], from each to its neighbors, at four times the rate.

    above: what is not larger than this may be given too low, which saves most of the work where little is loud.
    """
    peaks = np.abs(np.asarray(samples, dtype=np.float64))
    # A value between two samples is a weighted sum of those around it: where none is loud, it is not.
    loud = np.flatnonzero(peaks > above / np.abs(_between()).sum(axis=1).max())
    near = np.zeros(len(peaks), dtype=bool)
    for shift in range(-REACH, REACH):
        near[np.clip(loud + shift, 0, len(peaks) - 1)] = True
    at = np.flatnonzero(near)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (REACH - 1, REACH)), 2 * REACH)[at]
    between = np.abs(around @ _between().T).max(axis=1, initial=0.0)  # from at to at + 1
    peaks[at] = np.maximum(peaks[at], between)
    after = at + 1 < len(peaks)
    peaks[at[after] + 1] = np.maximum(peaks[at[after] + 1], between[after])
    return peaks


class Finisher:
    """Finishes one utterance: push samples in any grouping, then ``finish``. gain: a factor on the samples."""

    def __init__(self, gain: float, rate: int) -> None:
        self._gain = gain
        self._spectrum = _spectrum(rate)
        self._heard = np.zeros(len(high_pass(rate)) - 1)
        self._reach = round(LOOKAHEAD_S * rate / 2) * 2
        self._context = self._reach + REACH
        self._level = np.zeros(self._context)  # before the limiter: what it still looks at
        self._fade = round(FADE_S * rate)
        self._held = np.zeros(0, np.float32)  # might be the last

    def push(self, samples: Array) -> Array:
        """The next samples [N] -> all that no later one changes."""
        stretches = [samples[at : at + STRETCH] for at in range(0, len(samples), STRETCH)] or [samples]
        return self._release(np.concatenate([self._limit(self._filter(some) * self._gain) for some in stretches]))

    def finish(self) -> Array:
        """The samples still held back, fading to zero."""
        last = np.concatenate([self._held, self._limit(np.zeros(self._context))])
        size = min(len(last), self._fade)
        last[len(last) - size :] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(size) + 1) / max(1, size))
        return last

    def _filter(self, samples: Array) -> npt.NDArray[np.float64]:
        """Overlap-save convolution, in blocks of one size whatever the number of samples."""
        joined = np.concatenate([self._heard, samples])
        before = len(self._heard)
        step = BLOCK - before
        blocks = max(1, -(-len(samples) // step))
        padded = np.pad(joined, (0, blocks * step + before - len(joined)))
        rows = np.lib.stride_tricks.sliding_window_view(padded, BLOCK)[::step]
        made = np.fft.irfft(np.fft.rfft(rows) * self._spectrum, BLOCK)[:, before:]
        self._heard = joined[len(joined) - before :]
        return made.reshape(-1)[: len(samples)]

    def _limit(self, samples: npt.NDArray[np.float64]) -> Array:
        joined = np.concatenate([self._level, samples])
        ready = max(0, len(joined) - 2 * self._context)
        limited = joined * self._factors(joined)
        self._level = joined[ready:]
        return limited[self._context : self._context + ready].astype(np.float32)

    def _factors(self, samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | float:
        """What keeps the true peaks below the ceiling, [N], a smooth curve; right but for the context at both ends."""
        needed = np.minimum(1.0, CEILING / np.maximum(true_peaks(samples, CEILING), 1e-9))
        if needed.min() == 1.0:
            return 1.0
        half = self._reach // 2
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(needed, half, constant_values=1.0), self._reach + 1)
        weights = np.hanning(self._reach + 3)[1:-1]
        least = np.pad(windows.min(axis=1), half, constant_values=1.0)
        return np.convolve(least, weights / weights.sum(), mode="valid")

    def _release(self, samples: Array) -> Array:
        joined = np.concatenate([self._held, samples])
        ready = max(0, len(joined) - self._fade)
        self._held = joined[ready:]
        return joined[:ready]
