"""Two adversaries that know who speaks, the second also which phoneme is spoken, and are shown wrong voices too.

``adversary`` learns with plain hinge losses; here recordings with the embedding of somebody else are fakes as well, so
that a discriminator cannot do without its condition (matching-aware discriminator, Reed 2016).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..models.discriminator import ScaledMelDiscriminator, SequenceDiscriminator
from ..symbols import SYMBOLS
from .adversary import found_out, told_apart, unlike
from .loop import Learner, Losses, fast_math

WIDTHS = 48, 320
# How much a recording in a wrong voice counts, and what the trained model hears of either adversary.
MISMATCHED = 0.5
WEIGHTS = {"patch": (0.6, 2.0), "sequence": (0.4, 1.0)}
"""Of the adversarial loss and of feature matching (Kumar 2019)."""
Heard = tuple[Tensor, list[Tensor]]


class Shown(NamedTuple):
    """real [B, T, M]; comb [B, T, M], the harmonics of its f0; phonemes int [B, T]; voice [B, D] and wrong_voice [B, D]
    that it should and should not be of; differs [B, 1], 0 where there is no wrong one."""

    real: Tensor
    comb: Tensor
    phonemes: Tensor
    voice: Tensor
    wrong_voice: Tensor
    differs: Tensor


class Discriminators(nn.Module):
    """Both; voice: width of their condition."""

    def __init__(self, voice: int) -> None:
        super().__init__()
        self.patch = ScaledMelDiscriminator(voice, WIDTHS[0])
        self.sequence = SequenceDiscriminator(voice, len(SYMBOLS), width=WIDTHS[1])

    def forward(self, mel: Tensor, comb: Tensor, phonemes: Tensor, voice: Tensor) -> dict[str, Heard]:
        """Scores [B, S] and features of either."""
        with fast_math(mel.device):
            return {"patch": self.patch(mel, comb, voice), "sequence": self.sequence(mel, phonemes, voice)}


class Adversaries:
    """Learn beside a model, inside its step; ``rate`` is that of their own optimizer."""

    def __init__(self, voice: int, device: torch.device, rate: float) -> None:
        self.model = Discriminators(voice).to(device)
        self.learner = Learner([(list(self.model.parameters()), 1.0)], rate, betas=(0.8, 0.99))

    def losses(self, made: Tensor, shown: Shown, loud: Tensor) -> tuple[Losses, Losses]:
        """Learn from a batch, made [B, T, M] against ``shown``; then say how well it deceives.

        loud []: 0 while the trained model is not to hear of it. -> what the model is to learn from, and how badly the
        adversaries did, for the log.
        """
        self.model.requires_grad_(True)
        told, wanted = self._tell_apart(made.detach(), shown)
        self.learner.learn(torch.stack(list(told.values())).sum())
        self.model.requires_grad_(False)
        heard = self.model(made, shown.comb, shown.phonemes, shown.voice)
        losses: Losses = {}
        for name, (score, features) in heard.items():
            adversarial, matching = WEIGHTS[name]
            losses[f"adversarial_{name}"] = loud * adversarial * found_out(score)
            losses[f"features_{name}"] = loud * matching * unlike(features, wanted[name])
        return losses, {name: value.detach() for name, value in told.items()}

    def _tell_apart(self, made: Tensor, shown: Shown) -> tuple[Losses, dict[str, list[Tensor]]]:
        """Hinge losses of both adversaries, and the features that recordings in their own voices gave."""
        three = [torch.cat([x, x, x]) for x in (shown.comb, shown.phonemes)]
        voices = torch.cat([shown.voice, shown.voice, shown.wrong_voice])
        heard = self.model(torch.cat([made, shown.real, shown.real]), *three, voices)
        losses: Losses = {}
        for name, (scores, _) in heard.items():
            on_made, on_real, on_wrong = scores.float().chunk(3)
            losses[f"told_{name}"] = told_apart(on_made, on_real)
            losses[f"wrong_{name}"] = MISMATCHED * (functional.relu(1 + on_wrong) * shown.differs).mean()
        return losses, {name: [x.chunk(3)[1].detach() for x in features] for name, (_, features) in heard.items()}
