"""A pack in miniature, of two people's recordings: "a" says enough to be learned from, "b" says little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import soundfile

from parrotlet.mel import MelConfig


def small_pack(recordings: dict[str, list[Path]], sentences: Sequence[str]) -> Any:
    """Of "a" one recording in six has another text."""
    clips, samples = [], {}
    for speaker, files in (("a", recordings["man"]), ("b", recordings["woman"][:1])):
        for repeat in range(6 if speaker == "a" else 1):
            for file, text in zip(files, sentences, strict=False):
                speech, _ = soundfile.read(file, dtype="float32")
                said = "Nobody knows what this is about." if repeat == 5 else text
                clip = SimpleNamespace(
                    speaker=speaker, split="train", archive="x", frames=len(speech) // 300, text=said
                )
                samples[id(clip)] = speech
                clips.append(clip)
    return SimpleNamespace(clips=clips, config=MelConfig(), samples24=lambda clip: samples[id(clip)])
