"""One resumable training loop for every model: warm-up, constant rate, linear decay; averaged weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from parrotlet.output import open_output

from ..models.weights import load_metadata, load_weights, save_weights
from .muon import Muon

Losses = dict[str, Tensor]
FASTER = 3.0


class Companion(Protocol):
    """What trains inside the loss of the model, such as an adversary. It is saved and resumed with the model."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def fast_math(device: torch.device | None = None) -> torch.autocast:
    """bfloat16 autocast where the processor computes it natively; elsewhere it is many times slower.

    device: the CPU if None. On a GPU nothing is cached: a CUDA graph would keep the weights of the captured step.
    """
    if device is not None and device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.autocast("cuda", dtype=torch.bfloat16, enabled=native, cache_enabled=False)
    native = bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    on_cpu = device is None or device.type == "cpu"
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=native and on_cpu)


@dataclass(frozen=True)
class Schedule:
    """``steps`` in all; ``rate`` after ``warmup`` steps, falling to a hundredth over the last ``decay`` share.

    seconds: when to stop at the latest, counted from where a run begins or goes on; the rate falls towards what comes
    first. For machines that are lent for a while.
    """

    steps: int
    rate: float = 1e-3
    warmup: int = 200
    decay: float = 0.3
    average: float = 0.999
    clip: float = 1.0
    save_every_s: float = 180.0
    seconds: float = math.inf

    def rate_at(self, step: int, elapsed: float = 0.0) -> float:
        """Learning rate of one step, ``elapsed`` seconds after the run began or went on."""
        remaining = (self.steps - step) / max(1.0, self.decay * self.steps)
        remaining = min(remaining, (1 - elapsed / self.seconds) / max(1e-6, self.decay))
        return self.rate * min(1.0, (step + 1) / self.warmup) * max(0.01, min(1.0, remaining))


def ema_decay(decay: float, count: int) -> float:
    """The decay of an exponential moving average after ``count`` updates.

    It grows to ``decay``, so that the average spans at most the last tenth of the updates and forgets its beginning.
    """
    return min(decay, (1 + count) / (10 + count))


def _averaging(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def update(mean: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
        return mean.lerp(value, 1 - ema_decay(decay, int(count)))

    return update


def data_seed(out: Path) -> int:
    """Seed of the batches of a run in ``out``: 0 for a new run.

    A resumed run draws other batches than before. They follow from the seed and the step in its state, so that resuming
    twice from one state gives the same run.
    """
    path = out / "state.pt"
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True, mmap=True)
    return int(np.random.SeedSequence((state.get("seed", 0), state["step"])).generate_state(1)[0])


class Learner:
    """AdamW for a step in a CUDA graph: the host decides nothing.

    Rates are tensors on the device. A step whose gradients are not finite changes nothing.
    groups: parameters, and the factor of ``rate`` for each group.
    """

    def __init__(
        self,
        groups: Sequence[tuple[list[nn.Parameter], float]],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.98),
        clip: float | None = None,
    ) -> None:
        self.clip = clip
        self.parameters = [p for members, _ in groups for p in members]
        device = self.parameters[0].device
        settings = [
            {"params": members, "lr": torch.tensor(rate * factor, device=device), "factor": factor}
            for members, factor in groups
            if members
        ]
        self.optimizer = torch.optim.AdamW(
            settings, betas=betas, weight_decay=0.01, fused=True, capturable=device.type == "cuda"
        )

    def set_rate(self, rate: float) -> None:
        """Set the rate of the next step."""
        for group in self.optimizer.param_groups:
            group["lr"].fill_(rate * group["factor"])

    def learn(self, loss: Tensor) -> Tensor:
        """One step down a loss. Returns the norm of the gradients before clipping."""
        found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        gradients = [torch.zeros_like(p) if g is None else g for p, g in zip(self.parameters, found, strict=True)]
        norm = torch.stack(torch._foreach_norm(gradients)).norm()
        if self.clip is not None:
            torch._foreach_mul_(gradients, (self.clip / (norm + 1e-6)).clamp(max=1.0))
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            # The fused kernel needs the strides of the parameter. Gradients of convolutions may have others.
            parameter.grad = gradient.to(parameter.dtype).reshape(-1).view(parameter.shape)
        # As a GradScaler sets it: the kernel then changes nothing.
        self.optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        return norm


