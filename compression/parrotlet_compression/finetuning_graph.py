"""One step of fine-tuning the refiner to a person, with its backward pass, as an ONNX graph without training runtime.

What learns is the person's factors (``models.refiner.RefinerConfig.factors``), an input of the acoustic graph.
``make_fx`` records loss, gradient and Adam as forward operations, which the exporter of all other graphs writes.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch._decomp import get_decompositions
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional

from parrotlet import adaptation
from parrotlet.finetuning import Line

from .files import read_manifest, write_files
from .graph import Feeds, Graph, export_onnx
from .models.judge import SpeakerJudge, frame_error
from .models.synthesizer import Synthesizer
from .moments import moments_loss
from .onnx_compact import compact_onnx_file
from .quantize import quantize_int8, store_fp16

NAME = "finetune"
FRAMES, MARGIN, PIECES = 192, 24, 4
"""A step learns from so many pieces of the recording, with a margin at both ends that has no part in the loss."""
STEPS, RATE = 40, 1e-2
BETAS, EPSILON = (0.9, 0.98), 1e-8
SMOOTHED = 7
"""Frames in the means that make the slow part of a spectrum: 0.09 s, in which timbre lies (experiment 003)."""
SLOW_CEPSTRA = 40
BEYOND = 1.5
"""How much of what all people's factors have in common is taken out of a person's."""
MOMENTS = 0.5
"""Weight of mean and spread of the cepstra."""
JUDGED, JUDGED_FRAMES = 2.4, 0.1
"""Weights of the distance that the judge of speakers hears: of embeddings, and of frames."""
STRESS = 0.0
"""What a host adds to a person's factors, of themselves. Without a judge 0.3 brought likeness; with one, at the same
likeness, it costs more P.808 than it is worth (experiment 047)."""


class PersonLoss:
    """L1 distance of the slow part of the lowest cepstra from the recorded ones, and of their moments.

    All the rest is held at what the unchanged model makes, so that detail stays as an adversary once taught it.
    """

    def __init__(self, n_mels: int) -> None:
        self.low = torch.tensor(adaptation.cosines(n_mels, SLOW_CEPSTRA), dtype=torch.float32)
        self.cepstra = self.low[:, : adaptation.CEPSTRA]

    def slow(self, mel: Tensor) -> Tensor:
        """The slow part [B, T, SLOW_CEPSTRA] of mel [B, T, M]."""
        rows = (mel @ self.low).transpose(1, 2)
        return functional.avg_pool1d(rows, SMOOTHED, 1, SMOOTHED // 2).transpose(1, 2)

    def __call__(self, made: Tensor, real: Tensor, before: Tensor, heard: Tensor, inside: Tensor) -> Tensor:
        """made, real and what the unchanged model makes, before: [B, T, M]; heard, of the same shape: 0 where the
        recording tells nothing; inside [B, T, 1]: 0 for padding. -> []."""
        real = torch.where(heard > 0, real, before)
        moments = moments_loss(made * inside, real * inside, inside, self.cepstra)
        change = made - before
        rest = (change - self.slow(change) @ self.low.T) * inside
        slow = (self.slow((made - real) * inside).abs() * inside).sum() / (inside.sum() * SLOW_CEPSTRA)
        return 2 * slow + rest.abs().sum() / (inside.sum() * rest.shape[-1]) + MOMENTS * moments


def refined(
    whole: Synthesizer,
    factors: Tensor,
    features: Tensor,
    predicted: Tensor,
    f0: Tensor,
    inside: Tensor,
    condition: Tensor,
) -> Tensor:
    """The mel spectrogram [B, T, M] with a person's factors [F], without emphasis; see ``FineTuning.forward``."""
    _, refining, adapted = condition.expand(len(f0), -1).split(list(whole.conditions), dim=1)
    change = whole.refiner.change(factors, whole.directions)
    made = whole.refiner(whole.adapter(predicted, adapted), features, f0, refining, inside, change)
    finished: Tensor = whole.adapter_after(made, adapted)
    return finished


