"""Losses of the acoustic model: mel spectrogram, durations, pitch and voicing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..models.acoustic import AcousticOutput
from .aligned_clips import AcousticBatch
from .loop import Losses

DURATION, PITCH, VOICING = 0.25, 2.0, 0.3
# Frames of a phoneme: the most that count (a long pause may be an alignment error) and the least that are predicted.
LONGEST, SHORTEST = 60.0, 0.05


def acoustic_losses(out: AcousticOutput, batch: AcousticBatch) -> Losses:
    """L1 on the mel spectrogram and on pitch, Poisson deviance of durations, cross-entropy on voicing.

    The deviance is least at the mean duration. A distance of logarithms is least at the geometric mean, which is
    shorter, most of all for pauses, many of which are absent.
    """
    inside, mask = batch.masks
    mel = ((out.mel.float() - batch.mel).abs() * mask).sum() / mask.sum()
    duration = duration_loss(out.log_durations, batch.durations, batch.phonemes)
    return {"mel": mel} | duration | contour_losses(out.pitch, out.voicing, batch.pitch, batch.voiced, inside)


def duration_loss(log_durations: Tensor, durations: Tensor, phonemes: Tensor) -> Losses:
    """Poisson deviance of predicted log_durations [B, L] from durations [B, L]; phonemes int [B, L], 0 for padding."""
    tokens = (phonemes > 0).float()
    wanted = durations.float().clamp_max(LONGEST)
    frames = torch.expm1(log_durations.float()).clamp_min(SHORTEST)
    deviance = frames - wanted - wanted * torch.log(frames / wanted.clamp_min(SHORTEST))
    return {"duration": DURATION * (deviance * tokens).sum() / tokens.sum()}


def contour_losses(pitch: Tensor, voicing: Tensor, true_pitch: Tensor, voiced: Tensor, inside: Tensor) -> Losses:
    """L1 on pitch where it is voiced, cross-entropy on voicing logits; all [B, T], inside 0 for padding."""
    weight = voiced * inside
    distance = ((pitch.float() - true_pitch).abs() * weight).sum() / weight.sum().clamp_min(1)
    entropy = functional.binary_cross_entropy_with_logits(voicing.float(), voiced, reduction="none")
    return {"pitch": PITCH * distance, "voicing": VOICING * (entropy * inside).sum() / inside.sum()}
