"""Train the aligner on synthetic speech, damaged to resemble real recordings; align the real archives with it.

A second round, which also trains on the clips that the first one aligned, is better on real people: good enough for the
phoneme recognition loss.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from parrotlet.errors import InputError, ParrotletError
from parrotlet.text import TextFrontEnd

from ..corpus import Pack
from ..interpolation import rows_at
from ..models.aligner import Aligner, align
from ..symbols import phoneme_ids
from .aligned_clips import AlignedClips
from .loop import Losses, Schedule, data_seed, fast_math, train

AlignerBatch = tuple[Tensor, Tensor]
# In the second round: share of real clips in a batch; how often bands, and frames, are masked (SpecAugment; Park 2019).
RECORDED, MASKED = 0.6, 0.5
NARROW_BANDS = 68  # of 80 mel bands, those below 8 kHz


def _damaged(mel: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """A mel spectrogram [T, M] as of another person, room and microphone."""
    bands = mel.shape[1]
    mel = rows_at(mel.T, np.clip(np.arange(bands) * random.uniform(0.88, 1.14), 0, bands - 1)).T
    tilt = np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), random.normal(0, 0.7, 5))
    mel = mel + tilt.astype(np.float32)
    if random.random() < 0.7:
        floor = float(np.percentile(mel, 95)) - random.uniform(3, 9)
        noise = floor + np.interp(np.arange(bands), np.linspace(0, bands - 1, 4), random.normal(0, 1, 4))
        mel = np.logaddexp(mel, (noise + 0.25 * random.standard_normal(mel.shape)).astype(np.float32))
    if random.random() < 0.4:
        mel[:, NARROW_BANDS:] = np.minimum(mel[:, NARROW_BANDS:], -9.0)
    return np.asarray(mel, dtype=np.float32)


def masked(mel: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """A mel spectrogram [T, M] without some bands and frames, so that no single cue suffices."""
    mel, mean = mel.copy(), mel.mean()
    for _ in range(2):
        for rows, widest in ((mel, 12), (mel.T, 9)):  # frames, then bands
            if random.random() < MASKED:
                at = int(random.integers(len(rows)))
                rows[at : at + int(random.integers(2, widest))] = mean
    return mel


def aligner_batches(clips: AlignedClips, frames: int, batch: int, seed: int) -> Iterator[AlignerBatch]:
    """Random cuts of speech, for ever: mel [B, T, M] and symbol ids [B, T]. RECORDED of a batch are real recordings, if
    any are aligned. Raises InputError without synthetic clips to learn from."""
    random, pack = np.random.default_rng(seed), clips.pack
    usable = [i for i in clips.durations if pack.clips[i].split == "train" and clips.frames(i) > frames]
    synthetic = [i for i in usable if pack.clips[i].durations]
    recorded = [i for i in usable if not pack.clips[i].durations]
    if not synthetic:
        raise InputError("no clip to learn alignment from: pack synthetic.zip too")
    count = round(RECORDED * batch) if recorded else 0
    while True:
        mels, ids = [], []
        for index in [*random.choice(synthetic, batch - count), *random.choice(recorded or synthetic, count)]:
            at = int(random.integers(clips.frames(index) - frames))
            start = clips.span[index].start + at
            mel = _damaged(pack.mel[start : start + frames].astype(np.float32), random)
            mels.append(masked(mel, random) if recorded else mel)
            ids.append(np.repeat(clips.ids[index], clips.durations[index])[at : at + frames])
        yield torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(ids))


def train_aligner(clips: AlignedClips, out: Path, schedule: Schedule) -> Aligner:
    """Train, or go on training, the aligner: on synthetic clips, and on recorded ones that are aligned."""
    torch.manual_seed(0)
    model = Aligner()

    def losses(batch: AlignerBatch) -> Losses:
        mel, ids = batch
        with fast_math():
            logits = model(mel)
        return {"phoneme": functional.cross_entropy(logits.float().flatten(0, 1), ids.flatten())}

    train(model, aligner_batches(clips, 160, 16, seed=data_seed(out)), losses, out, schedule)
    return model


def align_corpus(pack: Pack, model: Aligner, archives: dict[str, float], out: Path) -> None:
    """Phonemize and align the real clips of ``archives``; write {clip index: [phonemes, durations]} as JSON.

    archives: name -> the share of its clips that is kept, those with the best mean posterior.
    """
    front_end = TextFrontEnd()
    model.eval()
    result: dict[int, tuple[str, list[int]]] = {}
    for archive, keep in archives.items():
        found: list[tuple[float, int, str, list[int]]] = []
        wanted = [(i, c) for i, c in enumerate(pack.clips) if c.archive == archive and c.text.strip()]
        for index, clip in tqdm(wanted, desc=f"align {archive}"):
            if clip.snr_db < 15:
                continue
            try:
                text = clip.text.lower() if clip.text.isupper() else clip.text
                phonemes = front_end.phonemize(text)
                ids = phoneme_ids(phonemes)
            except ParrotletError:
                continue
            mel = pack.mel[clip.start : clip.start + clip.frames].astype(np.float32)
            aligned = align(model, mel, ids)
            if aligned is not None:
                found.append((aligned[1], index, phonemes, aligned[0]))
        found.sort(reverse=True)
        for _, index, phonemes, durations in found[: int(keep * len(found))]:
            result[index] = (phonemes, durations)
    out.write_text(json.dumps(result))
