"""From the vocoder graph's spectral parts to samples, frame by frame, with explicit state.

Source-filter synthesis (Wang 2019, neural source-filter models): a band-limited pulse train at f0 and white
noise are cut into Hann windows, multiplied by the filters the graph predicts, and overlap-added with the
same window. However the frames are grouped into calls, the samples come out the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def pulse_train(f0: Array, hop_length: int, sample_rate: int, cycles: float) -> tuple[Array, float]:
    """All harmonics of f0 below the Nyquist frequency, each of amplitude 1, as a closed-form sum of cosines.

    f0 [T + 2]: Hz per hop, 0 where unvoiced, with one neighbour on each side. cycles: phase at the start.
    Returns samples [T * hop] and the phase at the end, in cycles.
    """
    frames = len(f0) - 2
    centres = (np.arange(frames + 2) - 0.5) * hop_length
    times = np.arange(frames * hop_length) + 0.5
    gate = np.interp(times, centres, (f0 > 0).astype(np.float64))
    # Weighting by voicing keeps an unvoiced neighbour's zero out of the interpolated frequency.
    frequency = np.maximum(np.interp(times, centres, f0) / np.maximum(gate, 1e-6), 40.0)
    turns = cycles + np.cumsum(frequency / sample_rate)
    theta = (2 * np.pi * (turns - np.round(turns))).astype(np.float32)
    harmonics = np.floor(0.5 * sample_rate / frequency).astype(np.float32)
    half = np.sin(theta / 2)
    small = np.abs(half) < 1e-4
    kernel = (np.sin((harmonics + np.float32(0.5)) * theta) / np.where(small, 1, half) - 1) / 2
    return (np.where(small, harmonics, kernel) * gate).astype(np.float32), float(turns[-1] % 1.0)


class Renderer:
    """Renders one utterance: push frames in any grouping, then ``finish``.

    f0 [T] in Hz (0 where unvoiced) must be known from the start; ``random`` gives the noise.
    """

    def __init__(self, f0: Array, hop_length: int, n_fft: int, sample_rate: int, random: np.random.Generator) -> None:
        self.hop, self.n_fft, self.rate = hop_length, n_fft, sample_rate
        self._random = random
        self._f0 = np.pad(f0.astype(np.float32), 1, mode="edge")
        self._frames = len(f0)
        self._pad = (n_fft - hop_length) // 2
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)
        self._cycles = 0.0
        self._made = 0  # hops of source generated
        self._done = 0  # frames rendered
        self._sources = np.zeros((2, self._pad), np.float32)  # pulses and noise not yet out of every window
        self._sum = np.zeros((2, n_fft - hop_length), np.float32)  # overlapping tails: samples and weights

    def push(self, magnitude: Array, phase: Array, noise: Array) -> Array:
        """The next frames' filters [T, F] each -> all samples [N] that no later frame changes."""
        frames = len(magnitude)
        self._extend(self._done + frames)
        spans = np.lib.stride_tricks.sliding_window_view(self._sources, self.n_fft, axis=1)[:, :: self.hop][:, :frames]
        spectra = np.fft.rfft(spans * self._window).astype(np.complex64)
        filtered = spectra[0] * (magnitude * np.exp(1j * phase)) + spectra[1] * noise
        windows = np.fft.irfft(filtered, self.n_fft).astype(np.float32) * self._window
        first, self._done = self._done, self._done + frames
        self._sources = self._sources[:, frames * self.hop :]
        ready = self._overlap(windows)
        # The window of frame 0 begins before sample 0.
        kept: Array = ready[max(0, self._pad - first * self.hop) :]
        return kept

    def finish(self) -> Array:
        """The samples still held back by the last frames' overlap."""
        samples, weight = self._sum[:, : self.n_fft - self.hop - self._pad]
        held_back = max(0, self._pad - self._done * self.hop)
        return np.asarray((samples / np.maximum(weight, 1e-3))[held_back:], dtype=np.float32)

    def _extend(self, frames: int) -> None:
        """Generate sources far enough for the windows of the first ``frames`` frames."""
        needed = min(self._frames, frames + -(-self._pad // self.hop))
        parts = [self._sources]
        if needed > self._made:
            pulses, self._cycles = pulse_train(self._f0[self._made : needed + 2], self.hop, self.rate, self._cycles)
            parts.append(np.stack([pulses, self._random.standard_normal(len(pulses), dtype=np.float32)]))
            self._made = needed
        short = frames * self.hop + self._pad - self._made * self.hop
        if short > 0:
            parts.append(np.zeros((2, short), np.float32))
        self._sources = np.concatenate(parts, axis=1)

    def _overlap(self, windows: Array) -> Array:
        frames = len(windows)
        total = np.zeros((2, (frames - 1) * self.hop + self.n_fft), np.float32)
        total[:, : self._sum.shape[1]] = self._sum
        square = self._window**2
        for index, window in enumerate(windows):
            at = index * self.hop
            total[0, at : at + self.n_fft] += window
            total[1, at : at + self.n_fft] += square
        ready, self._sum = total[:, : frames * self.hop], total[:, frames * self.hop :]
        return np.asarray(ready[0] / np.maximum(ready[1], 1e-3), dtype=np.float32)