class FineTuning(nn.Module):
    """A step of Adam on a person's factors; see ``forward``. judge: hears of each piece how far it is from the
    recording's."""

    flatter: Tensor

    def __init__(self, synthesizer: Synthesizer, judge: SpeakerJudge | None = None) -> None:
        super().__init__()
        self.synthesizer = copy.deepcopy(synthesizer).requires_grad_(False).eval()
        self.judge = None if judge is None else copy.deepcopy(judge).requires_grad_(False).eval()
        self.loss = PersonLoss(synthesizer.refiner.config.n_mels)
        parts = self.synthesizer.directions.common.split(self.synthesizer.refiner.config.factors())
        # The others would only take room in the graph.
        self.common = {number: part for number, part in enumerate(parts) if part.any()}
        self.register_buffer("flatter", torch.linalg.inv(synthesizer.emphasis.double()).float(), persistent=False)

    def distance(
        self,
        factors: Tensor,
        features: Tensor,
        predicted: Tensor,
        mel: Tensor,
        f0: Tensor,
        real: Tensor,
        heard: Tensor,
        inside: Tensor,
        condition: Tensor,
    ) -> Tensor:
        """The loss [] of factors [F]; for the others see ``forward``."""
        whole, inner = self.synthesizer, slice(MARGIN, f0.shape[1] - MARGIN)
        made = refined(whole, factors, features, predicted, f0, inside, condition)
        made, real, mel, heard, inside = (part[:, inner] for part in (made, real, mel, heard, inside))
        loss = self.loss(made, real, mel @ self.flatter, heard, inside)
        if self.judge is None:
            return loss
        recorded, said = self.judge(torch.where(heard > 0, real, mel)), self.judge(made @ whole.emphasis)
        return (
            loss
            + JUDGED * (1 - (said.embedding * recorded.embedding).sum(-1)).mean()
            + JUDGED_FRAMES * frame_error(said.frames, recorded.frames)
        )

    def forward(self, state: Tensor, rate: Tensor, step: Tensor, *cuts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """state [3, F]: factors, and the means of their gradients and of the squares of these; rate [1]; step [1], 1
        for the first -> loss [1], the next state, and its factors [1, F] without what the factors of all people have in
        common: the loss is least for what is smoother than speech, whoever speaks.

        cuts: what the acoustic graph gave for B cuts of T frames, margins included: features [B, T, D], predicted and
        mel [B, T, M], at f0 [B, T]; the recorded mel, real [B, T, M]; heard [B, T, M], 0 where it tells nothing; inside
        [B, T, 1], 0 beyond its ends; the voice's condition [1, C].
        """
        factors, mean, square = (row.reshape(-1) for row in state.split(1))
        factors = factors.detach().requires_grad_(True)
        loss = self.distance(factors, *cuts)
        (gradient,) = torch.autograd.grad(loss, factors)
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        square = BETAS[1] * square + (1 - BETAS[1]) * gradient * gradient
        over, under = mean / (1 - BETAS[0] ** step), (square / (1 - BETAS[1] ** step)).sqrt() + EPSILON
        factors = factors.detach() - rate * over / under
        return loss.detach().reshape(1), torch.stack([factors, mean, square]), self.own(factors)[None]

    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.float32]]:
        """``forward`` as ``parrotlet.finetuning`` calls the graph; see Session.run."""
        names = ("state", "rate", "step", *Line._fields, "condition")
        made = self(*(torch.from_numpy(np.asarray(feeds[name], np.float32)) for name in names))
        return {name: value.numpy() for name, value in zip(("loss", "next", "factors"), made, strict=True)}

    def own(self, factors: Tensor) -> Tensor:
        """Factors [F] without what those of all people have in common, and further."""
        parts = list(factors.split(self.synthesizer.refiner.config.factors()))
        share = sum(((parts[number] * part).sum() for number, part in self.common.items()), torch.zeros(()))
        for number, part in self.common.items():
            parts[number] = parts[number] - BEYOND * share * part
        return torch.cat(parts)


def finetuning_step(synthesizer: Synthesizer, judge: SpeakerJudge | None, example: Feeds) -> GraphModule:
    """``FineTuning`` as a module of forward operations, for inputs of the shapes of ``example``."""
    traced: GraphModule = make_fx(FineTuning(synthesizer, judge), decomposition_table=_backward())(*example.values())
    for node in traced.graph.nodes:
        if node.target is torch.ops.aten._to_copy.default:  # as the exporter knows it
            node.op, node.target, node.kwargs = "call_method", "to", {"dtype": node.kwargs["dtype"]}
        if node.target is torch.ops.aten._softmax.default:
            node.target, node.args = torch.ops.aten.softmax.int, node.args[:2]
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def finetuning_graph(
    synthesizer: Synthesizer, frames: int = FRAMES, pieces: int = PIECES, judge: SpeakerJudge | None = None
) -> Graph:
    """The graph of a step on ``pieces`` cuts of ``frames`` frames and margins."""

    def example(seed: int) -> Feeds:
        return example_feeds(synthesizer, frames, pieces, seed)

    return Graph(
        NAME, finetuning_step(synthesizer, judge, example(0)), example, ("loss", "next", "factors"), {}, (0, 1, 2)
    )


