"""Train the vocoder on recorded and synthetic speech: multi-resolution spectral losses on its rendered output.

Optionally against an adversary, and on mel spectrograms that the acoustic model predicts beside measured ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from parrotlet.errors import InputError

from ..corpus import Pack
from ..models.acoustic import REFERENCE_HZ
from ..models.discriminator import SpectrumDiscriminator
from ..models.vocoder import Vocoder, pulse_train, render
from .adversary import Adversary
from .aligned_clips import NARROW_BAND_HZ
from .loop import Losses, Schedule, data_seed, fast_math, train

# Clean full-band material has the largest share. Noisy rooms would teach the vocoder to hiss.
ARCHIVE_SHARES = {
    "synthetic": 0.5,
    "vctk": 0.22,
    "commonvoice": 0.15,
    "librispeech": 0.08,
    "speechocean762": 0.05,
}
MIN_SNR_DB = 25.0
LOSS_RESOLUTIONS = ((256, 64), (512, 128), (1024, 240), (2048, 480))
ADVERSARIAL, FEATURE_MATCHING = 0.1, 1.0
PREDICTED_SHARE = 0.6
VOCODER_FRAMES = 64
# Cuts in a batch; fewer against an adversary, since a step costs more and many steps are needed.
BATCH, ADVERSARIAL_BATCH = 16, 8

VocoderBatch = tuple[Tensor, Tensor, Tensor, Tensor]


def vocoder_batches(
    pack: Pack, frames: int, batch: int, seed: int, predicted: Path | None = None
) -> Iterator[VocoderBatch]:
    """Random cuts, for ever: mel [B, T, M], f0 [B, T], samples [B, T * hop], narrow [B] in {0, 1}.

    predicted: a file like the pack's mel.f16 with mels of the acoustic model, NaN where there is none. They replace the
    measured ones in PREDICTED_SHARE of the cuts of clips that have them.
    """
    made = None if predicted is None else np.memmap(predicted, "<f2", "r", shape=pack.mel.shape)
    random = np.random.default_rng(seed)
    groups = {}
    for archive in ARCHIVE_SHARES:
        clips = [
            c
            for c in pack.clips
            if c.archive == archive and c.split == "train" and c.snr_db >= MIN_SNR_DB and c.frames > frames
        ]
        weights = np.array([c.frames for c in clips], dtype=np.float64)
        if clips:  # a teacher's speech is one archive
            groups[archive] = clips, weights / weights.sum()
    if not groups:
        raise InputError(f"{pack.path} has no clean clip of more than {frames} frames to train a vocoder on")
    names, shares = list(groups), np.array([ARCHIVE_SHARES[name] for name in groups])
    while True:
        rows = []
        for name in random.choice(names, size=batch, p=shares / shares.sum()):
            clips, weights = groups[name]
            clip = clips[random.choice(len(clips), p=weights)]
            at = clip.start + int(random.integers(clip.frames - frames))
            # Copies at other levels teach the vocoder every loudness. A gain is an offset of the mel.
            gain = float(np.exp(random.uniform(-1.2, 0.7)))
            samples = pack.audio24[at : at + frames].astype(np.float32).reshape(-1) * (gain / 32768)
            mel = pack.mel[at : at + frames].astype(np.float32)
            if made is not None and random.random() < PREDICTED_SHARE:
                other = made[at : at + frames].astype(np.float32)
                # Some clips have none, and neither has the silence at the edges of a clip.
                mel = mel if np.isnan(other).any() else other
            mel = mel + math.log(gain)
            mel = np.maximum(mel, math.log(pack.config.log_floor))
            rows.append((mel, pack.f0[at : at + frames].astype(np.float32), samples, float(clip.rate < 24000)))
        mel_rows, f0, samples_rows, narrow = zip(*rows, strict=True)
        yield (
            torch.from_numpy(np.stack(mel_rows)),
            torch.from_numpy(np.stack(f0)),
            torch.from_numpy(np.stack(samples_rows)),
            torch.tensor(narrow),
        )


def spectral_loss(made: Tensor, real: Tensor, narrow: Tensor, sample_rate: int) -> Tensor:
    """Log-magnitude L1 plus spectral convergence over LOSS_RESOLUTIONS (Yamamoto 2020).

    made, real [B, N]; narrow [B]: 1 masks everything above 7.6 kHz, where a narrow-band recording holds nothing.
    """
    total = made.new_zeros(())
    for n_fft, hop in LOSS_RESOLUTIONS:
        window = torch.hann_window(n_fft)
        spectra = [
            torch.view_as_real(torch.stft(x, n_fft, hop, window=window, return_complex=True)).square().sum(-1)
            for x in (made, real)
        ]
        scale = 2 / n_fft
        magnitude, target = ((s * scale**2 + 1e-10).sqrt() for s in spectra)
        keep = int(NARROW_BAND_HZ / sample_rate * n_fft)
        mask = torch.ones(len(made), n_fft // 2 + 1, 1)
        mask[:, keep:] = (1 - narrow)[:, None, None]
        difference = ((magnitude + 1e-5).log() - (target + 1e-5).log()).abs() * mask
        log_l1 = difference.sum() / (mask.sum() * magnitude.shape[-1])
        error, energy = ((magnitude - target) * mask).square(), (target * mask).square()
        convergence = (error.sum((1, 2)) / (energy.sum((1, 2)) + 1e-4)).sqrt().mean()
        total = total + log_l1 + 0.5 * convergence
    return total / len(LOSS_RESOLUTIONS)


def synthesize(model: Vocoder, batch: VocoderBatch) -> tuple[Tensor, Losses]:
    """Rendered audio [B, N], and the losses of the spectrum and of the pitch head (which does not shape the rest)."""
    mel, f0, samples, narrow = batch
    config = model.config
    with fast_math():
        features = model.backbone(mel)
        pitch, voicing = model.pitch_logits(features.detach())
        magnitude, phase, noise = model.filters(features)
    source = pulse_train(f0, config.hop_length, config.sample_rate, torch.rand(len(f0)))
    made = render(magnitude.float(), phase.float(), noise.float(), source, torch.randn_like(samples), config)
    voiced = (f0 > 0).float()
    target = torch.log2(f0.clamp_min(40) / REFERENCE_HZ)
    return made, {
        "spectral": spectral_loss(made, samples, narrow, config.sample_rate),
        "pitch": ((pitch.float() - target).abs() * voiced).sum() / voiced.sum().clamp_min(1),
        "voicing": 0.2 * functional.binary_cross_entropy_with_logits(voicing.float(), voiced),
    }


def train_vocoder(
    pack: Path,
    out: Path,
    schedule: Schedule,
    start_from: Path | None = None,
    adversarial: bool = False,
    predicted: Path | None = None,
) -> None:
    """Train, or go on training, a vocoder from the packed corpus; see ``vocoder_batches`` for ``predicted``."""
    torch.manual_seed(0)
    model = Vocoder()
    adversary = Adversary(SpectrumDiscriminator(), ADVERSARIAL, FEATURE_MATCHING) if adversarial else None
    batch = ADVERSARIAL_BATCH if adversarial else BATCH
    batches = vocoder_batches(Pack(pack), VOCODER_FRAMES, batch, data_seed(out), predicted)

    def losses(cuts: VocoderBatch) -> Losses:
        made, result = synthesize(model, cuts)
        if adversary is not None:
            keep = 1 - cuts[3] * (1 - NARROW_BAND_HZ / (model.config.sample_rate / 2))
            result |= adversary.losses(made, cuts[2], keep)
        return result

    train(model, batches, losses, out, schedule, start_from, companion=adversary)
