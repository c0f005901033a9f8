"""The acoustic graph in parts, with the length regulator between them on the host.

How many frames an utterance gets depends on the durations that the graph itself predicts. So the graph is cut there,
into what is computed once a phoneme and what is computed once a frame. Where the second is cut again, behind the pitch
contour, an utterance's frames can be made a few at a time. A caller sees one session all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet_runtimes import GraphError, Session

Array = npt.NDArray[Any]

INPUTS = ("phonemes", "embedding", "statistics", "speed", "pitch")
OUTPUTS = ("mel", "f0", "durations", "predicted")
FACTORS, FEATURES = "factors", "features"
"""Input and output more of the frames of a model that can be fine-tuned."""


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


@dataclass(frozen=True)
class Outline:
    """What is known of an utterance before its frames are made.

    durations [L] in frames; f0 [T] in Hz, 0 where unvoiced; rows [T, C], position [T, 3] and voice: what the last part
    reads beside f0.
    """

    durations: npt.NDArray[np.int64]
    f0: npt.NDArray[np.float32]
    rows: npt.NDArray[np.float32]
    position: npt.NDArray[np.float32]
    voice: Mapping[str, Array]


class SplitAcoustic:
    """Session over the text side (once a phoneme) and the frame side (once a frame); see docs/export.md.

    parts: text, then frames; or text, contour and frames.
    """

    def __init__(self, *parts: Session) -> None:
        self._parts = parts
        self._text, self._contour, self._frames = parts[0], parts[1:-1], parts[-1]
        frames = self._frames.info
        inputs = (*INPUTS, *(name for name in frames.inputs if name == FACTORS))
        outputs = (*OUTPUTS, *(name for name in frames.outputs if name == FEATURES))
        self.info = replace(self._text.info, inputs=inputs, outputs=outputs)

    @property
    def in_chunks(self) -> bool:
        """Whether ``outline`` and ``frames`` can be called: the parts are three."""
        return bool(self._contour)

    def over(self, wrapped: Callable[[Session], Session]) -> SplitAcoustic:
        """The same with every part wrapped."""
        return SplitAcoustic(*map(wrapped, self._parts))

    def outline(self, feeds: Mapping[str, Array]) -> Outline:
        """The feeds of the whole session to what the frames are made of. Raises GraphError."""
        text, durations = self._durations(feeds)
        rows, position, voice = _regulated(text, durations, feeds)
        given = {name: value for name, value in voice.items() if name != FACTORS}
        contour = self._contour[0].run(
            {"rows": rows[None], "position": position[None], **given, "pitch": feeds["pitch"]}
        )
        return Outline(durations, contour["f0"][0], rows, position, voice)

    def frames(self, outline: Outline, f0: npt.NDArray[np.float32], low: int, high: int) -> dict[str, Array]:
        """mel and predicted [1, N, M] of frames low to high of an utterance, whose f0 [T] may be another one.

        Those at either end need ``context`` more beyond them, or the end of the utterance. Raises GraphError.
        """
        part = slice(low, high)
        rows, position = outline.rows[None, part], outline.position[None, part]
        return self._frames.run({"rows": rows, "position": position, **outline.voice, "f0": f0[None, part]})

    def aligned(
        self, feeds: Mapping[str, Array], durations: npt.NDArray[np.int64], f0: npt.NDArray[np.float32]
    ) -> dict[str, Array]:
        """What the frames of a recording's phonemes would be: at its durations [L] and f0 [T] in Hz.

        Gives what ``frames`` does, and the condition [1, C] of the voice. Raises GraphError.
        """
        rows, position, voice = _regulated(self._text.run(_of_text(feeds)), durations, feeds)
        made = self.frames(Outline(durations, f0, rows, position, voice), f0, 0, len(f0))
        return {**made, "condition": voice["condition"]}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See Session.run."""
        if set(feeds) != set(self.info.inputs):
            raise GraphError(f"the graph takes {', '.join(self.info.inputs)}, not {', '.join(feeds)}")
        if self.in_chunks:
            outline = self.outline(feeds)
            made = self.frames(outline, outline.f0, 0, len(outline.f0))
            return {**made, "f0": outline.f0[None], "durations": outline.durations[None]}
        text, durations = self._durations(feeds)
        rows, position, voice = _regulated(text, durations, feeds)
        made = self._frames.run({"rows": rows[None], "position": position[None], **voice, "pitch": feeds["pitch"]})
        return {**made, "durations": durations[None]}

    def _durations(self, feeds: Mapping[str, Array]) -> tuple[dict[str, Array], npt.NDArray[np.int64]]:
        text = self._text.run(_of_text(feeds))
        return text, whole_durations(text["frames"][0], float(feeds["speed"][0]))


def _of_text(feeds: Mapping[str, Array]) -> dict[str, Array]:
    return {name: feeds[name] for name in ("phonemes", "embedding", "statistics")}


def _regulated(
    text: Mapping[str, Array], durations: npt.NDArray[np.int64], feeds: Mapping[str, Array]
) -> tuple[Array, Array, dict[str, Array]]:
    """Rows, position and voice of an ``Outline``, from what the first part gave."""
    rows, position = length_regulate(text["encoded"][0], durations)
    voice = {name: feeds[name] for name in ("statistics", FACTORS) if name in feeds}
    return rows, position, {"condition": text["condition"], **voice}
