"""The background of an utterance, which goes on in the pause after it.

A voice's own background is faint, and never as silent as zeros are. Speaker encoders hear zeros as another place: with
them, ECAPA finds a clone less like its person (docs/experiments/049).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from parrotlet.audio import Samples

BLOCK, BLOCKS, SHARE = 512, 8, 16
"""Samples of a piece; how many of the quietest are gone on with at most, and of how many pieces one."""
PERIOD = 8192
"""Samples after which the background repeats."""
LOUDEST = 0.01
"""Root mean square of the background at most, as a share of the utterance's."""


@lru_cache
def _white() -> npt.NDArray[np.complex128]:
    return np.fft.rfft(np.random.default_rng(0).standard_normal(PERIOD))


class RoomTone:
    """Push the samples of an utterance, in any grouping; then ask for ``sound``."""

    def __init__(self) -> None:
        self._held = np.zeros(0, np.float32)
        self._quietest = np.zeros((0, BLOCK), np.float32)
        self._blocks, self._power = 0, 0.0

    def push(self, samples: Samples) -> None:
        """The next samples [N]."""
        held = np.concatenate([self._held, samples])
        whole = len(held) - len(held) % BLOCK
        self._held = held[whole:]
        pieces = held[:whole].reshape(-1, BLOCK)
        self._blocks += len(pieces)
        self._power += float(np.sum(pieces.astype(np.float64) ** 2)) / BLOCK
        found = np.concatenate([self._quietest, pieces])
        levels = np.sqrt(np.mean(found**2, axis=1))
        chosen = np.argsort(levels, kind="stable")
        self._quietest = found[chosen[levels[chosen] > 0][:BLOCKS]]

    def sound(self, size: int) -> Samples:
        """So many samples of the background; zeros after silence."""
        quietest = self._quietest[: max(1, self._blocks // SHARE)]
        if not len(quietest):
            return np.zeros(size, np.float32)
        # The geometric mean: of some utterances the quietest pieces lie 30 dB apart.
        magnitude = np.exp(np.mean(np.log(np.abs(np.fft.rfft(quietest, PERIOD)) + 1e-12), axis=0))
        made = np.fft.irfft(_white() * magnitude / np.sqrt(BLOCK))
        most = LOUDEST * np.sqrt(self._power / self._blocks)
        return np.resize(made * min(1.0, most / np.sqrt(np.mean(made**2))), size).astype(np.float32)
