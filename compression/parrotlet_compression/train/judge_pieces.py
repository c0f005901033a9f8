"""What the judge of speakers learns from: spectrograms, with CAM++'s embedding of their speech.

``write_recordings`` takes recordings of everybody, at other speeds too, which makes them other people.
``write_pieces`` enrolls those who say enough. It says the same words with two of several factors: none, a person's own,
those to which a judge leads, those between and beyond. It says them as people who do not exist too: with another's
condition and factors, other pitch and formants. What guides a fit must know what a change of the factors changes for
CAM++. A judge that learned from recordings, or from any words of any factors, is soon deceived by the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor
from tqdm import tqdm

from parrotlet.factors import Settings
from parrotlet.finetuning import Line, Material, learned
from parrotlet.mel import MelConfig, mel_edges, mel_spectrogram

from ..corpus import Clip, Pack
from ..export import load_judge, load_students
from ..files import write_arrays
from ..finetuning_graph import FRAMES, MARGIN, FineTuning, refined
from ..models.synthesizer import Synthesizer
from ..teachers.campplus import CamPlusPlus
from .directions import people_of
from .inner_frames import InnerFrames
from .speaker_consistency import Listener, leveled

LEAST_S = 8.0
"""Seconds of a person who is enrolled."""
RECORDINGS = "recordings"
"""Folder of the pieces of recordings."""
DRAWS = 6
"""How often pieces of a person are drawn, to be said with ``VARIANTS`` of the factors."""
VARIANTS = 2
FITTED, THEMSELVES = 0.25, 0.3
"""Share of people who are fitted; and of their draws, how often they are themselves."""
PITCH, FORMANTS = 0.12, 0.06
"""Standard deviations of the logarithms, by which these are another person's."""
STEPS = 15
"""Of a fit: what the first steps bring is most of it."""
CLIPS, EACH = 8, 8
"""Recordings of a speaker, and pieces of a recording, at most."""
SLOWER, FASTER = 0.84, 1.19
SPEEDED = 0.7
"""Share of recordings at another speed."""
QUIET = 0.02
"""Root mean square of a piece that is not used, at a speech level of ``SPEECH``."""
SPEECH = 0.07
PARTS = ("mel", "embedding", "frames", "gradient", "asked")
"""Of a person's file, in the order of ``_heard``; of recordings there are the first three."""
INNER_FRAMES = "inner_frames.bin"
"""File of the principal components that ``frames`` are of. It does not end as a person's file."""
BASIS = 300
"""Clips that these are found from."""
INNER = slice(MARGIN, -MARGIN)
F0 = Line._fields.index("f0")
SCALE = 1e3
"""Of gradients in a file, which holds float16."""
Embed = Callable[[Tensor, Tensor], Tensor]
"""mel [B, T, M], f0 [B, T] -> embeddings [B, E] of unit norm."""


def drawn(material: Material, settings: Settings, random: np.random.Generator) -> tuple[Tensor, ...]:
    """What a step of fine-tuning learns from: the fields of Line, [B, T, ...], and the condition."""
    cuts = material.draw(settings, random)
    return tuple(torch.from_numpy(np.asarray(cuts[name], np.float32)) for name in (*Line._fields, "condition"))


def recorded(cuts: Sequence[Tensor]) -> Tensor:
    """The recorded spectrogram [B, T, M], or the model's own where the recording tells nothing."""
    _, _, mel, _, real, heard, _, _ = cuts
    return torch.where(heard > 0, real, mel)


def spectrum(whole: Synthesizer, factors: Tensor, cuts: Sequence[Tensor]) -> Tensor:
    """What the model makes of the same with a person's factors [F]: [B, T, M]."""
    features, predicted, _, f0, _, _, inside, condition = cuts
    return refined(whole, factors, features, predicted, f0, inside, condition) @ whole.emphasis


def variants(own: Tensor, led: Tensor, other: Tensor, random: np.random.Generator) -> list[Tensor]:
    """Factors [F] that a judge must tell apart, of a person's own, of those that a judge led to, and of how two other
    people differ."""
    beyond = own + random.uniform(1.3, 2.2) * (led - own)
    mixed = random.uniform(0.5, 1.4) * led + random.uniform(0.2, 0.6) * other
    return [torch.zeros_like(own), own, led, beyond, mixed]


