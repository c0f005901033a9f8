"""The acoustic graph in two parts, with the length regulator between them on the host.

How many frames an utterance gets depends on the durations that the graph itself predicts. TFLite has no shapes
that depend on values, so its form of the graph is cut there; a caller sees one session all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet_runtimes import GraphError, Session

Array = npt.NDArray[Any]

INPUTS = ("phonemes", "embedding", "statistics", "speed", "pitch")
OUTPUTS = ("mel", "f0", "durations", "predicted")


def whole_durations(frames: npt.NDArray[np.float32], speed: float) -> npt.NDArray[np.int64]:
    """Predicted frames [L] and speed -> whole frames [L].

    Rounds the running sum, not each duration, so that rounding errors do not add up to a change of rate.
    """
    ends = np.rint(np.cumsum(frames / np.float32(speed), dtype=np.float32)).astype(np.int64)
    return np.diff(ends, prepend=0)


def length_regulate(
    encoded: npt.NDArray[np.float32], durations: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Repeat each phoneme's vector for its duration: the length regulator of FastSpeech (Ren 2019).

    encoded [L, C], durations [L] -> rows [T, C] and the position of every frame inside its phoneme [T, 3]:
    fraction done, log frames since its start, log frames to its end; T is the sum of the durations.
    """
    length = np.repeat(durations, durations).astype(np.float32)
    starts = np.repeat(np.cumsum(durations) - durations, durations)
    done = (np.arange(len(starts)) - starts + 0.5).astype(np.float32)
    position = np.stack([done / length, np.log(done), np.log(np.maximum(length - done, np.float32(0.5)))], axis=1)
    return np.repeat(encoded, durations, axis=0), position


class SplitAcoustic:
    """Session over the text side (once a phoneme) and the frame side (once a frame); see docs/export.md."""

    def __init__(self, text: Session, frames: Session) -> None:
        self._text, self._frames = text, frames
        self.info = replace(text.info, inputs=INPUTS, outputs=OUTPUTS)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See Session.run."""
        if set(feeds) != set(INPUTS):
            raise GraphError(f"the graph takes {', '.join(INPUTS)}, not {', '.join(feeds)}")
        text = self._text.run({name: feeds[name] for name in ("phonemes", "embedding", "statistics")})
        durations = whole_durations(text["frames"][0], float(feeds["speed"][0]))
        rows, position = length_regulate(text["encoded"][0], durations)
        made = self._frames.run(
            {
                "rows": rows[None],
                "position": position[None],
                "condition": text["condition"],
                "statistics": feeds["statistics"],
                "pitch": feeds["pitch"],
            }
        )
        return {**made, "durations": durations[None]}
