"""The mel spectrogram that acoustic models and vocoders share: defined here once.

A bundle's manifest carries these numbers to every host; nothing else repeats them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

_BLOCK = 400  # frames at a time: 10 MB of spectra


@dataclass(frozen=True)
class MelConfig:
    """Parameters of a log-mel spectrogram. Frame ``t`` is centred on sample ``(t + 0.5) * hop_length``."""

    sample_rate: int = 24000
    hop_length: int = 300
    win_length: int = 1200
    n_fft: int = 2048
    n_mels: int = 80
    f_min: float = 0.0
    f_max: float = 12000.0
    log_floor: float = 1e-5

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def pad(self) -> int:
        """Samples of context on each side of a hop, so that N = T * hop gives exactly T frames."""
        return (self.win_length - self.hop_length) // 2

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def _hz_to_mel(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Slaney's Auditory Toolbox scale: linear below 1 kHz, logarithmic above."""
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1000) / 1000) * 27 / np.log(6.4))


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


def mel_edges(n_mels: int, f_min: float, f_max: float) -> npt.NDArray[np.float64]:
    """Where filters begin and end, in Hz [n_mels + 2]: filter k reaches from k to k + 2 and has its peak at k + 1."""
    bounds = _hz_to_mel(np.array([f_min, f_max], dtype=np.float64))
    return _mel_to_hz(np.linspace(bounds[0], bounds[1], n_mels + 2))


def mel_filterbank(sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> npt.NDArray[np.float32]:
    """Triangular filters with unit area (Slaney 1998), float32 [n_mels, n_fft // 2 + 1]."""
    edges = mel_edges(n_mels, f_min, f_max)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)
    rising = (bins[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None]) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return weights.astype(np.float32)


def mel_spectrogram(samples: npt.NDArray[np.float32], config: MelConfig) -> npt.NDArray[np.float32]:
    """Natural-log mel magnitudes of ``samples`` [N] as float32 [N // hop, n_mels]."""
    frames = len(samples) // config.hop_length
    padded = np.pad(samples[: frames * config.hop_length], config.pad)
    windows = np.lib.stride_tricks.sliding_window_view(padded, config.win_length)[:: config.hop_length]
    hann = np.hanning(config.win_length + 1)[:-1].astype(np.float32)
    bank = mel_filterbank(config.sample_rate, config.n_fft, config.n_mels, config.f_min, config.f_max)
    mel = np.empty((frames, config.n_mels), np.float32)
    for start in range(0, frames, _BLOCK):
        block = slice(start, start + _BLOCK)
        mel[block] = np.abs(np.fft.rfft(windows[block] * hann, config.n_fft)).astype(np.float32) @ bank.T
    return np.log(np.maximum(mel, config.log_floor))
