"""What commands share: how one is added, and the files that several of them read."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet.errors import InputError

from ..corpus import Pack
from ..files import read_array, read_object
from ..precision import describe_result
from ..static import StaticResult
from ..train.aligned_clips import AlignedClips

SHARES = {"synthetic": 0.42, "vctk": 0.22, "librispeech": 0.13, "commonvoice": 0.15, "speechocean762": 0.08}
"""How often archives are drawn to train the acoustic model."""
LEAST_RATING = 3.75  # of P.808: half of the aligned clips are better

Run = Callable[[argparse.Namespace], None]


class Commands:
    """The commands of a parser. See ``add`` and ``rename``."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(self, name: str, run: Run, text: str) -> argparse.ArgumentParser:
        """A command without arguments, which calls ``run``."""
        command = self._commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    def rename(self, old: str, command: argparse.ArgumentParser) -> None:
        """Accept the ``old`` name of a complete command too, without mention in the help."""
        self._commands.add_parser(old, parents=[command], add_help=False, description=command.description)


def aligned(options: argparse.Namespace) -> AlignedClips:
    """The clips of ``options.pack`` whose durations are known, from the pack and from ``options.alignments``."""
    corpus = Pack(options.pack)
    known = durations(options, corpus)
    counts, phonemes = {i: row[1] for i, row in known.items()}, {i: row[0] for i, row in known.items()}
    return AlignedClips(corpus, counts, phonemes, SHARES if options.alignments else {"synthetic": 1.0})


def durations(options: argparse.Namespace, corpus: Pack) -> dict[int, tuple[str, list[int]]]:
    """By the number of a clip: phonemes and durations, from the pack and from ``options.alignments``."""
    known = {i: (clip.phonemes, clip.durations) for i, clip in enumerate(corpus.clips) if clip.durations}
    if options.alignments:
        rows = read_object(options.alignments, "make it with `parrotlet-compress align`")
        known.update({int(index): (text, frames) for index, (text, frames) in rows.items()})
    return known


def rated(options: argparse.Namespace) -> AlignedClips:
    """The aligned clips to learn from: those rated ``options.least`` or better, if there are ratings."""
    clips = aligned(options)
    if options.ratings is None:
        return clips
    advice = 'give ratings, {"ARCHIVE/ID": number}: make them with benchmarks/quality/rate.py'
    try:
        ratings = {name: float(rating) for name, rating in read_object(options.ratings, advice).items()}
    except (ValueError, TypeError) as error:
        raise InputError(f"{options.ratings} holds no ratings: {advice}") from error
    clips.keep(lambda clip: ratings.get(clip.name, -math.inf) >= options.least)
    if not any(clips.groups.values()):
        raise InputError(
            f"no clip of {options.pack} is rated {options.least:g} or better in {options.ratings}: "
            "give a lower --least, or rate this pack"
        )
    return clips


def embeddings(options: argparse.Namespace) -> npt.NDArray[np.float32]:
    """The teacher's embeddings of a pack's clips. Raises InputError when the option or its file is missing."""
    if options.embeddings is None or not options.embeddings.is_file():
        raise InputError(
            f"training {options.model} needs --embeddings: make them with `parrotlet-compress speaker-embeddings`"
        )
    return read_array(options.embeddings, "make it with `parrotlet-compress speaker-embeddings`")


def teacher_voices(path: Path | None) -> npt.NDArray[np.float32] | None:
    """Embeddings [V, E] for a multi-speaker teacher, if any."""
    return None if path is None else read_array(path, "give embeddings [V, E] as .npy")


def read_presets(path: Path) -> dict[str, Any]:
    """The preset voices of a presets.json."""
    return read_object(path, "make it with `parrotlet-compress presets`, or take that of another bundle")


def print_static(results: Mapping[str, StaticResult]) -> None:
    """Print which layers of static graphs stay in float, and why."""
    for graph, result in results.items():
        print(describe_result(graph, result))
        for row in result.sweep:
            print(f"  {row.node:<40} alone {row.error:.4f}{' in float' if row.node in result.floating else ''}")
