"""Find the directions in which a person's factors change the refiner: where the gradients of many people lie.

Of every person the gradient of the fine-tuning loss is taken at the unchanged weights, each product's [N, M] scaled to
norm 1. The directions of a product are the strongest ones of its inputs over all people (as LoRA-GA, Wang 2024,
begins with those of one task).

What everybody's fitted factors have in common is not the person. The loss is least for a mean, and a mean is smoother
than speech: ``common`` is the direction in which that leads, and a fit is kept without it.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from parrotlet.alignment import READ_S
from parrotlet.bundle import Bundle
from parrotlet.enroller import Enroller
from parrotlet.errors import InputError, ParrotletError
from parrotlet.factors import Settings
from parrotlet.fastspeech_nsf import FastSpeechNsf
from parrotlet.finetuning import Line, Material, learned
from parrotlet.recording import RecordingWarning
from parrotlet.text import front_end
from parrotlet_runtimes import Session

from ..corpus import Clip, Pack
from ..finetuning_graph import FineTuning
from ..models.blocks import ConvNeXtBlock
from ..models.refiner import RANK, Refiner
from ..models.synthesizer import Synthesizer
from .loop import fast_math

DRAWS = 5
"""Steps whose gradients stand for a person."""
ENROLLED_S, LEAST_S, MOST_S = 20.0, 50.0, 110.0
"""Seconds of a person that are enrolled, that are there at least, and that are used at most."""


def people_of(
    pack: Pack,
    bundle: Path,
    least_s: float = LEAST_S,
    wanted: Callable[[str], bool] = lambda name: True,
    seed: int = 0,
) -> Iterator[tuple[str, Material]]:
    """Everybody of the training clips who says enough, enrolled and aligned by an ONNX bundle: name and material.

    wanted: is asked of a name when its turn comes. seed: of the order.
    """
    found = Bundle.load(bundle)
    enroller = Enroller(found, found.session, front_end(found.front_end, None, "onnx", None))
    model = FastSpeechNsf(found, found.session)
    chosen = list(_clips(pack, least_s).items())
    for number in np.random.default_rng(seed).permutation(len(chosen)):
        name, clips = chosen[number]
        if not wanted(name):
            continue
        recordings = [(pack.samples24(clip), pack.config.sample_rate) for clip in clips]
        ends = np.cumsum([clip.frames for clip in clips]) / pack.config.frame_rate
        heard = []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RecordingWarning)
                made, _ = enroller.enroll(recordings[: int(np.searchsorted(ends, ENROLLED_S)) + 1])
        except ParrotletError as error:
            print(f"{name} is left out: {error}")
            continue
        for clip, recording in zip(clips, recordings, strict=True):
            with suppress(InputError):  # another text, or nearly no speech
                heard.append(enroller.aligned(recording, enroller.examine(recording).report, clip.text.lower()))
        if not heard:
            print(f"{name} is left out: none of the texts was heard")
            continue
        profile = made.with_fitted(found.model_sha256, model.fit(made))
        yield name, model.material(profile, heard)


def _clips(pack: Pack, least_s: float) -> dict[str, list[Clip]]:
    """The clips of everybody with ``least_s`` of training clips, each at most ``READ_S``, ``MOST_S`` together."""
    clips, rate = defaultdict(list), pack.config.frame_rate
    for clip in pack.clips:
        if clip.split == "train" and clip.speaker and clip.archive != "synthetic" and clip.frames < READ_S * rate:
            clips[clip.speaker].append(clip)
    chosen = {}
    for name, own in clips.items():
        ends = np.cumsum([clip.frames for clip in own]) / rate
        if ends[-1] >= least_s:
            chosen[name] = own[: int(np.searchsorted(ends, MOST_S)) + 1]
    return chosen


def directions(synthesizer: Synthesizer, settings: Settings, people: Iterable[Material]) -> list[Tensor]:
    """The strongest directions [M, R] of every product's inputs, in their order."""
    tuning = FineTuning(synthesizer)
    weights = [layer.weight.requires_grad_(True) for layer in products(tuning.synthesizer.refiner)]
    shares = [torch.zeros(weight.shape[1], weight.shape[1]) for weight in weights]
    none = torch.zeros(synthesizer.factors)
    for material in people:
        random, sums = np.random.default_rng(0), [torch.zeros_like(weight) for weight in weights]
        for _ in range(DRAWS):
            cuts = {name: torch.from_numpy(value) for name, value in material.draw(settings, random).items()}
            with fast_math():
                loss = tuning.distance(none, *(cuts[name] for name in (*Line._fields, "condition")))
            for total, gradient in zip(sums, torch.autograd.grad(loss, weights), strict=True):
                total.add_(gradient)
        for share, total in zip(shares, sums, strict=True):
            share.add_(total.T @ total / total.square().sum())
    return [torch.linalg.eigh(share).eigenvectors.flip(1)[:, :RANK].contiguous() for share in shares]


def common(synthesizer: Synthesizer, step: Session, settings: Settings, people: Iterable[Material]) -> Tensor:
    """Where the factors of all people lead alike: [F], of norm 1. step: the ``finetune`` graph.

    It is 0 in the products that widen: two thirds of the numbers and half of the norm, mostly noise. Without them
    clones are as good, and the graph is smaller.
    """
    total = sum(learned(step, settings, material, settings.steps)["next"][0].astype(np.float64) for material in people)
    config = synthesizer.refiner.config
    parts = list(torch.from_numpy(np.asarray(total, np.float32)).split(config.factors()))
    for number, (inputs, outputs) in enumerate(config.products()):
        if outputs > inputs:
            parts[number] = torch.zeros_like(parts[number])
    found = torch.cat(parts)
    return found / found.norm()


def products(refiner: Refiner) -> list[nn.Linear]:
    """The layers of ``RefinerConfig.products``, in their order."""
    layers = [refiner.stem]
    for block in refiner.body.blocks:
        assert isinstance(block, ConvNeXtBlock)
        layers += [block.expand, block.contract]
    return [*layers, refiner.head]
