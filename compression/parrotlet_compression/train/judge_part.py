"""Make a judge of speakers that a bundle has room for, of one that has all of CAM++'s layers.

It takes over the layers that matter most. Every product that reads what other layers give is found anew by least
squares: of a mel spectrogram it is to give what the whole's own gives (docs/experiments/053).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet.errors import InputError

from ..export import JUDGE
from ..models.judge import BandConvolutions, DenseBlock, DenseLayer, Residual, SpeakerJudge, read_judge
from ..models.weights import save_weights
from .judge import read_pieces
from .least_squares import fit, in_parts

KEPT = ((0, 1, 3, 4, 5, 6, 10, 11), (0, 1, 3, 4, 5, 9, 11, 12, 13, 14, 16, 19), (0, 2, 4, 8, 9, 10, 12, 14))
"""Layers of each of CAM++'s blocks: those without which its embeddings change most."""
OF_EACH = 4
"""Spectra of each person, of which random ones are heard."""
PIECES, CONVOLVED = 200, 40
"""Spectra that products, and that convolutions are fitted to."""
SPOTS = 80_000
"""Places in these."""


def write_part(whole: Path, pieces: Path, out: Path) -> None:
    """Write the smaller judge that training begins with, fitted to pieces of those to learn from.

    whole: the other's file. Raises InputError where there is none, or no pieces.
    """
    judge = read_judge(whole)
    if judge.config.rank:
        raise InputError(f"{whole} has not all of CAM++'s layers: write it with `parrotlet-compress judge-start`")
    torch.manual_seed(0)
    random, (learning, _) = np.random.default_rng(0), read_pieces(pieces)
    mel = [speaker.mel[:1] for speaker in learning.speakers]
    for one in learning.people:
        rows, variants = (random.integers(count, size=OF_EACH) for count in one.mel.shape[:2])
        mel.append(one.mel[rows, variants])
    spectra = np.concatenate(mel)
    chosen = spectra[random.permutation(len(spectra))[:PIECES]].astype(np.float32)
    part = SpeakerJudge()
    take_over(judge, part, torch.from_numpy(chosen))
    out.mkdir(parents=True, exist_ok=True)
    save_weights(part, out / JUDGE, half=True, step=0)


@torch.no_grad()
def take_over(whole: SpeakerJudge, part: SpeakerJudge, mel: Tensor) -> None:
    """Give a judge that is untrained the layers of the whole, fitted to pieces mel [B, T, M]."""
    for name in ("filters", "output", "heads"):
        part.get_submodule(name).load_state_dict(whole.get_submodule(name).state_dict())
    _take_bands(whole.bands, part.bands, part.filtered(mel[:CONVOLVED]))
    aim = in_parts(lambda some: whole.stem(whole.stacked(whole.filtered(some))), mel)
    read = in_parts(lambda some: part.stacked(part.filtered(some)), mel)
    fit(part.stem, read, aim, whole.stem.weight)
    heard, x = functional.relu(aim), functional.relu(part.stem(read))
    for number, (block, own) in enumerate(zip(whole.blocks, part.blocks, strict=True)):
        assert isinstance(block, DenseBlock)
        assert isinstance(own, DenseBlock)
        start, growth, channels, kept = x.shape[-1], whole.config.growth, list(range(x.shape[-1])), iter(own.layers)
        for place, layer in enumerate(block.layers):
            assert isinstance(layer, DenseLayer)
            if place in KEPT[number]:
                taken = next(kept)
                assert isinstance(taken, DenseLayer)
                _take_layer(layer, taken, channels)
                wanted = layer.narrow(layer.rectified(heard))
                fit(taken.narrow, taken.rectified(x), wanted, layer.narrow.get_parameter("weight")[:, channels])
                x = torch.cat([x, in_parts(taken, x)], dim=-1)
                channels += range(start + place * growth, start + (place + 1) * growth)
            heard = torch.cat([heard, in_parts(layer, heard)], dim=-1)
        _take_channels(block.rectified, own.rectified, channels)
        heard, read = block.output(block.rectified(heard)), own.rectified(x)
        fit(own.output, read, heard, block.output.weight[:, channels])
        x = own.output(read)
        if number == len(whole.blocks) - 1:
            heard, x = functional.relu(heard), functional.relu(x)


def _take_bands(whole: BandConvolutions, own: BandConvolutions, x: Tensor) -> None:
    """Give each of its residual parts what one of the whole's and that after it do together. x [B, T, M]: filtered."""
    for name in ("first", "last"):
        own.get_submodule(name).load_state_dict(whole.get_submodule(name).state_dict())
    heard = functional.relu(whole.first(x.transpose(1, 2).unsqueeze(1)))
    x = heard
    for number, part in enumerate(own.body):  # those that halve the bands
        part.load_state_dict(whole.body[2 * number].state_dict())
        assert isinstance(part, Residual)
        assert part.beside is not None
        heard = in_parts(whole.body[2 * number + 1], in_parts(whole.body[2 * number], heard))
        inner, beside = functional.relu(part.first(x)), part.beside(x)
        # Where nothing passes, any negative value does.
        aim = torch.where(heard > 0, heard, (part.second(inner) + beside).clamp(max=0)) - beside
        read, wanted = functional.unfold(inner, 3, padding=1).transpose(1, 2), aim.flatten(2).transpose(1, 2)
        spots = torch.randperm(read.shape[0] * read.shape[1])[:SPOTS]
        flat = nn.Linear(read.shape[-1], wanted.shape[-1])
        fit(flat, read.flatten(0, 1)[spots], wanted.flatten(0, 1)[spots], part.second.weight.flatten(1))
        part.second.weight.copy_(flat.weight.view_as(part.second.weight))
        part.second.get_parameter("bias").copy_(flat.bias)
        x = in_parts(part, x)


def _take_layer(layer: DenseLayer, own: DenseLayer, channels: list[int]) -> None:
    """All of a dense layer but the product that narrows what it reads. channels: which of the whole's there are."""
    _take_channels(layer.rectified, own.rectified, channels)
    for name in ("local", "context", "gate"):
        own.get_submodule(name).load_state_dict(layer.get_submodule(name).state_dict())


def _take_channels(rectified: nn.Module, own: nn.Module, channels: list[int]) -> None:
    for name in ("gain", "bias"):
        own.get_parameter(name).copy_(rectified.get_parameter(name)[channels])
