"""Train the flow of mel spectrograms: cuts of people's speech, each shown with other speech of the same person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from parrotlet.errors import InputError

from ..corpus import SILENCE
from ..models.flow import (
    PROMPT,
    TEXT,
    VOICE,
    Context,
    FlowConfig,
    FlowModel,
    conditional_flow_matching_loss,
    prior_loss,
)
from .aligned_clips import FULL_BAND_HZ, NARROW_BAND_HZ, AlignedClips
from .loop import Losses, Schedule, data_seed, fast_math, train

Array = npt.NDArray[np.float32]

FRAMES, CUTS = 160, 16  # of a cut; cuts a batch
PROMPT_PIECES, PIECE_FRAMES = 2, 128
NEAR = 12
"""Phonemes on either side of a cut that are shown with it: as far as the text encoder reads, and further."""
UNKNOWN_VOICE, UNKNOWN_PROMPT, UNKNOWN_TEXT = 0.1, 0.1, 0.1
"""How often a voice (and then its prompt too), a prompt, and the text are not shown: for guidance at synthesis."""
UNKNOWN_ALL = 0.1
"""How often nothing of these is shown: guidance against that keeps words (experiment 032)."""
PRIOR = 1.0


@dataclass(frozen=True)
class Person:
    """Whom a model learns: speaker embedding [E], and the numbers of the clips that it is taught, all of them aligned,
    two at least: a prompt is never of the clip that is to be made."""

    name: str
    embedding: Array
    clips: Sequence[int]


class FlowBatch(NamedTuple):
    """phonemes, durations [B, L] about the cut; times [B, T], its frames counted from the first of these phonemes;
    f0 [B, T] in Hz, 0 where unvoiced; mel [B, T, M], natural log; bands [B, M], those that the recording holds;
    embedding [B, E]; prompt [B, P, M] and valid [B, P], its frames that are there; clips [B] and prompts [B, N], the
    numbers of the clips that they are of, -1 for none."""

    phonemes: Tensor
    durations: Tensor
    times: Tensor
    f0: Tensor
    mel: Tensor
    bands: Tensor
    embedding: Tensor
    prompt: Tensor
    valid: Tensor
    clips: Tensor
    prompts: Tensor

    def to(self, device: torch.device) -> FlowBatch:
        return FlowBatch(*(part.to(device, non_blocking=True) for part in self))


def recorded_bands(centres: npt.NDArray[np.float64], rate: int) -> Array:
    """1 for the mel bands [M] that a recording of this sampling rate holds, 0 for the others."""
    return (centres < (NARROW_BAND_HZ if rate < 24000 else FULL_BAND_HZ)).astype(np.float32)


def floored(mel: npt.ArrayLike) -> Array:
    """A log-mel spectrogram without what is quieter than silence in a room."""
    return np.maximum(np.asarray(mel, dtype=np.float32), np.float32(SILENCE))


def normalization(clips: AlignedClips, people: Sequence[Person]) -> tuple[Array, Array]:
    """Mean and standard deviation of every mel band [M] over what the people were recorded with."""
    total, squares = np.zeros((2, clips.pack.config.n_mels))
    frames = np.zeros(clips.pack.config.n_mels)
    for number in (n for person in people for n in person.clips):
        mel = floored(clips.pack.mel[clips.span[number]]).astype(np.float64)
        held = recorded_bands(clips.centres, clips.pack.clips[number].rate)
        total, squares = total + mel.sum(axis=0) * held, squares + (mel**2).sum(axis=0) * held
        frames = frames + len(mel) * held
    known = np.maximum(frames, 1)
    mean = np.where(frames > 0, total / known, SILENCE)
    spread = np.where(frames > 0, np.sqrt(np.maximum(squares / known - mean**2, 1e-2)), 1.0)
    return mean.astype(np.float32), spread.astype(np.float32)


class _Cut(NamedTuple):
    ids: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]
    offset: int  # of the cut's first frame from the first of these phonemes
    frames: slice  # of the pack


def _cut(clips: AlignedClips, number: int, start: int, frames: int) -> _Cut:
    """Frames ``start`` to ``start + frames`` of a clip, with the phonemes about them."""
    ids, durations = np.array(clips.ids[number]), np.array(clips.durations[number])
    ends = np.cumsum(durations)
    first = max(0, int(np.searchsorted(ends, start, side="right")) - NEAR)
    last = min(len(ids), int(np.searchsorted(ends, start + frames - 1, side="right")) + 1 + NEAR)
    before = int(ends[first] - durations[first])
    at = clips.span[number].start + start
    return _Cut(ids[first:last], durations[first:last], start - before, slice(at, at + frames))


def prompt_pieces(
    clips: AlignedClips, person: Person, target: int, random: np.random.Generator
) -> tuple[Array, Array, list[int]]:
    """Other speech of a person than clip ``target``: mel [P, M], valid [P], and the clips it is of."""
    others = [n for n in person.clips if n != target]
    mel = np.zeros((PROMPT_PIECES * PIECE_FRAMES, clips.pack.config.n_mels), np.float32)
    valid, used = np.zeros(len(mel), np.float32), [-1] * PROMPT_PIECES
    for piece in range(int(random.integers(1, PROMPT_PIECES + 1))):
        number = others[int(random.integers(len(others)))]
        span = clips.span[number]
        length = min(PIECE_FRAMES, span.stop - span.start)
        start = span.start + int(random.integers(span.stop - span.start - length + 1))
        place = slice(piece * PIECE_FRAMES, piece * PIECE_FRAMES + length)
        mel[place], valid[place], used[piece] = floored(clips.pack.mel[start : start + length]), 1, number
    return mel, valid, used


def batches(clips: AlignedClips, people: Sequence[Person], cuts: int, frames: int, seed: int) -> Iterator[FlowBatch]:
    """Random cuts for ever: every person as often as any other, of their clips long ones more often.

    Raises InputError when a person has too little to cut from.
    """
    random = np.random.default_rng(seed)
    length = {n: clips.frames(n) for person in people for n in person.clips}
    usable = [[n for n in person.clips if length[n] > frames] for person in people]
    for person, numbers in zip(people, usable, strict=True):
        if not numbers or len(person.clips) < 2:
            raise InputError(
                f"{person.name} has too little speech: two clips, one longer than {frames} frames, at least"
            )
    shares = [np.array([length[n] - frames for n in numbers], float) for numbers in usable]
    shares = [share / share.sum() for share in shares]
    while True:
        rows = []
        for who in random.integers(len(people), size=cuts):
            number = int(random.choice(usable[who], p=shares[who]))
            cut = _cut(clips, number, int(random.integers(length[number] - frames)), frames)
            rows.append((people[who], number, cut, prompt_pieces(clips, people[who], number, random)))
        yield _collated(clips, rows)


def _collated(
    clips: AlignedClips, rows: Sequence[tuple[Person, int, _Cut, tuple[Array, Array, list[int]]]]
) -> FlowBatch:
    pack = clips.pack
    longest = max(len(cut.ids) for _, _, cut, _ in rows)
    phonemes, durations = np.zeros((2, len(rows), longest), np.int64)
    for k, (_, _, cut, _) in enumerate(rows):
        phonemes[k, : len(cut.ids)], durations[k, : len(cut.ids)] = cut.ids, cut.durations
    frames = rows[0][2].frames.stop - rows[0][2].frames.start
    return FlowBatch(
        torch.from_numpy(phonemes),
        torch.from_numpy(durations),
        torch.tensor([cut.offset for _, _, cut, _ in rows])[:, None] + torch.arange(frames)[None],
        torch.from_numpy(np.stack([pack.f0[cut.frames].astype(np.float32) for _, _, cut, _ in rows])),
        torch.from_numpy(np.stack([floored(pack.mel[cut.frames]) for _, _, cut, _ in rows])),
        torch.from_numpy(np.stack([recorded_bands(clips.centres, pack.clips[n].rate) for _, n, _, _ in rows])),
        torch.from_numpy(np.stack([person.embedding for person, _, _, _ in rows])),
        torch.from_numpy(np.stack([mel for _, _, _, (mel, _, _) in rows])),
        torch.from_numpy(np.stack([valid for _, _, _, (_, valid, _) in rows])),
        torch.tensor([n for _, n, _, _ in rows]),
        torch.tensor([used for _, _, _, (_, _, used) in rows]),
    )


def shown_at_random(count: int, device: torch.device) -> Tensor:
    """What of the condition each of ``count`` cuts is shown, [B, 3] in {0, 1}; see UNKNOWN_VOICE."""
    drawn = torch.rand(count, 3, device=device)
    shown = torch.ones_like(drawn)
    shown[:, VOICE] = (drawn[:, VOICE] >= UNKNOWN_VOICE).float()
    shown[:, PROMPT] = (drawn[:, PROMPT] >= UNKNOWN_PROMPT).float() * shown[:, VOICE]
    shown[:, TEXT] = (drawn[:, TEXT] >= UNKNOWN_TEXT).float()
    return shown * (torch.rand(count, 1, device=device) >= UNKNOWN_ALL).float()


def spread_times(count: int, device: torch.device) -> Tensor:
    """Flow times [B] in 0 to 1, one in each of ``count`` equal parts, which makes the loss vary less."""
    return (torch.randperm(count, device=device) + torch.rand(count, device=device)) / count


def context_of(model: FlowModel, batch: FlowBatch, shown: Tensor) -> Context:
    """What the model makes of a batch before any step. Bands that were not recorded are not heard in a prompt either:
    one person's recordings are taken to be of one kind."""
    prompt = model.normalized(batch.prompt) * batch.bands[:, None]
    return model.context(
        batch.phonemes, batch.durations, batch.times, batch.f0, batch.embedding, prompt, batch.valid, shown
    )


