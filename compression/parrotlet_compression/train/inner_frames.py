"""CAM++'s inner layers in few numbers: what a judge of speakers learns to know frame by frame.

One embedding of a piece tells little, and is soon known by heart. A hundred frames of three layers tell how CAM++ comes
to it, and what they teach holds for people never heard (docs/experiments/048).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from parrotlet.mel import MelConfig

from ..files import write_arrays
from ..interpolation import rows_at
from ..models.judge import STRIDE, JudgeConfig
from ..teachers.campplus import FIRST_S, FRAME_S

Array = npt.NDArray[np.float32]


class InnerFrames:
    """Principal components of CAM++'s inner layers, scaled to a variance of 1 of each whole layer.

    means [C] and axes [C, F] of every layer.
    """

    def __init__(self, means: Sequence[Array], axes: Sequence[Array]) -> None:
        self.means, self.axes = list(means), list(axes)

    @classmethod
    def find(cls, heard: Iterable[list[Tensor]], components: Sequence[int] = JudgeConfig.frames) -> InnerFrames:
        """Those of what CAM++ hears of pieces: the outputs of its layers, [B, T, C] of each."""
        means, axes = [], []
        for layers, kept in zip(zip(*heard, strict=True), components, strict=True):
            rows = np.concatenate([layer.flatten(0, 1).numpy() for layer in layers])
            mean = rows.mean(axis=0)
            variances, directions = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
            means.append(mean)
            axes.append((directions[:, ::-1][:, :kept] / np.sqrt(variances.sum())).astype(np.float32))
        return cls(means, axes)

    def __call__(self, heard: list[Tensor], frames: int, config: MelConfig) -> Array:
        """What CAM++ hears of pieces of so many mel frames, at the judge's frames: [B, frames / STRIDE, sum of F]."""
        layers = [(x.numpy() - mean) @ axes for x, mean, axes in zip(heard, self.means, self.axes, strict=True)]
        frame_s = config.hop_length / config.sample_rate
        return at_frames(np.concatenate(layers, axis=2), FRAME_S, frames // STRIDE, STRIDE * frame_s)

    def save(self, path: Path) -> None:
        """Write them, as ``load`` reads them."""
        means = {f"mean{n}": one for n, one in enumerate(self.means)}
        write_arrays(path, **means, **{f"axes{n}": one for n, one in enumerate(self.axes)})

    @classmethod
    def load(cls, path: Path) -> InnerFrames:
        """Those of a file."""
        with np.load(path) as file:
            layers = range(len(file.files) // 2)
            return cls([file[f"mean{n}"] for n in layers], [file[f"axes{n}"] for n in layers])


def at_frames(rows: Array, hop_s: float, frames: int, frame_s: float) -> Array:
    """CAM++'s rows [B, N, C], one every ``hop_s``, at the middles of frames of ``frame_s``: [B, frames, C]."""
    middles = (np.arange(frames) + 0.5) * frame_s
    places = np.clip((middles - FIRST_S) / hop_s, 0, rows.shape[1] - 1)
    return np.stack([rows_at(one, places) for one in rows])
