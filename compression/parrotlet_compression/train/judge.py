"""Teach the judge of speakers: to embed a mel spectrogram as CAM++ embeds its speech, and with CAM++'s gradients.

``write_pieces`` enrolls people of a pack, and says what they say with factors of many kinds. It keeps every spectrogram
with CAM++'s embedding of what the vocoder makes of it, and with the gradient of how near that is to the person. A judge
that learned from speech alone is soon deceived by the model that it guides; of what the model makes it must know more.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from parrotlet.bundle import Bundle
from parrotlet.errors import InputError
from parrotlet.factors import Settings
from parrotlet.finetuning import Line, Material, learned

from ..corpus import Pack
from ..export import load_students
from ..finetuning_graph import MARGIN, STEPS, refined
from ..models.judge import SpeakerJudge
from ..models.synthesizer import Synthesizer
from ..models.weights import load_weights
from .directions import people_of
from .loop import Losses, Schedule, data_seed, train
from .speaker_consistency import Listener

LEAST_S = 8.0
"""Seconds of a person who is used."""
DRAWS = 16
"""How often pieces are drawn for a person's mean embedding, and how often to be kept."""
RECORDED, ROUGH = 0.2, 0.6
"""Shares of draws: the recording itself; with noise on the factors."""
INNER = slice(MARGIN, -MARGIN)
HELD_OUT = 16
"""One person of so many, by a hash of the name, is held out."""
PEOPLE, PIECES = 3, 4
"""A step learns from so many people, and so many pieces of each."""
SCALE = 1e3
"""Of gradients in a file, which holds float16."""
Embed = Callable[[Tensor, Tensor], Tensor]
"""mel [B, T, M], f0 [B, T] -> embeddings [B, E] of unit norm."""


class Pieces(NamedTuple):
    """Of people, P, and K pieces of each."""

    mel: Tensor
    """[P, K, T, M]"""
    embedding: Tensor
    """CAM++'s [P, K, E]"""
    gradient: Tensor
    """[P, K, T, M]: of the cosine of the embedding and ``person``."""
    person: Tensor
    """The mean embedding of the person's recorded pieces: [P, E]."""


def drawn(material: Material, settings: Settings, random: np.random.Generator) -> tuple[Tensor, ...]:
    """What a step of fine-tuning learns from: the fields of Line, [B, T, ...], and the condition."""
    cuts = material.draw(settings, random)
    return tuple(torch.from_numpy(np.asarray(cuts[name], np.float32)) for name in (*Line._fields, "condition"))


def recorded(cuts: Sequence[Tensor]) -> Tensor:
    """The recorded spectrogram [B, T, M], or the model's own where the recording tells nothing."""
    _, _, mel, _, real, heard, _, _ = cuts
    return torch.where(heard > 0, real, mel)


def spectrum(whole: Synthesizer, factors: Tensor, cuts: Sequence[Tensor]) -> Tensor:
    """What the model makes of the same with a person's factors [F]: [B, T, M]."""
    features, predicted, _, f0, _, _, inside, condition = cuts
    return refined(whole, factors, features, predicted, f0, inside, condition) @ whole.emphasis


def person_of(listener: Embed, material: Material, settings: Settings, random: np.random.Generator) -> Tensor:
    """The mean embedding [E] of a person's recorded pieces, of unit norm."""
    with torch.no_grad():
        cuts = [drawn(material, settings, random) for _ in range(DRAWS)]
        heard = [listener(recorded(one)[:, INNER], one[3][:, INNER]) for one in cuts]
    return functional.normalize(torch.cat(heard).mean(0), dim=0)


def write_pieces(pack: Pack, bundle: Path, settings: Settings, checkpoints: Path, out: Path, seed: int = 0) -> None:
    """Write a file of pieces of everybody in a pack who says enough; goes on where it was stopped.

    bundle: an ONNX bundle of the weights in ``checkpoints``; settings: what it says of factors. People are fine-tuned
    by its step: with a judge in that, pieces are such as that judge brings about.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    _, synthesizer, vocoder = load_students(checkpoints)
    synthesizer.requires_grad_(False)
    listener, step = Listener(vocoder), Bundle.load(bundle).session("finetune", "onnx")
    out.mkdir(parents=True, exist_ok=True)
    others: list[Tensor] = []
    done = {path.stem for path in out.glob("*.npz")}
    for name, material in tqdm(people_of(pack, bundle, LEAST_S, done), unit="person"):
        mine = torch.from_numpy(learned(step, settings, material, STEPS)["factors"][0])
        others.append(mine)
        person = person_of(listener, material, settings, random)
        rows: list[tuple[npt.NDArray[np.float16], ...]] = []
        for _ in range(DRAWS):
            one, other = (others[k] for k in random.integers(0, len(others), 2))
            factors = random.uniform(0, 1.5) * mine + random.uniform(0, 0.7) * (one - other)
            if random.random() < ROUGH:
                factors = factors + random.uniform() * mine.std() * torch.randn_like(mine)
            cuts = drawn(material, settings, random)
            real = random.random() < RECORDED
            mel = (recorded(cuts) if real else spectrum(synthesizer, factors.float(), cuts))[:, INNER]
            rows += _heard(listener, mel, cuts[3][:, INNER], person)
        spectra, embeddings, gradients = (np.stack(column) for column in zip(*rows, strict=True))
        part = out / f"{name}.part"
        with part.open("wb") as file:
            np.savez(file, person=person.numpy(), mel=spectra, embedding=embeddings, gradient=gradients)
        part.replace(out / f"{name}.npz")


def _heard(
    listener: Listener, mel: Tensor, f0: Tensor, person: Tensor
) -> Iterator[tuple[npt.NDArray[np.float16], ...]]:
    """Of every piece of mel [B, T, M]: itself, CAM++'s embedding, and the gradient towards a person."""
    mel = mel.detach().requires_grad_(True)
    embedding = listener(mel, f0)
    (gradient,) = torch.autograd.grad((embedding @ person).sum(), mel)
    for parts in zip(mel.detach(), embedding.detach(), SCALE * gradient, strict=True):
        yield tuple(part.half().numpy() for part in parts)


