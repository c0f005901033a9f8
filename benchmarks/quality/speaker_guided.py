"""How near does fine-tuning come that a strong speaker encoder guides? See docs/experiments/043.

    python benchmarks/quality/guided.py pack CORPUS FOLDER
    python benchmarks/quality/speaker_guided.py speak FOLDER OUT --seconds 10 30 --weight 1
    JUDGE_PYTHON benchmarks/quality/flow.py judge JUDGE.py OUT alone_30 encoder_30 --words

Beside the loss of the step that ships, CAM++ hears the speech of every piece: its embedding is to be that of the
person's recording. OUT gets a list for the judge of every length, of the step alone and of both.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from commands import Commands
from guided import _enrolled, _reference
from torch import Tensor
from torch.nn import functional

from parrotlet import Parrotlet
from parrotlet.bundle import DEFAULT
from parrotlet.factors import Settings
from parrotlet.finetuning import ENOUGH_S, MORE_S, MOST, STRESS, Line, Material
from parrotlet_compression.export import load_students
from parrotlet_compression.finetuning_graph import BETAS, EPSILON, MARGIN, FineTuning
from parrotlet_compression.models.synthesizer import Synthesizer
from parrotlet_compression.models.vocoder import Vocoder, pulse_train, render
from parrotlet_compression.teachers.campplus import CamPlusPlus

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
LEVEL = 10 ** (-23 / 20)
DRAWS = 16
"""Of as many pieces as a step takes, whose mean embedding is the person's."""

Embed = Callable[[Tensor, Tensor], Tensor]
"""mel [B, T, M], f0 [B, T] -> embeddings [B, E] of unit norm."""


class Listener:
    """CAM++ embeddings of what a vocoder makes of mel spectrograms."""

    def __init__(self, vocoder: Vocoder) -> None:
        self.vocoder = vocoder.requires_grad_(False).eval()
        self.encoder = CamPlusPlus(vocoder.config.sample_rate).requires_grad_(False).eval()

    def __call__(self, mel: Tensor, f0: Tensor) -> Tensor:
        """mel [B, T, M], f0 [B, T] -> embeddings [B, E] of unit norm."""
        config = self.vocoder.config
        source = pulse_train(f0, config.hop_length, config.sample_rate, torch.rand(len(f0)))
        white = torch.randn(len(f0), mel.shape[1] * config.hop_length)
        magnitude, phase, noise = self.vocoder.filters(self.vocoder.backbone(mel))
        samples = render(magnitude, phase, noise, source, white, config)
        made: Tensor = self.encoder(samples / (samples.square().mean(-1, keepdim=True).sqrt() + 1e-6) * LEVEL)
        return made


def drawn(material: Material, settings: Settings, random: np.random.Generator) -> tuple[Tensor, ...]:
    """What a step learns from: the fields of Line, [B, T, ...], and the condition."""
    cuts = material.draw(settings, random)
    return tuple(torch.from_numpy(np.asarray(cuts[name], np.float32)) for name in (*Line._fields, "condition"))


def recorded(cuts: Sequence[Tensor]) -> Tensor:
    """The recorded spectrum [B, T, M], or the model's own where the recording tells nothing."""
    _, _, mel, _, real, heard, _, _ = cuts
    return torch.where(heard > 0, real, mel)


def spectrum(whole: Synthesizer, factors: Tensor, cuts: Sequence[Tensor]) -> Tensor:
    """What the model makes of the same with a person's factors [F]: [B, T, M]."""
    features, predicted, _, f0, _, _, inside, condition = cuts
    _, refining, adapted = condition.expand(len(f0), -1).split(list(whole.conditions), dim=1)
    change = whole.refiner.change(factors, whole.directions)
    made = whole.refiner(whole.adapter(predicted, adapted), features, f0, refining, inside, change)
    finished: Tensor = whole.adapter_after(made, adapted) @ whole.emphasis
    return finished


