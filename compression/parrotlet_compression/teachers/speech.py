"""Let a Tacotron 2 read the test sentences, for the judge to score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import soundfile

from parrotlet.text import TextFrontEnd

from .tacotron2 import Tacotron2Speech
from .tacotron2_layers import Array
from .text import symbol_ids

Speak = Callable[[list[int], "Array | None"], Tacotron2Speech]


def write_teacher_speech(
    speak: Speak,
    symbols: int,
    voices: Array | None,
    vocode: Callable[[Array], Array],
    rate: int,
    sentences: tuple[str, ...],
    out: Path,
) -> tuple[Path, int]:
    """Write a WAV for every sentence, in the voices in turn, and ``teacher.tsv`` for the judge.

    speak: symbol ids and an embedding [E] -> Tacotron2Speech. symbols: of the model's table. voices [V, E], None for a
    model of one voice. Returns the manifest, and how many sentences ended without a stop token.
    """
    out.mkdir(parents=True, exist_ok=True)
    front_end, rows, unstopped = TextFrontEnd(), [], 0
    for number, sentence in enumerate(sentences):
        ids, _ = symbol_ids(symbols, sentence, front_end)
        spoken = speak(ids, None if voices is None else voices[number % len(voices)])
        unstopped += not spoken.stopped
        path = (out / f"{number:02}.wav").absolute()
        soundfile.write(path, vocode(spoken.mel), rate)
        rows.append(f"{path}\t{sentence}")
    manifest = out / "teacher.tsv"
    manifest.write_text("\n".join(rows) + "\n")
    return manifest, unstopped
