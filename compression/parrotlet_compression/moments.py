"""How far mean and spread of the cepstra of predicted speech are from those of recorded speech."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from parrotlet import adaptation

# Frames in the means whose deviation is measured too: how the voice varies from sound to sound.
SLOW = 8


def moments_loss(made: Tensor, real: Tensor, frames: Tensor, basis: Tensor) -> Tensor:
    """Distance of mean and standard deviation of a clip's cepstra, over its speech, from the recorded ones.

    made, real [B, T, M]; frames [B, T, 1], 0 for padding; basis [M, C] gives the cepstra (``adaptation.cosines``).
    Deviations are taken of single frames and of means of SLOW frames (global variance, Toda 2007, at two rates).
    """
    level = real[..., adaptation.LEVEL_BANDS].mean(-1, keepdim=True)
    loud = torch.where(frames > 0, level, -99.0).amax(dim=1, keepdim=True)
    speech = ((level > loud - adaptation.COUNTED - 0.5) & (frames > 0)).float()
    (mean, *spread), (mean_real, *spread_real) = (_moments(mel @ basis, speech) for mel in (made, real))
    distance = (mean - mean_real).abs().mean()
    for a, b in zip(spread, spread_real, strict=True):
        distance = distance + (torch.log(a + 0.05) - torch.log(b + 0.05)).abs().mean()
    return distance


def _moments(cepstra: Tensor, speech: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    def spread(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        total = weight.sum(dim=1, keepdim=True).clamp_min(1e-3)
        mean = (x * weight).sum(dim=1, keepdim=True) / total
        variance = ((x - mean).square() * weight).sum(dim=1, keepdim=True) / total
        return mean, (variance + 1e-6).sqrt()

    mean, quick = spread(cepstra, speech)
    share = functional.avg_pool1d(speech.transpose(1, 2), SLOW).transpose(1, 2)
    sums = functional.avg_pool1d((cepstra * speech).transpose(1, 2), SLOW).transpose(1, 2)
    _, slow = spread(sums / share.clamp_min(1e-3), share)
    return mean, quick, slow