def train(
    model: nn.Module,
    batches: Iterator[Any],
    loss: Callable[[Any], Losses],
    out: Path,
    schedule: Schedule,
    start_from: Path | None = None,
    faster: Callable[[str], bool] = lambda name: False,
    companion: Companion | None = None,
    orthogonal: Callable[[str], bool] = lambda name: False,
) -> None:
    """Train ``model`` in place until the end of ``schedule``, resuming from ``out`` when it holds a state.

    Writes ``state.pt`` (everything needed to go on), ``model.safetensors`` (averaged weights) and
    TensorBoard scalars to ``out``. Draw ``batches`` by ``data_seed``, so that a resumed run can be repeated.
    ``start_from``: weights to begin with when there is no state yet.
    ``faster``: parameters, by name, that learn at FASTER times the rate. ``companion``: saved and resumed too.
    ``orthogonal``: matrices, by name, that learn with Muon, at FASTER times the rate.
    """
    out.mkdir(parents=True, exist_ok=True)
    matrices = {name: p for name, p in model.named_parameters() if orthogonal(name) and p.ndim == 2}
    others = {name: p for name, p in model.named_parameters() if name not in matrices}
    groups = [
        {"params": [p for name, p in others.items() if not faster(name)], "factor": 1.0},
        {"params": [p for name, p in others.items() if faster(name)], "factor": FASTER},
    ]
    optimizers: dict[str, torch.optim.Optimizer] = {
        "optimizer": torch.optim.AdamW(groups, lr=schedule.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    }
    if matrices:
        optimizers["muon"] = Muon([{"params": list(matrices.values()), "factor": FASTER}])
    average = torch.optim.swa_utils.AveragedModel(model, avg_fn=_averaging(schedule.average), use_buffers=False)
    step, seed = 0, data_seed(out)
    if (out / "state.pt").is_file():
        state = torch.load(out / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(state[name])
        step = state["step"]
        if companion is not None and "companion" in state:
            companion.load_state_dict(state["companion"])
    elif start_from is not None:
        load_weights(model, start_from)
        load_weights(average.module, start_from)

    def save() -> None:
        state = {
            "model": model.state_dict(),
            "average": average.state_dict(),
            **{name: optimizer.state_dict() for name, optimizer in optimizers.items()},
            "step": step,
            "seed": seed,
            **({"companion": companion.state_dict()} if companion is not None else {}),
        }
        with open_output(out / "state.pt") as file:
            torch.save(state, file)
        save_weights(average.module, out / "model.safetensors", step=step)

    writer = SummaryWriter(out)
    began = saved = time.monotonic()
    progress = tqdm(total=schedule.steps, initial=step, desc=out.name, mininterval=5)
    sums: dict[str, float] = {}
    counted = 0
    while step < schedule.steps and (elapsed := time.monotonic() - began) < schedule.seconds:
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate_at(step, elapsed) * group["factor"]
        losses = loss(next(batches))
        total = torch.stack(list(losses.values())).sum()
        model.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
        if torch.isfinite(norm):
            for optimizer in optimizers.values():
                optimizer.step()
            average.update_parameters(model)
        step += 1
        progress.update()
        for name, part in losses.items():
            sums[name] = sums.get(name, 0.0) + float(part.detach())
        counted += 1
        if step % 50 == 0:
            for name, value in sums.items():
                writer.add_scalar(name, value / counted, step)
            progress.set_postfix_str(" ".join(f"{name} {value / counted:.3f}" for name, value in sums.items()))
            sums, counted = {}, 0
        if time.monotonic() - saved > schedule.save_every_s:
            save()
            saved = time.monotonic()
    save()
    writer.close()
    progress.close()


def release(trained: nn.Module, out: Path, name: str, whole: nn.Module | None = None) -> None:
    """Give a model the averaged weights of its training folder, and write them there in float16, as a release has them.

    whole: what is written, where ``trained`` is a part of it.
    """
    averaged = out / "model.safetensors"
    load_weights(trained, averaged)
    save_weights(whole or trained, out / name, half=True, step=load_metadata(averaged).get("step"))
