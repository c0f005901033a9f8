"""Where training of the judge of speakers begins: with CAM++'s own layers, fitted to hear mel spectrograms.

CAM++ learned from some 200,000 people what a person is; a corpus has a few hundred. So the judge takes over its layers,
and what is before and after them is found by least squares: of a mel spectrogram the filters are to give what CAM++'s
own give of its speech (docs/experiments/052).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..export import JUDGE, load_students
from ..models.judge import LEVEL, BandConvolutions, DenseBlock, DenseLayer, JudgeConfig, Residual, SpeakerJudge
from ..models.weights import save_weights
from ..teachers.campplus import HOP_S
from .inner_frames import at_frames
from .judge import read_pieces
from .least_squares import AT_ONCE, fit, in_parts
from .speaker_consistency import Listener

OF_EACH = 2
"""Pieces of each person that it is fitted to; and one recording of as many speakers."""


def write_start(pieces: Path, checkpoints: Path, out: Path) -> None:
    """Write the judge that training begins with, fitted to pieces of those to learn from.

    checkpoints: the vocoder's, through which CAM++ hears the pieces. Raises InputError where pieces or weights are
    missing.
    """
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    learning, _ = read_pieces(pieces)
    pieces_of: list[tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]] = []
    for one in learning.people:
        picks = random.integers(len(one.mel), size=OF_EACH), random.integers(one.mel.shape[1], size=OF_EACH)
        pieces_of.append((one.mel[picks], one.frames[picks]))
    for number in random.permutation(len(learning.speakers))[: len(learning.people)]:
        speaker = learning.speakers[number]
        pieces_of.append((speaker.mel[:1], speaker.frames[:1]))
    mel, frames = (torch.from_numpy(np.concatenate(parts).astype(np.float32)) for parts in zip(*pieces_of, strict=True))
    judge = start_from_campplus(mel, frames, Listener(load_students(checkpoints)[2]))
    out.mkdir(parents=True, exist_ok=True)
    save_weights(judge, out / JUDGE, step=0)


@torch.no_grad()
def start_from_campplus(mel: Tensor, frames: Tensor, listener: Listener) -> SpeakerJudge:
    """A judge with all the layers of CAM++, fitted to pieces mel [B, T, M].

    frames [B, T / STRIDE, F]: what CAM++ hears of them, as ``InnerFrames`` gives it.
    """
    judge, network = SpeakerJudge(JudgeConfig.whole()), listener.encoder.network
    _copy_bands(judge.bands, network.get_submodule("head"))
    gain, bias = _affine(network.get_submodule("xvector.tdnn.nonlinear.batchnorm"))
    weight = network.get_parameter("xvector.tdnn.linear.weight").permute(0, 2, 1).flatten(1)
    _copy(judge.stem, LEVEL * weight * gain[:, None], bias)
    for number, block in enumerate(judge.blocks, 1):
        assert isinstance(block, DenseBlock)
        for place, layer in enumerate(block.layers, 1):
            assert isinstance(layer, DenseLayer)
            _copy_layer(layer, network.get_submodule(f"xvector.block{number}.tdnnd{place}"))
        _copy_affine(block.rectified, network.get_submodule(f"xvector.transit{number}.nonlinear.batchnorm"))
        weight = network.get_parameter(f"xvector.transit{number}.linear.weight").squeeze(-1)
        gain, bias = torch.ones(1), torch.zeros(len(weight))
        if number == len(judge.blocks):
            gain, bias = _affine(network.get_submodule("xvector.out_nonlinear.batchnorm"))
        _copy(block.output, weight * gain[:, None], bias)
    gain, bias = _affine(network.get_submodule("xvector.dense.nonlinear.batchnorm"))
    _copy(judge.output, network.get_parameter("xvector.dense.linear.weight").squeeze(-1) * gain[:, None], bias)

    fit(judge.filters, _centered((mel + 5) / 2), _centered(_features(listener, mel)))
    x = functional.relu(in_parts(lambda part: judge.stem(judge.stacked(judge.filtered(part))), mel))
    parts = frames.split(list(judge.config.frames), dim=-1)
    for number, (block, head, part) in enumerate(zip(judge.blocks, judge.heads, parts, strict=True), 1):
        x = in_parts(block, x)
        fit(head, functional.relu(x) if number == len(judge.blocks) else x, part * math.sqrt(part.shape[-1]))
    return judge


def _features(listener: Listener, mel: Tensor) -> Tensor:
    """What CAM++'s filters give of the speech of mel [B, T, M], at its frames: [B, T, M]."""
    config, made = listener.vocoder.config, []
    for part in mel.split(AT_ONCE):
        features = listener.encoder.features(listener.speech(part, listener.vocoder(part).f0))
        made.append(at_frames(features.numpy(), HOP_S, mel.shape[1], config.hop_length / config.sample_rate))
    return torch.from_numpy(np.concatenate(made))


def _copy_bands(bands: BandConvolutions, head: nn.Module) -> None:
    def copy(own: nn.Module, convolution: str, norm: str) -> None:
        gain, bias = _affine(head.get_submodule(norm))
        _copy(own, head.get_parameter(f"{convolution}.weight") * gain[:, None, None, None], bias)

    copy(bands.first, "conv1", "bn1")
    for own, name in zip(bands.body, ("layer1.0", "layer1.1", "layer2.0", "layer2.1"), strict=True):
        assert isinstance(own, Residual)
        copy(own.first, f"{name}.conv1", f"{name}.bn1")
        copy(own.second, f"{name}.conv2", f"{name}.bn2")
        if own.beside is not None:
            copy(own.beside, f"{name}.shortcut.0", f"{name}.shortcut.1")
    copy(bands.last, "conv2", "bn2")


def _copy_layer(own: DenseLayer, layer: nn.Module) -> None:
    _copy_affine(own.rectified, layer.get_submodule("nonlinear1.batchnorm"))
    gain, bias = _affine(layer.get_submodule("nonlinear2.batchnorm"))
    _copy(own.narrow, layer.get_parameter("linear1.weight").squeeze(-1) * gain[:, None], bias)
    gate = layer.get_submodule("cam_layer")
    own.local.weight.copy_(gate.get_parameter("linear_local.weight").permute(0, 2, 1).flatten(1))
    # In a piece that is shorter than its segments, CAM++ adds up the same mean twice.
    _copy(own.context, 2 * gate.get_parameter("linear1.weight").squeeze(-1), gate.get_parameter("linear1.bias"))
    _copy(own.gate, gate.get_parameter("linear2.weight").squeeze(-1), gate.get_parameter("linear2.bias"))


def _copy_affine(own: nn.Module, norm: nn.Module) -> None:
    for name, value in zip(("gain", "bias"), _affine(norm), strict=True):
        own.get_parameter(name).copy_(value)


def _copy(own: nn.Module, weight: Tensor, bias: Tensor) -> None:
    own.get_parameter("weight").copy_(weight)
    own.get_parameter("bias").copy_(bias)


def _affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Gain and bias [C] that a batch normalization comes to."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = (norm.running_var + norm.eps).rsqrt()
    if norm.affine:
        return gain * norm.weight, norm.bias - norm.running_mean * gain * norm.weight
    return gain, -norm.running_mean * gain


def _centered(x: Tensor) -> Tensor:
    return x - x.mean(1, keepdim=True)
