"""Real inputs of the graphs, to choose activation scales by: what they get when a bundle speaks, or a pack's clips."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet import Parrotlet
from parrotlet.acoustic import SplitAcoustic
from parrotlet.bundle import GRAPHS, Bundle
from parrotlet.errors import InputError
from parrotlet_runtimes import Session, SessionInfo, load_session

from .corpus import Pack

# Below this spread of its values a mel spectrogram holds no speech (which spreads over some 10).
SILENT_SPREAD = 2.0
# Root mean square below which a recording holds no speech: -60 dB of full scale.
SILENT_LEVEL = 1e-3
TEXTS = (
    "Please call me back before nine, I will be at home all morning.",
    "Why did the three brown foxes jump over that lazy old dog?",
    "Thank you very much! We have never seen such a beautiful garden.",
    "Five children were playing football behind the church.",
    "The judge asked whether anyone could explain the noise.",
    "It usually takes about two hours to drive there, unless it snows.",
    "Oh no, the soup is boiling over.",
    "Turn left at the next corner, then go straight on for half a mile.",
)
"""What is spoken to calibrate with, ours: none is in the corpus or among the test sentences."""

Feeds = Mapping[str, npt.NDArray[Any]]


def require_speech(mels: Sequence[npt.NDArray[np.floating[Any]]]) -> None:
    """Raise InputError when calibration mels [T, M] hold nothing but silence: scales from them would clip speech."""
    spread = max((float(np.percentile(mel, 99) - np.percentile(mel, 1)) for mel in mels), default=0.0)
    if spread < SILENT_SPREAD or not np.isfinite(spread):
        raise InputError(
            f"the calibration data is silent ({len(mels)} mel spectrograms, their values within {spread:.2f}): "
            "give recordings of speech"
        )


def require_signal(feeds: Sequence[Feeds]) -> None:
    """Raise InputError when there are no calibration feeds, or their ``mel`` or ``samples`` hold only silence."""
    if not feeds:
        raise InputError("there is nothing to calibrate with: give at least one set of inputs")
    if "mel" in feeds[0]:
        require_speech([feed["mel"] for feed in feeds])
    if "samples" in feeds[0]:
        level = max(float(np.sqrt(np.mean(np.square(feed["samples"], dtype=np.float64)))) for feed in feeds)
        if not level >= SILENT_LEVEL:
            raise InputError(
                f"the calibration data is silent ({len(feeds)} recordings, the loudest at {level:.1e} of full scale): "
                "give recordings of speech"
            )


@dataclass(frozen=True)
class _Recording:
    """A session that keeps what it is given."""

    session: Session
    seen: list[Feeds]

    @property
    def info(self) -> SessionInfo:
        return self.session.info

    def run(self, feeds: Feeds) -> dict[str, npt.NDArray[Any]]:
        self.seen.append({name: _narrow(value) for name, value in feeds.items()})
        return self.session.run(feeds)


def _narrow(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy; float64 as float32, as our sessions pass it on."""
    return np.array(value, np.float32 if np.issubdtype(value.dtype, np.floating) else value.dtype)


def spoken_feeds(
    bundle: Path, texts: Sequence[str] = TEXTS, pack: Path | None = None, runtime: str = "onnx"
) -> dict[str, list[Feeds]]:
    """What every graph of a bundle is given when it speaks ``texts``, in each preset voice in turn.

    The speaker graph hears that speech. pack: recordings instead, for the speaker graph and beside its own mels for
    the vocoder. runtime: whose graphs speak; the feeds are the same but for rounding. Raises InputError when there is
    no preset voice, or only silence.
    """
    found = Bundle.load(bundle)
    seen: dict[str, list[Feeds]] = {graph: [] for graph in GRAPHS}
    bird = Parrotlet.load(
        bundle, runtime, sessions=lambda graph: _Recording(found.session(graph, runtime), seen[graph])
    )
    if not bird.presets:
        raise InputError(f"{bundle} has no preset voice to calibrate with: export it with --presets")
    speech = []
    for text, preset in zip(texts, itertools.cycle(bird.presets.values()), strict=False):
        samples = np.concatenate([chunk.samples for chunk in bird.speak(text, preset.profile)])
        speech.append((samples, bird.sample_rate))
    if pack is not None:
        corpus = Pack(pack)
        clips = [clip for clip in corpus.clips if clip.split == "train" and clip.archive != "synthetic"]
        clips = clips[:: max(1, len(clips) // 16)][:16]
        speech = [(corpus.samples24(clip), corpus.config.sample_rate) for clip in clips]
        seen["vocoder"] += [
            {"mel": np.asarray(corpus.mel[clip.start : clip.start + clip.frames], np.float32)[None, :400]}
            for clip in clips
        ]
    for recording in speech:
        bird.speaker_embedding(bird.examine(recording)[1])
    for feeds in seen.values():
        # Phonemes have no loudness: what they make is in the vocoder's feeds.
        require_signal(feeds)
    return seen


def split_feeds(files: Sequence[Path], feeds: Sequence[Feeds]) -> list[list[Feeds]]:
    """What each fp32 part of the acoustic graph is given where the whole graph is given ``feeds``."""
    seen: list[list[Feeds]] = [[] for _ in files]
    runtime = files[0].suffix.removeprefix(".")
    whole = SplitAcoustic(
        *(_Recording(load_session(path, runtime), into) for path, into in zip(files, seen, strict=True))
    )
    for feed in feeds:
        whole.run(feed)
    return seen
