"""Train the refiner, and the acoustic model's decoder with it, to turn adapted mel spectrograms into what was recorded.

Durations and pitch are the recorded ones; the voice is heard in other recordings of the person and adapted to them, as
at enrollment. Speaker encoder, durations and pitch do not learn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet import adaptation

from ..export import load_students
from ..models.acoustic import RECORDING, REFERENCE_HZ, length_regulate
from ..models.aligner import Aligner
from ..models.discriminator import ScaledMelDiscriminator
from ..models.speaker import SpeakerEncoder
from ..models.synthesizer import Synthesizer
from ..models.weights import load_weights, save_weights
from .adversary import Adversary, discriminator_condition
from .aligned_clips import AcousticBatch, AlignedClips
from .enrolled import Voices
from .loop import Losses, Schedule, data_seed, fast_math, train
from .speaker_consistency import SpeakerConsistencyLoss

PREDICTED, MEL, MOMENTS, PHONEME_RECOGNITION, ADVERSARIAL, FEATURE_MATCHING = 0.5, 0.5, 0.5, 2.0, 0.6, 2.0
SPEAKER_CONSISTENCY = {"ge2e": 2.0, "campplus": 3.0}
# Frames that a moment is also measured over the means of: how the voice varies from sound to sound.
SLOW = 8
# How often a voice is not adapted: as presets are not, which are of the synthetic part, and telephone recordings.
UNADAPTED, UNADAPTED_ELSE = {"synthetic": 0.4}, 0.08
# Frames of a person that are heard, and clips of what the model says in the voice, to adapt it by.
ENROLLMENT_FRAMES, SPOKEN_CLIPS = (240, 800), 4
# How often the person is heard in a noisier room than the one to be spoken as in; nepers of its noise below speech.
NOISY, NOISE = 0.4, (1.5, 4.0)
# A batch for the acoustic model, and what of every clip the refiner learns from.
BATCH_FRAMES, BATCH_CLIPS, REFINER_FRAMES = 5600, 14, 224
# Frames around them that the decoder sees too, as it does when it speaks.
MARGIN = 24
# How much of the way voices go to exemplars.
SHARE = (0.5, 1.0)


def moments_loss(made: Tensor, real: Tensor, frames: Tensor, basis: Tensor) -> Tensor:
    """How far mean and standard deviation of the cepstra over the speech of a clip are from the recorded ones.

    made, real [B, T, M]; frames [B, T, 1], 0 for padding; basis [M, C] gives the cepstra (``adaptation.cosines``).
    Deviations are compared frame by frame and slowly, over means of SLOW frames (the global variance of Toda 2007, in
    two speeds).
    """
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


def add_noise(mel: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Log-mel frames [T, M] with steady noise of a random colour added to them."""
    level = np.percentile(mel[:, adaptation.LEVEL_BANDS].mean(axis=1), 95) - random.uniform(*NOISE)
    colour = level + np.linspace(-1, 1, mel.shape[1]) * random.uniform(-1, 1)
    noise = colour + random.normal(0, 0.3, mel.shape)
    return np.asarray(0.5 * np.logaddexp(2 * mel, 2 * noise), dtype=np.float32)  # powers add up


def enrollment_clips(others: Sequence[int], frames: Callable[[int], int], random: np.random.Generator) -> list[int]:
    """Clips of a person out of ``others``, in random order, that are enough to be heard for an enrollment.

    frames: says how long a clip is.
    """
    chosen, length, wanted = [], 0, random.uniform(*ENROLLMENT_FRAMES)
    for k in random.permutation(others):
        if length < wanted:
            chosen.append(int(k))
            length += frames(int(k))
    return chosen


