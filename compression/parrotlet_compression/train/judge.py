"""Teach the judge of speakers: to hear of a mel spectrogram what CAM++ hears of its speech, with CAM++'s gradients.

It learns from recordings, and from what the model makes of the same words with several factors; see ``judge_pieces``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet.errors import InputError

from ..export import JUDGE
from ..models.judge import SpeakerJudge, frame_error, read_judge
from .judge_pieces import PARTS, RECORDINGS, SCALE
from .loop import Losses, Schedule, data_seed, release, train

HELD_OUT = 16
"""One person of so many, by a hash of the name, is held out."""
PEOPLE, PIECES, SPEAKERS = 2, 2, 8
"""A step learns from so many people, so many pieces of each with all variants, and recordings of so many speakers."""
DRAWS = 16
"""Batches of people held out, to measure with."""
NOISE = 0.1
"""Standard deviation of what is added to recorded spectra: of those there is little."""
CHANGE, FRAME_CHANGE, SCALING = 0.5, 0.5, 0.05
"""Weights of losses; the others have 1."""


class Pieces(NamedTuple):
    """K pieces of P people, with V variants of each; and R pieces of recordings."""

    mel: Tensor
    """[P, K, V, T, M]; the last variant is the recording."""
    embedding: Tensor
    """CAM++'s [P, K, V, E]"""
    frames: Tensor
    """Of CAM++'s inner layers: [P, K, V, T / 2, F]."""
    gradient: Tensor
    """[P, K, T, M]: of the cosine of one variant's embedding and the recording's."""
    asked: Tensor
    """Which variant that is: [P, K]."""
    recorded: Tensor
    """[R, T, M]"""
    heard: Tensor
    """CAM++'s embeddings of these: [R, E]."""
    heard_frames: Tensor
    """[R, T / 2, F]"""


@dataclass
class _Person:
    mel: npt.NDArray[np.float16]
    embedding: npt.NDArray[np.float16]
    frames: npt.NDArray[np.float16]
    gradient: npt.NDArray[np.float16]
    asked: npt.NDArray[np.int64]


@dataclass
class _Speaker:
    mel: npt.NDArray[np.float16]
    embedding: npt.NDArray[np.float16]
    frames: npt.NDArray[np.float16]


@dataclass
class _Everybody:
    people: list[_Person]
    speakers: list[_Speaker]


def read_pieces(folder: Path) -> tuple[_Everybody, _Everybody]:
    """Of those to learn from, and of those held out. Raises InputError where there are none."""
    learning, held = _Everybody([], []), _Everybody([], [])

    for path in sorted(folder.rglob("*.npz")):
        side = learning if zlib.crc32(path.stem.encode()) % HELD_OUT else held
        with np.load(path) as file:
            if path.parent.name == RECORDINGS:
                side.speakers.append(_Speaker(*(file[name] for name in PARTS[:3])))
            elif len(file["mel"]) >= PIECES:
                side.people.append(_Person(*(file[name] for name in PARTS)))
    if not (learning.people and learning.speakers):
        raise InputError(f"{folder} holds no pieces: write them with `parrotlet-compress judge-pieces`")
    return learning, held


def piece_batches(everybody: _Everybody, seed: int) -> Iterator[Pieces]:
    """Random pieces of random people, for ever."""
    random = np.random.default_rng(seed)
    people, speakers = everybody.people, everybody.speakers
    while True:
        chosen = [people[k] for k in random.integers(0, len(people), PEOPLE)]
        picks = [random.choice(len(one.mel), PIECES, replace=False) for one in chosen]
        others = [speakers[k] for k in random.integers(0, len(speakers), SPEAKERS)]
        rows = [int(random.integers(len(one.mel))) for one in others]

        def gathered(name: str, chosen: list[_Person] = chosen, picks: list[npt.NDArray[np.int64]] = picks) -> Tensor:
            return _tensor([getattr(one, name)[pick] for one, pick in zip(chosen, picks, strict=True)])

        yield Pieces(
            gathered("mel"),
            gathered("embedding"),
            gathered("frames"),
            gathered("gradient") / SCALE,
            gathered("asked").long(),
            *(_tensor([getattr(one, name)[row] for one, row in zip(others, rows, strict=True)]) for name in PARTS[:3]),
        )


def _tensor(rows: Sequence[npt.NDArray[np.generic]]) -> Tensor:
    return torch.from_numpy(np.stack(rows).astype(np.float32))


