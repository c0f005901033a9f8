"""Fit some of the shipped acoustic model's parameters to one person, from a little speech of known text.

Durations, pitch and phoneme encoder stay as they are. Decoder and refiner, or a part of them, learn from pieces of the
person's aligned clips, in the person's enrolled and adapted voice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from parrotlet import adaptation

from ..models.acoustic import RECORDING, REFERENCE_HZ
from ..models.synthesizer import Synthesizer
from .loop import fast_math
from .refiner import MARGIN, DecoderParameters, moments_loss

SMOOTHED = 7
"""Frames in the means that make the slow part of a spectrum: 0.09 s, in which timbre lies (experiment 003)."""
SLOW_CEPSTRA = 40
PARTS = ("conditions", "low_rank", "refiner", "decoder")
DECODER_PARTS = ("conditions", "decoder")
LOSSES = ("plain", "slow")
RANK = 4
PIECE, PIECES = 192, 2  # frames of each, and how many a step


@dataclass(frozen=True)
class Voice:
    """What the acoustic graph takes of a person: embedding [1, E], adaptation [1, A], statistics [1, 3]."""

    embedding: Tensor
    adapted: Tensor
    statistics: Tensor

    @classmethod
    def of(cls, inputs: Mapping[str, npt.NDArray[np.generic]], width: int) -> Voice:
        """From the ``inputs`` of an engine's prepared voice; width: of the embedding alone."""
        whole = torch.from_numpy(np.asarray(inputs["embedding"], np.float32))
        statistics = torch.from_numpy(np.asarray(inputs["statistics"], np.float32))
        return cls(whole[:, :width], whole[:, width:], statistics)

    def repeated(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Embedding, adaptation and statistics for a batch of ``count``."""
        embedding, adapted, statistics = (x.expand(count, -1) for x in (self.embedding, self.adapted, self.statistics))
        return embedding, adapted, statistics


@dataclass(frozen=True)
class Line:
    """A sentence with its timing: phonemes [L], durations [L] in frames, f0 [T] in Hz (0 where unvoiced); and, of a
    recorded one, mel [T, M]."""

    phonemes: Sequence[int]
    durations: Sequence[int]
    f0: npt.NDArray[np.float32]
    mel: npt.NDArray[np.float32] | None = None


class Batch(NamedTuple):
    """Pieces of lines: rows [B, T, C + 3] and f0 [B, T]; the unchanged decoder's features [B, T, C] and its mel as
    adapted, the recording and what the unchanged model makes, [B, T, M] each; inside [B, T, 1], 0 beyond the ends."""

    rows: Tensor
    f0: Tensor
    features: Tensor
    moved: Tensor
    real: Tensor
    before: Tensor
    inside: Tensor


def encoded_rows(synthesizer: Synthesizer, line: Line, voice: Voice) -> Tensor:
    """The decoder's input [1, T, C + 3] of a line; it does not depend on what learns."""
    acoustic = synthesizer.acoustic
    with torch.no_grad():
        condition = acoustic.voice(voice.embedding, voice.statistics, torch.zeros(1, len(RECORDING)))
        encoded, _, _ = acoustic.encode(torch.tensor([list(line.phonemes)]), condition)
        rows, _ = acoustic.aligned(encoded, torch.tensor([list(line.durations)]), len(line.f0))
    return rows


def decoded(
    synthesizer: Synthesizer, rows: Tensor, f0: Tensor, voice: Voice, inside: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """rows [B, T, C + 3] and f0 [B, T] in Hz -> the decoder's features [B, T, C], and its mel [B, T, M] as adapted.

    inside [B, T, 1]: 0 for padding.
    """
    acoustic = synthesizer.acoustic
    embedding, adapted, statistics = voice.repeated(len(rows))
    voiced = (f0 > 0).float()
    relative = (torch.log2(f0.clamp_min(1) / REFERENCE_HZ) - statistics[:, :1]) * voiced
    condition = acoustic.voice(embedding, statistics, torch.zeros(len(rows), len(RECORDING)))
    features, predicted = acoustic.decode(rows, inside, condition, relative, voiced, statistics[:, :1])
    return features, synthesizer.adapter(predicted.float(), adapted)


def refined(
    synthesizer: Synthesizer, features: Tensor, moved: Tensor, f0: Tensor, voice: Voice, inside: Tensor | None = None
) -> Tensor:
    """What ``decoded`` gives -> mel [B, T, M], refined and adapted once more, before emphasis."""
    embedding, adapted, statistics = voice.repeated(len(f0))
    condition = synthesizer.refiner.voice(embedding, statistics, torch.zeros(len(f0), len(RECORDING)))
    mel = synthesizer.refiner(moved, features, f0, condition, inside).float()
    made: Tensor = synthesizer.adapter_after(mel, adapted)
    return made


def spectrum(synthesizer: Synthesizer, rows: Tensor, f0: Tensor, voice: Voice) -> Tensor:
    """rows [B, T, C + 3] and f0 [B, T] in Hz -> mel [B, T, M] before emphasis."""
    return refined(synthesizer, *decoded(synthesizer, rows, f0, voice), f0, voice)


class _LowRank(nn.Module):
    """A weight [N, M] with a learned change of rank ``RANK``, zero at first."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(RANK, weight.shape[1]) / weight.shape[1] ** 0.5)
        self.up = nn.Parameter(torch.zeros(weight.shape[0], RANK))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


def _learning(synthesizer: Synthesizer, part: str) -> list[nn.Parameter]:
    """Make a part learn, and nothing else; see ``PARTS``. The parameters that learn."""
    synthesizer.requires_grad_(False)
    tail = DecoderParameters(synthesizer)
    if part == "conditions":
        # The voice is always the same, so a block's gains and biases are as many constants: the layer's own bias.
        ends = ("modulate.bias", "mel_head.bias", "head.bias")
        chosen = [parameter for name, parameter in tail.named_parameters() if name.endswith(ends)]
    elif part == "low_rank":
        chosen = []
        for module in synthesizer.refiner.modules():
            if isinstance(module, nn.Linear) and min(module.weight.shape) > 64:
                made = _LowRank(module.weight)
                parametrize.register_parametrization(module, "weight", made)
                chosen += [made.down, made.up]
    else:
        chosen = list((tail if part == "decoder" else synthesizer.refiner).parameters())
    for parameter in chosen:
        parameter.requires_grad_(True)
    return chosen


def _settled(synthesizer: Synthesizer) -> None:
    """Write learned changes of low rank into the weights."""
    for module in synthesizer.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")


def tail_state(synthesizer: Synthesizer) -> dict[str, Tensor]:
    """A copy of the weights of decoder and refiner."""
    return {name: value.clone() for name, value in DecoderParameters(synthesizer).state_dict().items()}


def blend(synthesizer: Synthesizer, start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float) -> None:
    """Set decoder and refiner to ``share`` of the way from one ``tail_state`` to another, which may lack weights."""
    state = {name: value + share * (end[name] - value) if name in end else value for name, value in start.items()}
    DecoderParameters(synthesizer).load_state_dict(state)


class Pieces:
    """Random pieces of a person's lines, with what the unchanged model makes of each."""

    def __init__(self, synthesizer: Synthesizer, lines: Sequence[Line], voice: Voice) -> None:
        self.lines: list[Batch] = []
        for line in lines:
            if line.mel is None:
                raise ValueError("a line to learn from needs its recording")
            rows, f0 = encoded_rows(synthesizer, line, voice), torch.from_numpy(line.f0)[None]
            with torch.no_grad():
                features, moved = decoded(synthesizer, rows, f0, voice)
                before = refined(synthesizer, features, moved, f0, voice)
            real = torch.from_numpy(line.mel)[None]
            self.lines.append(Batch(rows, f0, features, moved, real, before, torch.ones(1, len(line.f0), 1)))

    def draw(self, random: np.random.Generator) -> Batch:
        """PIECES pieces of PIECE frames, with a margin at both ends."""
        lengths = np.array([line.f0.shape[1] for line in self.lines])
        size, drawn = PIECE + 2 * MARGIN, []
        for k in random.choice(len(lengths), PIECES, p=lengths / lengths.sum()):
            start = int(random.integers(-MARGIN, max(1 - MARGIN, lengths[k] + MARGIN - size + 1)))
            low, high = max(0, start), min(int(lengths[k]), start + size)
            ends = low - start, start + size - high
            drawn.append([functional.pad(x[:, low:high], (0, 0) * (x.dim() - 2) + ends) for x in self.lines[k]])
        return Batch(*(torch.cat(values) for values in zip(*drawn, strict=True)))


class PersonLoss:
    """Distance of made from recorded mel spectrograms.

    ``plain``: L1 on the mel and on its moments, as the refiner is trained, without its adversary. ``slow``: L1 on the
    slow part of the lowest cepstra alone, and on the distance of all the rest from what the unchanged model makes,
    so that detail stays as an adversary once taught it.
    """

    def __init__(self, kind: str, n_mels: int, bands: Tensor, keep: float = 1.0, moments: float = 0.5) -> None:
        """bands [M]: 1 for those that the recording holds. keep: weight of the rest in ``slow``."""
        if kind not in LOSSES:
            raise ValueError(f"no loss is called {kind}")
        self.kind, self.bands, self.keep, self.moments = kind, bands, keep, moments
        self.low = torch.tensor(adaptation.cosines(n_mels, SLOW_CEPSTRA), dtype=torch.float32)
        self.cepstra = self.low[:, : adaptation.CEPSTRA]

    def slow(self, mel: Tensor) -> Tensor:
        """The slow part [B, T, SLOW_CEPSTRA] of mel [B, T, M]."""
        rows = (mel @ self.low).transpose(1, 2)
        return functional.avg_pool1d(rows, SMOOTHED, 1, SMOOTHED // 2).transpose(1, 2)

    def __call__(self, made: Tensor, real: Tensor, before: Tensor, inside: Tensor) -> Tensor:
        mask = inside * self.bands
        real = torch.where(mask > 0, real, made.detach())
        moments = self.moments * moments_loss(made * mask, real * mask, inside, self.cepstra)
        if self.kind == "plain":
            return ((made - real).abs() * mask).sum() / mask.sum() + moments
        change = made - before
        rest = (change - self.slow(change) @ self.low.T) * inside
        slow = (self.slow((made - real) * mask).abs() * inside).sum() / (inside.sum() * SLOW_CEPSTRA)
        return 2 * slow + self.keep * rest.abs().sum() / (inside.sum() * rest.shape[-1]) + moments


def fit(
    synthesizer: Synthesizer,
    pieces: Pieces,
    voice: Voice,
    part: str,
    loss: PersonLoss,
    steps: int,
    rate: float,
    seed: int = 0,
) -> Iterator[float]:
    """Fit a part of the model to a person, giving the loss after every step."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    parameters = _learning(synthesizer, part)
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    inner = slice(MARGIN, MARGIN + PIECE)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 10, 1.5 * (1 - step / steps))
        batch = pieces.draw(random)
        with fast_math():
            given = batch.features, batch.moved
            if part in DECODER_PARTS:
                given = decoded(synthesizer, batch.rows, batch.f0, voice, batch.inside)
            made = refined(synthesizer, *given, batch.f0, voice, batch.inside)
        real, before, inside = (x[:, inner] for x in (batch.real, batch.before, batch.inside))
        value = loss(made[:, inner], real, before, inside)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        yield float(value.detach())
    _settled(synthesizer)
