"""Train the refiner, and the acoustic model's decoder with it, to turn adapted mel spectrograms into recorded ones.

Durations and pitch are the recorded ones. The voice is enrolled from other recordings of the person and adapted to
them. Speaker encoder, durations and pitch do not learn.
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
from ..models.weights import load_weights
from ..moments import moments_loss
from .adversary import Adversary, discriminator_condition
from .aligned_clips import AcousticBatch, AlignedClips
from .enrolled import Voices
from .loop import Losses, Schedule, data_seed, fast_math, release, train
from .speaker_consistency import SpeakerConsistencyLoss

PREDICTED, MEL, MOMENTS, PHONEME_RECOGNITION, ADVERSARIAL, FEATURE_MATCHING = 0.5, 0.5, 0.5, 2.0, 0.6, 2.0
SPEAKER_CONSISTENCY = {"ge2e": 2.0, "campplus": 3.0}
# How often a voice is not adapted. Presets, which come from the synthetic part, and telephone recordings are not.
UNADAPTED, UNADAPTED_ELSE = {"synthetic": 0.4}, 0.08
# What an adaptation is fitted to: frames of the person, and clips that the model speaks in the voice.
ENROLLMENT_FRAMES, SPOKEN_CLIPS = (240, 800), 4
# How often noise is added to the enrollment, and by how many nepers it lies below speech.
NOISY, NOISE = 0.4, (1.5, 4.0)
# Size of a batch for the acoustic model, and the frames of every clip that the refiner learns from.
BATCH_FRAMES, BATCH_CLIPS, REFINER_FRAMES = 5600, 14, 224
# Frames on each side of these that the decoder sees too.
MARGIN = 24
# The part of the way that frames move to exemplars.
SHARE = (0.5, 1.0)


def add_noise(mel: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Log-mel frames [T, M] with steady noise of a random color."""
    level = np.percentile(mel[:, adaptation.LEVEL_BANDS].mean(axis=1), 95) - random.uniform(*NOISE)
    colour = level + np.linspace(-1, 1, mel.shape[1]) * random.uniform(-1, 1)
    noise = colour + random.normal(0, 0.3, mel.shape)
    return np.asarray(0.5 * np.logaddexp(2 * mel, 2 * noise), dtype=np.float32)  # powers add up


def enrollment_clips(others: Sequence[int], frames: Callable[[int], int], random: np.random.Generator) -> list[int]:
    """Clips out of ``others``, in random order, that are long enough together for an enrollment.

    frames: gives the length of a clip.
    """
    chosen, length, wanted = [], 0, random.uniform(*ENROLLMENT_FRAMES)
    for k in random.permutation(others):
        if length < wanted:
            chosen.append(int(k))
            length += frames(int(k))
    return chosen


class Enrollments:
    """Simulated enrollments of the voice of a clip, from other clips of the person.

    predicted: log-mel of the pack's clips as the acoustic model alone predicts it, NaN where there is none.
    """

    def __init__(self, clips: AlignedClips, encoder: SpeakerEncoder, predicted: npt.NDArray[np.float16]) -> None:
        self.clips, self.voices, self.predicted = clips, Voices(clips, encoder), predicted

    def of(
        self, index: int, cut: slice, random: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The speaker embedding [E] and the adaptation [A] to speak the frames ``cut`` of a clip.

        Where the person has no other clip, the rest of this one is the enrollment.
        """
        spans, mel = self.clips.span, self.clips.pack.mel
        others = self.voices.others(index)
        enrolled_from = enrollment_clips(others, self.clips.frames, random)
        if enrolled_from != [index]:
            heard = np.concatenate([mel[spans[k]] for k in enrolled_from])
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
        return self.voices.of(enrolled_from), adapted


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
    """The parameters of a synthesizer that learn: all that come after durations and pitch."""

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
    """What the acoustic model predicts of a batch in voices as enrolled, most of them adapted.

    Each clip is cut to REFINER_FRAMES, so that a batch holds many voices.
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
    """Cross-entropy, in nats a frame, of an aligner on made [B, T, M], against phonemes int [B, T].

    The weight of a frame is the aligner's probability of its phoneme in real [B, T, M], and 0 where inside [B, T, 1] is
    0: alignment errors and mumbled phonemes are not to be learned.
    """
    with fast_math(made.device):
        logits = aligner(made).float().transpose(1, 2)
        with torch.no_grad():
            weight = aligner(real).float().softmax(-1).gather(-1, phonemes.unsqueeze(-1)) * inside
    loss = functional.cross_entropy(logits, phonemes, reduction="none")
    return (loss * weight.squeeze(-1)).sum() / weight.sum()


def refined(synthesizer: Synthesizer, batch: RefinerBatch) -> tuple[Tensor, Losses]:
    """The refined mel of a batch [B, T, M], and the losses of that and of the refiner's input against the recording.

    Where the recording holds nothing, and in padding, the result is the recording, so that other losses ignore it.
    """
    refiner = synthesizer.refiner
    with fast_math(batch.real.device):
        condition = refiner.voice(batch.embedding, batch.statistics, batch.recording)
        mel = refiner(batch.adapted, batch.features, batch.f0, condition, batch.inside).float()
    mel = synthesizer.adapter_after(mel, batch.adaptation)
    made, predicted = (torch.where(batch.mask > 0, x, batch.real) for x in (mel, batch.predicted))
    return made, {
        "predicted": PREDICTED * (predicted - batch.real).abs().sum() / batch.mask.sum(),
        "mel": MEL * (made - batch.real).abs().sum() / batch.mask.sum(),
        "moments": MOMENTS * moments_loss(made, batch.real, batch.inside, synthesizer.adapter.cepstra),
    }


def refiner_losses(
    synthesizer: Synthesizer,
    batch: RefinerBatch,
    adversary: Adversary,
    consistency: SpeakerConsistencyLoss | None = None,
    aligner: Aligner | None = None,
) -> Losses:
    """L1 on the refined mel, on its moments and on the acoustic model's own mel, and the adversary's losses.

    consistency: adds the speaker consistency loss. aligner: adds the phoneme recognition loss.
    """
    made, losses = refined(synthesizer, batch)
    if consistency is not None:
        distances = consistency.losses(made, batch.real, batch.f0, batch.frames)
        losses |= {name: SPEAKER_CONSISTENCY[name] * distance for name, distance in distances.items()}
    if aligner is not None:
        losses["phoneme_recognition"] = PHONEME_RECOGNITION * phoneme_recognition_loss(
            aligner, made, batch.real, batch.phonemes, batch.inside
        )
    voice = discriminator_condition(batch.embedding, batch.recording)
    return losses | adversary.losses(made, batch.real, synthesizer.refiner.comb(batch.f0), voice)


def voice_layer(name: str) -> bool:
    """Whether a parameter of this name belongs to the voice condition. Those learn faster."""
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
    """Train, or go on training, refiner and decoder of the students in a folder; write ``acoustic.safetensors``.

    predicted: the acoustic model's own mels of the pack. embeddings: GE2E's of the pack's clips; they add the speaker
    consistency loss, through the students' vocoder. aligner: its weights; they add the phoneme recognition loss.
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
        pieces = refiner_batch(synthesizer, batch, enrollments, random)
        return refiner_losses(synthesizer, pieces, adversary, consistency, recognizer)

    # Warped voices have no adaptation.
    batches = clips.batches(data_seed(out), BATCH_FRAMES, BATCH_CLIPS, warping=0.0)
    train(learning, batches, losses, out, schedule, faster=voice_layer, companion=adversary)
    release(learning, out, "acoustic.safetensors", synthesizer)
