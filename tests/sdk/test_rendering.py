"""The renderer against the definition in docs/export.md, written out in float64 without streaming."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from parrotlet.rendering import Renderer, pulse_train

HOP, N_FFT, RATE = 300, 1024, 24000


def pulses_by_definition(f0: np.ndarray) -> np.ndarray:
    """A sum of cosines, one for each harmonic.

    Rejects an f0 of which rounding alone decides, in some sample, whether a harmonic is below the Nyquist frequency.
    """
    frames = len(f0)
    padded = np.pad(f0, 1, mode="edge")
    times, centres = np.arange(frames * HOP) + 0.5, (np.arange(frames + 2) - 0.5) * HOP
    gate = np.interp(times, centres, (padded > 0).astype(float))
    frequency = np.maximum(np.interp(times, centres, padded) / np.maximum(gate, 1e-6), 40)
    cycles = np.cumsum(frequency / RATE)
    fitting = 0.5 * RATE / frequency
    moving = (np.diff(frequency, prepend=frequency[0]) != 0) & (gate > 0)  # constant, it stays exact in float32 too
    assume(not (moving & (np.abs(fitting - np.rint(fitting)) < 5e-6)).any())
    count = np.floor(fitting)
    total = np.zeros(len(times))
    for k in range(1, int(count.max()) + 1):
        total += (k <= count) * np.cos(2 * np.pi * ((k * cycles) % 1))
    return total * gate


def rendered_by_definition(magnitude: np.ndarray, phase: np.ndarray, noise: np.ndarray, f0: np.ndarray) -> np.ndarray:
    frames, pad = len(f0), (N_FFT - HOP) // 2
    white = np.random.default_rng(0).standard_normal(frames * HOP, dtype=np.float32)
    sources = np.pad(np.stack([pulses_by_definition(f0), white]), ((0, 0), (pad, pad)))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    out, weight = np.zeros(frames * HOP + 2 * pad), np.zeros(frames * HOP + 2 * pad)
    for t in range(frames):
        span = slice(t * HOP, t * HOP + N_FFT)
        pulses, breath = np.fft.rfft(sources[:, span] * window)
        out[span] += np.fft.irfft(pulses * magnitude[t] * np.exp(1j * phase[t]) + breath * noise[t]) * window
        weight[span] += window**2
    return (out / np.maximum(weight, 1e-3))[pad : pad + frames * HOP]


def decibels(error: np.ndarray, signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(error**2) / np.mean(signal**2) + 1e-20))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 70), step=st.integers(1, 80))
def test_it_renders_what_the_definition_says(seed: int, frames: int, step: int) -> None:
    random = np.random.default_rng(seed)
    f0 = np.where(random.random(frames) < 0.7, random.uniform(60, 400, frames), 0).astype(np.float32)
    magnitude, noise = (np.exp(random.normal(-3, 1, (frames, N_FFT // 2 + 1))).astype(np.float32) for _ in range(2))
    phase = random.normal(0, 1, magnitude.shape).astype(np.float32)
    renderer = Renderer(f0, HOP, N_FFT, RATE, np.random.default_rng(0))
    parts = [
        renderer.push(magnitude[at : at + step], phase[at : at + step], noise[at : at + step])
        for at in range(0, frames, step)
    ]
    made = np.concatenate([*parts, renderer.finish()])
    expected = rendered_by_definition(magnitude, phase, noise, f0)
    assert made.dtype == np.float32
    assert len(made) == frames * HOP
    assert decibels(made - expected, expected) < -60


def test_the_pulses_are_all_harmonics_below_nyquist() -> None:
    f0 = np.full(80, 210, np.float32)
    pulses, _ = pulse_train(np.pad(f0, 1, mode="edge"), HOP, RATE, 0.0)
    spectrum = np.abs(np.fft.rfft(pulses)) / len(pulses) * 2
    assert np.allclose(spectrum[210:12000:210], 1, atol=0.01)
    assert spectrum[220:410].max() < 0.01
