"""Speaker consistency loss (Makishima 2022): a frozen vocoder renders mel spectrograms, frozen encoders embed them.

The encoders are by others and read the waveform. A critic that reads mel spectrograms can be deceived by a model that
learns against it: ours gave 0.86 where GE2E gave about 0.6.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from ..models.vocoder import Vocoder, pulse_train, render
from ..teachers.campplus import CamPlusPlus
from ..teachers.ge2e import GE2E, HOP, PARTIAL_FRAMES, WINDOW
from .loop import Losses, fast_math

WINDOWS = 8
CONSISTENCY_FRAMES = 128  # 1.6 s, the input of GE2E
LEVEL = 10 ** (-23 / 20)  # root mean square of the recordings that GE2E embeds; its embedding depends on the level


class SpeakerConsistencyLoss:
    """Distances between two voices, by GE2E and by CAM++: see ``losses``.

    mean [E]: mean GE2E embedding over speakers. Without it, cosines separate speakers less well.
    """

    def __init__(self, vocoder: Vocoder, mean: npt.NDArray[np.float32]) -> None:
        self.vocoder, self.ge2e, self.campplus = vocoder, GE2E(), CamPlusPlus(vocoder.config.sample_rate)
        for model in (self.vocoder, self.ge2e, self.campplus):
            model.requires_grad_(False).eval()
        self.mean = torch.from_numpy(mean)

    def to(self, device: torch.device) -> SpeakerConsistencyLoss:
        """Move to a device."""
        for model in (self.vocoder, self.ge2e, self.campplus):
            model.to(device)
        self.mean = self.mean.to(device)
        if device.type == "cuda":
            self.ge2e.lstm.train()  # cuDNN has gradients in this mode only; the LSTM has no dropout
        return self

    def losses(self, made: Tensor, real: Tensor, f0: Tensor, frames: Tensor) -> Losses:
        """1 - cosine between the embeddings of made and real, of every encoder, over random pieces of 1.6 s.

        made, real [B, T, M] log-mel; f0 [B, T] in Hz, 0 where unvoiced; frames [B], how many are not padding.
        """
        rows = torch.arange(len(frames))[frames >= CONSISTENCY_FRAMES]
        if not len(rows):
            return dict.fromkeys(("ge2e", "campplus"), made.sum() * 0)
        chosen = rows[torch.randint(len(rows), (WINDOWS,))]
        starts = [int(torch.randint(int(frames[row]) - CONSISTENCY_FRAMES + 1, ())) for row in chosen]

        def cut(x: Tensor) -> Tensor:
            return torch.stack([x[row, at : at + CONSISTENCY_FRAMES] for row, at in zip(chosen, starts, strict=True)])

        return self.piece_losses(cut(made), cut(real), cut(f0))

    def piece_losses(self, made: Tensor, real: Tensor, f0: Tensor) -> Losses:
        """``losses`` over whole pieces: made, real [B, CONSISTENCY_FRAMES, M]; f0 [B, CONSISTENCY_FRAMES]."""
        sources = excitation(self.vocoder, f0)
        embeddings = self._embed(voiced(self.vocoder, made, *sources))
        with torch.no_grad():
            wanted = self._embed(voiced(self.vocoder, real, *sources))
        return {name: 1 - (embedding * wanted[name]).sum(-1).mean() for name, embedding in embeddings.items()}

    def _embed(self, samples: Tensor) -> dict[str, Tensor]:
        """Embeddings of samples [B, N] at the vocoder's rate, by both encoders. GE2E's are relative to ``mean``."""
        samples = leveled(samples)
        power = self._power(samples, self.vocoder.config.sample_rate)[:, :PARTIAL_FRAMES]
        ge2e = self.ge2e.embed(power @ self.ge2e.bank) - self.mean
        return {"ge2e": functional.normalize(ge2e, dim=-1), "campplus": self.campplus(samples)}

    @staticmethod
    def _power(samples: Tensor, rate: int) -> Tensor:
        """GE2E's power spectrum [B, T, F]. A window of the same duration has bins of the same width."""
        window, hop = WINDOW * rate // 16000, HOP * rate // 16000
        hann = torch.hann_window(window, device=samples.device)
        spectrum = torch.stft(samples, window, hop, window=hann, return_complex=True)
        scale = 16000 / rate  # the longer window sums more samples
        return torch.view_as_real(spectrum[:, : WINDOW // 2 + 1]).square().sum(-1).transpose(1, 2) * scale**2


class Listener:
    """CAM++ embeddings of what a vocoder makes of mel spectrograms."""

    def __init__(self, vocoder: Vocoder) -> None:
        self.vocoder = vocoder.requires_grad_(False).eval()
        self.encoder = CamPlusPlus(vocoder.config.sample_rate).requires_grad_(False).eval()

    def __call__(self, mel: Tensor, f0: Tensor) -> Tensor:
        """mel [B, T, M], f0 [B, T] -> embeddings [B, E] of unit norm."""
        return self.hear(mel, f0)[0]

    def hear(self, mel: Tensor, f0: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The same, and the outputs of CAM++'s inner layers: see ``CamPlusPlus.hear``."""
        return self.encoder.hear(self.speech(mel, f0))

    def speech(self, mel: Tensor, f0: Tensor) -> Tensor:
        """The speech [B, N] of the same, as loud as CAM++ is to hear it."""
        return leveled(voiced(self.vocoder, mel, *excitation(self.vocoder, f0)))


def excitation(vocoder: Vocoder, f0: Tensor) -> tuple[Tensor, Tensor]:
    """Pulses and noise [B, N] that a vocoder shapes to a voice, at random, for f0 [B, T]."""
    config = vocoder.config
    source = pulse_train(f0, config.hop_length, config.sample_rate, torch.rand(len(f0), device=f0.device))
    return source, torch.randn(len(f0), f0.shape[1] * config.hop_length, device=f0.device)


def voiced(vocoder: Vocoder, mel: Tensor, source: Tensor, white: Tensor) -> Tensor:
    """The speech [B, N] of mel [B, T, M]."""
    with fast_math(mel.device):
        magnitude, phase, noise = vocoder.filters(vocoder.backbone(mel))
    return render(magnitude.float(), phase.float(), noise.float(), source, white, vocoder.config)


def leveled(samples: Tensor) -> Tensor:
    """Samples [B, N] at the root mean square of ``LEVEL``."""
    return samples / (samples.square().mean(-1, keepdim=True).sqrt() + 1e-6) * LEVEL