class JudgeLosses(nn.Module):
    """How far a judge is from CAM++. ``mean`` [E]: of all embeddings, beside which people would differ little."""

    mean: Tensor

    def __init__(self, judge: SpeakerJudge, mean: Tensor) -> None:
        super().__init__()
        self.judge = judge
        self.register_buffer("mean", mean)

    def forward(self, pieces: Pieces) -> Losses:
        shape, components = pieces.mel.shape[:3], list(self.judge.config.frames)
        heard = self.judge(pieces.mel.flatten(0, 2))
        embedding, frames = (heard.embedding.unflatten(0, shape), [part.unflatten(0, shape) for part in heard.frames])
        noise = NOISE * torch.randn_like(pieces.recorded) if self.judge.training else 0.0
        recorded = self.judge(pieces.recorded + noise)
        wanted = list(pieces.frames.split(components, dim=-1))
        changes = [change(one, other) for one, other in zip(frames, wanted, strict=True)]
        return {
            "embedding": self._apart(embedding, pieces.embedding),
            "recorded": self._apart(recorded.embedding, pieces.heard),
            "frames": frame_error(frames, wanted),
            "recorded_frames": frame_error(recorded.frames, list(pieces.heard_frames.split(components, dim=-1))),
            "frame_change": FRAME_CHANGE * torch.stack(changes).mean(),
            "change": CHANGE * change(embedding, pieces.embedding),
            "changes": CHANGE * change(embedding.mean(1, keepdim=True), pieces.embedding.mean(1, keepdim=True)),
            **self._gradients(pieces),
        }

    def _apart(self, found: Tensor, wanted: Tensor) -> Tensor:
        return 1 - functional.cosine_similarity(found - self.mean, wanted - self.mean, dim=-1).mean()

    def _gradients(self, pieces: Pieces) -> Losses:
        people, each = pieces.asked.shape
        rows = torch.arange(people)[:, None], torch.arange(each), pieces.asked
        mel = pieces.mel[rows].requires_grad_(True)
        heard = self.judge(mel.flatten(0, 1)).embedding
        aim = pieces.embedding[:, :, -1].flatten(0, 1)
        (found,) = torch.autograd.grad((heard * aim).sum(), mel, create_graph=True)
        flat, wanted = found.flatten(2), pieces.gradient.flatten(2)
        scale = (flat.norm(dim=-1) + 1e-9).log() - (wanted.norm(dim=-1) + 1e-9).log()
        linear = functional.cosine_similarity(
            linear_gradient(found, mel), linear_gradient(pieces.gradient, mel), dim=-1
        )
        return {
            "gradient": 1 - functional.cosine_similarity(flat, wanted, dim=-1).mean(),
            "linear": 1 - linear.mean(),
            "scale": SCALING * scale.square().mean(),
        }


def change(found: Tensor, wanted: Tensor) -> Tensor:
    """How wrong found embeddings [P, K, V, E] or frames [P, K, V, T, F] are of what variants change: 0, or 1 if they
    are all alike."""
    found, wanted = (part - part.mean(2, keepdim=True) for part in (found, wanted))
    wrong = (found - wanted).square().flatten(1).sum(1) / wanted.square().flatten(1).sum(1)
    return wrong.mean()


def linear_gradient(gradient: Tensor, mel: Tensor) -> Tensor:
    """The gradient of a linear change of a person's spectra: [P, M * (M + 1)], of gradient and mel [P, K, T, M].

    A person's factors are such a change of layers inside. What is gradient in a single frame, and not in the sum over
    all of a person's frames, does not move them.
    """
    rows = mel.flatten(1, 2)
    rows = functional.pad((rows - rows.mean((1, 2), keepdim=True)) / 2, (0, 1), value=1.0)
    return torch.einsum("ptm,ptn->pmn", gradient.flatten(1, 2), rows).flatten(1)


def _wide(name: str) -> bool:
    """Parameters of all but the ends of a judge: its products learn faster with Muon."""
    return name.startswith(("stem", "blocks"))


def train_judge(pieces: Path, out: Path, schedule: Schedule, start_from: Path) -> SpeakerJudge:
    """Train, or go on training; prints how far it is, on average, from CAM++ for people held out.

    start_from: the judge to begin with.

    Writes ``judge.safetensors`` too, in float16: what is laid beside the other weights of a release.
    """
    torch.manual_seed(0)
    learning, held = read_pieces(pieces)
    mean = np.concatenate([one.embedding.reshape(-1, one.embedding.shape[-1]) for one in learning.people])
    judge = read_judge(start_from)
    student = JudgeLosses(judge, torch.from_numpy(mean.astype(np.float32).mean(axis=0)))
    batches = piece_batches(learning, data_seed(out))
    train(student.judge, batches, student, out, schedule, start_from, orthogonal=_wide)
    release(student.judge, out, JUDGE)
    if held.people and held.speakers:
        student.judge.eval()
        batches = piece_batches(held, 0)
        losses = [student(next(batches)) for _ in range(DRAWS)]
        means = {name: float(torch.stack([one[name].detach() for one in losses]).mean()) for name in losses[0]}
        print(f"{len(held.people)} people held out:", " ".join(f"{name} {value:.3f}" for name, value in means.items()))
    return student.judge