def example_feeds(synthesizer: Synthesizer, frames: int, pieces: int, seed: int) -> Feeds:
    """Feeds of a step. All but moments, rate and step differ by seed, so that none can become a constant
    unnoticed."""
    random = torch.Generator().manual_seed(seed)
    config, total = synthesizer.refiner.config, frames + 2 * MARGIN
    mel = torch.randn(pieces, total, config.n_mels, generator=random) * 0.5 - 5
    inside = torch.ones(pieces, total, 1)
    inside[-1, total - MARGIN - 8 - seed :] = 0
    condition = torch.randn(1, sum(synthesizer.conditions[:2]), generator=random)
    return {
        "state": torch.cat(
            [0.01 * torch.randn(1, synthesizer.factors, generator=random), *torch.zeros(2, 1, synthesizer.factors)]
        ),
        "rate": torch.tensor([RATE]),
        "step": torch.tensor([1.0]),
        "features": torch.randn(pieces, total, config.features, generator=random),
        "predicted": mel,
        "mel": mel @ synthesizer.emphasis,
        "f0": (torch.arange(total)[None] % 40 < 25) * (torch.linspace(120, 210, pieces)[:, None] + 5 * seed),
        "real": torch.randn(pieces, total, config.n_mels, generator=random) - 4.5,
        "heard": inside * (torch.arange(config.n_mels) < 56 - seed),
        "inside": inside,
        "condition": torch.cat([condition, 0.1 * torch.randn(1, synthesizer.conditions[2], generator=random)], dim=1),
    }


def add_finetuning(bundle: Path, synthesizer: Synthesizer, judge: SpeakerJudge | None = None) -> None:
    """Write what fine-tuning takes into a bundle that holds everything else: the numbers, and the graph of a step.

    It is an ONNX graph alone, where the acoustic graph is one: TFLite's chooses the pitch itself, and a step needs the
    recorded one. Weights are stored as INT8 and computed in float.
    """
    manifest, written = read_manifest(bundle), {}
    manifest["finetuning"] = {
        "factors": synthesizer.factors,
        "frames": FRAMES,
        "margin": MARGIN,
        "pieces": PIECES,
        "steps": STEPS,
        "rate": RATE,
        "stress": STRESS,
        "weights_sha256": _digest(synthesizer),
    }
    if "onnx" in manifest["graphs"]["acoustic"]:
        graph, file = finetuning_graph(synthesizer, judge=judge), f"{NAME}.onnx"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / file
            export_onnx(graph, path)
            quantize_int8(path, path, dynamic=False)
            store_fp16(path, path)
            compact_onnx_file(path)
            written[file] = path.read_bytes()
        manifest["graphs"][NAME] = {
            "inputs": list(graph.example(0)),
            "outputs": list(graph.outputs),
            "onnx": {"file": file, "precision": "int8", "quantization": "weight-only", "fold_int8": True},
        }
    write_files(bundle, manifest, written)


def _digest(synthesizer: Synthesizer) -> str:
    """sha256 (hex) of what a person's factors are of: the refiner's weights and the directions."""
    weights = [*synthesizer.refiner.state_dict().values(), *synthesizer.directions]
    return hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in weights)).hexdigest()


def _backward() -> dict[Any, Callable[..., Any]]:
    """How operations of the backward pass, and some that ONNX lacks, are made of such as it has."""
    aten = torch.ops.aten
    known = get_decompositions(
        [
            aten.native_layer_norm_backward,
            aten.gelu_backward,
            aten.sigmoid_backward,
            aten._softmax_backward_data,
            aten.tanh_backward,
            aten.threshold_backward,
            aten.select_backward,
        ]
    )

    def convolution(gradient: Tensor, x: Tensor, weight: Tensor, *settings: Any) -> tuple[Tensor, None, None]:
        """Of a convolution of odd kernel and the same size, or half as many rows, for its input: one with the kernel
        turned round, between rows of zeros where rows were left out."""
        (stride, _), padding, groups = settings[1], settings[2], settings[6]
        turned = weight.flip(-2, -1) if groups > 1 else weight.flip(-2, -1).transpose(0, 1)
        if stride == 2:
            gradient = functional.pad(gradient.unsqueeze(3), (0, 0, 0, 1)).flatten(2, 3)
        return functional.conv2d(gradient, turned, None, 1, padding, groups=groups), None, None

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
