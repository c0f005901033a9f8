"""Teach the vocoder to sound like the person in whose voice a spectrum was made.

A spectrum that a model makes is a person's on the whole, and not frame by frame. What is wrong in all clones alike the
vocoder can mend: CAM++ hears what it makes of clones of people, and compares that with the people. The vocoder is held
near what it was, so that it learns no more.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from parrotlet.errors import InputError

from ..models.vocoder import Vocoder, render
from ..models.weights import load_weights
from ..teachers.campplus import CamPlusPlus
from .clones import KINDS
from .loop import Losses, Schedule, data_seed, held_out, release, train
from .speaker_consistency import excitation, leveled
from .vocoder import pitch_losses

FILE = "vocoder.safetensors"
PIECES = 4
"""In a step."""
SHARES = (0.63, 0.25, 0.12)
"""Of ``KINDS``, in what is learned from."""
KEPT = 0.2
"""Weight of how far the vocoder's filters are from those of before."""
LEVEL = 1.0
"""Weight of how much louder or softer a piece is than before: CAM++ hears all pieces equally loud."""
WARMUP, DECAY = 20, 0.67
"""Of a schedule: a run has some hundred steps."""
HELD_OUT = 7
"""One person of so many, by a hash of the name, is held out."""
DRAWS = 16
"""Batches of people held out, to measure with."""


class Clones(NamedTuple):
    """Pieces, each of anybody."""

    mel: Tensor
    """[B, T, M]"""
    f0: Tensor
    """[B, T] in Hz"""
    embedding: Tensor
    """CAM++'s of the person: [B, E]."""


Person = dict[str, npt.NDArray[np.float16]]


def read_clones(folder: Path) -> tuple[list[Person], list[Person]]:
    """Of those to learn from, and of those held out. Raises InputError where there are none."""
    learning: list[Person] = []
    held: list[Person] = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            (held if held_out(path.stem, HELD_OUT) else learning).append(dict(file))
    if not learning:
        raise InputError(f"{folder} holds no clones: write them with `parrotlet-compress clones`")
    return learning, held


def clone_batches(people: list[Person], seed: int, kind: str | None = None) -> Iterator[Clones]:
    """Random pieces of random people, for ever: of one kind, or of all by ``SHARES``."""
    random = np.random.default_rng(seed)
    while True:
        rows = []
        for number in random.integers(0, len(people), PIECES):
            person = people[number]
            piece = int(random.integers(len(person["f0"])))
            chosen = kind or str(random.choice(KINDS, p=SHARES))
            rows.append((person[chosen][piece], person["f0"][piece], person["embedding"]))
        yield Clones(*(torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*rows, strict=True)))


class CloneLosses(nn.Module):
    """How unlike people a vocoder makes clones of them, and how far it is from the one of ``before``."""

    def __init__(self, vocoder: Vocoder) -> None:
        super().__init__()
        self.vocoder, self.before = vocoder, copy.deepcopy(vocoder).requires_grad_(False)
        self.encoder = CamPlusPlus(vocoder.config.sample_rate).requires_grad_(False)

    def forward(self, clones: Clones) -> Losses:
        features = self.vocoder.backbone(clones.mel)
        filters = self.vocoder.filters(features)
        with torch.no_grad():
            before = self.before.filters(self.before.backbone(clones.mel))
        said = render(*filters, *excitation(self.vocoder, clones.f0), self.vocoder.config)
        heard = self.encoder(leveled(said))
        return {
            "campplus": 1 - (heard * clones.embedding).sum(-1).mean(),
            "kept": KEPT * filter_distance(filters, before),
            "level": LEVEL * level_distance(filters, before),
            **pitch_losses(*self.vocoder.pitch_logits(features.detach()), clones.f0),
        }


def filter_distance(one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """L1 distance [] of magnitude (log), phase and noise (log) [B, T, F]; the last two count half."""
    (magnitude, phase, noise), (magnitude_before, phase_before, noise_before) = one, other
    harmonic = (magnitude.log() - magnitude_before.log()).abs().mean()
    rest = (phase - phase_before).abs().mean() + (noise.log() - noise_before.log()).abs().mean()
    return harmonic + 0.5 * rest


def level_distance(one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """L1 distance [] of the level of pieces, in nepers: of both sources' filters, [B, T, F]."""
    levels = [torch.log(m.square().mean((1, 2)) + n.square().mean((1, 2)) + 1e-12) / 2 for m, _, n in (one, other)]
    return (levels[0] - levels[1]).abs().mean()


def train_clone_vocoder(clones: Path, out: Path, schedule: Schedule, start_from: Path) -> Vocoder:
    """Train, or go on training, the vocoder in ``start_from``; prints CAM++'s cosines for people held out.

    Writes ``vocoder.safetensors`` too, in float16: what is laid beside the other weights of a release.
    """
    torch.manual_seed(0)
    learning, held = read_clones(clones)
    vocoder = Vocoder()
    load_weights(vocoder, start_from)
    losses = CloneLosses(vocoder.eval())
    if held:
        print("before:", _told(losses, held))
    short = replace(schedule, warmup=WARMUP, decay=DECAY)
    train(vocoder, clone_batches(learning, data_seed(out)), losses, out, short)
    release(vocoder, out, FILE)
    if held:
        print("after:", _told(losses, held))
    return vocoder


@torch.no_grad()
def _told(losses: CloneLosses, people: list[Person]) -> str:
    told = []
    for kind in KINDS:
        torch.manual_seed(0)
        batches = clone_batches(people, 0, kind)
        told.append(f"{kind} {1 - np.mean([float(losses(next(batches))['campplus']) for _ in range(DRAWS)]):.3f}")
    return ", ".join(told)
