"""Where training of the judge of speakers begins: with a part of CAM++'s layers, fitted to hear mel spectrograms.

CAM++ learned from some 200,000 people what a person is; a corpus has a few hundred. So the judge takes over the layers
that matter most, and every product that reads what other layers give is found anew by least squares: of a mel
spectrogram it is to give what CAM++'s own gives of the speech (docs/experiments/052).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..export import JUDGE, load_students
from ..models.dense_judge import BandConvolutions, DenseBlock, DenseJudge, DenseLayer, Residual
from ..models.judge import STRIDE
from ..models.weights import save_weights
from ..teachers.campplus import FRAME_S, HOP_S
from .inner_frames import at_frames
from .judge import read_pieces
from .speaker_consistency import Listener

KEPT = ((0, 1, 3, 4, 5, 6, 10, 11), (0, 1, 3, 4, 5, 9, 11, 12, 13, 14, 16, 19), (0, 2, 4, 8, 9, 10, 12, 14))
"""Layers of each of CAM++'s blocks: those without which its embeddings change most."""
RIDGE = 1e-3
"""Of the mean variance of what a product reads."""
OF_EACH = 2
"""Pieces of each person that it is fitted to; and one recording of as many speakers."""
AT_ONCE = 10
"""Pieces that are heard together."""
FILTERS = "filters"


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
    judge = DenseJudge()
    mel, frames = (torch.from_numpy(np.concatenate(parts).astype(np.float32)) for parts in zip(*pieces_of, strict=True))
    start_from_campplus(judge, mel, frames, Listener(load_students(checkpoints)[2]))
    out.mkdir(parents=True, exist_ok=True)
    save_weights(judge, out / JUDGE, half=True, step=0)


@torch.no_grad()
def start_from_campplus(judge: DenseJudge, mel: Tensor, frames: Tensor, listener: Listener) -> None:
    """Give a judge that is untrained the layers of CAM++, fitted to pieces mel [B, T, M].

    frames [B, T / STRIDE, F]: what CAM++ hears of them, as ``InnerFrames`` gives it.
    """
    network, heard = listener.encoder.network, _heard(listener, mel)
    _copy_bands(judge.bands, network.get_submodule("head"))
    flat = (mel + 5) / 2
    _fit(judge.filters, _centered(flat), _centered(heard[FILTERS]))
    x = _parts(lambda part: judge.stacked(judge.filtered(part)), mel)

    def wanted(name: str, norm: str) -> Tensor:
        gain, bias = _affine(network.get_submodule(norm))
        return heard[name] * gain + bias

    _fit(judge.stem, x, wanted("xvector.tdnn.linear", "xvector.tdnn.nonlinear.batchnorm"))
    x = functional.relu(judge.stem(x))
    parts = frames.split(list(judge.config.frames), dim=-1)
    for number, (block, head, part) in enumerate(zip(judge.blocks, judge.heads, parts, strict=True), 1):
        assert isinstance(block, DenseBlock)
        channels = list(range(x.shape[-1]))
        first = len(channels)
        for layer, kept in zip(block.layers, KEPT[number - 1], strict=True):
            assert isinstance(layer, DenseLayer)
            name = f"xvector.block{number}.tdnnd{kept + 1}"
            _copy_layer(layer, network.get_submodule(name), channels)
            _fit(layer.narrow, layer.rectified(x), wanted(f"{name}.linear1", f"{name}.nonlinear2.batchnorm"))
            x = torch.cat([x, _parts(layer, x)], dim=-1)
            growth = judge.config.growth
            channels += range(first + kept * growth, first + (kept + 1) * growth)
        name, last = f"xvector.transit{number}", number == len(judge.blocks)
        _copy_affine(block.rectified, network.get_submodule(f"{name}.nonlinear.batchnorm"), channels)
        x = block.rectified(x)
        _fit(block.output, x, wanted(name, "xvector.out_nonlinear.batchnorm") if last else heard[name])
        x = functional.relu(block.output(x)) if last else block.output(x)
        _fit(head, x, part * math.sqrt(part.shape[-1]))
    gain, bias = _affine(network.get_submodule("xvector.dense.nonlinear.batchnorm"))
    judge.output.weight.copy_(network.get_parameter("xvector.dense.linear.weight").squeeze(-1) * gain[:, None])
    judge.output.bias.copy_(bias)


