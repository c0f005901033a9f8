"""Train a HiFi-GAN generator against its two discriminators (Kong 2020): least-squares adversarial loss,
feature matching, and L1 on the mel spectrogram."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet.errors import InputError
from parrotlet.mel import MelConfig, mel_filterbank

from ..corpus import Clip, Pack
from ..models.weights import load_metadata, load_tensors, save_weights
from ..teachers.hifigan import (
    DiscriminatorOutputs,
    Generator,
    HifiGanConfig,
    MultiPeriodDiscriminator,
    MultiScaleDiscriminator,
    fold_weight_norm,
    with_weight_norm,
)
from .loop import Losses, Schedule, data_seed, train
from .vocoder import MIN_SNR_DB

MEL, FEATURE_MATCHING = 45.0, 2.0
HifiGanBatch = tuple[Tensor, Tensor]


class LogMel(nn.Module):
    """``mel_spectrogram`` with gradients: samples [B, T * hop] -> natural log-mel [B, T, M]."""

    bank: Tensor
    window: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        bank = mel_filterbank(config.sample_rate, config.n_fft, config.n_mels, config.f_min, config.f_max)
        self.register_buffer("bank", torch.from_numpy(bank.T.copy()), persistent=False)
        self.register_buffer("window", torch.hann_window(config.win_length), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        config = self.config
        frames = functional.pad(samples, (config.pad, config.pad)).unfold(1, config.win_length, config.hop_length)
        spectrum = torch.view_as_real(torch.fft.rfft(frames * self.window, config.n_fft))
        magnitude = (spectrum.square().sum(-1) + 1e-9).sqrt()
        return (magnitude @ self.bank).clamp_min(config.log_floor).log()


def hifigan_batches(pack: Pack, frames: int, batch: int, seed: int) -> Iterator[HifiGanBatch]:
    """Random cuts of clean full-band training clips, for ever: mel [B, T, M], samples [B, T * hop].

    Raises InputError when no clip is long and clean enough.
    """

    def usable(clip: Clip) -> bool:
        return clip.split == "train" and clip.rate >= 24000 and clip.snr_db >= MIN_SNR_DB and clip.frames > frames

    clips = [clip for clip in pack.clips if usable(clip)]
    if not clips:
        raise InputError(f"{pack.path} has no clean 24 kHz clip longer than {frames} frames to train a vocoder on")
    random = np.random.default_rng(seed)
    weights = np.array([clip.frames for clip in clips], dtype=np.float64)
    while True:
        starts = []
        for index in random.choice(len(clips), size=batch, p=weights / weights.sum()):
            starts.append(clips[index].start + int(random.integers(clips[index].frames - frames)))
        mel = np.stack([pack.mel[at : at + frames] for at in starts]).astype(np.float32)
        samples = np.stack([pack.audio24[at : at + frames].reshape(-1) for at in starts])
        yield torch.from_numpy(mel), torch.from_numpy(samples.astype(np.float32) / 32768)


class HifiGanAdversaries:
    """Both discriminators and their optimizer, resumed with the generator."""

    def __init__(self, rate: float, narrower: int = 1) -> None:
        """``narrower``: divides the paper's widths, for small generators and short runs."""
        self.models = nn.ModuleList(
            [MultiPeriodDiscriminator(32 // narrower), MultiScaleDiscriminator(128 // narrower)]
        )
        self.optimizer = torch.optim.AdamW(self.models.parameters(), lr=rate, betas=(0.8, 0.99))

    def state_dict(self) -> dict[str, Any]:
        return {"models": self.models.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.models.load_state_dict(state["models"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _outputs(self, samples: Tensor) -> DiscriminatorOutputs:
        return [output for model in self.models for output in model(samples)]

    def losses(self, made: Tensor, real: Tensor) -> Losses:
        """Learn from one batch of samples [B, N]; then what the generator must learn from them."""
        self.models.requires_grad_(True)
        parts = [
            (1 - on_real).square().mean() + on_made.square().mean()
            for (on_real, _), (on_made, _) in zip(self._outputs(real), self._outputs(made.detach()), strict=True)
        ]
        learned = torch.stack(parts).sum()
        self.optimizer.zero_grad(set_to_none=True)
        learned.backward()
        self.optimizer.step()
        self.models.requires_grad_(False)
        with torch.no_grad():
            wanted = self._outputs(real)
        adversarial, distances = [], []
        for (score, features), (_, targets) in zip(self._outputs(made), wanted, strict=True):
            adversarial.append((1 - score).square().mean())
            distances += [(a - b).abs().mean() for a, b in zip(features, targets, strict=True)]
        return {
            "adversarial": torch.stack(adversarial).sum(),
            "features": FEATURE_MATCHING * torch.stack(distances).sum(),
            "discriminators": learned.detach(),
        }


def train_hifigan(
    pack: Pack,
    out: Path,
    schedule: Schedule,
    config: HifiGanConfig,
    batch: int = 16,
    frames: int = 32,
    narrower: int = 1,
) -> Generator:
    """Train, or go on training, a generator on a pack. Writes ``config.json`` (jik876's form) beside the weights
    and, at the end, ``generator.safetensors`` with the weight norm folded, for ``read_hifigan``."""
    if config.mel != pack.config:
        raise InputError(f"the generator reads another mel spectrogram than {pack.path} holds: {config.mel}")
    torch.manual_seed(0)
    model = with_weight_norm(Generator(config))
    adversaries = HifiGanAdversaries(schedule.rate, narrower)
    log_mel = LogMel(config.mel)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(config.as_dict(), indent=1) + "\n")

    def losses(taken: HifiGanBatch) -> Losses:
        mel, samples = taken
        made = model(mel)
        return {"mel": MEL * (log_mel(made) - log_mel(samples)).abs().mean()} | adversaries.losses(made, samples)

    train(model, hifigan_batches(pack, frames, batch, data_seed(out)), losses, out, schedule, companion=adversaries)
    return finished(out, config)


def finished(out: Path, config: HifiGanConfig) -> Generator:
    """The generator of a training folder with its weight norm folded, also written as ``generator.safetensors``."""
    model = Generator(config)
    model.load_state_dict(fold_weight_norm(load_tensors(out / "model.safetensors")))
    save_weights(model, out / "generator.safetensors", step=load_metadata(out / "model.safetensors").get("step"))
    return model.eval()
