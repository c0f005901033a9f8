"""Acoustic model: phonemes and a voice in, durations, f0 and mel spectrogram out, all frames at once.

A FastSpeech 2 (Ren 2021) built of ConvNeXt blocks, with the speaker entering every block by adaptive
LayerNorm and, beside the embedding, the person's measured statistics. No attention, no stop token.
The spectrum it gives is then emphasized, and adapted to the person; see ``parrotlet.adaptation``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from parrotlet import adaptation

from .blocks import ConvNeXtStack, Convolution

STATISTICS = ("pitch_median", "pitch_spread", "rate")
"""What the ``statistics`` input holds, in order: log2 of the median f0 in Hz over 160 Hz; standard deviation
of log2 f0; log of the speaking rate relative to the training data."""

RECORDING = ("noise", "narrow_band")
"""Recording conditions known in training and asked for as 0 (clean, full band) at synthesis: the
distance of the signal-to-noise ratio from 40 dB in units of 40 dB, clipped to [0, 1]; and whether
everything above 8 kHz is missing."""

VOICED_FLOOR_HZ = 40.0
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
    """log_durations [B, L]; pitch [B, T] (log2 f0 over the voice's median) and voicing logit [B, T]; mel [B, T, M]."""

    log_durations: Tensor
    pitch: Tensor
    voicing: Tensor
    mel: Tensor


def expand(encoded: Tensor, durations: Tensor, frames: int | Tensor) -> tuple[Tensor, Tensor]:
    """Repeat each phoneme's vector for its duration (the length regulator of FastSpeech).

    encoded [B, L, C], durations [B, L] whole numbers of frames -> [B, T, C] and the position of every frame
    inside its phoneme [B, T, 3]: fraction done, log frames since its start, log frames to its end.
    """
    ends = durations.cumsum(dim=1)
    times = torch.arange(frames, device=durations.device)  # type: ignore[arg-type] # a tensor when traced
    index = (times[None, :, None] >= ends[:, None, :]).sum(dim=2)
    index = index.clamp_max(durations.shape[1] - 1)
    rows = torch.gather(encoded, 1, index.unsqueeze(-1).expand(-1, -1, encoded.shape[-1]))
    length = torch.gather(durations, 1, index).to(encoded.dtype)
    done = times[None] - torch.gather(ends - durations, 1, index) + 0.5
    done = done.to(encoded.dtype)
    left = (length - done).clamp_min(0.5)
    position = torch.stack([done / length.clamp_min(1), torch.log(done.clamp_min(0.5)), torch.log(left)], dim=-1)
    return rows, position


class AcousticModel(nn.Module):
    """See ``forward`` for training and ``synthesize`` for the exported graph."""

    cepstra: Tensor
    cepstra_back: Tensor
    emphasis: Tensor
    loudness: Tensor

    def __init__(self, config: AcousticConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AcousticConfig()
        width = config.encoder_width
        self.embed = nn.Embedding(config.symbols, width)
        self.voice = nn.Sequential(
            nn.Linear(config.embedding + len(STATISTICS) + len(RECORDING), 2 * config.condition),
            nn.GELU(approximate="tanh"),
            nn.Linear(2 * config.condition, config.condition),
        )
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
        cosines = torch.tensor(adaptation.cosines(config.n_mels, adaptation.CEPSTRA), dtype=torch.float32)
        emphasis = torch.tensor(adaptation.emphasis(config.n_mels), dtype=torch.float32)
        self.register_buffer("cepstra", cosines, persistent=False)
        self.register_buffer("cepstra_back", cosines.T.contiguous(), persistent=False)
        self.register_buffer("emphasis", emphasis, persistent=False)
        # As a product, because tflite-runtime 2.14 runs a graph with a slice of open length three times slower.
        loudness = torch.zeros(config.n_mels, 1)
        loudness[adaptation.LEVEL_BANDS] = 1 / len(loudness[adaptation.LEVEL_BANDS])
        self.register_buffer("loudness", loudness, persistent=False)

    def _condition(self, embedding: Tensor, statistics: Tensor, recording: Tensor) -> Tensor:
        # An embedding has unit norm over 256 numbers: bring its entries to the scale of the statistics.
        condition: Tensor = self.voice(torch.cat([embedding * 8, statistics, recording], dim=-1))
        return condition

    def _encode(self, phonemes: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask = (phonemes > 0).unsqueeze(-1).to(condition.dtype)
        encoded = self.encoder(self.embed(phonemes), mask, condition)
        log_durations = self.duration_head(self.duration(encoded, mask, condition)).squeeze(-1)
        return encoded, log_durations, mask

    def _pitch(self, rows: Tensor, mask: Tensor | None, condition: Tensor) -> tuple[Tensor, Tensor]:
        out = self.pitch_head(self.pitch(self.pitch_in(rows), mask, condition))
        return out[..., 0], out[..., 1]

    def _decode(
        self, rows: Tensor, mask: Tensor | None, condition: Tensor, pitch: Tensor, voiced: Tensor, median: Tensor
    ) -> Tensor:
        absolute = (pitch + median) * voiced
        source = torch.stack([absolute, pitch * voiced, voiced], dim=-1)
        x = self.decoder_in(rows) + self.pitch_out(source, mask)
        mel: Tensor = self.mel_head(self.mel_norm(self.decoder(x, mask, condition)))
        return mel

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
        condition = self._condition(embedding, statistics, recording)
        encoded, log_durations, _ = self._encode(phonemes, condition)
        frames = pitch.shape[1]
        rows, position = expand(encoded, durations, frames)
        rows = torch.cat([rows, position], dim=-1)
        mask = (torch.arange(frames, device=pitch.device)[None] < durations.sum(1)[:, None]).unsqueeze(-1)
        mask = mask.to(encoded.dtype)
        predicted, voicing = self._pitch(rows, mask, condition)
        mel = self._decode(rows, mask, condition, pitch, voiced, statistics[:, :1])
        return AcousticOutput(log_durations, predicted, voicing, mel)

    def durations(self, frames: Tensor, speed: Tensor) -> Tensor:
        """Whole frames for every phoneme: predicted frames [B, L] and speed [B] -> int64 [B, L].

        Rounds the running sum, not each duration, so that rounding errors do not add up to a change of rate.
        """
        ends = torch.round((frames / speed[:, None]).cumsum(dim=1)).long()
        return ends - torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], dim=1)

    def text_side(self, phonemes: Tensor, embedding: Tensor, statistics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is computed once a phoneme: the first half of ``synthesize``, before the length regulator.

        phonemes int [1, L], embedding [1, E], statistics [1, 3] -> encoded [1, L, C], condition [1, D],
        predicted frames [1, L] (float, 0 for padding). The embedding is that of ``synthesize``; the condition
        carries its adaptation on.
        """
        embedding, adapted = embedding.split([self.config.embedding, adaptation.size()], dim=1)
        recording = torch.zeros_like(statistics[:, : len(RECORDING)])
        condition = self._condition(embedding, statistics, recording)
        encoded, log_durations, mask = self._encode(phonemes, condition)
        condition = torch.cat([condition, adapted], dim=1)
        return encoded, condition, (torch.exp(log_durations) - 1).clamp(0, 400) * mask.squeeze(-1)

    def frame_side(
        self, rows: Tensor, position: Tensor, condition: Tensor, statistics: Tensor, pitch: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What is computed once a frame: the second half of ``synthesize``.

        rows [1, T, C] and position [1, T, 3] from ``expand``, condition [1, D], statistics [1, 3], pitch [1]
        (semitones) -> mel [1, T, M], f0 [1, T] in Hz (0 where unvoiced).
        """
        condition, adapted = condition.split([self.config.condition, adaptation.size()], dim=1)
        rows = torch.cat([rows, position], dim=-1)
        relative, voicing = self._pitch(rows, None, condition)
        voiced = (voicing > 0).to(rows.dtype)
        relative = relative + pitch[:, None] / 12
        median = statistics[:, :1]
        mel = self._decode(rows, None, condition, relative * voiced, voiced, median)
        mel = self._adapt(mel @ self.emphasis, adapted)
        return mel, REFERENCE_HZ * torch.exp((relative + median) * math.log(2)) * voiced

    def _adapt(self, mel: Tensor, adapted: Tensor) -> Tensor:
        """mel [1, T, M] and adaptation [1, A] -> mel [1, T, M]; see ``parrotlet.adaptation``."""
        count = adaptation.CEPSTRA
        level, offset, matrix = adapted.split([1, count, count * count], dim=1)
        moved = (mel @ self.cepstra) @ matrix.unflatten(1, (count, count)) + offset.unsqueeze(1)
        loud = mel @ self.loudness - level.unsqueeze(1)
        loud = (loud / adaptation.FADE).clamp(0, 1)
        return mel + loud * (moved @ self.cepstra_back)

    def synthesize(
        self, phonemes: Tensor, embedding: Tensor, statistics: Tensor, speed: Tensor, pitch: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The exported graph, batch 1.

        phonemes int64 [1, L], embedding [1, E + A] (speaker embedding, then adaptation), statistics [1, 3], speed [1]
        (1 = as predicted),
        pitch [1] (semitones) -> mel [1, T, M], f0 [1, T] in Hz (0 where unvoiced), durations int64 [1, L].
        """
        encoded, condition, frames = self.text_side(phonemes, embedding, statistics)
        durations = self.durations(frames, speed)
        rows, position = expand(encoded, durations, durations.sum())
        mel, f0 = self.frame_side(rows, position, condition, statistics, pitch)
        return mel, f0, durations
