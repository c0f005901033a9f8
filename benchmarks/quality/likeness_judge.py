"""Can a small network hear people as CAM++ does, and push a fit the same way? See docs/experiments/043.

    parrotlet-compress corpus CORPUS PACK
    python benchmarks/quality/likeness_judge.py pieces PACK PIECES --seconds 3600 --seed 1
    python benchmarks/quality/likeness_judge.py train PIECES judge.pt --seconds 3600
    python benchmarks/quality/speaker_guided.py speak FOLDER OUT --judge judge.pt --weight 0.3

``pieces`` speaks the lines of enrolled people with factors of many kinds. It keeps each spectrum with CAM++'s
embedding of its speech, and with the gradient of the cosine to the person. ``train`` holds every twelfth person out. It
prints how well embedding and gradient agree, on what it learns from and on them.
"""

from __future__ import annotations

import argparse
import pickle
import time
from typing import Any

import numpy as np
import torch
from commands import Commands
from speaker_guided import CHECKPOINTS, INNER, Listener, drawn, person_of, recorded, spectrum
from torch import Tensor
from torch.nn import functional

from parrotlet.bundle import DEFAULT, Bundle
from parrotlet.factors import Settings
from parrotlet.finetuning import learned
from parrotlet_compression.corpus import Pack
from parrotlet_compression.export import load_students
from parrotlet_compression.models.speaker import SpeakerConfig, SpeakerEncoder
from parrotlet_compression.train.directions import people_of

EMBEDDING = 192
RECORDED, ROUGH = 0.15, 0.6  # shares of pieces: recorded ones; with noise on the factors
HELD_OUT = 12
BATCH, RATE = 8, 1.5e-3
SCALE = 1e3  # gradients are kept as float16


def new_judge() -> SpeakerEncoder:
    return SpeakerEncoder(SpeakerConfig(n_mels=80, width=160, layers=6, embedding=EMBEDDING))


def heard_by(judge: SpeakerEncoder, mel: Tensor) -> Tensor:
    """mel [B, T, M], of the model -> embedding [B, EMBEDDING] of unit norm."""
    return judge.raw(2 * (mel + 5))


def _pieces(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    _, synthesizer, vocoder = load_students(CHECKPOINTS)
    bundle = Bundle.load(DEFAULT)
    listener, settings = Listener(vocoder), Settings.of(bundle)
    assert settings is not None
    step = bundle.session("finetune")
    options.pieces.mkdir(parents=True, exist_ok=True)
    began, known = time.time(), []
    people = people_of(Pack(options.pack), DEFAULT)
    while time.time() - began < options.seconds:
        if (row := next(people, None)) is not None:
            name, material = row
            tuned = learned(step, settings, material, settings.steps)["factors"][0]
            person = person_of(listener, material, settings, random)
            known.append((name, material, torch.from_numpy(tuned), person))
            np.save(options.pieces / f"{name}.person.npy", person.numpy())
        rows = []
        for number in random.permutation(len(known))[:16]:
            name, material, mine, person = known[number]
            one, other = (known[k][2] for k in random.integers(0, len(known), 2))
            factors = random.uniform(0, 1.5) * mine + random.uniform(0, 0.7) * (one - other)
            if random.random() < ROUGH:
                factors = factors + random.uniform() * mine.std() * torch.randn_like(mine)
            cuts = drawn(material, settings, random)
            with torch.no_grad():
                real = random.random() < RECORDED
                mel = (recorded(cuts) if real else spectrum(synthesizer, factors.float(), cuts))[:, INNER]
            mel.requires_grad_(True)
            embedding = listener(mel, cuts[3][:, INNER])
            (gradient,) = torch.autograd.grad((embedding @ person).sum(), mel)
            for parts in zip(mel.detach(), embedding.detach(), SCALE * gradient, strict=True):
                rows.append((name, *(part.half().numpy() for part in parts)))
        place = options.pieces / f"{options.seed}_{time.time_ns()}.pickle"
        place.write_bytes(pickle.dumps(rows))
    print(f"{len(known)} people, {len(list(options.pieces.glob('*.pickle')))} files", flush=True)


def _train(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    rows = [row for path in sorted(options.pieces.glob("*.pickle")) for row in pickle.loads(path.read_bytes())]
    people = {
        path.name.removesuffix(".person.npy"): torch.from_numpy(np.load(path))
        for path in sorted(options.pieces.glob("*.npy"))
    }
    apart = set(sorted(people)[::HELD_OUT])
    held, learning = [r for r in rows if r[0] in apart], [r for r in rows if r[0] not in apart]
    judge = new_judge()
    optimizer = torch.optim.AdamW(judge.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.02)

    def agreement(batch: list[Any]) -> tuple[Tensor, Tensor]:
        """Cosines, in the mean, of the embeddings and of the gradients."""
        mel, embedding, gradient = (
            torch.from_numpy(np.stack([row[k] for row in batch]).astype(np.float32)) for k in (1, 2, 3)
        )
        mel.requires_grad_(True)
        heard = heard_by(judge, mel)
        towards = (heard * torch.stack([people[row[0]] for row in batch])).sum()
        (found,) = torch.autograd.grad(towards, mel, create_graph=judge.training)
        return (
            functional.cosine_similarity(heard, embedding, dim=-1).mean(),
            functional.cosine_similarity(found.flatten(1), gradient.flatten(1), dim=-1).mean(),
        )

    began, steps = time.time(), 0
    while (done := (time.time() - began) / options.seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (steps + 1) / 100, (1 - done) / 0.7)
        alike, along = agreement([learning[k] for k in random.integers(0, len(learning), BATCH)])
        optimizer.zero_grad()
        (2 - alike - along).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimizer.step()
        steps += 1
        if steps % 100 == 0:
            judge.eval()
            others = [agreement([held[k] for k in random.integers(0, len(held), 32)]) for _ in range(4)] if held else []
            judge.train()
            told = [f"{float(alike.detach()):.3f} {float(along.detach()):.3f}"]
            told += [
                " ".join(f"{float(torch.stack(column).mean().detach()):.3f}" for column in zip(*others, strict=True))
            ]
            print(steps, " held out ".join(told), flush=True)
            torch.save(judge.state_dict(), options.judge)
    torch.save(judge.state_dict(), options.judge)


def main() -> None:
    commands = Commands(__doc__)
    pieces = commands.add(_pieces, "pack", "pieces")
    pieces.add_argument("--seed", type=int, default=1)
    train = commands.add(_train, "pieces", "judge")
    for command in (pieces, train):
        command.add_argument("--seconds", type=float, default=3600)
    commands.run()


if __name__ == "__main__":
    main()