class Enrollments:
    """What an enrollment would give for the voice of a clip, from other clips of the person.

    predicted: log-mel of the pack's clips as the acoustic model alone gives it, NaN where there is none.
    """

    def __init__(self, clips: AlignedClips, encoder: SpeakerEncoder, predicted: npt.NDArray[np.float16]) -> None:
        self.clips, self.voices, self.predicted = clips, Voices(clips, encoder), predicted

    def of(
        self, index: int, cut: slice, random: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The speaker embedding [E] and the adaptation [A] for a clip of which the frames of ``cut`` are to be spoken.

        Where there is no other clip of the person, the rest of this one is what was heard of them.
        """
        spans, mel = self.clips.span, self.clips.pack.mel
        others = self.voices.others(index)
        heard_of = enrollment_clips(others, self.clips.frames, random)
        if heard_of != [index]:
            heard = np.concatenate([mel[spans[k]] for k in heard_of])
        else:
            heard = np.delete(mel[spans[index]], cut, axis=0)
        if random.random() < NOISY and len(heard):
            heard = add_noise(heard.astype(np.float32), random)
        said = [
            self.predicted[spans[k]].astype(np.float32) for k in random.permutation([*{index, *others}])[:SPOKEN_CLIPS]
        ]
        said = [mel for mel in said if not np.isnan(mel).any()]
        if not said or len(heard) < adaptation.MIN_FRAMES:
            adapted = np.zeros(adaptation.size(), np.float32)
        else:
            heard, share = heard.astype(np.float32), random.uniform(*SHARE)
            adapted = adaptation.fit(np.concatenate(said), heard, share=share)
        return self.voices.of(heard_of), adapted


@dataclass(frozen=True)
class RefinerBatch:
    """Pieces of clips: mel as recorded, as predicted and as adapted [B, T, M], the decoder's features [B, T, C], f0
    [B, T] in Hz; phonemes int [B, T], the symbol spoken in every frame; inside [B, T, 1], 0 for padding; mask
    [B, T, M], 0 also for what the recording does not hold; frames [B]; embedding, statistics, recording and adaptation
    of the voices."""

    real: Tensor
    predicted: Tensor
    adapted: Tensor
    features: Tensor
    f0: Tensor
    phonemes: Tensor
    inside: Tensor
    mask: Tensor
    frames: Tensor
    embedding: Tensor
    statistics: Tensor
    recording: Tensor
    adaptation: Tensor


class DecoderParameters(nn.Module):
    """What learns of a synthesizer: all that comes after durations and pitch."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__()
        acoustic = synthesizer.acoustic
        self.decoder_in, self.pitch_out, self.decoder = acoustic.decoder_in, acoustic.pitch_out, acoustic.decoder
        self.mel_norm, self.mel_head = acoustic.mel_norm, acoustic.mel_head
        self.refiner = synthesizer.refiner


def cut_out(x: Tensor, starts: Sequence[int], margin: int = 0) -> Tensor:
    """REFINER_FRAMES of every row of x [B, T, ...] from its start on, and margins around them; zeros beyond the
    ends."""
    out = x.new_zeros(len(x), REFINER_FRAMES + 2 * margin, *x.shape[2:])
    for row, start, piece in zip(x, starts, out, strict=True):
        first, last = max(0, start - margin), min(len(row), start + REFINER_FRAMES + margin)
        piece[first - start + margin : last - start + margin] = row[first:last]
    return out


def refiner_batch(
    synthesizer: Synthesizer, batch: AcousticBatch, enrollments: Enrollments, random: np.random.Generator
) -> RefinerBatch:
    """What the acoustic model predicts of a batch in voices as enrolled, adapted or, now and then, not.

    Cut to REFINER_FRAMES of every clip: many voices are heard at a time.
    """
    starts = [int(random.integers(max(1, int(length) - REFINER_FRAMES + 1))) for length in batch.frames]
    voices = []
    for index, start in zip(batch.clips.tolist(), starts, strict=True):
        identity, change = enrollments.of(index, slice(start, start + REFINER_FRAMES), random)
        archive = enrollments.clips.pack.clips[index].archive
        known = random.random() >= UNADAPTED.get(archive, UNADAPTED_ELSE)
        voices.append((identity, change * np.float32(known)))
    embedding, adapted = (torch.from_numpy(np.stack(values)) for values in zip(*voices, strict=True))
    acoustic, median = synthesizer.acoustic, batch.statistics[:, :1]
    voice = embedding, batch.statistics, batch.recording
    with fast_math():
        with torch.no_grad():
            condition = acoustic.voice(*voice)
            encoded, _, _ = acoustic.encode(batch.phonemes, condition)
            rows, spoken = acoustic.aligned(encoded, batch.durations, batch.pitch.shape[1])
        rows, spoken, pitch, voiced = (cut_out(x, starts, MARGIN) for x in (rows, spoken, batch.pitch, batch.voiced))
        features, mel = acoustic.decode(rows, spoken, condition, pitch, voiced, median)
    inner = slice(MARGIN, MARGIN + REFINER_FRAMES)
    mel = mel.float()
    f0 = REFERENCE_HZ * torch.exp2(pitch + median) * voiced
    phonemes, _ = length_regulate(batch.phonemes.float().unsqueeze(-1), batch.durations, batch.pitch.shape[1])
    frames = batch.frames.clamp_max(REFINER_FRAMES)
    inside = (torch.arange(REFINER_FRAMES)[None] < frames[:, None]).float().unsqueeze(-1)
    return RefinerBatch(
        cut_out(batch.mel, starts),
        mel[:, inner],
        synthesizer.adapter(mel, adapted)[:, inner],
        features[:, inner],
        f0[:, inner],
        cut_out(phonemes.squeeze(-1).long(), starts),
        inside,
        inside * batch.valid[:, None],
        frames,
        *voice,
        adapted,
    )


def phoneme_recognition_loss(
    aligner: nn.Module, made: Tensor, real: Tensor, phonemes: Tensor, inside: Tensor
) -> Tensor:
    """Cross-entropy, in nats a frame, of what an aligner hears in made [B, T, M]; phonemes int [B, T] are meant.

    A frame counts by how sure the aligner is of its symbol in real [B, T, M], and only where inside [B, T, 1] is not 0:
    neither slips of the alignment nor what the person mumbled is to be learned.
    """
    with fast_math(made.device):
        heard = aligner(made).float().transpose(1, 2)
        with torch.no_grad():
            sure = aligner(real).float().softmax(-1).gather(-1, phonemes.unsqueeze(-1)) * inside
    wrong = functional.cross_entropy(heard, phonemes, reduction="none")
    return (wrong * sure.squeeze(-1)).sum() / sure.sum()


def refined(synthesizer: Synthesizer, cut: RefinerBatch) -> tuple[Tensor, Losses]:
    """What the refiner makes of a batch [B, T, M], and how far that and what it was given are from the recording.

    Where the recording holds nothing, or is padding, the former is what is there: it is not for others to judge.
    """
    refiner = synthesizer.refiner
    with fast_math(cut.real.device):
        condition = refiner.voice(cut.embedding, cut.statistics, cut.recording)
        mel = refiner(cut.adapted, cut.features, cut.f0, condition, cut.inside).float()
    mel = synthesizer.adapter_after(mel, cut.adaptation)
    made, predicted = (torch.where(cut.mask > 0, x, cut.real) for x in (mel, cut.predicted))
    return made, {
        "predicted": PREDICTED * (predicted - cut.real).abs().sum() / cut.mask.sum(),
        "mel": MEL * (made - cut.real).abs().sum() / cut.mask.sum(),
        "moments": MOMENTS * moments_loss(made, cut.real, cut.inside, synthesizer.adapter.cepstra),
    }


def refiner_losses(
    synthesizer: Synthesizer,
    cut: RefinerBatch,
    adversary: Adversary,
    consistency: SpeakerConsistencyLoss | None = None,
    aligner: Aligner | None = None,
) -> Losses:
    """L1 on the mel spectrogram, on its moments, and how easily it is told from a recorded one; L1 also on what the
    acoustic model alone predicts.

    With a ``consistency``, also how unlike the two sound; with an ``aligner``, also how hard the words are to make out.
    """
    made, losses = refined(synthesizer, cut)
    if consistency is not None:
        heard = consistency.losses(made, cut.real, cut.f0, cut.frames)
        losses |= {name: SPEAKER_CONSISTENCY[name] * unlike for name, unlike in heard.items()}
    if aligner is not None:
        losses["phoneme_recognition"] = PHONEME_RECOGNITION * phoneme_recognition_loss(
            aligner, made, cut.real, cut.phonemes, cut.inside
        )
    voice = discriminator_condition(cut.embedding, cut.recording)
    return losses | adversary.losses(made, cut.real, synthesizer.refiner.comb(cut.f0), voice)


def voice_layer(name: str) -> bool:
    """Whether a parameter of this name brings the voice in: those learn faster."""
    return name.startswith("refiner.voice.") or ".modulate." in name


def train_refiner(
    clips: AlignedClips,
    out: Path,
    schedule: Schedule,
    students: Path,
    predicted: Path,
    embeddings: npt.NDArray[np.float32] | None = None,
    aligner: Path | None = None,
) -> None:
    """Train, or go on training, refiner and decoder of students in a folder; write their ``acoustic.safetensors`` to
    ``out``.

    predicted: what the acoustic model alone makes of the pack. embeddings: GE2E's of the pack's clips; with them,
    likeness is listened to through the students' vocoder, by GE2E and CAM++. aligner: its weights; with them, words are
    listened to.
    """
    torch.manual_seed(data_seed(out))
    speaker, synthesizer, vocoder = load_students(students)
    synthesizer.requires_grad_(False)
    learning = DecoderParameters(synthesizer).requires_grad_(True).train()
    consistency = None if embeddings is None else SpeakerConsistencyLoss(vocoder, embeddings.mean(axis=0))
    recognizer = None
    if aligner is not None:
        load_weights(recognizer := Aligner().requires_grad_(False).eval(), aligner)
    adversary = Adversary(
        ScaledMelDiscriminator(speaker.config.embedding + len(RECORDING)), ADVERSARIAL, FEATURE_MATCHING
    )
    enrollments = Enrollments(clips, speaker, np.memmap(predicted, "<f2", "r", shape=clips.pack.mel.shape))
    random = np.random.default_rng(data_seed(out))

    def losses(batch: AcousticBatch) -> Losses:
        cut = refiner_batch(synthesizer, batch, enrollments, random)
        return refiner_losses(synthesizer, cut, adversary, consistency, recognizer)

    # Warped voices have no adaptation.
    batches = clips.batches(data_seed(out), BATCH_FRAMES, BATCH_CLIPS, warping=0.0)
    train(learning, batches, losses, out, schedule, faster=voice_layer, companion=adversary)
    load_weights(learning, out / "model.safetensors")
    save_weights(synthesizer, out / "acoustic.safetensors", half=True)