def nearer(step: FineTuning, factors: Tensor, cuts: Sequence[Tensor], random: np.random.Generator) -> Tensor:
    """Factors [F] on the way that the gradient of a step leads from given ones."""
    start = factors.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(step.distance(start, *cuts), start)
    way = step.own(-gradient)
    return factors + random.uniform(0.3, 0.8) * factors.norm() / (way.norm() + 1e-9) * way


def as_another(cuts: Sequence[Tensor], condition: Tensor, random: np.random.Generator) -> list[Tensor]:
    """Cuts with another pitch, and with a condition between theirs and another person's [1, C]."""
    *parts, own = cuts
    share = random.uniform(0.3, 1)
    parts[F0] = parts[F0] * float(np.exp(PITCH * random.standard_normal()))
    return [*parts, share * condition + (1 - share) * own]


def formants(scale: float, config: MelConfig) -> Tensor:
    """[M, M]: what a mel spectrogram [.., M] is to be multiplied by, for formants at 1 / scale of their frequency."""
    peaks = mel_edges(config.n_mels, config.f_min, config.f_max)[1:-1]
    bands = np.arange(config.n_mels)
    read = np.interp(scale * peaks, peaks, bands)
    return torch.from_numpy(np.maximum(0, 1 - np.abs(bands[:, None] - read)).astype(np.float32))


