"""From the vocoder graph's spectral parts to samples, as a graph: the definition that native renderers are tested
against. ``parrotlet.rendering`` is the same in numpy: more than twice as fast, with state from call to call."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet.rendering import LOWEST_HZ

from .dft import InverseRealDft, RealDft
from .framing import all_of, frames, places, take
from .vocoder import VocoderConfig

CYCLE = 1 << 24
"""Phase is counted in whole parts of a cycle: a sum of those stays exact, however long speech is."""


class Render(nn.Module):
    """Source-filter synthesis of whole utterances, or of parts with ``context`` frames more on each side."""

    course: Tensor
    cycles: Tensor
    window: Tensor
    square: Tensor

    def __init__(self, config: VocoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or VocoderConfig()
        self.hop, self.hops = config.hop_length, -(-config.n_fft // config.hop_length)
        self.pad = (config.n_fft - config.hop_length) // 2
        self.early = -(-self.pad // self.hop)  # whole hops by which a window begins before its own
        self.dft, self.inverse = RealDft(config.n_fft), InverseRealDft(config.n_fft)
        place = (torch.arange(self.hop, dtype=torch.float64) + 0.5) / self.hop - 0.5
        halves = [(place < 0).double(), (-place).clamp_min(0), (place > 0).double(), place.clamp_min(0)]
        course = torch.stack(halves)
        self.register_buffer("course", course.float())
        self.register_buffer("cycles", (course.cumsum(1) / config.sample_rate).float())
        window = 0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(config.n_fft, dtype=torch.float64) / config.n_fft)
        self.register_buffer("window", window.float())
        self.register_buffer("square", window.square().float())

    @property
    def context(self) -> int:
        """Frames on each side that the samples of a frame depend on, beside the phase."""
        return self.hops

    def forward(
        self, magnitude: Tensor, phase: Tensor, noise: Tensor, f0: Tensor, white: Tensor, first: Tensor
    ) -> Tensor:
        """magnitude, phase, noise [1, T, F] of frames from ``first`` [1] on; f0 [1, A] in Hz of the whole utterance, 0
        where unvoiced; white [1, T * hop], noise of variance 1 -> samples [1, T * hop].
        """
        place = places(magnitude[0].mean(dim=1))
        pulses = self._frames(self._pulses(f0[0], first + place))
        breath = self._frames(white.reshape(-1, self.hop))
        real, imaginary = self.dft(pulses * self.window)
        breath_real, breath_imaginary = self.dft(breath * self.window)
        cosine, sine = magnitude[0] * torch.cos(phase[0]), magnitude[0] * torch.sin(phase[0])
        spoken = self.inverse(
            real * cosine - imaginary * sine + breath_real * noise[0],
            real * sine + imaginary * cosine + breath_imaginary * noise[0],
        )
        weight = self._overlap(all_of(breath.mean(dim=1)).unsqueeze(1) * self.square)
        samples = self._overlap(spoken * self.window) / weight.clamp_min(1e-3)
        return take(samples, place + self.early).reshape(1, -1)

    def _pulses(self, f0: Tensor, chosen: Tensor) -> Tensor:
        """A band-limited pulse train [T, hop] in the ``chosen`` [T] hops: all harmonics of f0 [A] below the Nyquist
        frequency, each of amplitude 1.

        f0 runs straight from the middle of a hop to that of the next. At an unvoiced hop it stays what it was, and the
        train fades.
        """
        place = places(f0)
        around = (place - 1).clamp_min(0), place, torch.minimum(place + 1, place.max())
        three = [take(f0.unsqueeze(1), at)[:, 0] for at in around]
        sounded, sounds, will = ((hertz > 0).to(f0.dtype) for hertz in three)
        before, here, after = (hertz.clamp_min(LOWEST_HZ) for hertz in three)
        # An unvoiced neighbor does not pull at the frequency, and an unvoiced hop takes that of its neighbors.
        course = self._course(
            torch.where(sounds > 0, here, before),
            torch.where(sounded > 0, before, here),
            torch.where(sounds > 0, here, after),
            torch.where(will > 0, after, here),
        )
        turned = take(self._turned(course @ self.cycles[:, -1:]), chosen)
        gate = take(self._course(sounds, sounded, sounds, will), chosen) @ self.course
        course = take(course, chosen)
        frequency = course @ self.course
        turns = turned + course @ self.cycles
        theta = (turns - turns.round()) * (2 * math.pi)
        harmonics = (self.config.sample_rate / 2 / frequency).floor()
        half = torch.sin(theta / 2)
        small = half.abs() < 1e-4
        kernel = (torch.sin((harmonics + 0.5) * theta) / torch.where(small, 1.0, half) - 1) / 2
        return torch.where(small, harmonics, kernel) * gate

    def _course(self, first: Tensor, before: Tensor, second: Tensor, after: Tensor) -> Tensor:
        """What runs from ``before`` to ``first`` in the first half of a hop and from ``second`` to ``after`` in the
        second, half of each way: factors [T, 4] of ``self.course``."""
        return torch.stack([first, before - first, second, after - second], dim=1)

    def _turned(self, cycles: Tensor) -> Tensor:
        """Cycles in every hop [A, 1] -> the phase before each, in cycles [A, 1]."""
        parts = ((cycles - cycles.floor()) * CYCLE).round().long()
        return ((torch.cumsum(parts, dim=0) - parts) % CYCLE).to(cycles.dtype) / CYCLE

    def _frames(self, rows: Tensor) -> Tensor:
        """Samples [T, hop] -> frames [T, n_fft], centered on the hops."""
        samples = functional.pad(rows.reshape(1, -1), (self.pad, self.hops * self.hop - self.hop - self.pad))
        return frames(samples.reshape(-1, self.hop), self.hops)[:, : self.config.n_fft]

    def _overlap(self, windows: Tensor) -> Tensor:
        """Frames [T, n_fft] added up where they overlap, from ``early`` hops before the first: [T + 2 * early, hop]."""
        margin = self.early * self.hop - self.pad
        parts = functional.pad(windows, (margin, margin)).reshape(-1, 2 * self.early + 1, self.hop)
        last = 2 * self.early
        return sum((functional.pad(parts[:, k], (0, 0, k, last - k)) for k in range(last + 1)), torch.zeros(()))
