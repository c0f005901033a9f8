"""A discriminator that learns beside a model, inside its loss: hinge losses, feature matching (Kumar 2019, MelGAN)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .loop import Losses, fast_math


def told_apart(on_made: Tensor, on_real: Tensor) -> Tensor:
    """How badly scores tell made from real: the hinge loss of a discriminator."""
    return functional.relu(1 + on_made.float()).mean() + functional.relu(1 - on_real.float()).mean()


def found_out(score: Tensor) -> Tensor:
    """How badly a discriminator was deceived: the hinge loss of what it judges."""
    return functional.relu(1 - score.float()).mean()


def unlike(features: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """L1 between a discriminator's features of made and real, which are not learned from, over all layers."""
    apart = [(a.float() - b.float().detach()).abs().mean() for a, b in zip(features, wanted, strict=True)]
    return torch.stack(apart).mean()


def voice_asked_for(embedding: Tensor, recording: Tensor) -> Tensor:
    """What discriminators are told of a voice: embedding [B, E] of unit norm and recording [B, R] on one scale."""
    return torch.cat([8 * embedding, recording], dim=-1)


class Adversary:
    """``model(x, *context)`` must give scores and a list of features for made and real x alike.

    adversarial, features: weights of the two losses that the trained model hears, once ``head_start`` steps are past.
    A companion of ``loop.train``: saved and resumed with the model.
    """

    def __init__(
        self, model: nn.Module, adversarial: float, features: float, rate: float = 8e-4, head_start: int = 100
    ) -> None:
        self.model = model
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, betas=(0.8, 0.99))
        self.adversarial, self.features, self.head_start = adversarial, features, head_start
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]

    def losses(self, made: Tensor, real: Tensor, *context: Any) -> Losses:
        """Learn from one batch, made and real of one shape; then say how well the trained model deceives."""
        self.model.requires_grad_(True)
        with fast_math():
            on_made, _ = self.model(made.detach(), *context)
            on_real, wanted = self.model(real, *context)
        learned = told_apart(on_made, on_real)
        self.optimizer.zero_grad(set_to_none=True)
        learned.backward()
        self.optimizer.step()
        self.steps += 1
        self.model.requires_grad_(False)
        with fast_math():
            score, features = self.model(made, *context)
        heard = 1.0 if self.steps > self.head_start else 0.0
        return {
            "adversarial": heard * self.adversarial * found_out(score),
            "features": heard * self.features * unlike(features, wanted),
            "discriminator": learned.detach(),
        }
