"""Where each phoneme lies in a recording: of a text that was read, or of what is heard in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from parrotlet.errors import InputError
from parrotlet.recognizer import SILENCE, Recognizer, heard_classes

Array = npt.NDArray[np.float32]

MISREAD = -1.5
"""Mean log odds a frame of a text against the likeliest phonemes, below which something else was said. Of 59 clips of
ten people the right text has -0.98 at least, and the text of another clip -2.06 at most."""
STRESSED = frozenset("iæaɑʌɐɒɔoʊuɛeɜɝ")
"""Vowels that are taken to be stressed where only sounds are known."""
EDGE = 10
"""Frames of the silence before and after what is said."""
READ_S = 60.0
"""The longest recording that is aligned with a text. Of a longer one without a text, what comes first is used."""


class Read(NamedTuple):
    """A recording and what was read in it.

    name: for messages. phonemes: of the text; None where it is not known. mel [T, M] and f0 [T] in Hz, 0 where
    unvoiced, of the whole recording.
    bandwidth_hz: what it holds of the spectrum.
    """

    name: str
    phonemes: str | None
    mel: Array
    f0: Array
    bandwidth_hz: float


class Aligned(NamedTuple):
    """A ``Read`` recording without the silence at its ends, and durations [L + 2] of phonemes, start and end in it."""

    read: Read
    phonemes: str
    durations: npt.NDArray[np.int64]


def aligned(recognizer: Recognizer, read: Read) -> Aligned:
    """Where the phonemes are. Raises InputError where the recording is of another text, too short or without speech."""
    posteriors = recognizer.frame_phonemes(read.mel)
    phonemes = heard_phonemes(posteriors, recognizer.phonemes) if read.phonemes is None else read.phonemes
    found = recognizer.align(posteriors, phonemes)
    spoken = [k for k in range(len(phonemes)) if found.end[k] > found.start[k]]
    low, high = int(found.start[spoken[0]]), int(found.end[spoken[-1]])
    if float((found.forced - found.free)[low:high].mean()) < MISREAD:
        raise InputError(
            f"{read.name}: the text was not heard in it: give what was read, word for word, or enroll without a text"
        )
    # A character without a sound begins where the one before it ends.
    edges = np.maximum.accumulate(np.concatenate([found.start, [high]]))
    begin, end = max(0, low - EDGE), min(len(read.mel), high + EDGE)
    durations = np.diff(np.concatenate([[begin], edges, [end]]))
    return Aligned(read._replace(mel=read.mel[begin:end], f0=read.f0[begin:end]), phonemes, durations)


def heard_phonemes(posteriors: Array, table: Sequence[str]) -> str:
    """What is said as far as the recognizer can tell, as the acoustic model reads it: with a space for every silence,
    and stress on every vowel that is not a weak one."""
    symbols = (table[number - 1] if number != SILENCE else " " for number in heard_classes(posteriors))
    return "".join(f"ˈ{symbol}" if symbol in STRESSED else symbol for symbol in symbols).strip()
