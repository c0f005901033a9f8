"""One step of fitting the refiner to a person, with its backward pass, as an ONNX graph without a training runtime.

A prototype; see docs/experiments/037-a-fitting-step-as-a-graph.md. What learns, the loss and the optimizer are those
of ``train.one_person``, part ``low_rank``. All factors are one vector: of every matrix of the refiner that learns, in
the order of its modules, down [RANK, M], then up [N, RANK].
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._decomp import get_decompositions
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional

from .graph import Feeds, Graph
from .models.synthesizer import Synthesizer
from .train.one_person import PIECE, PIECES, RANK, PersonLoss, Voice, refined
from .train.refiner import MARGIN

BETAS, EPSILON = (0.9, 0.98), 1e-8
SMALLEST = 64
"""Matrices with a side of this or fewer do not learn."""
OUTPUTS = ("loss", "new_factors", "new_mean", "new_square")


class Cuts(NamedTuple):
    """What a step learns from, of B cuts of T frames with margins of MARGIN, and P = T - 2 * MARGIN within.

    features [B, T, C], moved [B, T, M], f0 [B, T], inside [B, T, 1]; real and before [B, P, M]. See ``Batch``.
    """

    features: Tensor
    moved: Tensor
    f0: Tensor
    inside: Tensor
    real: Tensor
    before: Tensor


class LowRankLinear(nn.Module):
    """A linear layer and its change, x [..., M] -> [..., N].

    The change is multiplied by the input, not added to the weight: so no gradient of the weight's size is computed.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear
        self.down, self.up = linear.weight.new_zeros(RANK, linear.in_features), linear.weight.new_zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.linear(x) + (x @ self.down.T) @ self.up.T
        return made


