"""Mel spectrograms as the acoustic model makes them, for the vocoder to learn from.

Durations and pitch are the recorded ones, so that a predicted frame and the recorded samples under it belong together
(ground-truth aligned, Shen 2018); only the sharpness of the spectrum differs. Emphasized, as the graph gives them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from .export import load_students
from .models.acoustic import AcousticModel
from .models.speaker import embed_clips
from .train.acoustic import AlignedClips
from .train.loop import fast_math


@torch.no_grad()
def predicted_mel(
    acoustic: AcousticModel, clips: AlignedClips, index: int, embedding: npt.NDArray[np.float32], clean: bool = False
) -> npt.NDArray[np.float32]:
    """The emphasized mel spectrogram [T, M] of ``clips.span[index]`` in the voice of ``embedding`` [E], durations and
    pitch given.

    clean: ask for a clean full-band recording whatever the clip is.
    """
    median, spread = clips.statistics[clips.speaker[index]]
    pitch, voiced = clips.pitch(index)
    with fast_math():
        out = acoustic(
            torch.tensor([clips.ids[index]]),
            torch.tensor([clips.durations[index]]),
            torch.from_numpy(pitch)[None],
            torch.from_numpy(voiced)[None],
            torch.from_numpy(embedding)[None],
            torch.tensor([[median, spread, clips.rate(index)]]),
            torch.tensor([[0.0, 0.0] if clean else clips.recording(index)]),
        )
    return np.asarray((out.mel[0].float() @ acoustic.emphasis).numpy())


def predict_mels(clips: AlignedClips, students: Path, out: Path) -> int:
    """Write a file like the pack's ``mel.f16``, NaN where nothing was predicted; return how many clips were.

    students: folder with speaker, acoustic and vocoder weights; of these the vocoder is not used.
    """
    pack = clips.pack
    speaker, acoustic, _ = load_students(students)
    part = out.with_suffix(".part")
    made = np.memmap(part, "<f2", "w+", shape=pack.mel.shape)
    for start in range(0, len(made), 1 << 18):
        made[start : start + (1 << 18)] = np.nan
    indices = sorted(i for group in clips.groups.values() for i in group)
    for i in tqdm(indices, desc="predict"):
        embedding = embed_clips([pack.samples16(pack.clips[i])], speaker)[0]
        made[clips.span[i]] = predicted_mel(acoustic, clips, i, embedding)
    made.flush()
    part.replace(out)
    return len(indices)
