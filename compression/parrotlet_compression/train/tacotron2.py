"""Train Tacotron 2 on clips whose phoneme durations are known. They guide the attention from the first step.

Without a guide, attention takes tens of thousands of steps to find the diagonal (Tachibana 2018 guides it by the
diagonal alone). With known phoneme positions it takes hundreds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from parrotlet.errors import InputError

from ..corpus import SILENCE, Pack
from ..symbols import SYMBOLS, phoneme_ids
from ..teachers.tacotron2 import Tacotron2
from ..teachers.tacotron2_layers import OWN_SCALES, Tacotron2Config
from .loop import Losses, Schedule, data_seed, fast_math, train

TACOTRON2_FRAMES = 4000
# How often the voice is that of another clip of the same speaker.
OTHER_CLIP = 0.4
# Steps after the end of every clip, which teach the stop token, and their weight.
TAIL, STOP_WEIGHT = 4, 4.0
GUIDE = 2.0


@dataclass(frozen=True)
class Tacotron2Batch:
    """symbols, durations int [B, L]; mel [B, T, M]; embedding [B, E]; frames [B]."""

    symbols: Tensor
    durations: Tensor
    mel: Tensor
    embedding: Tensor
    frames: Tensor


class GuidedClips:
    """The training clips of a pack that have durations. embeddings float32 [clips, E], in the pack's order.

    Raises InputError when they are of another pack, or no clip has durations.
    """

    def __init__(self, pack: Pack, embeddings: npt.NDArray[np.float32]) -> None:
        if len(embeddings) != len(pack.clips):
            raise InputError(
                f"{len(embeddings)} embeddings for {len(pack.clips)} clips in {pack.path}: "
                "make them from this pack with `parrotlet-compress speaker-embeddings`"
            )
        self.pack, self.embeddings = pack, embeddings
        usable = [i for i, c in enumerate(pack.clips) if c.durations and c.split == "train" and 40 < c.frames < 1100]
        if not usable:
            raise InputError(f"no clip in {pack.path} has phoneme durations to guide the attention with")
        self.by_length = sorted(usable, key=lambda i: pack.clips[i].frames)
        self.clips_of: dict[str, list[int]] = defaultdict(list)
        for i in usable:
            self.clips_of[pack.clips[i].speaker].append(i)

    def batches(self, seed: int, frames: int) -> Iterator[Tacotron2Batch]:
        """Random batches of about ``frames`` frames, for ever, each of clips of similar length."""
        random = np.random.default_rng(seed)
        while True:
            centre = int(random.integers(len(self.by_length)))
            size = max(2, frames // self.pack.clips[self.by_length[centre]].frames)
            near = self.by_length[max(0, centre - 2 * size) : centre + 2 * size]
            yield self._batch(random.choice(near, size=min(size, len(near)), replace=False).tolist(), random)

    def _batch(self, indices: list[int], random: np.random.Generator) -> Tacotron2Batch:
        clips = [self.pack.clips[i] for i in indices]
        ids = [phoneme_ids(clip.phonemes) for clip in clips]
        symbols, durations = (np.zeros((len(clips), max(map(len, ids))), np.int64) for _ in range(2))
        mel = np.full((len(clips), max(c.frames for c in clips), self.pack.config.n_mels), SILENCE, np.float32)
        voices = []
        for row, (index, clip) in enumerate(zip(indices, clips, strict=True)):
            symbols[row, : len(ids[row])] = ids[row]
            durations[row, : len(ids[row])] = clip.durations
            mel[row, : clip.frames] = np.maximum(self.pack.mel[clip.start : clip.start + clip.frames], SILENCE)
            voices.append(random.choice(self.clips_of[clip.speaker]) if random.random() < OTHER_CLIP else index)
        return Tacotron2Batch(
            torch.from_numpy(symbols),
            torch.from_numpy(durations),
            torch.from_numpy(mel),
            torch.from_numpy(self.embeddings[voices]),
            torch.tensor([c.frames for c in clips]),
        )


SIZES: dict[str, dict[str, int]] = {
    "small": {"symbol_width": 192, "encoder": 192, "prenet": 128, "frames_per_step": 4}
    | {"attention_rnn": 256, "decoder_rnn": 256, "postnet": 128},
    "medium": {"symbol_width": 256, "encoder": 256, "prenet": 256, "frames_per_step": 3}
    | {"attention_rnn": 512, "decoder_rnn": 512, "postnet": 256},
    "paper": {},
}
"""3 M and 9 M parameters, which a CPU can train, at four or three frames (50, 38 ms) a step; and the paper's size."""


def sized_config(size: str, speaker: int) -> Tacotron2Config:
    """One of ``SIZES`` for our phonemes and for embeddings of length ``speaker``."""
    return Tacotron2Config(symbols=len(SYMBOLS), speaker=speaker, **SIZES[size], **OWN_SCALES)


def guide(durations: Tensor, steps: int, frames_per_step: int) -> Tensor:
    """The share of every decoder step that belongs to each symbol: durations [B, L] -> [B, S, L]."""
    ends = durations.cumsum(1)
    times = torch.arange(steps * frames_per_step)
    inside = (times[None, :, None] < ends[:, None]) & (times[None, :, None] >= (ends - durations)[:, None])
    return inside.float().unflatten(1, (steps, frames_per_step)).mean(2)


def tacotron2_losses(model: Tacotron2, batch: Tacotron2Batch) -> Losses:
    """L1 + L2 on the mel before and after the post-net, cross-entropy of the stop token and of the attention
    against the known durations. Mels are padded to whole steps and TAIL steps more."""
    r = model.config.frames_per_step
    steps = -(-batch.mel.shape[1] // r) + TAIL
    mel = functional.pad(batch.mel, (0, 0, 0, steps * r - batch.mel.shape[1]), value=SILENCE)
    lengths = (batch.symbols > 0).sum(1)
    with fast_math():
        out = model(batch.symbols, lengths, mel, batch.frames, batch.embedding)
    mask = (torch.arange(steps * r)[None] < batch.frames[:, None]).float().unsqueeze(-1)
    total = mask.sum() * model.config.n_mels

    def distance(made: Tensor) -> Tensor:
        error = (made.float() - mel) * mask / model.config.mel_scale
        return (error.abs().sum() + error.square().sum()) / total

    last = (batch.frames - 1) // r
    number = torch.arange(steps)[None]
    seen = (number <= last[:, None] + TAIL).float()
    ended = (number >= last[:, None]).float()
    stop = functional.binary_cross_entropy_with_logits(
        out.stop.float(), ended, weight=seen, reduction="none", pos_weight=torch.tensor(STOP_WEIGHT)
    )
    target = guide(batch.durations, steps, r)
    attention = -(target * torch.log(out.alignment + 1e-6)).sum() / target.sum()
    return {
        "mel": distance(out.coarse),
        "postnet": distance(out.mel),
        "stop": stop.sum() / seen.sum(),
        "attention": GUIDE * attention,
    }


def train_tacotron2(
    clips: GuidedClips,
    out: Path,
    schedule: Schedule,
    start_from: Path | None = None,
    config: Tacotron2Config | None = None,
    frames: int = TACOTRON2_FRAMES,
) -> Tacotron2:
    """Train, or go on training, a multi-speaker Tacotron 2 (a small one by default); ``frames`` in a batch."""
    torch.manual_seed(0)
    model = Tacotron2(config or sized_config("small", clips.embeddings.shape[1]))
    batches = clips.batches(data_seed(out), frames)
    train(model, batches, lambda batch: tacotron2_losses(model, batch), out, schedule, start_from)
    return model