class Changed(nn.Module):
    """A copy of a synthesizer whose refiner takes its factors as an argument."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__()
        self.synthesizer = copy.deepcopy(synthesizer).requires_grad_(False)
        self.layers: list[LowRankLinear] = []
        for name, module in list(self.synthesizer.refiner.named_modules()):
            if isinstance(module, nn.Linear) and min(module.weight.shape) > SMALLEST:
                parent, _, last = name.rpartition(".")
                self.layers.append(LowRankLinear(module))
                setattr(self.synthesizer.refiner.get_submodule(parent), last, self.layers[-1])

    @property
    def size(self) -> int:
        """How many numbers the factors are."""
        return sum(RANK * (x.linear.in_features + x.linear.out_features) for x in self.layers)

    def take(self, factors: Tensor) -> None:
        """Use factors [F] from now on."""
        parts = factors.split([RANK * n for x in self.layers for n in (x.linear.in_features, x.linear.out_features)])
        for layer, down, up in zip(self.layers, parts[::2], parts[1::2], strict=True):
            layer.down, layer.up = down.reshape(RANK, -1), up.reshape(-1, RANK)

    def settled(self) -> Synthesizer:
        """A synthesizer as the given one was, with the changes in its weights."""
        made = copy.deepcopy(self.synthesizer)
        for name, layer in list(made.refiner.named_modules()):
            if isinstance(layer, LowRankLinear):
                layer.linear.weight += layer.up @ layer.down
                parent, _, last = name.rpartition(".")
                setattr(made.refiner.get_submodule(parent), last, layer.linear)
        return made

    def first(self, generator: torch.Generator | None = None) -> Tensor:
        """Factors [F] to begin with, which change nothing: random down, zero up."""
        parts = []
        for layer in self.layers:
            width = layer.linear.in_features
            parts += [torch.randn(RANK * width, generator=generator) / width**0.5]
            parts += [torch.zeros(RANK * layer.linear.out_features)]
        return torch.cat(parts)


def adam(factors: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, rate: Tensor, step: Tensor) -> Any:
    """Factors, mean and square of gradients [F] after a step of Adam; rate [1], step [1] from 1 on."""
    mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
    square = BETAS[1] * square + (1 - BETAS[1]) * gradient * gradient
    over, under = mean / (1 - BETAS[0] ** step), (square / (1 - BETAS[1] ** step)).sqrt() + EPSILON
    return factors - rate * over / under, mean, square


def fitting_step(synthesizer: Synthesizer, example: Feeds) -> GraphModule:
    """A module of forward operations that makes a step: ``example``'s values -> ``OUTPUTS``.

    The shapes of the example are those of every step.
    """
    changed, loss = Changed(synthesizer), PersonLoss("slow", synthesizer.refiner.config.n_mels, example["bands"])

    def step(*inputs: Tensor) -> tuple[Tensor, ...]:
        feeds = dict(zip(example, inputs, strict=True))
        cuts = Cuts(*(feeds[name] for name in Cuts._fields))
        voice = Voice(*(feeds[name] for name in ("embedding", "adapted", "statistics")))
        factors = feeds["factors"].detach().requires_grad_(True)
        changed.take(factors)
        inner = slice(MARGIN, cuts.f0.shape[1] - MARGIN)
        made = refined(changed.synthesizer, cuts.features, cuts.moved, cuts.f0, voice, cuts.inside)
        loss.bands = feeds["bands"]
        value = loss(made[:, inner], cuts.real, cuts.before, cuts.inside[:, inner])
        (gradient,) = torch.autograd.grad(value, factors)
        after = adam(factors.detach(), gradient, feeds["mean"], feeds["square"], feeds["rate"], feeds["step"])
        return value.detach().reshape(1), *after

    traced: GraphModule = make_fx(step, decomposition_table=_backward())(*example.values())
    for node in traced.graph.nodes:
        if node.target is torch.ops.aten._to_copy.default:  # as the exporter knows it
            node.op, node.target, node.kwargs = "call_method", "to", {"dtype": node.kwargs["dtype"]}
        if node.target is torch.ops.aten._softmax.default:
            node.target, node.args = torch.ops.aten.softmax.int, node.args[:2]
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def fitting_graph(synthesizer: Synthesizer, frames: int = PIECE, pieces: int = PIECES) -> Graph:
    """The graph of a step on ``pieces`` cuts of ``frames`` frames and margins."""

    def example(seed: int) -> Feeds:
        return example_feeds(synthesizer, frames, pieces, seed)

    return Graph("fitting_step", fitting_step(synthesizer, example(0)), example, OUTPUTS, {}, (0, 1, 2))


def example_feeds(synthesizer: Synthesizer, frames: int, pieces: int, seed: int) -> Feeds:
    """Feeds of a first step. All but moments, rate and step differ by seed, so that none can become a constant
    unnoticed."""
    random = torch.Generator().manual_seed(seed)
    config, total = synthesizer.refiner.config, frames + 2 * MARGIN
    mel = torch.randn(pieces, total, config.n_mels, generator=random) * 0.5 - 5
    inside = torch.ones(pieces, total, 1)
    inside[-1, total - MARGIN - 8 - seed :] = 0
    changed = Changed(synthesizer)
    cuts = Cuts(
        torch.randn(pieces, total, config.features, generator=random),
        mel,
        (torch.arange(total)[None] % 40 < 25) * (torch.tensor([[120.0], [210.0]])[:pieces] + 5 * seed),
        inside,
        torch.randn(pieces, frames, config.n_mels, generator=random) - 4.5,
        mel[:, MARGIN : MARGIN + frames].clone(),
    )
    embedding = torch.randn(1, config.embedding, generator=random)
    return {
        **cuts._asdict(),
        "embedding": embedding / embedding.norm(),
        "adapted": 0.1 * torch.randn(1, synthesizer.conditions[2], generator=random),
        "statistics": torch.tensor([[0.1, 0.2, 0.0]]) + 0.02 * seed,
        "bands": (torch.arange(config.n_mels) < 56 - seed).float(),
        "factors": changed.first(random),
        "mean": torch.zeros(changed.size),
        "square": torch.zeros(changed.size),
        "rate": torch.tensor([4e-3]),
        "step": torch.tensor([1.0]),
    }


def _backward() -> dict[Any, Callable[..., Any]]:
    """How operations of the backward pass, and some that ONNX lacks, are made of such as it has."""
    aten = torch.ops.aten
    known = get_decompositions(
        [
            aten.native_layer_norm_backward,
            aten.gelu_backward,
            aten._softmax_backward_data,
            aten.tanh_backward,
            aten.threshold_backward,
            aten.select_backward,
        ]
    )

    def convolution(gradient: Tensor, x: Tensor, weight: Tensor, *settings: Any) -> tuple[Tensor, None, None]:
        """Of a depthwise convolution of the same length, for its input: one with the kernel turned round."""
        return functional.conv2d(gradient, weight.flip(-1), None, 1, settings[2], groups=settings[6]), None, None

    def pooling(gradient: Tensor, x: Tensor, kernel: list[int], stride: list[int], *settings: Any) -> Tensor:
        """Of means over the last axis, with a stride of 1 and the same length, or with the kernel's stride."""
        if stride[-1] == 1:
            return functional.avg_pool2d(gradient, kernel, stride, settings[0])
        spread = gradient.unsqueeze(-1).expand(*gradient.shape, kernel[-1]).flatten(-2) / kernel[-1]
        return functional.pad(spread, (0, x.shape[-1] - spread.shape[-1]))

    def part(gradient: Tensor, shape: list[int], axis: int, start: int, end: int, stride: int) -> Tensor:
        """Of a slice with a stride of 1."""
        end = min(end, shape[axis])
        return functional.pad(gradient, (0, 0) * (len(shape) - 1 - axis % len(shape)) + (start, shape[axis] - end))

    return {
        **known,
        aten.convolution_backward.default: convolution,
        aten.avg_pool2d_backward.default: pooling,
        aten.slice_backward.default: part,
        aten.sgn.default: torch.sign,
        aten._unsafe_view.default: torch.reshape,
    }
