"""Mel spectrograms of the acoustic model, to train the vocoder on.

Durations and pitch are the recorded ones, so that predicted frames and recorded samples match (ground-truth aligned,
Shen 2018). Only the sharpness of the spectrum differs. The mels are emphasized, as those of the graph.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from parrotlet.output import open_output

from .corpus import Clip
from .export import load_students
from .models.acoustic import REFERENCE_HZ
from .models.speaker import SpeakerEncoder, embed_clips
from .models.synthesizer import Synthesizer
from .train.aligned_clips import AlignedClips
from .train.loop import fast_math


@torch.no_grad()
def predicted_mel(
    speaker: SpeakerEncoder,
    synthesizer: Synthesizer,
    clips: AlignedClips,
    index: int,
    reference: Clip,
    clean: bool = False,
    bare: bool = False,
) -> npt.NDArray[np.float32]:
    """The refined and emphasized mel spectrogram [T, M] of ``clips.span[index]`` in the voice of ``reference``.

    Durations and pitch are given; the voice is not adapted. clean: set the recording conditions to clean and full-band.
    bare: the acoustic model's own mel.
    """
    pack = clips.pack
    embedding = torch.from_numpy(embed_clips([pack.samples16(reference)], speaker))
    median, spread = clips.statistics[clips.speaker[index]]
    pitch, voiced = (torch.from_numpy(values)[None] for values in clips.pitch(index))
    statistics = torch.tensor([[median, spread, clips.rate(index)]])
    recording = torch.tensor([[0.0, 0.0] if clean else clips.recording(index)])
    durations = torch.tensor([clips.durations[index]])
    with fast_math():
        phonemes = torch.tensor([clips.ids[index]])
        out = synthesizer.acoustic(phonemes, durations, pitch, voiced, embedding, statistics, recording)
        if bare:
            return np.asarray(out.mel[0].float().numpy())
        condition = synthesizer.refiner.voice(embedding, statistics, recording)
        f0 = REFERENCE_HZ * torch.exp2(pitch + median) * voiced
        mel = synthesizer.refiner(out.mel.float(), out.features, f0, condition)
    return np.asarray((mel[0].float() @ synthesizer.emphasis).numpy())


def export_mels(clips: AlignedClips, students: Path, out: Path, bare: bool = False) -> int:
    """Write a file like the pack's ``mel.f16``, NaN where nothing is predicted. Returns the number of clips.

    students: folder with speaker, acoustic and vocoder weights; the vocoder is not used. bare: the acoustic model's own
    mels.
    """
    pack = clips.pack
    speaker, synthesizer, _ = load_students(students)
    indices = sorted(i for group in clips.groups.values() for i in group)
    frames, bands = pack.mel.shape
    unknown = np.full((1, bands), np.nan, "<f2").tobytes()
    with open_output(out) as file:
        for start in range(0, frames, 1 << 18):
            file.write(unknown * min(1 << 18, frames - start))
        for i in tqdm(indices, desc="export-mels"):
            span = clips.span[i]
            mel = np.empty((span.stop - span.start, bands), "<f2")
            mel[:] = predicted_mel(speaker, synthesizer, clips, i, pack.clips[i], bare=bare)
            file.seek(span.start * len(unknown))
            file.write(mel.tobytes())
    return len(indices)
