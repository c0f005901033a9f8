"""From the vocoder graph's spectral parts to samples, frame by frame, with explicit state.

Source-filter synthesis (Wang 2019, neural source-filter models): a band-limited pulse train at f0 and white
noise are cut into Hann windows, multiplied by the filters the graph predicts, and overlap-added with the
same window. However the frames are grouped into calls, the samples come out the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


LOWEST_HZ = 40.0
BLOCK = 64
"""Frames rendered at a time: their spectra stay in a small processor's cache."""


def pulse_train(f0: Array, hop_length: int, sample_rate: int, cycles: float) -> tuple[Array, float]:
    """All harmonics of f0 below the Nyquist frequency, each of amplitude 1, as a closed-form sum of cosines.

    f0 [T + 2]: Hz per hop, 0 where unvoiced, with one neighbour on each side. cycles: phase at the start.
    Returns samples [T * hop] and the phase at the end, in cycles.
    """
    gate = _to_samples((f0 > 0).astype(np.float32), hop_length)
    # Weighting by voicing keeps an unvoiced neighbour's zero out of the interpolated frequency.
    frequency = np.maximum(_to_samples(f0, hop_length) / np.maximum(gate, 1e-6), LOWEST_HZ)
    # The phase grows without bound: float32 would lose it within a second.
    turns = cycles + np.cumsum(frequency / sample_rate, dtype=np.float64)
    theta = ((turns - np.round(turns)) * (2 * np.pi)).astype(np.float32)
    harmonics = np.floor(0.5 * sample_rate / frequency)
    half = np.sin(theta / 2)
    small = np.abs(half) < 1e-4
    half[small] = 1
    kernel = (np.sin((harmonics + np.float32(0.5)) * theta) / half - 1) / 2
    return np.where(small, harmonics, kernel) * gate, float(turns[-1] % 1.0)


def _to_samples(frames: Array, hop_length: int) -> Array:
    """Linear interpolation between hop centres, [T + 2] -> [T * hop]."""
    place = ((np.arange(hop_length) + 0.5) / hop_length - 0.5).astype(np.float32)
    before, after = np.maximum(-place, 0), np.maximum(place, 0)
    here = frames[1:-1, None]
    # In this form a constant stays exactly constant, and with it the number of harmonics below the Nyquist frequency.
    samples: Array = here + (frames[:-2, None] - here) * before + (frames[2:, None] - here) * after
    return samples.reshape(-1)


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
        self._square = self._window**2
        self._cycles = 0.0
        self._made = 0  # hops of source generated
        self._done = 0  # frames rendered
        self._sources = np.zeros((2, self._pad), np.float32)  # pulses and noise not yet out of every window
        self._sum = np.zeros((2, n_fft - hop_length), np.float32)  # overlapping tails: samples and weights

    def push(self, magnitude: Array, phase: Array, noise: Array) -> Array:
        """The next frames' filters [T, F] each -> all samples [N] that no later frame changes."""
        early = max(0, self._pad - self._done * self.hop)  # the window of frame 0 begins before sample 0
        blocks = [slice(at, at + BLOCK) for at in range(0, len(magnitude), BLOCK)]
        ready: Array = np.concatenate([self._render(magnitude[b], phase[b], noise[b]) for b in blocks])
        return ready[early:]

    def _render(self, magnitude: Array, phase: Array, noise: Array) -> Array:
        frames = len(magnitude)
        self._extend(self._done + frames)
        self._done += frames
        spans = np.lib.stride_tricks.sliding_window_view(self._sources, self.n_fft, axis=1)[:, :: self.hop][:, :frames]
        self._sources = self._sources[:, frames * self.hop :]
        spectra = np.fft.rfft(spans * self._window).astype(np.complex64, copy=False)
        # Sine and cosine: the complex exponential is some twenty times slower in numpy.
        harmonic = np.empty_like(spectra[0])
        np.multiply(magnitude, np.cos(phase), out=harmonic.real)
        np.multiply(magnitude, np.sin(phase), out=harmonic.imag)
        harmonic *= spectra[0]
        harmonic += spectra[1] * noise
        return self._overlap(np.fft.irfft(harmonic, self.n_fft).astype(np.float32, copy=False) * self._window)

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
        """Add windows [T, n_fft] to what is held back; all samples [T * hop] that are complete."""
        frames, hops = len(windows), -(-self.n_fft // self.hop)
        total = np.zeros((2, (frames + hops - 1) * self.hop), np.float32)
        total[:, : self._sum.shape[1]] = self._sum
        rows = total.reshape(2, -1, self.hop)
        for k in range(hops):
            part = slice(k * self.hop, min((k + 1) * self.hop, self.n_fft))
            rows[0, k : k + frames, : part.stop - part.start] += windows[:, part]
            rows[1, k : k + frames, : part.stop - part.start] += self._square[part]
        ready = total[:, : frames * self.hop]
        self._sum = total[:, frames * self.hop : (frames - 1) * self.hop + self.n_fft].copy()
        samples: Array = ready[0] / np.maximum(ready[1], 1e-3)
        return samples
