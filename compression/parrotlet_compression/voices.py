"""Embeddings of a packed corpus, and the preset voices made from them."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from parrotlet.errors import InputError
from parrotlet.output import open_output

from .corpus import Pack
from .models.acoustic import REFERENCE_HZ
from .models.speaker import SpeakerEncoder, embed_clips
from .models.weights import load_weights
from .teachers.ge2e import GE2E, ge2e_embeddings
from .train.aligned_clips import pitch_statistics

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEACHER_SECONDS = 8
PRESETS = Path(__file__).parent / "presets.toml"


def teacher_embeddings(pack: Pack) -> npt.NDArray[np.float32]:
    """GE2E's embedding of every clip of the pack, float32 [clips, 256]."""
    teacher = GE2E()
    rows = []
    for start in tqdm(range(0, len(pack.clips), 32), desc="ge2e"):
        batch = [pack.samples16(clip)[: TEACHER_SECONDS * 16000] for clip in pack.clips[start : start + 32]]
        rows.append(ge2e_embeddings(batch, teacher))
    return np.concatenate(rows)


def student_embeddings(pack: Pack, weights: Path) -> npt.NDArray[np.float32]:
    """Our encoder's embedding of every clip of the pack, float32 [clips, E]."""
    encoder = SpeakerEncoder()
    load_weights(encoder, weights)
    return embed_clips([pack.samples16(clip) for clip in tqdm(pack.clips, desc="read")], encoder)


def make_presets(pack: Pack, embeddings: npt.NDArray[np.float32], table: Path = PRESETS) -> dict[str, Any]:
    """The presets of ``table`` (name -> speaker and description) as a bundle stores them.

    Raises InputError when a speaker is not in the pack.
    """
    presets: dict[str, Any] = {}
    for name, row in tomllib.loads(table.read_text(encoding="utf-8")).items():
        clips = [i for i, clip in enumerate(pack.clips) if clip.speaker == row["speaker"]]
        if not clips:
            raise InputError(f"preset {name}: no speaker {row['speaker']!r} in {pack.path}: edit {table}")
        mean = embeddings[clips].mean(axis=0)
        f0 = [pack.f0[c.start : c.start + c.frames] for c in (pack.clips[i] for i in clips)]
        median, spread = pitch_statistics(np.concatenate(f0).astype(np.float32))
        presets[name] = {
            "description": row["description"],
            "embedding": [round(float(x), 5) for x in mean / np.linalg.norm(mean)],
            "statistics": {
                "pitch_median_hz": round(REFERENCE_HZ * 2**median, 2),
                "pitch_spread": round(spread, 4),
                "rate": 0.0,
            },
        }
    return presets


def same_speaker_threshold(pack: Pack, embeddings: npt.NDArray[np.float32]) -> tuple[float, float]:
    """The cosine that best separates pairs of one held-out person from pairs of two, and the equal error rate there.

    Both are NaN where pairs of either kind are missing.
    """
    rows = [i for i, c in enumerate(pack.clips) if c.split != "train" and c.archive != "synthetic" and c.frames > 160]
    names = np.array([pack.clips[i].speaker for i in rows])
    cosine = embeddings[rows] @ embeddings[rows].T
    upper = np.triu_indices(len(rows), 1)
    same, values = (names[:, None] == names[None])[upper], cosine[upper]
    if not same.any() or same.all():
        return math.nan, math.nan
    levels = np.linspace(0, 1, 501)
    missed = np.array([(values[same] < level).mean() for level in levels])
    accepted = np.array([(values[~same] >= level).mean() for level in levels])
    best = int(np.argmin(np.abs(missed - accepted)))
    return float(levels[best]), float((missed[best] + accepted[best]) / 2)


def save_json(value: Any, path: Path) -> None:
    """Write JSON in one piece."""
    with open_output(path) as file:
        file.write(json.dumps(value).encode())
