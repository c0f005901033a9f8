"""GE2E speaker encoder (Wan 2018), the teacher of ours, with the weights of the `Resemblyzer` wheel (Apache-2.0)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet.mel import mel_filterbank

from .checkpoints import wheel_files

WINDOW, HOP, MELS, PARTIAL_FRAMES = 400, 160, 40, 160


def resemblyzer_weights() -> Path:
    """Where pip put the teacher's weights. Raises InputError when the wheel is not installed."""
    return wheel_files("resemblyzer", ("pretrained.pt",), "GE2E", "Resemblyzer")[0]


class GE2E(nn.Module):
    """Three LSTM layers over 40 mel energies; the last state, projected, is the embedding."""

    bank: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MELS, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)
        bank = mel_filterbank(16000, WINDOW, MELS, 0, 8000)
        self.register_buffer("bank", torch.from_numpy(bank.T.copy()), persistent=False)
        checkpoint = torch.load(resemblyzer_weights(), map_location="cpu", weights_only=False)
        self.load_state_dict(checkpoint["model_state"], strict=False)
        self.eval()

    def partials(self, samples: npt.NDArray[np.float32]) -> Tensor:
        """Windows of 1.6 s, half overlapping, of level-normalized samples [N] -> [P, 160, 40]."""
        rms = float(np.sqrt(np.mean(samples**2))) + 1e-9
        leveled = torch.from_numpy(samples * max(1.0, 10 ** (-30 / 20) / rms))
        spectrum = torch.stft(
            leveled, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True, pad_mode="constant"
        )
        mel = torch.view_as_real(spectrum).square().sum(-1).T @ self.bank
        mel = functional.pad(mel, (0, 0, 0, max(0, PARTIAL_FRAMES - len(mel))))
        return mel.unfold(0, PARTIAL_FRAMES, PARTIAL_FRAMES // 2).transpose(1, 2)

    def embed(self, partials: Tensor) -> Tensor:
        """[P, 160, 40] -> unit-norm embeddings [P, 256], with gradients."""
        hidden = self.lstm(partials)[1][0][-1]
        return functional.normalize(torch.relu(self.linear(hidden)), dim=-1)

    @torch.no_grad()
    def forward(self, partials: Tensor) -> Tensor:
        """[P, 160, 40] -> unit-norm embeddings [P, 256]."""
        return self.embed(partials)


def ge2e_embeddings(clips: list[npt.NDArray[np.float32]], teacher: GE2E) -> npt.NDArray[np.float32]:
    """One embedding a clip (mean over its windows, unit norm): float32 [len(clips), 256]."""
    parts = [teacher.partials(samples) for samples in clips]
    embedded = torch.cat([teacher(chunk) for chunk in torch.cat(parts).split(256)])
    means = [functional.normalize(e.mean(0), dim=0) for e in embedded.split([len(p) for p in parts])]
    return torch.stack(means).numpy()
