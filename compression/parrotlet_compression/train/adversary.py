"""A discriminator that learns beside a model, inside its loss: hinge losses, feature matching (Kumar 2019, MelGAN)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .loop import Losses, fast_math


def discriminator_hinge_loss(on_made: Tensor, on_real: Tensor) -> Tensor:
    """Hinge loss of a discriminator, from its scores on made and on real inputs."""
    return functional.relu(1 + on_made.float()).mean() + functional.relu(1 - on_real.float()).mean()


def generator_hinge_loss(score: Tensor) -> Tensor:
    """Hinge loss of a generator, from a discriminator's scores on what it makes."""
    return functional.relu(1 - score.float()).mean()


def feature_matching_loss(made: list[Tensor], real: list[Tensor]) -> Tensor:
    """L1 between a discriminator's features of made and real inputs, over all layers. No gradient reaches ``real``."""
    distances = [(a.float() - b.float().detach()).abs().mean() for a, b in zip(made, real, strict=True)]
    return torch.stack(distances).mean()


def discriminator_condition(embedding: Tensor, recording: Tensor) -> Tensor:
    """The voice as discriminators take it: embedding [B, E] of unit norm and recording [B, R], on one scale."""
    return torch.cat([8 * embedding, recording], dim=-1)


class Adversary:
    """``model(x, *context)`` must return scores and a list of features, for made and for real x.

    adversarial, feature_matching: weights of the two losses of the generator; they apply after ``head_start`` steps.
    A companion of ``loop.train``: saved and resumed with the model.
    """

    def __init__(
        self, model: nn.Module, adversarial: float, feature_matching: float, rate: float = 8e-4, head_start: int = 100
    ) -> None:
        self.model = model
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, betas=(0.8, 0.99))
        self.adversarial, self.feature_matching, self.head_start = adversarial, feature_matching, head_start
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]

    def losses(self, made: Tensor, real: Tensor, *context: Any) -> Losses:
        """Learn from one batch, made and real of one shape; then return the generator's losses."""
        self.model.requires_grad_(True)
        with fast_math():
            on_made, _ = self.model(made.detach(), *context)
            on_real, real_features = self.model(real, *context)
        own_loss = discriminator_hinge_loss(on_made, on_real)
        self.optimizer.zero_grad(set_to_none=True)
        own_loss.backward()
        self.optimizer.step()
        self.steps += 1
        self.model.requires_grad_(False)
        with fast_math():
            score, features = self.model(made, *context)
        gate = 1.0 if self.steps > self.head_start else 0.0
        return {
            "adversarial": gate * self.adversarial * generator_hinge_loss(score),
            "features": gate * self.feature_matching * feature_matching_loss(features, real_features),
            "discriminator": own_loss.detach(),
        }
