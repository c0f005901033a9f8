"""Aligner: the phoneme of each frame. It trains where durations are known and is used where they are not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..symbols import SYMBOLS
from .blocks import ConvNeXtStack, Convolution

OPTIONAL = frozenset(SYMBOLS.index(symbol) for symbol in ' ˈˌ,.;:!?—()"“”')
"""Symbols whose duration may be 0 in real speech: stress marks, spaces, punctuation."""

_SILENT = [SYMBOLS.index(symbol) for symbol in '^$ ,.;:!?—()"“”']

_MAX_SKIP = 4
# Longer than the closure of a stop consonant.
_PAUSE_FRAMES = 10
_PAUSE_PENALTY = 5.0


class Aligner(nn.Module):
    """mel [B, T, M] (natural log) -> logits over the phoneme table [B, T, S]."""

    def __init__(self, n_mels: int = 80, width: int = 224, layers: int = 7) -> None:
        super().__init__()
        self.stem = Convolution(n_mels, width, 5)
        self.norm_in = nn.LayerNorm(width)
        self.body = ConvNeXtStack(width, layers)
        self.norm_out = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(SYMBOLS))

    def forward(self, mel: Tensor) -> Tensor:
        # Only the shape of the spectrum matters. Level and channel differ between recordings.
        x = (mel - mel.mean(dim=(1, 2), keepdim=True)) / 3
        logits: Tensor = self.head(self.norm_out(self.body(self.norm_in(self.stem(x)))))
        return logits


def pauses(mel: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Frames [T] of a mel spectrogram [T, M] that are as quiet as its background for at least _PAUSE_FRAMES."""
    level = mel.mean(axis=1)
    quiet, loud = np.percentile(level, [5, 95])
    low = np.concatenate([[False], level < quiet + 0.2 * (loud - quiet), [False]])
    edges = np.flatnonzero(np.diff(low.astype(np.int8)))
    found = np.zeros(len(level), bool)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        found[start:end] = end - start >= _PAUSE_FRAMES
    return found


@torch.no_grad()
def align(model: Aligner, mel: npt.NDArray[np.float32], ids: list[int]) -> tuple[list[int], float] | None:
    """Forced alignment by dynamic programming (Viterbi) over the frame posteriors.

    mel [T, M], ids [L] -> durations [L] in frames that sum to T, and the mean log posterior along the path;
    None when the text has more sounds than the recording has frames.
    """
    posterior = torch.log_softmax(model(torch.from_numpy(mel)[None])[0], dim=-1).numpy()
    silence = np.logaddexp.reduce(posterior[:, _SILENT], axis=1)
    logp = posterior[:, ids]
    # All silence is alike: before the first word and after the last it belongs to the edge, whatever the model calls
    # it. Otherwise the first space takes it, which shortens the first word.
    logp[:, [0, -1]] = silence[:, None]
    sounding = np.array([i not in _SILENT for i in ids])
    logp[np.ix_(pauses(mel), sounding)] -= _PAUSE_PENALTY
    frames, tokens = logp.shape
    optional = np.array([i in OPTIONAL for i in ids])
    if frames < int((~optional).sum()):
        return None
    # Entering token j from j - k is allowed when all tokens between are optional.
    reach = [np.zeros(tokens, bool) for _ in range(_MAX_SKIP + 1)]
    for step in range(1, _MAX_SKIP + 1):
        for j in range(step, tokens):
            reach[step][j] = bool(optional[j - step + 1 : j].all())
    score = np.full(tokens, -np.inf)
    score[0] = logp[0, 0]
    came = np.zeros((frames, tokens), np.int8)
    for t in range(1, frames):
        best, step_of = score.copy(), np.zeros(tokens, np.int8)
        for step in range(1, _MAX_SKIP + 1):
            entered = np.full(tokens, -np.inf)
            entered[step:] = np.where(reach[step][step:], score[:-step], -np.inf)
            better = entered > best
            best, step_of = np.where(better, entered, best), np.where(better, step, step_of).astype(np.int8)
        score, came[t] = best + logp[t], step_of
    if not np.isfinite(score[-1]):
        return None
    durations, j = np.zeros(tokens, np.int64), tokens - 1
    for t in range(frames - 1, -1, -1):
        durations[j] += 1
        j -= int(came[t, j])
    return durations.tolist(), float(score[-1]) / frames
