"""The acoustic graph: acoustic model, adaptation to the person, refiner, exemplars once more, and emphasis."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from parrotlet import adaptation

from .acoustic import RECORDING, REFERENCE_HZ, AcousticModel, length_regulate
from .adapter import Adapter, AdapterAfter
from .refiner import Directions, Refiner

PACE = 0.82
"""Factor of the predicted pace, which is 200 words a minute for synthetic voices. Without a known rate the model
predicts 0.97 of their true durations, 0.90 of VCTK's and 0.76 of Common Voice's (held-out people)."""
SPREAD, COUNTS_AS, WIDENED = 0.65, 200.0, 1.5
"""SPREAD: about the part of a person's pitch spread that is predicted. COUNTS_AS: frames of that spread that are
assumed before an utterance is measured, because few frames say little. WIDENED: the largest factor of a contour."""


def widened(relative: Tensor, voiced: Tensor, spread: Tensor) -> Tensor:
    """Give a predicted pitch contour the spread of its person's (global variance; Toda 2007).

    relative [B, T], log2 of f0 over the person's median; voiced [B, T], 1 or 0; spread [B, 1], above 0, the person's
    standard deviation of that -> [B, T]. The predicted contour is the likeliest one, which is flatter than any real
    one.
    """
    squares = (voiced * relative.square()).sum(dim=1, keepdim=True) + COUNTS_AS * (SPREAD * spread).square()
    predicted = (squares / (voiced.sum(dim=1, keepdim=True) + COUNTS_AS)).sqrt()
    return relative * (spread / predicted).clamp(1, WIDENED)


class Synthesizer(nn.Module):
    """``synthesize`` is the whole; ``text_side`` and ``frame_side`` are its halves, for TFLite.

    ``contour_side`` and ``decode_side`` are the halves of the second, for ONNX.
    """

    emphasis: Tensor

    def __init__(self, acoustic: AcousticModel, refiner: Refiner) -> None:
        super().__init__()
        self.acoustic, self.refiner = acoustic, refiner
        self.directions = Directions(refiner.config)
        n_mels = acoustic.config.n_mels
        self.adapter, self.adapter_after = Adapter(n_mels), AdapterAfter(n_mels)
        emphasis = torch.tensor(adaptation.emphasis(n_mels), dtype=torch.float32)
        self.register_buffer("emphasis", emphasis, persistent=False)

    @property
    def conditions(self) -> tuple[int, int, int]:
        """Widths of what ``condition`` holds: for the acoustic model, for the refiner, and the adaptation."""
        return self.acoustic.config.condition, self.refiner.config.condition, adaptation.size()

    @property
    def factors(self) -> int:
        """How many numbers a person's factors are."""
        return sum(self.refiner.config.factors())

    @property
    def context(self) -> int:
        """Frames on each side that a frame of ``decode_side`` depends on."""
        layers = self.acoustic.config.decoder_layers + self.refiner.config.layers
        return 1 + 3 * layers + sum(2 * (window // 2) for window in adaptation.WINDOWS)

    def durations(self, frames: Tensor, speed: Tensor) -> Tensor:
        """Whole frames for every phoneme: predicted frames [B, L] and speed [B] -> int64 [B, L].

        Rounds the running sum, not each duration, so that rounding errors do not add up to a change of rate.
        """
        ends = torch.round((frames / speed[:, None]).cumsum(dim=1)).long()
        return ends - torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], dim=1)

    def text_side(self, phonemes: Tensor, embedding: Tensor, statistics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is computed once a phoneme: the first half of ``synthesize``, before the length regulator.

        phonemes int [1, L], embedding [1, E + A], statistics [1, 3] -> encoded [1, L, C], condition [1, D],
        frames [1, L] (float, 0 for padding), at the pace of people. The embedding is that of ``synthesize``; the
        condition carries its adaptation on.
        """
        embedding, adapted = embedding.split([self.acoustic.config.embedding, adaptation.size()], dim=1)
        recording = torch.zeros_like(statistics[:, : len(RECORDING)])
        condition = self.acoustic.voice(embedding, statistics, recording)
        encoded, log_durations, mask = self.acoustic.encode(phonemes, condition)
        refining = self.refiner.voice(embedding, statistics, recording)
        condition = torch.cat([condition, refining, adapted], dim=1)
        return encoded, condition, (torch.exp(log_durations) - 1).clamp(0, 400) * mask.squeeze(-1) / PACE

    def frame_side(
        self, rows: Tensor, position: Tensor, condition: Tensor, statistics: Tensor, pitch: Tensor, factors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What is computed once a frame: the second half of ``synthesize``.

        rows [1, T, C] and position [1, T, 3] from ``length_regulate``, condition [1, D], statistics [1, 3], pitch [1]
        (semitones), factors [1, F] (see ``RefinerConfig.factors``; zeros change nothing) -> mel [1, T, M], f0 [1, T] in
        Hz (0 where unvoiced), predicted [1, T, M]: mel as it was before adaptation, refiner and emphasis, and the
        decoder's features [1, T, D] that it comes from.
        """
        f0 = self.contour_side(rows, position, condition, statistics, pitch)
        mel, predicted, features = self.decode_side(rows, position, condition, statistics, f0, factors)
        return mel, f0, predicted, features

    def contour_side(
        self, rows: Tensor, position: Tensor, condition: Tensor, statistics: Tensor, pitch: Tensor
    ) -> Tensor:
        """The first part of ``frame_side``, of a whole utterance, over which the contour is widened.

        Arguments as there -> f0 [1, T] in Hz, 0 where unvoiced.
        """
        condition = condition.split(list(self.conditions), dim=1)[0]
        relative, voicing = self.acoustic.contour(torch.cat([rows, position], dim=-1), None, condition)
        voiced = (voicing > 0).to(rows.dtype)
        relative = widened(relative, voiced, statistics[:, 1:2]) + pitch[:, None] / 12
        return REFERENCE_HZ * torch.exp((relative + statistics[:, :1]) * math.log(2)) * voiced

    def decode_side(
        self, rows: Tensor, position: Tensor, condition: Tensor, statistics: Tensor, f0: Tensor, factors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The second part of ``frame_side``, of any frames and ``context`` more on each side.

        f0 [1, T] in Hz, 0 where unvoiced; the others as there -> mel [1, T, M], predicted [1, T, M] and features
        [1, T, D].
        """
        condition, refining, adapted = condition.split(list(self.conditions), dim=1)
        median = statistics[:, :1]
        voiced = (f0 > 0).to(rows.dtype)
        relative = (torch.log(f0.clamp_min(1) / REFERENCE_HZ) / math.log(2) - median) * voiced
        rows = torch.cat([rows, position], dim=-1)
        features, predicted = self.acoustic.decode(rows, None, condition, relative, voiced, median)
        change = self.refiner.change(factors[0], self.directions)
        mel = self.refiner(self.adapter(predicted, adapted), features, f0, refining, change=change)
        return self.adapter_after(mel, adapted) @ self.emphasis, predicted, features

    def synthesize(
        self, phonemes: Tensor, embedding: Tensor, statistics: Tensor, speed: Tensor, pitch: Tensor, factors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The exported graph, batch 1.

        phonemes int64 [1, L], embedding [1, E + A] (speaker embedding, then adaptation), statistics [1, 3], speed [1]
        (1 = the pace of people), pitch [1] (semitones), factors [1, F] -> mel [1, T, M], f0 [1, T] in Hz (0 where
        unvoiced), durations int64 [1, L], predicted [1, T, M] and features [1, T, D] of ``frame_side``.
        """
        encoded, condition, frames = self.text_side(phonemes, embedding, statistics)
        durations = self.durations(frames, speed)
        rows, position = length_regulate(encoded, durations, durations.sum())
        mel, f0, predicted, features = self.frame_side(rows, position, condition, statistics, pitch, factors)
        return mel, f0, durations, predicted, features