def _heard(listener: Listener, mel: Tensor) -> dict[str, Tensor]:
    """What CAM++'s filters and layers give of the speech of mel [B, T, M], at the judge's frames: [B, T, M] of the
    filters, and [B, T / STRIDE, C] of the layers, by their names."""
    made, hooks = defaultdict[str, list[Tensor]](list), []
    network, config = listener.encoder.network, listener.vocoder.config
    frame_s = config.hop_length / config.sample_rate

    def at(rows: Tensor, hop_s: float, stride: int) -> Tensor:
        return torch.from_numpy(at_frames(rows.numpy(), hop_s, mel.shape[1] // stride, stride * frame_s))

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(layer: nn.Module, given: Any, output: Tensor) -> None:
            made[name].append(at(output.transpose(1, 2), FRAME_S, STRIDE))

        return hook

    blocks = enumerate(KEPT, 1)
    layers = [f"block{number}.tdnnd{layer + 1}.linear1" for number, block in blocks for layer in block]
    for name in ("tdnn.linear", *layers, *(f"transit{number}" for number in range(1, len(KEPT) + 1))):
        hooks.append(network.get_submodule(f"xvector.{name}").register_forward_hook(keep(f"xvector.{name}")))
    for part in mel.split(AT_ONCE):
        samples = listener.speech(part, listener.vocoder(part).f0)
        made[FILTERS].append(at(listener.encoder.features(samples), HOP_S, 1))
        listener.encoder.hear(samples)
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(parts) for name, parts in made.items()}


def _fit(layer: nn.Module, x: Tensor, wanted: Tensor) -> None:
    """Make a linear layer give wanted [..., N] of x [..., M], as nearly as it can."""
    x, wanted = x.flatten(0, -2).double(), wanted.flatten(0, -2).double()
    means, aim = x.mean(0), wanted.mean(0)
    x = x - means
    products = x.T @ x
    products.diagonal().add_(RIDGE * products.diagonal().mean())
    weight = torch.linalg.solve(products, x.T @ (wanted - aim))
    layer.get_parameter("weight").copy_(weight.T)
    layer.get_parameter("bias").copy_(aim - means @ weight)


def _copy_bands(bands: BandConvolutions, head: nn.Module) -> None:
    def copy(own: nn.Module, convolution: str, norm: str) -> None:
        gain, bias = _affine(head.get_submodule(norm))
        own.get_parameter("weight").copy_(head.get_parameter(f"{convolution}.weight") * gain[:, None, None, None])
        own.get_parameter("bias").copy_(bias)

    copy(bands.first, "conv1", "bn1")
    for own, name in zip(bands.body, ("layer1.0", "layer1.1", "layer2.0", "layer2.1"), strict=True):
        assert isinstance(own, Residual)
        copy(own.first, f"{name}.conv1", f"{name}.bn1")
        copy(own.second, f"{name}.conv2", f"{name}.bn2")
        if own.beside is not None:
            copy(own.beside, f"{name}.shortcut.0", f"{name}.shortcut.1")
    copy(bands.last, "conv2", "bn2")


def _copy_layer(own: DenseLayer, layer: nn.Module, channels: Sequence[int]) -> None:
    """All of a dense layer but the product that narrows what it reads. channels: which of CAM++'s there are."""
    _copy_affine(own.rectified, layer.get_submodule("nonlinear1.batchnorm"), channels)
    gate = layer.get_submodule("cam_layer")
    own.local.weight.copy_(gate.get_parameter("linear_local.weight").permute(0, 2, 1).flatten(1))
    # In a piece that is shorter than its segments, CAM++ adds up the same mean twice.
    own.context.weight.copy_(2 * gate.get_parameter("linear1.weight").squeeze(-1))
    own.context.bias.copy_(gate.get_parameter("linear1.bias"))
    own.gate.weight.copy_(gate.get_parameter("linear2.weight").squeeze(-1))
    own.gate.bias.copy_(gate.get_parameter("linear2.bias"))


def _copy_affine(own: nn.Module, norm: nn.Module, channels: Sequence[int]) -> None:
    for name, value in zip(("gain", "bias"), _affine(norm), strict=True):
        own.get_parameter(name).copy_(value[list(channels)])


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


def _parts(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a function gives of x [B, ...], without the memory that all of it would take at once."""
    return torch.cat([function(part) for part in x.split(AT_ONCE)])
