"""Train the likeness critic on recorded mel spectrograms and a speaker encoder's embeddings (GE2E's, say)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..corpus import SILENCE, Pack
from ..models.likeness import LikenessCritic
from .loop import Losses, Schedule, fast_math, train

LIKENESS_FRAMES, LIKENESS_BATCH = 192, 24
LikenessBatch = tuple[Tensor, Tensor]


def likeness_batches(pack: Pack, embeddings: npt.NDArray[np.float32], seed: int) -> Iterator[LikenessBatch]:
    """Random cuts of any clip, for ever: mel [B, T, M], embedding [B, E] relative to the mean of all."""
    random = np.random.default_rng(seed)
    usable = [i for i, clip in enumerate(pack.clips) if clip.split == "train" and clip.frames > LIKENESS_FRAMES]
    # Raw GE2E embeddings lie in a narrow cone. Without its axis, cosines separate speakers better.
    targets = embeddings - embeddings[usable].mean(axis=0)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    while True:
        chosen = random.choice(usable, size=LIKENESS_BATCH)
        rows = []
        for index in chosen:
            clip = pack.clips[index]
            at = clip.start + int(random.integers(clip.frames - LIKENESS_FRAMES))
            mel = np.maximum(pack.mel[at : at + LIKENESS_FRAMES].astype(np.float32), SILENCE)
            if random.random() < 0.5:  # blur, as predictions are blurred, so that sharpness carries no information
                mel[1:-1] = (mel[:-2] + 2 * mel[1:-1] + mel[2:]) / 4
            rows.append(mel)
        yield torch.from_numpy(np.stack(rows)), torch.from_numpy(targets[chosen])


def train_likeness(pack: Path, embeddings: npt.NDArray[np.float32], out: Path, schedule: Schedule) -> LikenessCritic:
    """Train, or go on training, the critic."""
    torch.manual_seed(0)
    model = LikenessCritic(embeddings.shape[1])
    mask = torch.ones(LIKENESS_BATCH, LIKENESS_FRAMES, 1)

    def losses(batch: LikenessBatch) -> Losses:
        mel, target = batch
        with fast_math():
            made = model(mel, mask).float()
        # Also against the other clips of the batch: the critic must separate speakers.
        others = torch.nn.functional.cross_entropy(10 * made @ target.T, torch.arange(LIKENESS_BATCH))
        return {"distance": (1 - (made * target).sum(-1)).mean(), "others": 0.3 * others}

    train(model, likeness_batches(Pack(pack), embeddings, seed=0), losses, out, schedule)
    return model