def _fit(step: FineTuning, listener: Embed, settings: Settings, material: Material, weight: float) -> Any:
    """A person's factors [F], as ``parrotlet.finetuning.fit`` finds them, with the distance of the embeddings."""
    torch.manual_seed(0)
    random, inner = np.random.default_rng(0), slice(MARGIN, -MARGIN)
    share = min(1.0, material.seconds / ENOUGH_S)
    steps = int(settings.steps * min(max(material.seconds / MORE_S, 1.0), MOST))
    person = torch.zeros(0)
    if weight:
        with torch.no_grad():
            pieces = []
            for _ in range(DRAWS):
                cuts = drawn(material, settings, random)
                pieces.append(listener(recorded(cuts)[:, inner], cuts[3][:, inner]))
            person = functional.normalize(torch.cat(pieces).mean(0), dim=0)
    factors = torch.zeros(settings.size)
    mean, square = torch.zeros_like(factors), torch.zeros_like(factors)
    for number in range(1, steps + 1):
        rate = settings.rate * share * min(1.0, number / 10, 1.5 * (1 - (number - 1) / steps))
        factors.requires_grad_(True)
        cuts = drawn(material, settings, random)
        loss = step.distance(factors, *cuts)
        if weight:
            heard_as = listener(spectrum(step.synthesizer, factors, cuts)[:, inner], cuts[3][:, inner])
            loss = loss + weight * (1 - heard_as @ person).mean()
        (gradient,) = torch.autograd.grad(loss, factors)
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        square = BETAS[1] * square + (1 - BETAS[1]) * gradient * gradient
        over, under = mean / (1 - BETAS[0] ** number), (square / (1 - BETAS[1] ** number)).sqrt() + EPSILON
        factors = factors.detach() - rate * over / under
    return ((1 + STRESS * share) * step.own(factors)).numpy()


def _judge(path: Path) -> Embed:
    from likeness_judge import Judge

    judge = Judge().requires_grad_(False).eval()
    judge.load_state_dict(torch.load(path))
    return lambda mel, f0: judge(mel)


def _speak(options: argparse.Namespace) -> None:
    import soundfile

    from parrotlet_compression.corpus import Pack

    torch.set_num_threads(options.threads)
    pack, bird = Pack(options.folder / "pack"), Parrotlet.load(DEFAULT)
    people = json.loads((options.folder / "people.json").read_text())
    _, synthesizer, vocoder = load_students(CHECKPOINTS)
    step, settings = FineTuning(synthesizer), Settings.of(bird.bundle)
    assert settings is not None
    listener = Listener(vocoder) if options.judge is None else _judge(options.judge)
    options.out.mkdir(parents=True, exist_ok=True)
    references: dict[str, dict[str, str]] = {}
    lists: dict[str, list[str]] = {}
    for name in options.people or people:
        use = people[name]
        references[name] = _reference(options.out, pack, name, use)
        for seconds in options.seconds:
            recordings, texts = _enrolled(pack, use["enroll"], seconds)
            profile, heard = bird._enroller.enroll(recordings, texts=texts)
            profile = profile.with_fitted(bird.bundle.model_sha256, bird._model.fit(profile))
            material = bird._model.material(profile, heard)
            for label, weight in (("alone", 0.0), ("encoder", options.weight)):
                began = time.process_time()
                tuned = profile.with_factors(settings.model, _fit(step, listener, settings, material, weight))
                print(f"{name}, {seconds:g} s, {label}: {time.process_time() - began:.0f} s", flush=True)
                for number in use["spoken"]:
                    chunks = bird.speak(pack.clips[number].text.lower(), tuned)
                    path = options.out / f"{label}_{seconds:g}_{name}_{number}.wav"
                    soundfile.write(path, np.concatenate([chunk.samples for chunk in chunks]), 24000)
                    line = f"{path}\t{pack.clips[number].text}\t{references[name]['same']}\n"
                    lists.setdefault(f"{label}_{seconds:g}", []).append(line)
    (options.out / "references.json").write_text(json.dumps(references, indent=1))
    for label, lines in lists.items():
        (options.out / f"{label}.tsv").write_text("".join(lines))


def main() -> None:
    commands = Commands(__doc__)
    speak = commands.add(_speak, "folder", "out")
    speak.add_argument("--seconds", type=float, nargs="+", default=[30.0], help="of the enrollment")
    speak.add_argument("--weight", type=float, default=1.0, help="of the encoder's distance")
    speak.add_argument("--judge", type=Path, help="a network from likeness_judge.py, in place of CAM++")
    speak.add_argument("--people", nargs="+", help="of the folder; all of them otherwise")
    speak.add_argument("--threads", type=int, default=1)
    commands.run()


if __name__ == "__main__":
    main()
