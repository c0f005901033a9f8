"""What the vocoder learns to sound like people from: spectra of clones, with CAM++'s embedding of the person.

Everybody is enrolled and fine-tuned with the first half of what they say, as on a device. The rest is spoken at its own
timing and pitch: by the tuned voice, by the plain one, and as it was recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from parrotlet.factors import Settings
from parrotlet.finetuning import Line, Material, fit

from ..corpus import Pack
from ..export import load_judge, load_students
from ..files import write_arrays
from ..finetuning_graph import FRAMES, FineTuning
from ..models.synthesizer import Synthesizer
from ..teachers.campplus import CamPlusPlus
from .directions import people_of
from .judge_pieces import recorded, spectrum
from .speaker_consistency import leveled

LEAST_S = 40.0
"""Seconds of a person who is cloned."""
HEARD = 0.4
"""Least share of frames with speech in a piece."""
KINDS = ("tuned", "plain", "recorded")


def write_clones(
    pack: Pack, bundle: Path, settings: Settings, checkpoints: Path, out: Path, without: Collection[str] = ()
) -> None:
    """Write a file of clones of everybody in a pack who says enough; goes on where it was stopped.

    bundle: an ONNX bundle of the weights in ``checkpoints``, to enroll people with; settings: what it says of factors.
    without: names of people to leave out.
    """
    _, synthesizer, _ = load_students(checkpoints)
    step: Any = FineTuning(synthesizer.requires_grad_(False), load_judge(checkpoints))
    encoder = CamPlusPlus(pack.config.sample_rate).requires_grad_(False)
    out.mkdir(parents=True, exist_ok=True)

    def wanted(name: str) -> bool:
        return name not in without and not (out / f"{name}.npz").exists()

    for name, material, clips in tqdm(people_of(pack, bundle, LEAST_S, wanted), unit="person"):
        half = (len(clips) + 1) // 2
        factors = torch.from_numpy(fit(step, settings, Material(material.lines[:half], material.condition)))
        rows = defaultdict(list)
        for line in material.lines[half:]:
            for kind, piece in _pieces(synthesizer, factors, line, material.condition):
                rows[kind].append(piece)
        if rows:
            samples = [_whole_pieces(pack.samples24(clip), FRAMES * pack.config.hop_length) for clip in clips]
            heard = encoder(leveled(torch.from_numpy(np.concatenate(samples))))
            embedding = functional.normalize(heard.mean(0), dim=0)
            pieces = {kind: np.stack(some).astype(np.float16) for kind, some in rows.items()}
            write_arrays(out / f"{name}.npz", **pieces, embedding=embedding.numpy())


def _pieces(
    synthesizer: Synthesizer, factors: Tensor, line: Line, condition: npt.NDArray[np.float32]
) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Whole pieces of a line that has speech in them: of each kind [T, M], and f0 [T]."""
    cuts = [torch.from_numpy(part)[None] for part in line]
    spoken = [*cuts, torch.from_numpy(condition)]
    with torch.no_grad():
        tuned, plain = (spectrum(synthesizer, one, spoken) for one in (factors, torch.zeros_like(factors)))
    for start in range(0, len(line.f0) - FRAMES + 1, FRAMES):
        part = slice(start, start + FRAMES)
        if line.heard[part].max(axis=1).mean() >= HEARD:
            for kind, mel in zip(KINDS, (tuned, plain, recorded([*cuts, tuned])), strict=True):
                yield kind, mel[0, part].numpy()
            yield "f0", line.f0[part]


def _whole_pieces(samples: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """[N, size]"""
    return samples[: len(samples) // size * size].reshape(-1, size)
