"""Acoustic model: phonemes and a voice in, durations, f0 and mel spectrogram out, all frames at once.

A FastSpeech 2 (Ren 2021) built of ConvNeXt blocks, with the speaker entering every block by adaptive
LayerNorm and, beside the embedding, the person's measured statistics. No attention, no stop token.
A refiner corrects the spectrum it gives; see ``synthesizer`` for the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .blocks import ConvNeXtStack, Convolution

STATISTICS = ("pitch_median", "pitch_spread", "rate")
"""What the ``statistics`` input holds, in order: log2 of the median f0 in Hz over REFERENCE_HZ; standard deviation
of log2 f0; log of the speaking rate relative to the training data."""

RECORDING = ("noise", "narrow_band")
"""Recording conditions, known in training and 0 (clean, full band) at synthesis. noise: distance of the signal-to-noise
ratio from 40 dB, in units of 40 dB, clipped to [0, 1]. narrow_band: 1 where everything above 8 kHz is missing."""

REFERENCE_HZ = 160.0


@dataclass(frozen=True)
class AcousticConfig:
    """Shape of the acoustic model."""

    symbols: int = 64
    n_mels: int = 80
    embedding: int = 256
    condition: int = 128
    encoder_width: int = 256
    encoder_layers: int = 6
    pitch_width: int = 192
    pitch_layers: int = 4
    decoder_width: int = 288
    decoder_layers: int = 6


class AcousticOutput(NamedTuple):
    """log_durations [B, L]; pitch [B, T] (log2 f0 over the voice's median) and voicing logit [B, T]; mel [B, T, M];
    the decoder's features [B, T, C]."""

    log_durations: Tensor
    pitch: Tensor
    voicing: Tensor
    mel: Tensor
    features: Tensor


def frame_positions(durations: Tensor, times: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """The phoneme at each time, and the position in it.

    durations [B, L] and times [B or 1, T], whole numbers of frames -> index [B, T] of the phoneme and the position
    inside it [B, T, 3]: fraction done, log frames since its start, log frames to its end.
    """
    ends = durations.cumsum(dim=1)
    index = (times[:, :, None] >= ends[:, None, :]).sum(dim=2)
    index = index.clamp_max(durations.shape[1] - 1)
    length = torch.gather(durations, 1, index).to(dtype)
    done = times - torch.gather(ends - durations, 1, index) + 0.5
    done = done.to(dtype)
    left = (length - done).clamp_min(0.5)
    position = torch.stack([done / length.clamp_min(1), torch.log(done.clamp_min(0.5)), torch.log(left)], dim=-1)
    return index, position


def length_regulate(encoded: Tensor, durations: Tensor, frames: int | Tensor) -> tuple[Tensor, Tensor]:
    """Repeat each phoneme's vector for its duration (the length regulator of FastSpeech).

    encoded [B, L, C], durations [B, L] whole numbers of frames -> [B, T, C] and the position of every frame
    inside its phoneme [B, T, 3], as ``frame_positions`` gives it.
    """
    times = torch.arange(frames, device=durations.device)  # type: ignore[arg-type] # a tensor when traced
    index, position = frame_positions(durations, times[None], encoded.dtype)
    rows = torch.gather(encoded, 1, index.unsqueeze(-1).expand(-1, -1, encoded.shape[-1]))
    return rows, position


class VoiceCondition(nn.Sequential):
    """A projection of what is known of a voice to ``condition`` numbers; see ``forward``."""

    def __init__(self, embedding: int, condition: int) -> None:
        super().__init__(
            nn.Linear(embedding + len(STATISTICS) + len(RECORDING), 2 * condition),
            nn.GELU(approximate="tanh"),
            nn.Linear(2 * condition, condition),
        )

    def forward(  # type: ignore[override] # a Sequential, because that is how weights on disk are named
        self, embedding: Tensor, statistics: Tensor, recording: Tensor
    ) -> Tensor:
        """embedding [B, E], statistics [B, 3], recording [B, 2] -> [B, D]."""
        # An embedding has unit norm over 256 numbers. The factor gives its entries the scale of the statistics.
        condition: Tensor = super().forward(torch.cat([embedding * 8, statistics, recording], dim=-1))
        return condition


class AcousticModel(nn.Module):
    """See ``forward`` for training; the exported graph is ``Synthesizer``'s."""

    def __init__(self, config: AcousticConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AcousticConfig()
        width = config.encoder_width
        self.embed = nn.Embedding(config.symbols, width)
        self.voice = VoiceCondition(config.embedding, config.condition)
        self.encoder = ConvNeXtStack(width, config.encoder_layers, 2, 9, config.condition)
        self.duration = ConvNeXtStack(width, 2, 2, 5, config.condition)
        self.duration_head = nn.Linear(width, 1)
        self.pitch_in = nn.Linear(width + 3, config.pitch_width)
        self.pitch = ConvNeXtStack(config.pitch_width, config.pitch_layers, 2, 15, config.condition)
        self.pitch_head = nn.Linear(config.pitch_width, 2)
        self.decoder_in = nn.Linear(width + 3, config.decoder_width)
        self.pitch_out = Convolution(3, config.decoder_width, 3)
        self.decoder = ConvNeXtStack(config.decoder_width, config.decoder_layers, 3, 7, config.condition)
        self.mel_norm = nn.LayerNorm(config.decoder_width)
        self.mel_head = nn.Linear(config.decoder_width, config.n_mels)
        nn.init.constant_(self.mel_head.bias, -5.0)

    def encode(self, phonemes: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """phonemes int [B, L], condition [B, D] -> encoded [B, L, C], log durations [B, L], mask [B, L, 1]."""
        mask = (phonemes > 0).unsqueeze(-1).to(condition.dtype)
        encoded = self.encoder(self.embed(phonemes), mask, condition)
        log_durations = self.duration_head(self.duration(encoded, mask, condition)).squeeze(-1)
        return encoded, log_durations, mask

    def aligned(self, encoded: Tensor, durations: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Expand a padded batch to frames by known durations: rows [B, T, C + 3] and mask [B, T, 1]."""
        rows, position = length_regulate(encoded, durations, frames)
        mask = (torch.arange(frames, device=encoded.device)[None] < durations.sum(1)[:, None]).unsqueeze(-1)
        return torch.cat([rows, position], dim=-1), mask.to(encoded.dtype)

    def contour(self, rows: Tensor, mask: Tensor | None, condition: Tensor) -> tuple[Tensor, Tensor]:
        """rows [B, T, C + 3] -> log2 f0 over the voice's median [B, T], voicing logit [B, T]."""
        out = self.pitch_head(self.pitch(self.pitch_in(rows), mask, condition))
        return out[..., 0], out[..., 1]

    def decode(
        self, rows: Tensor, mask: Tensor | None, condition: Tensor, pitch: Tensor, voiced: Tensor, median: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The decoder's features [B, T, C] and the mel spectrogram they give [B, T, M]."""
        absolute = (pitch + median) * voiced
        source = torch.stack([absolute, pitch * voiced, voiced], dim=-1)
        x = self.decoder_in(rows) + self.pitch_out(source, mask)
        features = self.mel_norm(self.decoder(x, mask, condition))
        return features, self.mel_head(features)

    def forward(
        self,
        phonemes: Tensor,
        durations: Tensor,
        pitch: Tensor,
        voiced: Tensor,
        embedding: Tensor,
        statistics: Tensor,
        recording: Tensor,
    ) -> AcousticOutput:
        """Teacher-forced pass: true durations and pitch drive the decoder.

        phonemes int [B, L] (0 pads), durations int [B, L], pitch [B, T] (log2 f0 over the median, 0 where
        unvoiced), voiced [B, T] in {0, 1}, embedding [B, E], statistics [B, 3], recording [B, 2].
        """
        condition = self.voice(embedding, statistics, recording)
        encoded, log_durations, _ = self.encode(phonemes, condition)
        rows, mask = self.aligned(encoded, durations, pitch.shape[1])
        predicted, voicing = self.contour(rows, mask, condition)
        features, mel = self.decode(rows, mask, condition, pitch, voiced, statistics[:, :1])
        return AcousticOutput(log_durations, predicted, voicing, mel, features)
