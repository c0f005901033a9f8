"""What is written for the judge: a person whose text was not heard is spoken as if there were none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet import AudioChunk
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig
from parrotlet_compression.evaluate import write_test_speech

LEVELS = {"plain": 0.1, "heard": 0.2, "guided": 0.3}


class Bird:
    """Speaks as loud as it was enrolled, and hears no text that is not "right"."""

    learns_from_texts, sample_rate, presets = True, 24000, {}  # type: ignore[var-annotated]

    def enroll(self, recording: Any, texts: str | None = None, fine_tune: bool = False) -> str:
        if texts is not None and texts != "right":
            raise InputError("the text was not heard")
        return "guided" if texts else "heard" if fine_tune else "plain"

    def speak(self, text: str, profile: str) -> Iterator[AudioChunk]:
        yield AudioChunk(np.full(2400, LEVELS[profile], np.float32), 24000)


def pack(text: str) -> Any:
    """Two recordings of one person."""
    clips = [
        SimpleNamespace(split="validation", archive="x", speaker="p", snr_db=40.0, frames=400, text=text)
        for _ in range(2)
    ]
    return SimpleNamespace(clips=clips, config=MelConfig(), samples24=lambda clip: np.zeros(24000, np.float32))


@pytest.mark.parametrize(("text", "guided"), [("Right", "guided"), ("Wrong", "plain")])
def test_everybody_is_spoken_in_every_way(tmp_path: Path, text: str, guided: str) -> None:
    lists = write_test_speech(Bird(), pack(text), tmp_path, "validation", sentences=1)  # type: ignore[arg-type]
    said = {}
    for name in ("clones", "heard", "guided"):
        (row,) = lists[name].read_text().splitlines()
        said[name] = float(soundfile.read(row.split("\t")[0])[0].mean())
    wanted = {"clones": LEVELS["plain"], "heard": LEVELS["heard"], "guided": LEVELS[guided]}
    assert said == pytest.approx(wanted, abs=1e-3)