def write_pieces(
    pack: Pack,
    bundle: Path,
    settings: Settings,
    checkpoints: Path,
    out: Path,
    seed: int = 0,
    without: Collection[str] = (),
) -> None:
    """Write a file of pieces of everybody in a pack who says enough; goes on where it was stopped.

    bundle: an ONNX bundle of the weights in ``checkpoints``, to enroll people with; settings: what it says of factors.
    A judge in ``checkpoints`` leads: pieces are such as it brings about, and the next one learns from them.
    without: names of people to leave out. Several may write at once, with seeds of their own.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    _, synthesizer, vocoder = load_students(checkpoints)
    synthesizer.requires_grad_(False)
    judge, listener = load_judge(checkpoints), Listener(vocoder)
    steps: list[Any] = [FineTuning(synthesizer)]
    if judge is not None:
        steps.append(FineTuning(synthesizer, judge))
    inner = InnerFrames.load(out / INNER_FRAMES)
    others: list[Tensor] = []
    conditions: list[Tensor] = []

    def one_of(several: list[Tensor]) -> Tensor:
        return several[int(random.integers(len(several)))]

    def wanted(name: str) -> bool:
        return name not in without and not (out / f"{name}.npz").exists()

    for name, material in tqdm(people_of(pack, bundle, LEAST_S, wanted, seed), unit="person"):
        conditions.append(torch.from_numpy(material.condition))
        fitted: list[Tensor] = []
        if random.random() < FITTED or not others:
            fitted = [torch.from_numpy(learned(step, settings, material, STEPS)["factors"][0]) for step in steps]
            others.append(fitted[0])
        rows: list[tuple[npt.NDArray[np.generic], ...]] = []
        for _ in range(DRAWS):
            cuts: Sequence[Tensor] = drawn(material, settings, random)
            if fitted and random.random() < THEMSELVES:
                start, led, moved = fitted[0], fitted[-1], 1.0
            else:
                cuts = as_another(cuts, one_of(conditions), random)
                start, moved = random.uniform(0.4, 1.1) * one_of(others), np.exp(FORMANTS * random.standard_normal())
                led = nearer(steps[-1], start, cuts, random)
            known = variants(start, led, one_of(others) - one_of(others), random)
            chosen = [known[number] for number in random.choice(len(known), VARIANTS, replace=False)]
            spectra = [*(spectrum(synthesizer, factors, cuts) for factors in chosen), recorded(cuts)]
            mel = torch.stack([part[:, INNER] for part in spectra], dim=1) @ formants(moved, pack.config)
            rows += _heard(listener, inner, pack.config, mel, cuts[F0][:, INNER], int(random.integers(VARIANTS)))
        columns = (np.stack(column) for column in zip(*rows, strict=True))
        write_arrays(out / f"{name}.npz", **dict(zip(PARTS, columns, strict=True)))


def _heard(
    listener: Listener, inner: InnerFrames, config: MelConfig, mel: Tensor, f0: Tensor, asked: int
) -> Iterator[tuple[npt.NDArray[np.generic], ...]]:
    """Of every piece of mel [B, V, T, M]: all variants, their embeddings and frames, and one's gradient towards the
    recording, which is the last.

    Chance, in what the vocoder makes of them, is the same for all variants.
    """
    chance = int(torch.randint(2**31, ()))

    def heard(part: Tensor) -> tuple[Tensor, npt.NDArray[np.float32]]:
        torch.manual_seed(chance)
        embeddings, layers = listener.hear(part, f0)
        return embeddings, inner([layer.detach() for layer in layers], part.shape[1], config)

    said = [part.detach().requires_grad_(number == asked) for number, part in enumerate(mel.unbind(1))]
    embeddings, frames = zip(*(heard(part) for part in said), strict=True)
    (gradient,) = torch.autograd.grad((embeddings[asked] * embeddings[-1]).sum(), said[asked])
    known = mel.detach().numpy(), torch.stack(embeddings, dim=1).detach().numpy(), np.stack(frames, axis=1)
    for parts in zip(*known, SCALE * gradient.numpy(), strict=True):
        yield (*(part.astype(np.float16) for part in parts), np.asarray(asked))


def write_recordings(pack: Pack, out: Path, seed: int = 0, without: Collection[str] = ()) -> None:
    """Write a file of pieces of everybody's training recordings; goes on where it was stopped.

    The first run chooses the principal components of frames too. without: names of people to leave out.
    """
    encoder = CamPlusPlus(pack.config.sample_rate).requires_grad_(False)
    by_speaker: dict[str, list[Clip]] = defaultdict(list)
    for clip in pack.clips:
        long = clip.frames > (FRAMES + 2) / SLOWER
        if clip.split == "train" and clip.speaker and clip.speaker not in without and long:
            by_speaker[clip.speaker].append(clip)
    folder = out / RECORDINGS
    folder.mkdir(parents=True, exist_ok=True)
    if not (out / INNER_FRAMES).exists():
        _inner_frames(pack, [clip for clips in by_speaker.values() for clip in clips], encoder).save(out / INNER_FRAMES)
    inner = InnerFrames.load(out / INNER_FRAMES)
    names = sorted(by_speaker)
    for number in tqdm(np.random.default_rng(seed).permutation(len(names)), unit="speaker"):
        name, random = names[number], np.random.default_rng((seed, number))
        path, clips = folder / f"{name}.npz", by_speaker[name]
        if path.exists():
            continue
        rows: list[tuple[npt.NDArray[np.float32], ...]] = []
        for pick in random.permutation(len(clips))[:CLIPS]:
            clip = clips[pick]
            mel, samples = _recorded_pieces(pack.samples24(clip), pack.config, random)
            if len(mel):
                embeddings, layers = encoder.hear(leveled(torch.from_numpy(samples)))
                rows.append((mel, embeddings.numpy(), inner(layers, FRAMES, pack.config)))
        if rows:
            whole = (np.concatenate(parts).astype(np.float16) for parts in zip(*rows, strict=True))
            write_arrays(path, **dict(zip(PARTS[:3], whole, strict=True)))


def _inner_frames(pack: Pack, clips: Sequence[Clip], encoder: CamPlusPlus) -> InnerFrames:
    random = np.random.default_rng(0)
    chosen = random.permutation(len(clips))[:BASIS]
    pieces = (_recorded_pieces(pack.samples24(clips[number]), pack.config, random)[1] for number in chosen)
    return InnerFrames.find([encoder.hear(leveled(torch.from_numpy(one)))[1] for one in pieces if len(one)])


def _recorded_pieces(
    samples: npt.NDArray[np.float32], config: MelConfig, random: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Pieces of a recording that are not quiet, perhaps at another speed: mel [N, T, M] and samples [N, T * hop]."""
    if random.random() < SPEEDED:
        speed = np.exp(random.uniform(np.log(SLOWER), np.log(FASTER)))
        samples = soxr.resample(samples, config.sample_rate * speed, config.sample_rate)
    loud = samples[np.abs(samples) > QUIET * np.abs(samples).max()]
    samples = samples * (SPEECH / (np.sqrt(np.mean(loud**2)) + 1e-6))
    mel, hop = mel_spectrogram(samples, config), config.hop_length
    first = int(random.integers(0, max(1, len(mel) % FRAMES)))
    starts = np.arange(first, len(mel) - FRAMES, FRAMES)[:EACH, None]
    pieces = samples[starts * hop + np.arange(FRAMES * hop)]
    kept = np.sqrt(np.mean(pieces**2, axis=1)) > QUIET
    return mel[starts + np.arange(FRAMES)][kept], pieces[kept]