def flow_losses(model: FlowModel, batch: FlowBatch) -> Losses:
    """Losses of a batch on the model's device, at random times, from random noise."""
    device = batch.mel.device
    mel = model.normalized(batch.mel)
    with fast_math(device):
        context = context_of(model, batch, shown_at_random(len(mel), device))
        noise, time = torch.randn_like(mel), spread_times(len(mel), device)
        flow = conditional_flow_matching_loss(model, mel, batch.bands, context, time, noise)
    return {"flow": flow, "prior": PRIOR * prior_loss(context, mel, batch.bands)}


def train_flow(
    clips: AlignedClips,
    people: Sequence[Person],
    out: Path,
    schedule: Schedule,
    config: FlowConfig | None = None,
    cuts: int = CUTS,
    frames: int = FRAMES,
    device: str = "cpu",
) -> FlowModel:
    """Train, or go on training, a flow of these people's speech; see ``loop.train`` for what it writes to ``out``."""
    seed = data_seed(out)
    torch.manual_seed(seed)
    model = FlowModel(config)
    mean, spread = normalization(clips, people)
    model.mean.copy_(torch.from_numpy(mean))
    model.spread.copy_(torch.from_numpy(spread))
    model.to(device)
    drawn = (batch.to(torch.device(device)) for batch in batches(clips, people, cuts, frames, seed))
    train(model, drawn, lambda batch: flow_losses(model, batch), out, schedule)
    return model
