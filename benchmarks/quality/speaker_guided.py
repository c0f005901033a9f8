"""How near does fine-tuning come that a strong speaker encoder guides? See docs/experiments/043.

    python benchmarks/quality/guided.py pack CORPUS FOLDER
    python benchmarks/quality/speaker_guided.py speak FOLDER OUT --seconds 10 30 --weight 1
    JUDGE_PYTHON benchmarks/quality/flow.py judge JUDGE.py OUT alone_30 encoder_30 --words

Beside the loss of the step without a judge, CAM++ hears the speech of every piece: its embedding is to be that of the
person's recording. OUT gets a list for the judge of every length, of the step that ships (alone) and of this one
(encoder). With ``--judge`` the second step is the one that ships, with another judge of speakers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
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
from parrotlet.finetuning import Material, fit
from parrotlet_compression.export import load_students
from parrotlet_compression.finetuning_graph import FineTuning
from parrotlet_compression.models.judge import read_judge
from parrotlet_compression.models.synthesizer import Synthesizer
from parrotlet_compression.train.judge_pieces import F0, INNER, Embed, drawn, recorded, spectrum
from parrotlet_compression.train.speaker_consistency import Listener

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
MEANS = 8
"""Draws for a person's mean embedding."""


class GuidedStep(FineTuning):
    """The step that ships, as ``parrotlet.finetuning.fit`` runs it, and ``weight`` times a distance of embeddings."""

    def __init__(self, synthesizer: Synthesizer, listener: Embed, person: Tensor, weight: float) -> None:
        super().__init__(synthesizer)
        self.listener, self.person, self.weight = listener, person, weight

    def distance(self, factors: Tensor, *cuts: Tensor) -> Tensor:
        heard = self.listener(spectrum(self.synthesizer, factors, cuts)[:, INNER], cuts[F0][:, INNER])
        return super().distance(factors, *cuts) + self.weight * (1 - heard @ self.person).mean()


def _person(listener: Embed, material: Material, settings: Settings) -> Tensor:
    """The mean embedding [E] of a person's recorded pieces, of unit norm."""
    random = np.random.default_rng(0)
    with torch.no_grad():
        cuts = [drawn(material, settings, random) for _ in range(MEANS)]
        heard = [listener(recorded(one)[:, INNER], one[F0][:, INNER]) for one in cuts]
    return functional.normalize(torch.cat(heard).mean(0), dim=0)


def _guided(options: argparse.Namespace, settings: Settings) -> Callable[[Material], FineTuning]:
    """The second step, for what a person's recordings are: with CAM++, or with the judge of a file."""
    _, synthesizer, vocoder = load_students(CHECKPOINTS)
    if options.judge is None:
        listener = Listener(vocoder)
        return lambda material: GuidedStep(synthesizer, listener, _person(listener, material, settings), options.weight)
    step = FineTuning(synthesizer, read_judge(options.judge))
    return lambda material: step


def _speak(options: argparse.Namespace) -> None:
    import soundfile

    from parrotlet_compression.corpus import Pack

    torch.set_num_threads(options.threads)
    pack, bird = Pack(options.folder / "pack"), Parrotlet.load(DEFAULT)
    people = json.loads((options.folder / "people.json").read_text())
    settings, alone = Settings.of(bird.bundle), bird.bundle.session("finetune")
    assert settings is not None
    guided = _guided(options, settings)
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
            steps: dict[str, Any] = {"alone": alone, "encoder": guided(material)}
            for label, step in steps.items():
                torch.manual_seed(0)
                began = time.process_time()
                tuned = profile.with_factors(settings.model, fit(step, settings, material))
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
    speak.add_argument("--judge", type=Path, help="weights from `parrotlet-compress train judge`, in place of CAM++")
    speak.add_argument("--people", nargs="+", help="of the folder; all of them otherwise")
    speak.add_argument("--threads", type=int, default=1)
    commands.run()


if __name__ == "__main__":
    main()
