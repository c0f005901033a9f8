"""Discriminators of recorded and made speech, for vocoder and acoustic training."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

# Window and hop of each spectrum: the short one resolves pulses, the long one harmonics.
RESOLUTIONS = ((512, 128), (2048, 480))
COMPRESSION = 0.3


class PatchDiscriminator(nn.Module):
    """x [B, C, F, T] -> score [B, 1, F', T'] and the features of every layer; a layer halves F, or not."""

    def __init__(self, inputs: int, width: int, kernel: tuple[int, int], condition: int = 0) -> None:
        super().__init__()
        channels = [inputs, width, width, 2 * width, 2 * width]
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(channels[k], channels[k + 1], kernel, stride=(stride, 1), padding=padding))
            for k, stride in enumerate((2, 2, 2, 1))
        )
        self.score = weight_norm(nn.Conv2d(2 * width, 1, 3, padding=1))
        self.project = nn.Linear(condition, 2 * width, bias=False) if condition else None

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """condition [B, D]: the voice that the input should have, by projection (Miyato 2018)."""
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.1)
            features.append(x)
        score = self.score(x)
        if self.project is not None:
            score = score + (x * self.project(condition)[:, :, None, None]).sum(1, keepdim=True)
        return score, features


class SpectrumDiscriminator(nn.Module):
    """A multi-resolution discriminator of samples as in UnivNet (Jang 2021), small enough for a CPU.

    Its inputs are the log magnitude, which shows texture, and the compressed complex spectrum, which shows the phase
    relations of harmonics.
    """

    def __init__(self, width: int = 16, resolutions: tuple[tuple[int, int], ...] = RESOLUTIONS) -> None:
        super().__init__()
        self.resolutions = resolutions
        self.bodies = nn.ModuleList(PatchDiscriminator(3, width, (7, 3)) for _ in resolutions)

    def forward(self, samples: Tensor, keep: Tensor) -> tuple[Tensor, list[Tensor]]:
        """samples [B, N]; ``keep`` [B]: part of the spectrum that counts, for narrow-band recordings.

        -> scores [B, S] of all resolutions, features of all layers.
        """
        scores, features = [], []
        for body, (n_fft, hop) in zip(self.bodies, self.resolutions, strict=True):
            score, seen = body(self._spectrum(samples, keep, n_fft, hop))
            scores.append(score.flatten(1))
            features += seen
        return torch.cat(scores, dim=1), features

    def _spectrum(self, samples: Tensor, keep: Tensor, n_fft: int, hop: int) -> Tensor:
        window = torch.hann_window(n_fft)
        spectrum = torch.view_as_real(torch.stft(samples, n_fft, hop, window=window, return_complex=True))
        power = spectrum.square().sum(-1, keepdim=True) + 1e-7
        compressed = torch.cat([spectrum * power ** ((COMPRESSION - 1) / 2), power.log() / 8 + 0.5], dim=-1)
        bins = torch.linspace(0, 1, n_fft // 2 + 1)
        seen = (bins[None] <= keep[:, None]).to(compressed.dtype)
        return (compressed * seen[:, :, None, None]).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


class MelDiscriminator(nn.Module):
    """mel [B, T, M] (natural log) and the voice it should have [B, D] -> score and features."""

    def __init__(self, condition: int, width: int = 32) -> None:
        super().__init__()
        self.body = PatchDiscriminator(1, width, (5, 3), condition)

    def forward(self, mel: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = ((mel + 5) / 3).transpose(1, 2)[:, None].contiguous(memory_format=torch.channels_last)
        result: tuple[Tensor, list[Tensor]] = self.body(x, condition)
        return result


class ScaledMelDiscriminator(nn.Module):
    """A discriminator of a mel spectrogram at two rates: single frames, and means of ``slow`` frames.

    mel [B, T, M] (natural log), the harmonics of its f0 [B, T, M] as from ``HarmonicCombs``, and the voice it should
    have [B, D] -> scores [B, S] and features of all layers.
    """

    def __init__(self, condition: int, width: int = 32, slow: int = 6) -> None:
        super().__init__()
        self.slow = slow
        self.quick_body = PatchDiscriminator(2, width, (5, 3), condition)
        self.slow_body = PatchDiscriminator(2, 2 * width, (5, 3), condition)

    def forward(self, mel: Tensor, comb: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = torch.stack([(mel + 5) / 3, comb], dim=1).transpose(2, 3).contiguous(memory_format=torch.channels_last)
        score, features = self.quick_body(x, condition)
        slow_score, slow_features = self.slow_body(functional.avg_pool2d(x, (1, self.slow)), condition)
        return torch.cat([score.flatten(1), slow_score.flatten(1)], dim=1), features + slow_features


class SequenceDiscriminator(nn.Module):
    """A discriminator that knows the phoneme of every frame and judges how this person forms it, at two rates.

    Its convolutions run over time alone and see the whole spectrum; those of ``PatchDiscriminator`` see neighboring
    bands. The phoneme is part of the input, as text is in GAN-TTS's discriminators (Bińkowski 2020). The voice enters
    by projection (Miyato 2018).

    mel [B, T, M] (natural log), phonemes int [B, T] (0 for none) and the voice it should have [B, D] -> scores [B, S]
    and features of all layers.
    """

    def __init__(
        self, condition: int, symbols: int, n_mels: int = 80, width: int = 320, symbol_width: int = 48, slow: int = 4
    ) -> None:
        super().__init__()
        self.slow, self.scale = slow, 1 / math.sqrt(width)
        self.symbol = nn.Embedding(symbols, symbol_width)
        inputs = n_mels + symbol_width
        self.bodies = nn.ModuleList(self._body(inputs, width) for _ in range(2))
        self.scores = nn.ModuleList(weight_norm(nn.Conv2d(width, 1, 1)) for _ in range(2))
        self.projects = nn.ModuleList(nn.Linear(condition, width, bias=False) for _ in range(2))

    @staticmethod
    def _body(inputs: int, width: int) -> nn.ModuleList:
        shapes = ((inputs, 1), (width, 1), (width, 2), (width, 3))
        return nn.ModuleList(
            weight_norm(nn.Conv2d(channels, width, (1, 5), padding=(0, 2 * dilation), dilation=(1, dilation)))
            for channels, dilation in shapes
        )

    def forward(self, mel: Tensor, phonemes: Tensor, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = torch.cat([(mel + 5) / 3, self.symbol(phonemes)], dim=-1).unsqueeze(1).permute(0, 3, 1, 2)  # [B, C, 1, T]
        scores, features = [], []
        views = (x, functional.avg_pool2d(x, (1, self.slow)))
        for h, body, score, project in zip(views, self.bodies, self.scores, self.projects, strict=True):
            for layer in body:  # type: ignore[attr-defined] # a ModuleList
                h = functional.leaky_relu(layer(h), 0.1)  # noqa: PLW2901
                features.append(h)
            match = (h * project(condition)[:, :, None, None]).sum(1, keepdim=True)
            scores.append((score(h) + self.scale * match).flatten(1))
        return torch.cat(scores, dim=1), features
