"""Train the aligner on synthetic speech damaged towards real recordings; align the real archives with it."""

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

from parrotlet.errors import ParrotletError
from parrotlet.text import TextFrontEnd

from ..corpus import Pack
from ..models.aligner import Aligner, align
from ..symbols import phoneme_ids
from .loop import Losses, Schedule, fast_math, train

Batch = tuple[Tensor, Tensor]
NARROW_BANDS = 68  # of 80 mel bands, those below 8 kHz


def _damaged(mel: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """A mel spectrogram [T, M] as another person, room and microphone might have made it."""
    bands = mel.shape[1]
    warp = random.uniform(0.88, 1.14)
    at = np.clip(np.arange(bands) * warp, 0, bands - 1)
    low = np.floor(at).astype(int)
    part = (at - low).astype(np.float32)
    mel = mel[:, low] * (1 - part) + mel[:, np.minimum(low + 1, bands - 1)] * part
    tilt = np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), random.normal(0, 0.7, 5))
    mel = mel + tilt.astype(np.float32)
    if random.random() < 0.7:
        floor = float(np.percentile(mel, 95)) - random.uniform(3, 9)
        noise = floor + np.interp(np.arange(bands), np.linspace(0, bands - 1, 4), random.normal(0, 1, 4))
        mel = np.logaddexp(mel, (noise + 0.25 * random.standard_normal(mel.shape)).astype(np.float32))
    if random.random() < 0.4:
        mel[:, NARROW_BANDS:] = np.minimum(mel[:, NARROW_BANDS:], -9.0)
    return np.asarray(mel, dtype=np.float32)


def labelled(pack: Pack, frames: int, batch: int, seed: int) -> Iterator[Batch]:
    """Random cuts of synthetic speech, for ever: mel [B, T, M] and symbol ids [B, T]."""
    random = np.random.default_rng(seed)
    clips = [c for c in pack.clips if c.durations and c.split == "train" and c.frames > frames]
    labels = {c.id: np.repeat(phoneme_ids(c.phonemes), c.durations) for c in clips}
    while True:
        mels, ids = [], []
        for index in random.integers(len(clips), size=batch):
            clip = clips[index]
            at = int(random.integers(clip.frames - frames))
            mel = pack.mel[clip.start + at : clip.start + at + frames].astype(np.float32)
            mels.append(_damaged(mel, random))
            ids.append(labels[clip.id][at : at + frames])
        yield torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(ids))


def train_aligner(pack: Path, out: Path, schedule: Schedule) -> Aligner:
    """Train, or go on training, the aligner."""
    torch.manual_seed(0)
    model = Aligner()

    def losses(batch: Batch) -> Losses:
        mel, ids = batch
        with fast_math():
            logits = model(mel)
        return {"phoneme": functional.cross_entropy(logits.float().flatten(0, 1), ids.flatten())}

    train(model, labelled(Pack(pack), 160, 16, seed=0), losses, out, schedule)
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
