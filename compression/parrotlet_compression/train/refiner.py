"""Train the refiner to turn adapted mel spectrograms into what was recorded.

Durations and pitch are the recorded ones; the voice is heard in a reference and adapted to one, mostly another clip of
the person, as at enrollment. Speaker encoder and acoustic model do not learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from parrotlet import adaptation

from ..export import load_students
from ..models.acoustic import RECORDING, REFERENCE_HZ
from ..models.discriminator import ScaledMelDiscriminator
from ..models.refiner import Refiner
from ..models.synthesizer import Synthesizer
from .acoustic import SAME_CLIP, AlignedClips, Batch, Cloner
from .adversary import Adversary
from .listener import Listener
from .loop import Losses, Schedule, data_seed, fast_math, load_weights, save_weights, train

MEL, MOMENTS, LISTENED, ADVERSARIAL, FEATURES = 0.5, 0.5, 4.0, 0.2, 1.0
# Frames that a moment is also measured over the means of: how the voice varies from sound to sound.
SLOW = 8
# How often a voice is not adapted, as presets are not; how little of the way it may be; of how many clips it is fitted.
UNADAPTED, SLIGHT, SAID = 0.15, 0.6, 4
# A batch for the acoustic model, and what of every clip the refiner learns from.
FRAMES_HEARD, CLIPS, FRAMES = 5600, 14, 224


def moments_loss(made: Tensor, real: Tensor, frames: Tensor) -> Tensor:
    """How far mean and standard deviation of the cepstra over the speech of a clip are from the recorded ones.

    made, real [B, T, M]; frames [B, T, 1], 0 for padding. Deviations are compared frame by frame and slowly, over
    means of SLOW frames (the global variance of Toda 2007, in two speeds).
    """
    basis = torch.tensor(adaptation.cosines(made.shape[-1], adaptation.CEPSTRA), dtype=torch.float32)
    level = real[..., adaptation.LEVEL_BANDS].mean(-1, keepdim=True)
    loud = torch.where(frames > 0, level, -99.0).amax(dim=1, keepdim=True)
    speech = ((level > loud - adaptation.COUNTED - 0.5) & (frames > 0)).float()
    (mean, *spread), (mean_real, *spread_real) = (_moments(mel @ basis, speech) for mel in (made, real))
    apart = (mean - mean_real).abs().mean()
    for a, b in zip(spread, spread_real, strict=True):
        apart = apart + (torch.log(a + 0.05) - torch.log(b + 0.05)).abs().mean()
    return apart


def _moments(cepstra: Tensor, speech: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    def spread(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        total = weight.sum(dim=1, keepdim=True).clamp_min(1e-3)
        mean = (x * weight).sum(dim=1, keepdim=True) / total
        variance = ((x - mean).square() * weight).sum(dim=1, keepdim=True) / total
        return mean, (variance + 1e-6).sqrt()

    mean, quick = spread(cepstra, speech)
    share = functional.avg_pool1d(speech.transpose(1, 2), SLOW).transpose(1, 2)
    sums = functional.avg_pool1d((cepstra * speech).transpose(1, 2), SLOW).transpose(1, 2)
    _, slow = spread(sums / share.clamp_min(1e-3), share)
    return mean, quick, slow


class Adaptations:
    """What an enrollment would fit for the voice of a clip: to one clip of the person, from what is predicted of some.

    predicted: log-mel of the pack's clips as the acoustic model alone gives it, NaN where there is none.
    """

    def __init__(self, clips: AlignedClips, predicted: npt.NDArray[np.float16]) -> None:
        self.clips, self.predicted = clips, predicted
        self.fitted: dict[int, npt.NDArray[np.float32]] = {}

    def of(self, index: int, random: np.random.Generator) -> npt.NDArray[np.float32]:
        """An adaptation [A] for the voice of a clip, somewhere between SLIGHT of the way and all of it."""
        siblings = [k for k in self.clips.clips_of[self.clips.speaker[index]] if k in self.clips.span]
        others = [k for k in siblings if k != index] or siblings
        chosen = index if random.random() < SAME_CLIP else others[int(random.integers(len(others)))]
        if chosen not in self.fitted:
            self.fitted[chosen] = self._fit(chosen, siblings, random)
        adapted = self.fitted[chosen] * np.float32(random.uniform(SLIGHT, 1))
        adapted[0] = self.fitted[chosen][0]  # the level is none of the way
        return adapted

    def _fit(self, index: int, siblings: list[int], random: np.random.Generator) -> npt.NDArray[np.float32]:
        spans = self.clips.span
        said = [self.predicted[spans[k]].astype(np.float32) for k in random.permutation(siblings)[:SAID]]
        said = [mel for mel in said if not np.isnan(mel).any()]
        if not said:
            return np.zeros(adaptation.size(), np.float32)
        heard = self.clips.pack.mel[spans[index]].astype(np.float32)
        parameters = {"cepstra": adaptation.CEPSTRA, "bands": adaptation.BANDS}
        return adaptation.fit(np.concatenate(said), heard, parameters, strength=1.0)


@dataclass(frozen=True)
class Cuts:
    """Pieces of clips: mel as recorded and as predicted and adapted [B, T, M], the decoder's features [B, T, C], f0
    [B, T] in Hz; inside [B, T, 1], 0 for padding; mask [B, T, M], 0 also for what the recording does not hold; frames
    [B]; embedding, statistics and recording of the voices."""

    real: Tensor
    adapted: Tensor
    features: Tensor
    f0: Tensor
    inside: Tensor
    mask: Tensor
    frames: Tensor
    embedding: Tensor
    statistics: Tensor
    recording: Tensor


@torch.no_grad()
def cuts(cloner: Cloner, synthesizer: Synthesizer, batch: Batch, adapted: npt.NDArray[np.float32]) -> Cuts:
    """What the students predict of a batch, adapted, cut to FRAMES of every clip: many voices are heard at a time.

    adapted [B, A]: the voices' adaptations.
    """
    out, embedding = cloner(batch)
    f0 = REFERENCE_HZ * torch.exp2(batch.pitch + batch.statistics[:, :1]) * batch.voiced
    mel = synthesizer.adapt(out.mel.float(), torch.from_numpy(adapted))
    starts = [int(torch.randint(max(1, int(length) - FRAMES + 1), ())) for length in batch.frames]

    def cut(x: Tensor) -> Tensor:
        return torch.stack([row[at : at + FRAMES] for row, at in zip(x, starts, strict=True)])

    frames = batch.frames.clamp_max(FRAMES)
    real = cut(batch.mel)
    inside = (torch.arange(real.shape[1])[None] < frames[:, None]).float().unsqueeze(-1)
    mask = inside * batch.valid[:, None]
    voice = embedding, batch.statistics, batch.recording
    return Cuts(real, cut(mel), cut(out.features), cut(f0), inside, mask, frames, *voice)


def refiner_losses(refiner: Refiner, cut: Cuts, adversary: Adversary, listener: Listener | None = None) -> Losses:
    """L1 on the mel spectrogram, on its moments, and how easily it is told from a recorded one.

    With a ``listener``, also how unlike the two sound.
    """
    with fast_math():
        condition = refiner.condition(cut.embedding, cut.statistics, cut.recording)
        mel = refiner(cut.adapted, cut.features, cut.f0, condition, cut.inside).float()
    # What the recording does not hold, or is padding, is not for others to judge.
    made = torch.where(cut.mask > 0, mel, cut.real)
    losses = {
        "mel": MEL * (made - cut.real).abs().sum() / cut.mask.sum(),
        "moments": MOMENTS * moments_loss(made, cut.real, cut.inside),
    }
    if listener is not None:
        teacher, ours = listener.losses(made, cut.real, cut.f0, cut.frames)
        losses |= {"ge2e": LISTENED * teacher, "ours": LISTENED * ours}
    voice = torch.cat([8 * cut.embedding, cut.recording], dim=-1)
    return losses | adversary.losses(made, cut.real, refiner.comb(cut.f0), voice)


def train_refiner(
    clips: AlignedClips,
    out: Path,
    schedule: Schedule,
    students: Path,
    predicted: Path,
    embeddings: npt.NDArray[np.float32] | None = None,
) -> None:
    """Train, or go on training, the refiner of students in a folder; write their ``acoustic.safetensors`` to ``out``.

    predicted: what the acoustic model alone makes of the pack. embeddings: GE2E's of the pack's clips; with them,
    likeness is listened to through the students' vocoder.
    """
    torch.manual_seed(data_seed(out))
    speaker, synthesizer, vocoder = load_students(students)
    cloner = Cloner(0)
    cloner.encoder, cloner.acoustic = speaker, synthesizer.acoustic
    cloner.requires_grad_(False).eval()
    refiner = synthesizer.refiner.train()
    listener = None if embeddings is None else Listener(vocoder, speaker, embeddings.mean(axis=0))
    adversary = Adversary(ScaledMelDiscriminator(speaker.config.embedding + len(RECORDING)), ADVERSARIAL, FEATURES)
    adaptations = Adaptations(clips, np.memmap(predicted, "<f2", "r", shape=clips.pack.mel.shape))
    random = np.random.default_rng(data_seed(out))

    def losses(batch: Batch) -> Losses:
        known = random.random(len(batch.clips)) >= UNADAPTED
        adapted = [adaptations.of(int(i), random) * keep for i, keep in zip(batch.clips, known, strict=True)]
        return refiner_losses(refiner, cuts(cloner, synthesizer, batch, np.stack(adapted)), adversary, listener)

    def voice_layer(name: str) -> bool:
        return name.startswith("voice.") or ".modulate." in name

    # Warped voices have no adaptation.
    batches = clips.batches(data_seed(out), FRAMES_HEARD, CLIPS, warping=0.0)
    train(refiner, batches, losses, out, schedule, faster=voice_layer, companion=adversary)
    load_weights(refiner, out / "model.safetensors")
    save_weights(synthesizer, out / "acoustic.safetensors", half=True)