@dataclass
class _Person:
    person: npt.NDArray[np.float32]
    mel: npt.NDArray[np.float16]
    embedding: npt.NDArray[np.float16]
    gradient: npt.NDArray[np.float16]


def read_pieces(folder: Path) -> tuple[list[_Person], list[_Person]]:
    """Of those to learn from, and of those held out. Raises InputError where there are none."""
    learning: list[_Person] = []
    held: list[_Person] = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            one = _Person(*(file[name] for name in ("person", "mel", "embedding", "gradient")))
        if len(one.mel) >= PIECES:
            (learning if zlib.crc32(path.stem.encode()) % HELD_OUT else held).append(one)
    if not learning:
        raise InputError(f"{folder} holds no pieces: write them with `parrotlet-compress judge-pieces`")
    return learning, held


def piece_batches(people: Sequence[_Person], seed: int) -> Iterator[Pieces]:
    """Random pieces of random people, for ever."""
    random = np.random.default_rng(seed)
    while True:
        chosen = [people[k] for k in random.integers(0, len(people), PEOPLE)]
        picks = [random.choice(len(one.mel), PIECES, replace=False) for one in chosen]

        def gathered(name: str, chosen: list[_Person] = chosen, picks: list[npt.NDArray[np.int64]] = picks) -> Tensor:
            rows = [getattr(one, name)[pick] for one, pick in zip(chosen, picks, strict=True)]
            return torch.from_numpy(np.stack(rows).astype(np.float32))

        person = torch.from_numpy(np.stack([one.person for one in chosen]))
        yield Pieces(gathered("mel"), gathered("embedding"), gathered("gradient") / SCALE, person)


class JudgeLosses(nn.Module):
    """How far a judge is from CAM++. ``mean`` [E]: of all embeddings, beside which people would differ little."""

    mean: Tensor

    def __init__(self, judge: SpeakerJudge, mean: Tensor) -> None:
        super().__init__()
        self.judge = judge
        self.register_buffer("mean", mean)

    def forward(self, pieces: Pieces) -> Losses:
        each = pieces.mel.shape[1]
        mel = pieces.mel.flatten(0, 1).requires_grad_(True)
        heard = self.judge(mel)
        person = pieces.person.repeat_interleave(each, 0)
        (gradient,) = torch.autograd.grad((heard * person).sum(), mel, create_graph=True)
        gradient = gradient.reshape(pieces.mel.shape)
        found, wanted = gradient.flatten(2), pieces.gradient.flatten(2)
        apart = functional.cosine_similarity(heard - self.mean, pieces.embedding.flatten(0, 1) - self.mean, dim=-1)
        scale = (found.norm(dim=-1) + 1e-9).log() - (wanted.norm(dim=-1) + 1e-9).log()
        linear = functional.cosine_similarity(
            linear_gradient(gradient, pieces.mel), linear_gradient(pieces.gradient, pieces.mel), dim=-1
        )
        return {
            "embedding": 1 - apart.mean(),
            "gradient": 1 - functional.cosine_similarity(found, wanted, dim=-1).mean(),
            "linear": 1 - linear.mean(),
            "scale": 0.05 * scale.square().mean(),
        }


def linear_gradient(gradient: Tensor, mel: Tensor) -> Tensor:
    """The gradient of a linear change of a person's spectra: [P, M * (M + 1)], of gradient and mel [P, K, T, M].

    A person's factors are such a change of layers inside. What is gradient in a single frame, and not in the sum over
    all of a person's frames, does not move them.
    """
    rows = mel.flatten(1, 2)
    rows = functional.pad((rows - rows.mean((1, 2), keepdim=True)) / 2, (0, 1), value=1.0)
    return torch.einsum("ptm,ptn->pmn", gradient.flatten(1, 2), rows).flatten(1)


def train_judge(pieces: Path, out: Path, schedule: Schedule, start_from: Path | None = None) -> SpeakerJudge:
    """Train, or go on training; prints how far it is, on average, from CAM++ for people held out."""
    torch.manual_seed(0)
    learning, held = read_pieces(pieces)
    mean = np.concatenate([one.embedding.astype(np.float32) for one in learning]).mean(axis=0)
    student = JudgeLosses(SpeakerJudge(), torch.from_numpy(mean))
    train(student.judge, piece_batches(learning, data_seed(out)), student, out, schedule, start_from)
    load_weights(student.judge, out / "model.safetensors")
    if held:
        student.judge.eval()
        batches = piece_batches(held, 0)
        losses = [student(next(batches)) for _ in range(DRAWS)]
        means = {name: float(torch.stack([one[name].detach() for one in losses]).mean()) for name in losses[0]}
        print(f"{len(held)} people held out:", " ".join(f"{name} {value:.3f}" for name, value in means.items()))
    return student.judge
