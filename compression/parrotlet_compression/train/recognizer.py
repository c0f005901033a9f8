"""Train the phoneme recognizer on speech whose durations are known, damaged as microphones and rooms do.

Durations of synthetic speech are true; those of recordings are found: first by ``warping`` or an aligner, then by the
recognizer itself (``align_clips``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.signal import lfilter
from torch import Tensor
from tqdm import tqdm

from parrotlet.errors import InputError, ParrotletError
from parrotlet.recognizer import align
from parrotlet.text import TextFrontEnd

from ..corpus import Pack
from ..interpolation import rows_at
from ..models.recognizer import SOUNDS, STRIDE, Recognizer
from .aligner import masked
from .loop import Losses, Schedule, data_seed, release, train

Array = npt.NDArray[np.float32]
Durations = Mapping[int, tuple[str, list[int]]]
"""By the number of a clip: its phonemes, and the frames of start, each phoneme and end."""

FRAMES, BATCH = 320, 8
SHARES = {
    "synthetic": 0.16,
    "librispeech5": 0.18,
    "librispeech": 0.08,
    "vctk": 0.14,
    "commonvoice": 0.22,
    "commonvoice1": 0.14,
    "speechocean762": 0.08,
    "vits_vctk": 0.05,
}
LOUD, BABBLE, REVERBERANT, NARROW, STRETCHED, CAREFUL = 0.6, 0.15, 0.4, 0.2, 0.3, 0.12
"""How often noise, other speech, a room, a narrow band and another speed are added, and how often nothing is."""
_FLOOR = -11.5
_CLASS = {symbol: number for number, symbol in enumerate(SOUNDS, 1)}


def damaged(mel: Array, random: np.random.Generator, frame_rate: float = 80.0, babble: Array | None = None) -> Array:
    """A mel spectrogram [T, M] as of another person, room, microphone and level. babble [T, M]: speech beside it."""
    bands = mel.shape[1]
    mel = rows_at(mel.T, np.clip(np.arange(bands) * random.uniform(0.88, 1.14), 0, bands - 1)).T
    # The power of noise in a band of few bins varies as that of one bin does, and less in a wide band.
    varies = np.geomspace(0.55, 0.17, bands).astype(np.float32)
    if random.random() < REVERBERANT:
        # The tail of a room in the power of each band: it decays by 60 dB in reverberation seconds.
        reverberation, direct = random.uniform(0.15, 0.9), random.uniform(-4, 12)
        decay = 10 ** (-6 / (reverberation * frame_rate))
        power = np.exp(2 * mel)
        tail = lfilter([1 - decay], [1, -decay], np.concatenate([np.zeros((1, bands), np.float32), power[:-1]]), axis=0)
        tail = tail * np.exp(varies * random.standard_normal(mel.shape, np.float32))
        mel = 0.5 * np.log(power + tail * 10 ** (-direct / 10) + 1e-10)
    tilt = np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), random.normal(0, 0.7, 5))
    mel = mel + tilt.astype(np.float32)
    loud = float(np.percentile(mel, 95))
    if babble is not None and random.random() < BABBLE:
        other = babble + (loud - float(np.percentile(babble, 95)) - random.uniform(1.2, 4))
        mel = 0.5 * np.logaddexp(2 * mel, 2 * other)
    if random.random() < LOUD:
        floor = loud - random.uniform(0.8, 6) + np.linspace(0, random.uniform(-3, 0.5), bands)
        noise = floor + np.interp(np.arange(bands), np.linspace(0, bands - 1, 4), random.normal(0, 0.7, 4))
        varied = noise.astype(np.float32) + varies * random.standard_normal(mel.shape, np.float32)
        mel = 0.5 * np.logaddexp(2 * mel, 2 * varied)
    if random.random() < NARROW:
        mel[:, int(random.integers(44, 70)) :] = _FLOOR  # of 80 bands: from 3.4 to 8 kHz
    return np.maximum(mel + random.uniform(-2.5, 2), _FLOOR).astype(np.float32)


def allowed_classes(phonemes: str, durations: list[int]) -> npt.NDArray[np.bool_]:
    """Which classes [T, C] each frame may be of.

    A frame of a stress mark, a space or punctuation may be of the sound before it or after it, and silence unless it is
    of a stress mark. So may the frames beside a boundary be of both its sounds.
    """
    classes = [0, *(_CLASS.get(symbol, -1) for symbol in phonemes), 0]
    before = np.zeros(len(classes), np.int64)
    after = np.zeros(len(classes), np.int64)
    for index, number in enumerate(classes):
        before[index] = number if number >= 0 else before[index - 1]
    for index in range(len(classes) - 1, -1, -1):
        after[index] = classes[index] if classes[index] >= 0 else after[index + 1]
    owner = np.repeat(np.arange(len(classes)), durations)
    frames = np.arange(len(owner))
    allowed = np.zeros((len(owner), len(SOUNDS) + 1), bool)
    allowed[frames, before[owner]] = allowed[frames, after[owner]] = True
    pause = np.array(
        [number < 0 and symbol not in "ˈˌ" for number, symbol in zip(classes, f"^{phonemes}$", strict=True)]
    )
    allowed[pause[owner], 0] = True
    clear = allowed.sum(axis=1) == 1
    edges = np.flatnonzero((owner[1:] != owner[:-1]) & clear[1:] & clear[:-1])
    both = allowed[edges] | allowed[edges + 1]
    allowed[edges] |= both
    allowed[edges + 1] |= both
    return allowed


def _cut(
    pack: Pack, index: int, label: npt.NDArray[np.bool_], frames: int, random: np.random.Generator
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """A random stretch of a clip, now and then slower or faster: mel [frames, M], classes [frames, C]."""
    clip = pack.clips[index]
    speed = random.uniform(0.85, 1.2) if random.random() < STRETCHED else 1.0
    length = min(round(frames * speed), clip.frames)
    at = int(random.integers(clip.frames - length + 1))
    mel = pack.mel[clip.start + at : clip.start + at + length].astype(np.float32)
    label = label[at : at + length]
    if speed != 1.0:
        place = np.minimum(np.arange(round(length / speed)) * speed, length - 1)
        mel = rows_at(mel, place)
        label = label[np.minimum((place + 0.5).astype(int), length - 1)]
    mel, label = mel[:frames], label[:frames]
    short = frames - len(mel)
    if short:
        mel = np.pad(mel, ((0, short), (0, 0)), mode="edge")
        label = np.pad(label, ((0, short), (0, 0)))
        label[-short:, 0] = True
    return mel, label


def recognizer_batches(
    pack: Pack, durations: Durations, seed: int, frames: int = FRAMES, batch: int = BATCH
) -> Iterator[tuple[Tensor, Tensor]]:
    """Random cuts of speech, for ever: mel [B, T, M] and the classes that are allowed, bool [B, T, C].

    Raises InputError where no clip of the training split is long enough.
    """
    random = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for index, (_, counts) in durations.items():
        clip = pack.clips[index]
        if clip.split == "train" and clip.archive in SHARES and clip.frames == sum(counts) and clip.frames > 80:
            groups.setdefault(clip.archive, []).append(index)
    if not groups:
        raise InputError("no clip to learn from: pack synthetic.zip, or give --alignments")
    names = list(groups)
    shares = np.array([SHARES[name] for name in names])
    labels = {index: allowed_classes(*durations[index]) for group in groups.values() for index in group}
    babble: Array | None = None
    while True:
        mels, targets = [], []
        for name in random.choice(names, batch, p=shares / shares.sum()):
            index = int(random.choice(groups[name]))
            clean, label = _cut(pack, index, labels[index], frames, random)
            careful = random.random() < CAREFUL
            mels.append(clean if careful else masked(damaged(clean, random, babble=babble), random))
            targets.append(label)
            babble = clean
        yield torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(targets))


def train_recognizer(
    pack: Pack, durations: Durations, out: Path, schedule: Schedule, start: Path | None = None
) -> Recognizer:
    """Train, or go on training, the recognizer. start: weights to begin with.

    Writes ``recognizer.safetensors`` too, in float16: what ``recognizer-graph`` takes and a release has.
    """
    torch.manual_seed(0)
    model = Recognizer()

    def losses(batch: tuple[Tensor, Tensor]) -> Losses:
        mel, allowed = batch
        posteriors = model(mel)
        return {"phoneme": -posteriors.masked_fill(~allowed, -30.0).logsumexp(dim=-1).mean()}

    train(model, recognizer_batches(pack, durations, data_seed(out)), losses, out, schedule, start)
    release(model, out, "recognizer.safetensors")
    return model


@torch.no_grad()
def align_clips(pack: Pack, model: Recognizer, out: Path, least: float = -1.2) -> dict[int, tuple[str, list[int]]]:
    """Align all recorded clips of the training split by the recognizer; write {clip number: [phonemes, durations]}.

    least: mean forced log posterior less that of the free path, below which a transcript counts as wrong.
    """
    front_end = TextFrontEnd()
    model.eval()
    found: dict[int, tuple[str, list[int]]] = {}
    for index, clip in enumerate(tqdm(pack.clips, mininterval=10)):
        if clip.archive not in SHARES or clip.split != "train" or clip.durations or not clip.text.strip():
            continue
        try:
            phonemes = front_end.phonemize(clip.text.lower() if clip.text.isupper() else clip.text)
            mel = pack.mel[clip.start : clip.start + clip.frames].astype(np.float32)
            posteriors = model(torch.from_numpy(np.pad(mel, ((0, -len(mel) % STRIDE), (0, 0)), mode="edge"))[None])[0]
            made = align(posteriors.numpy()[: len(mel)], phonemes, SOUNDS)
        except ParrotletError:
            continue
        if float((made.forced - made.free).mean()) >= least:
            found[index] = (phonemes, durations_of(made.start, made.end, clip.frames))
    out.write_text(json.dumps(found))
    return found


def durations_of(start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], frames: int) -> list[int]:
    """Durations of start, each character and end, from where characters begin and end: they sum to ``frames``."""
    first, last = int(start[0]), int(end[-1])
    return [first, *(int(b - a) for a, b in zip(start, end, strict=True)), frames - last]
