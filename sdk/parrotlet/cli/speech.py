"""What the commands that speak share."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from parrotlet.audio import AudioChunk
from parrotlet.errors import InputError, UsageError
from parrotlet.options import SpeakOptions

OTHER_FORMATS = (".m4a", ".aac", ".webm")
CHAPTER = "{chapter}"
"""Stands for the number and the title of a chapter in the name of a file."""


def is_book(output: str | None) -> bool:
    """Whether a name is that of several files: of a folder, "DIR/", or one with "{chapter}" in it."""
    return output is not None and (output.endswith(("/", os.sep)) or CHAPTER in output)


def speak_options(options: argparse.Namespace) -> SpeakOptions:
    """What the options say of how to speak."""
    return SpeakOptions(
        options.speed, options.pitch, options.volume, sentence_silence=options.sentence_silence, seed=options.seed
    )


def require_format(output: Path) -> None:
    """Raise UsageError for an ending that says another format than those that are written."""
    if output.suffix.lower() in OTHER_FORMATS:
        raise UsageError(f"{output}: that format is not written: name it {output.with_suffix('.mp3')} or .opus")


def not_empty(chunks: Iterable[AudioChunk]) -> Iterator[AudioChunk]:
    """The chunks. Raises InputError where there are none."""
    warnings.filterwarnings("ignore", "the text holds nothing to say")  # said here, as an error
    empty = True
    for chunk in chunks:
        empty = False
        yield chunk
    if empty:
        raise InputError("the text holds nothing to say: write words, or a pause such as [[pause 500ms]]")
