"""What enrollment computes, as graphs without weights, so that every host shares one arithmetic.

Each module here is the counterpart of numpy code in ``parrotlet``, and takes its numbers from there; tests hold the two
to each other. Nothing in them is learned. Only plain operators are used: no sorting, no selection of unknown length.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx.operators import shape_as_tensor

from parrotlet import adaptation, enroller, enrollment, pitch
from parrotlet.mel import MelConfig, mel_edges

from .dft import InverseRealDft, RealDft
from .framing import all_of, frames, hops
from .statistics import median, order_statistics, quantiles

RATE = 16000
"""Hz of recordings and of the speech in them."""


def _decibels(power: Tensor) -> Tensor:
    return 10 / math.log(10) * torch.log(power.clamp_min(1e-12))


class Activity(nn.Module):
    """Voice activity and levels of a recording: ``enrollment.find_speech``, and what ``judge`` reads off it."""

    bridge: Tensor
    BRIDGE_S, BRIDGED = 0.12, 0.8

    def __init__(self) -> None:
        super().__init__()
        self.size = int(RATE * enrollment.FRAME_S)
        self.most = round(enrollment.MOST_SPEECH_S / enrollment.FRAME_S)
        self.reach = round(self.BRIDGE_S / enrollment.FRAME_S)
        self.register_buffer("bridge", torch.ones(1, 1, 2 * self.reach + 1))

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """samples [1, N] at 16 kHz, N >= 320 -> level [1, T] in dBFS and active [1, T], 0 or 1, of every 20 ms; then
        speech_s, level_dbfs, clipped and snr_db [1] each, as in ``RecordingReport``.

        active ends after ``MOST_SPEECH_S`` of speech, and the numbers are of what comes before.
        """
        rows = hops(samples, self.size)
        # A constant offset is not sound.
        level = _decibels((rows - samples.mean()).square().mean(dim=1))
        near = functional.conv1d(self._loud(level)[None, None], self.bridge, padding=self.reach)[0, 0]
        active = (near > self.reach * self.BRIDGED).to(level.dtype)
        too_long = (active.sum() > self.most).to(level.dtype)
        before = torch.cumsum(active, dim=0) - active
        used = torch.maximum((before < self.most).to(level.dtype), 1 - too_long)
        active = active * used
        speech = active.sum()
        some = (speech > 0).to(level.dtype)
        offset = (rows.mean(dim=1) * active).sum() / speech.clamp_min(1)
        power = ((rows - offset).square().mean(dim=1) * active).sum() / speech.clamp_min(1)
        full = (samples.abs() >= enrollment.FULL_SCALE).to(level.dtype)
        full_before = (hops(full, self.size).mean(dim=1) * used).sum() / used.sum()
        clipped = some * torch.where(too_long > 0, full_before, full.mean())
        return (
            level.unsqueeze(0),
            active.unsqueeze(0),
            (speech * enrollment.FRAME_S).reshape(1),
            _decibels(power).reshape(1),
            clipped.reshape(1),
            some * self._snr(level, active, used),
        )

    def _loud(self, level: Tensor) -> Tensor:
        """Which frames [T] are above the adaptive threshold: 0 or 1."""
        floor, peak = quantiles(level, all_of(level), [0.10, 0.97]).unbind()
        threshold = torch.maximum(peak - 35, torch.minimum(floor + 9, peak - 12)).clamp_min(-75)
        return (level > threshold).to(level.dtype)

    def _snr(self, level: Tensor, active: Tensor, used: Tensor) -> Tensor:
        """Level of loud speech above the median of what lies between words, or of the quietest twentieth [1]."""
        pauses = used - active
        many = pauses.sum() >= 5
        quietest = (used.sum() / 20).floor().clamp_min(1)
        quiet = torch.where(many, pauses, used)
        middle = (torch.where(many, pauses.sum(), quietest) - 1) / 2
        positions = torch.stack([(active.sum() - 1).clamp_min(0) * 0.8, middle])
        loud, noise = order_statistics(level, torch.stack([active, quiet]), positions).unbind()
        return (loud - noise).reshape(1)


class Pitch(nn.Module):
    """Fundamental frequency of speech: ``pitch.estimate_f0`` and ``enrollment.voice_statistics``."""

    head: Tensor
    lags: Tensor
    HOP = 200

    def __init__(self) -> None:
        super().__init__()
        self.longest, self.shortest = int(RATE / pitch.MIN_HZ), int(RATE / pitch.MAX_HZ)
        self.window = 2 * self.longest
        self.rows = -(-3 * self.longest // self.HOP)
        # Lags up to ``longest`` of a frame of three times that do not wrap around in 1,024 points.
        self.dft, self.inverse = RealDft(1024, self.rows * self.HOP), InverseRealDft(1024)
        head = (torch.arange(self.rows * self.HOP) < self.window).float()
        self.register_buffer("head", head)
        self.register_buffer("lags", torch.arange(1.0, self.longest + 1))

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """samples [1, N] of speech at 16 kHz, N >= 800 -> f0 [1, T] in Hz every 12.5 ms, 0 where unvoiced,
        T = N // 200 - 3; then voiced, median_hz and spread_octaves [1] each.

        Where nothing is voiced, median_hz and spread_octaves mean nothing.
        """
        f0 = self._f0(samples)
        voiced = (f0 > 0).to(f0.dtype)
        octaves = torch.log(f0.clamp_min(1)) / math.log(2)
        middle = median(octaves, voiced)
        # Octave errors lie a whole octave off; a person's own range rarely does.
        near = voiced * ((octaves - middle).abs() < 0.75).to(f0.dtype)
        count = near.sum().clamp_min(1)
        distance = octaves - (octaves * near).sum() / count
        spread = ((distance.square() * near).sum() / count).sqrt()
        return (
            f0.unsqueeze(0),
            (voiced.sum() / all_of(f0).sum()).reshape(1),
            torch.exp(median(octaves, near) * math.log(2)),
            spread.clamp(0.05, 0.6).reshape(1),
        )

    def _f0(self, samples: Tensor) -> Tensor:
        """YIN: f0 [T]."""
        heard = frames(hops(samples, self.HOP), self.rows)
        # Differences are the same without a constant offset, and keep more digits.
        norm = self._difference(heard - heard.mean(dim=1, keepdim=True))
        inside = norm[:, self.shortest - 1 : self.longest - 1]
        before, at, after = inside[:, :-2], inside[:, 1:-1], inside[:, 2:]
        depth = torch.where((at < before) & (at <= after), at, 10.0)
        deepest = depth.min(dim=1, keepdim=True).values
        deep = (depth < (deepest + pitch.ABOUT).clamp_min(pitch.CLEAR)).to(at.dtype)
        first = deep * (torch.cumsum(deep, dim=1) == 1).to(at.dtype)
        before, at, after = ((first * part).sum(dim=1) for part in (before, at, after))
        lag = first @ self.lags[self.shortest : self.longest - 2]
        curve = before - 2 * at + after
        # Masks and not choices: a choice between a row and a number is made of two rows, of fixed length, in TFLite.
        bent = (curve.abs() > 1e-9).to(at.dtype)
        shift = (0.5 * bent * (before - after) / (curve * bent + 1 - bent)).clamp(-0.5, 0.5)
        energy = heard[:, : self.window].square().mean(dim=1)
        voiced = ((deepest[:, 0] < pitch.ROUGH) & (energy > 1e-6)).to(at.dtype)
        return voiced * RATE / (lag + shift + 1 - voiced)

    def _difference(self, heard: Tensor) -> Tensor:
        """Frames [T, 800] -> the cumulative mean normalized difference function of lags from 1 on [T, longest]."""
        real, imaginary = self.dft(heard)
        head_real, head_imaginary = self.dft(heard * self.head)
        correlation = self.inverse(
            real * head_real + imaginary * head_imaginary, imaginary * head_real - real * head_imaginary
        )[:, : self.longest + 1]
        square = heard[:, : 3 * self.longest].square()
        # What enters the window less what leaves it: a difference of two long sums would lose digits.
        change = torch.cumsum(square[:, self.window :] - square[:, : self.longest], dim=1)
        zero = correlation[:, :1]
        difference = 2 * zero + change - 2 * correlation[:, 1:]
        mean = torch.cumsum(difference, dim=1).clamp_min(1e-12)
        return difference * self.lags / mean


class Bandwidth(nn.Module):
    """Up to where speech holds something: ``enrollment.bandwidth``."""

    hann: Tensor
    ends: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.block = 2 * RATE // enrollment.BAND_HZ * 4
        self.dft = RealDft(self.block)
        self.register_buffer("hann", torch.tensor(np.hanning(self.block), dtype=torch.float32))
        self.register_buffer("ends", torch.arange(1.0, self.block // 16 + 1) * enrollment.BAND_HZ)

    def forward(self, samples: Tensor) -> Tensor:
        """samples [1, N] of speech at 16 kHz, N >= 512 -> bandwidth_hz [1]."""
        half = self.block // 2
        real, imaginary = self.dft(frames(hops(samples, half), 2) * self.hann)
        power = (real.square() + imaginary.square()).sum(dim=0)
        bands = power[: half // 8 * 8].reshape(-1, 8).sum(dim=1)
        louder = (bands.unsqueeze(0) > bands.unsqueeze(1)).to(bands.dtype).sum(dim=1)
        loudest = (bands * (louder < 4).to(bands.dtype)).sum() / 4
        held = (bands > loudest * 10 ** (-enrollment.BAND_DROP_DB / 10)).to(bands.dtype)
        return (held * self.ends).max().reshape(1)


class Windows(nn.Module):
    """Speech cut for the speaker encoder: ``Enroller.speaker_embedding``."""

    def __init__(self) -> None:
        super().__init__()
        self.size = int(enroller.EMBED_WINDOW_S * RATE)

    def forward(self, samples: Tensor) -> Tensor:
        """samples [1, N] of speech at 16 kHz -> windows [W, 64000], evenly over it. Short speech is repeated."""
        length = shape_as_tensor(samples)[1]
        count = (length / self.size * enroller.EMBED_WINDOWS_A_LENGTH).round().long().clamp_min(1)
        spare = (length - self.size).clamp_min(0)
        index = torch.arange(count)  # type: ignore[call-overload] # a count that the graph computes
        starts = index * spare // (count - 1).clamp_min(1)
        place = torch.arange(self.size + 0 * samples.shape[1])  # not a constant, which would take half a megabyte
        return samples[0][(starts.unsqueeze(1) + place) % length]


class MeanEmbedding(nn.Module):
    """Several speaker embeddings to one, of windows or of recordings: ``Enroller.enroll``."""

    def forward(self, embeddings: Tensor, seconds: Tensor) -> tuple[Tensor, Tensor]:
        """embeddings [W, E] of unit norm and seconds [W] of speech each is of -> embedding [1, E], their mean at unit
        norm, in which each counts by the square root of its seconds; and likeness [W, W], the cosine of every two."""
        mean = (embeddings * seconds.sqrt().unsqueeze(1)).sum(dim=0, keepdim=True)
        return mean / mean.square().sum().sqrt(), embeddings @ embeddings.T


class Resample(nn.Module):
    """16 to 24 kHz by a windowed sinc (Kaiser), three phases of it."""

    kernel: Tensor
    TAPS = 160
    CUTOFF_HZ, BETA = 7650.0, 10.0

    def __init__(self) -> None:
        super().__init__()
        half = self.TAPS // 2
        # Output 3 i + phase lies at 2 i + 2 phase / 3 of the input.
        place = np.arange(self.TAPS)[None] - (half - 1) - np.arange(3)[:, None] * 2 / 3
        window = np.i0(self.BETA * np.sqrt(np.maximum(0, 1 - (place / half) ** 2))) / np.i0(self.BETA)
        cutoff = 2 * self.CUTOFF_HZ / RATE
        kernel = cutoff * np.sinc(cutoff * place) * window
        kernel /= kernel.sum(axis=1, keepdims=True)
        self.register_buffer("kernel", torch.tensor(kernel[:, None], dtype=torch.float32))

    def forward(self, samples: Tensor) -> Tensor:
        """samples [1, N] at 16 kHz, N even -> [1, 3 N / 2] at 24 kHz."""
        padded = functional.pad(samples, (self.TAPS // 2 - 1, self.TAPS // 2))
        return functional.conv1d(padded.unsqueeze(1), self.kernel, stride=2).transpose(1, 2).flatten(1)


class Mel(nn.Module):
    """The mel spectrogram: ``mel.mel_spectrogram``."""

    hann: Tensor
    bins: Tensor
    edges: Tensor
    slopes: Tensor

    def __init__(self, config: MelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MelConfig()
        self.dft = RealDft(config.n_fft, config.win_length)
        hann = torch.tensor(np.hanning(config.win_length + 1)[:-1], dtype=torch.float32)
        self.register_buffer("hann", hann)
        edges = mel_edges(config.n_mels, config.f_min, config.f_max) * config.n_fft / config.sample_rate
        height = 2 / (edges[2:] - edges[:-2]) * config.n_fft / config.sample_rate
        slopes = np.stack([height / np.diff(edges)[:-1], height / np.diff(edges)[1:]])
        self.register_buffer("bins", torch.arange(config.n_fft // 2 + 1.0).unsqueeze(1))
        self.register_buffer("edges", torch.tensor(edges, dtype=torch.float32))
        self.register_buffer("slopes", torch.tensor(slopes, dtype=torch.float32))

    def forward(self, samples: Tensor) -> Tensor:
        """samples [1, N] at 24 kHz -> log-mel [1, N // 300, 80]."""
        hop, pad = self.config.hop_length, self.config.pad
        rows = functional.pad(hops(samples, hop).reshape(1, -1), (pad, pad)).reshape(-1, hop)
        real, imaginary = self.dft(frames(rows, self.config.win_length // hop) * self.hann)
        magnitude = (real.square() + imaginary.square()).sqrt()
        return torch.log((magnitude @ self._bank(samples)).clamp_min(self.config.log_floor)).unsqueeze(0)

    def _bank(self, samples: Tensor) -> Tensor:
        """``mel.mel_filterbank``, turned over [bins, M]. As a constant it would take a third of a megabyte; a zero
        that depends on the samples keeps converters from making it one."""
        bins = self.bins + samples[:, :1].abs().clamp_max(0)
        rising = (bins - self.edges[:-2]) * self.slopes[0]
        falling = (self.edges[2:] - bins) * self.slopes[1]
        return torch.minimum(rising, falling).clamp_min(0)


class _Cepstra(nn.Module):
    """What ``adaptation`` measures of log-mel frames."""

    basis: Tensor
    trusted: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__()
        basis = torch.tensor(adaptation.cosines(n_mels, adaptation.CEPSTRA), dtype=torch.float32)
        self.register_buffer("basis", basis)
        trusted = (1 - adaptation.SHRINK) + adaptation.SHRINK * torch.eye(adaptation.CEPSTRA)
        self.register_buffer("trusted", trusted)

    def speech(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """mel [T, M] -> which frames are speech [T], 0 or 1; and the level of loud ones [1]."""
        level = mel[:, adaptation.LEVEL_BANDS].mean(dim=1)
        loud = quantiles(level, all_of(level), [0.95])
        return (level > loud - adaptation.COUNTED).to(level.dtype), loud

    def moments(self, cepstra: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
        """Mean [C] and covariance [C, C] of the counted rows [T, C]."""
        mean = counted @ cepstra / counted.sum()
        apart = (cepstra - mean) * counted.unsqueeze(1)
        return mean, apart.T @ apart / counted.sum() * self.trusted


class Spectrum(_Cepstra):
    """How a person's speech is spread: ``adaptation.measure``."""

    steps: Tensor
    order: Tensor

    def __init__(self, n_mels: int = 80) -> None:
        super().__init__(n_mels)
        order = torch.arange(float(adaptation.EXEMPLARS)).unsqueeze(1)
        self.register_buffer("order", order)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """mel [1, T, M] of speech -> exemplars [N, C - 1], mean [C], covariance [C, C], band_means [bands], and
        frames [1], how many it was measured on: with less than ``MIN_FRAMES`` there is no spectrum."""
        mel = mel[0].clamp_min(adaptation.FLOOR)
        counted, _ = self.speech(mel)
        cepstra = mel @ self.basis
        mean, covariance = self.moments(cepstra, counted)
        bands = (counted @ mel / counted.sum())[: adaptation.BANDS]
        # About the mean, so that squares are small and keep their digits.
        exemplars = self._exemplars((cepstra - mean)[:, 1:], counted) + mean[1:]
        return exemplars, mean, covariance, bands, counted.sum().reshape(1)

    def _exemplars(self, rows: Tensor, counted: Tensor) -> Tensor:
        """k-means of the counted rows [T, V]: the centers [N, V], by their first coefficient."""
        target = (self.order * (counted.sum() - 1) / (adaptation.EXEMPLARS - 1)).round()
        place = torch.cumsum(counted, dim=0) - 1
        centers = ((place == target).to(rows.dtype) * counted) @ rows
        for _ in range(adaptation.ROUNDS):
            nearest = (2 * rows @ centers.T - centers.square().sum(dim=1)).argmax(dim=1)
            member = (nearest.to(rows.dtype) == self.order).to(rows.dtype) * counted
            sizes = member.sum(dim=1, keepdim=True)
            centers = torch.where(sizes > 0, member @ rows / sizes.clamp_min(1), centers)
        first = centers[:, 0]
        ahead = (first < first.unsqueeze(1)).to(rows.dtype)
        # Of equal ones the earlier comes first.
        tied = (first == first.unsqueeze(1)).to(rows.dtype) * (self.order > self.order.T).to(rows.dtype)
        rank = (ahead + tied).sum(dim=1)
        return (rank == self.order).to(rows.dtype) @ centers


class Adapt(_Cepstra):
    """The map that brings the acoustic model's speech to a person's: ``adaptation.fit_map``."""

    eye: Tensor
    after_first: Tensor
    ITERATIONS = 24

    def __init__(self, n_mels: int = 80) -> None:
        super().__init__(n_mels)
        self.register_buffer("eye", torch.eye(adaptation.CEPSTRA))
        after_first = (torch.arange(adaptation.CEPSTRA) > 0).float()
        self.register_buffer("after_first", after_first)

    def forward(self, predicted: Tensor, mean: Tensor, covariance: Tensor, band_means: Tensor) -> Tensor:
        """predicted [1, T, M], the acoustic graph's of the adaptation sentences one after the other; mean [C],
        covariance [C, C] and band_means [bands] of the spectrum -> map [1 + C + C * C].

        All zeros where the recording lacks bands, or where too little is speech.
        """
        mel = predicted[0].clamp_min(adaptation.FLOOR)
        counted, loud = self.speech(mel)
        weaker = (counted @ mel / counted.sum())[: adaptation.BANDS] - band_means
        usable = ((weaker - weaker.mean()).max() <= adaptation.MISSING) & (counted.sum() >= adaptation.MIN_FRAMES)
        made, source = self.moments(mel @ self.basis, counted)
        root, inverse = self._roots(source)
        middle, _ = self._roots(root @ covariance @ root)
        matrix = inverse @ middle @ inverse - self.eye
        shift = (mean - made) * self.after_first  # how loud a recording is is not the voice
        values = torch.cat([loud - adaptation.UNTOUCHED, shift - made @ matrix, matrix.flatten()])
        return torch.where(usable, values, torch.zeros_like(values))

    def _roots(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """The square root of a positive definite matrix [C, C] and its inverse, by Newton-Schulz iteration
        (Higham 2008, 6.7): products only, where an eigenvalue decomposition has no operator."""
        trace = (matrix * self.eye).sum()
        root, inverse, most = matrix / trace, self.eye, 1.5 * self.eye
        for _ in range(self.ITERATIONS):
            step = most - 0.5 * (inverse @ root)
            root, inverse = root @ step, step @ inverse
        return root * trace.sqrt(), inverse / trace.sqrt()
