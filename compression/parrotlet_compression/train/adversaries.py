"""Two discriminators that know who speaks; the second also knows which phoneme is spoken.

``adversary`` learns with plain hinge losses. Here recordings with the embedding of another voice are fakes as well, so
that a discriminator cannot ignore its condition (matching-aware discriminator, Reed 2016).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..models.discriminator import ScaledMelDiscriminator, SequenceDiscriminator
from ..symbols import SYMBOLS
from .adversary import discriminator_hinge_loss, feature_matching_loss, generator_hinge_loss
from .loop import Learner, Losses, fast_math

WIDTHS = 48, 320
MISMATCHED = 0.5
"""Weight of recordings with a mismatched voice in the loss of a discriminator."""
GENERATOR_WEIGHTS = {"patch": (0.6, 2.0), "sequence": (0.4, 1.0)}
"""Weights of the generator's losses: the adversarial one and feature matching (Kumar 2019)."""
DiscriminatorOutput = tuple[Tensor, list[Tensor]]


class AdversarialBatch(NamedTuple):
    """real [B, T, M]; comb [B, T, M], the harmonics of its f0; phonemes int [B, T]; the conditions voice [B, D] and
    wrong_voice [B, D]; differs [B, 1], 0 where the batch holds no wrong voice."""

    real: Tensor
    comb: Tensor
    phonemes: Tensor
    voice: Tensor
    wrong_voice: Tensor
    differs: Tensor


class Discriminators(nn.Module):
    """Both discriminators. voice: width of their condition."""

    def __init__(self, voice: int) -> None:
        super().__init__()
        self.patch = ScaledMelDiscriminator(voice, WIDTHS[0])
        self.sequence = SequenceDiscriminator(voice, len(SYMBOLS), width=WIDTHS[1])

    def forward(self, mel: Tensor, comb: Tensor, phonemes: Tensor, voice: Tensor) -> dict[str, DiscriminatorOutput]:
        """Scores [B, S] and features of each."""
        with fast_math(mel.device):
            return {"patch": self.patch(mel, comb, voice), "sequence": self.sequence(mel, phonemes, voice)}


class ConditionalAdversaries:
    """Discriminators that learn inside the step of a generator. ``rate`` belongs to their own optimizer."""

    def __init__(self, voice: int, device: torch.device, rate: float) -> None:
        self.model = Discriminators(voice).to(device)
        self.learner = Learner([(list(self.model.parameters()), 1.0)], rate, betas=(0.8, 0.99))

    def losses(self, made: Tensor, batch: AdversarialBatch, adversarial_gate: Tensor) -> tuple[Losses, Losses]:
        """Learn from made [B, T, M] against ``batch``. -> the generator's losses; the discriminators' own, for the log.

        adversarial_gate []: a factor of the generator's losses, 0 during the head start.
        """
        self.model.requires_grad_(True)
        own, real_features = self._discriminator_losses(made.detach(), batch)
        self.learner.learn(torch.stack(list(own.values())).sum())
        self.model.requires_grad_(False)
        outputs = self.model(made, batch.comb, batch.phonemes, batch.voice)
        losses: Losses = {}
        for name, (score, features) in outputs.items():
            adversarial, matching = GENERATOR_WEIGHTS[name]
            losses[f"adversarial_{name}"] = adversarial_gate * adversarial * generator_hinge_loss(score)
            losses[f"features_{name}"] = (
                adversarial_gate * matching * feature_matching_loss(features, real_features[name])
            )
        return losses, {name: value.detach() for name, value in own.items()}

    def _discriminator_losses(self, made: Tensor, batch: AdversarialBatch) -> tuple[Losses, dict[str, list[Tensor]]]:
        """Hinge losses of both discriminators, and their features of recordings with the right voice."""
        context = [torch.cat([x, x, x]) for x in (batch.comb, batch.phonemes)]
        voices = torch.cat([batch.voice, batch.voice, batch.wrong_voice])
        outputs = self.model(torch.cat([made, batch.real, batch.real]), *context, voices)
        losses: Losses = {}
        for name, (scores, _) in outputs.items():
            on_made, on_real, on_wrong = scores.float().chunk(3)
            losses[f"discriminator_{name}"] = discriminator_hinge_loss(on_made, on_real)
            losses[f"mismatched_{name}"] = MISMATCHED * (functional.relu(1 + on_wrong) * batch.differs).mean()
        return losses, {name: [x.chunk(3)[1].detach() for x in features] for name, (_, features) in outputs.items()}
