"""Train the acoustic model on clips whose phoneme durations are known, and the speaker encoder with it.

The encoder hears a piece of the clip, or of another clip of the person, and learns what the acoustic model needs to
sound like them (as in Meta-StyleSpeech, Min 2021); a classifier over the training speakers keeps it telling them apart.
Once the encoder is good, ``enrolled`` goes on with the acoustic model alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor, nn
from torch.nn import functional

from parrotlet.mel import mel_filterbank

from ..corpus import SILENCE, Clip, Pack
from ..models.acoustic import RECORDING, REFERENCE_HZ, AcousticConfig, AcousticModel, AcousticOutput
from ..models.discriminator import MelDiscriminator
from ..models.likeness import LikenessCritic
from ..models.refiner import Refiner
from ..models.speaker import SpeakerEncoder, embed_clips
from ..models.synthesizer import Synthesizer
from ..models.weights import load_tensors, load_weights, save_weights
from ..symbols import SYMBOLS, phoneme_ids
from .adversary import Adversary, voice_asked_for
from .loop import Losses, Schedule, data_seed, fast_math, train
from .speaker import damage

FRAMES_A_BATCH = 2600
EDGE_FRAMES = 10
# Clips of fewer or more frames are not drawn: half of LibriSpeech's readers are there with one of 14 to 17 seconds.
FEWEST_FRAMES, MOST_FRAMES = 40, 1360
NARROW_BAND_HZ, FULL_BAND_HZ = 7600.0, 11800.0
# How often the voice is that of the very clip: it fits this clip best, but people enrol with other words.
SAME_CLIP = 0.25
REFERENCE_S = (2.0, 6.0)
REFERENCES_S = 36.0  # of a whole batch
DAMAGED = 0.3
# How often, and how far (as a ratio), pitch and formants are moved together: another person at no cost.
WARPED, WARP = 0.5, 1.15
LIKENESS, SPEAKER = 1.0, 0.05
ADVERSARIAL, FEATURES = 0.1, 1.0
DURATION, PITCH, VOICING = 0.25, 2.0, 0.3
# Frames: of a phoneme, what counts at most (a pause may be a slip of the alignment) and what is predicted at least.
LONGEST, SHORTEST = 60.0, 0.05


@dataclass(frozen=True)
class Batch:
    """phonemes, durations [B, L]; pitch, voiced [B, T]; mel [B, T, M]; valid [B, M], the bands that hold something;
    reference [B, N] at 16 kHz; speaker [B], -1 for nobody known; statistics [B, 3]; recording [B, 2]; frames [B];
    clips [B], their numbers in the pack."""

    phonemes: Tensor
    durations: Tensor
    pitch: Tensor
    voiced: Tensor
    mel: Tensor
    valid: Tensor
    reference: Tensor
    speaker: Tensor
    statistics: Tensor
    recording: Tensor
    frames: Tensor
    clips: Tensor

    @cached_property
    def masks(self) -> tuple[Tensor, Tensor]:
        """inside [B, T], 0 for padding; and mask [B, T, M], 0 also for what the recording does not hold."""
        inside = (torch.arange(self.mel.shape[1])[None] < self.frames[:, None]).float()
        return inside, inside.unsqueeze(-1) * self.valid[:, None]


def pitch_statistics(f0: npt.NDArray[np.float32]) -> tuple[float, float]:
    """(log2 of the median over REFERENCE_HZ, standard deviation of log2) of the voiced frames of f0 [T]."""
    voiced = np.log2(f0[f0 > 0] / REFERENCE_HZ)
    if len(voiced) < 10:
        return 0.0, 0.25
    return float(np.median(voiced)), float(np.clip(voiced.std(), 0.05, 0.6))


def warped(mel: npt.NDArray[np.float32], ratio: float, centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A mel spectrogram [T, M] with every frequency multiplied by ``ratio``, its timing unchanged."""
    at = np.interp(centres / ratio, centres, np.arange(len(centres)))
    low = np.floor(at).astype(int)
    part = (at - low).astype(np.float32)
    return mel[:, low] * (1 - part) + mel[:, np.minimum(low + 1, len(centres) - 1)] * part


class AlignedClips:
    """Clips with durations, ready to be drawn; pitch statistics are measured once a speaker.

    ``shares``: how often each archive is drawn.
    """

    def __init__(
        self,
        pack: Pack,
        durations: dict[int, list[int]],
        phonemes: dict[int, str],
        shares: dict[str, float],
        split: str = "train",
    ) -> None:
        self.pack = pack
        self.centres = band_centres(pack)
        # Recordings begin and end with more or less silence: what is long is cut, so that none of it is learned.
        self.durations: dict[int, list[int]] = {}
        self.span: dict[int, slice] = {}
        for i, (first, *inner, last) in durations.items():
            start = pack.clips[i].start + max(0, first - EDGE_FRAMES)
            self.durations[i] = [min(first, EDGE_FRAMES), *inner, min(last, EDGE_FRAMES)]
            self.span[i] = slice(start, start + sum(self.durations[i]))
        self.ids = {index: phoneme_ids(text) for index, text in phonemes.items()}
        self.clips_of: dict[str, list[int]] = defaultdict(list)
        for index, clip in enumerate(pack.clips):
            # Clips of nobody in particular are speakers of their own.
            self.clips_of[clip.speaker or clip.name].append(index)
        self.statistics = {
            speaker: pitch_statistics(np.concatenate([self._f0(pack.clips[i]) for i in clips]).astype(np.float32))
            for speaker, clips in self.clips_of.items()
        }
        self.speaker = {i: s for s, clips in self.clips_of.items() for i in clips}
        known = sorted({clip.speaker for clip in pack.clips if clip.speaker and clip.split == split})
        self.number = {name: k for k, name in enumerate(known)}
        usable = [i for i in durations if pack.clips[i].split == split and FEWEST_FRAMES < self.frames(i) < MOST_FRAMES]
        self.groups = {
            name: sorted((i for i in usable if pack.clips[i].archive == name), key=self.frames) for name in shares
        }
        self.shares = shares
        total, count = np.zeros(len(SYMBOLS)), np.zeros(len(SYMBOLS))
        for i in usable:
            np.add.at(total, self.ids[i], self.durations[i])
            np.add.at(count, self.ids[i], 1)
        self.mean_duration = total / np.maximum(count, 1)

    def keep(self, wanted: Callable[[Clip], bool]) -> None:
        """Draw no clips but those wanted from now on; ``clips_of`` stays all that there is of a voice."""
        self.groups = {name: [i for i in group if wanted(self.pack.clips[i])] for name, group in self.groups.items()}

    def _f0(self, clip: Clip) -> npt.NDArray[np.float32]:
        return self.pack.f0[clip.start : clip.start + clip.frames]

    def frames(self, index: int) -> int:
        """Length of a clip without the silence that was cut."""
        return self.span[index].stop - self.span[index].start

    def rate(self, index: int) -> float:
        """Log of how fast a clip is spoken, against the mean duration of its phonemes."""
        inner = slice(1, -1)
        expected = self.mean_duration[self.ids[index][inner]].sum()
        return float(np.clip(math.log(expected / max(1, sum(self.durations[index][inner]))), -0.6, 0.6))

    def pitch(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """A clip's log2 f0 over its speaker's median (0 where unvoiced) and whether it is voiced, both [T]."""
        f0 = self.pack.f0[self.span[index]].astype(np.float32)
        voiced = f0 > 0
        relative = np.zeros_like(f0)
        relative[voiced] = np.log2(f0[voiced] / REFERENCE_HZ) - self.statistics[self.speaker[index]][0]
        return relative, voiced.astype(np.float32)

    def recording(self, index: int) -> list[float]:
        """The acoustic model's ``recording`` input for a clip: noise and narrow band."""
        clip = self.pack.clips[index]
        return [float(np.clip((40 - clip.snr_db) / 40, 0, 1)), float(clip.rate < 24000)]

    def _reference(self, index: int, length: int, ratio: float, random: np.random.Generator) -> npt.NDArray[np.float32]:
        siblings = self.clips_of[self.speaker[index]]
        chosen = index if random.random() < SAME_CLIP else siblings[int(random.integers(len(siblings)))]
        samples = self.pack.samples16(self.pack.clips[chosen])
        wanted = int(length * ratio) + 1
        if len(samples) > wanted:
            at = int(random.integers(len(samples) - wanted))
            samples = samples[at : at + wanted]
        if ratio != 1:
            samples = soxr.resample(samples, 16000 * ratio, 16000)
        samples = np.resize(samples, length)
        if random.random() < DAMAGED:
            samples = damage(samples, random.standard_normal(length).astype(np.float32), random)
        return samples

    def batch(self, indices: Sequence[int], random: np.random.Generator, warping: float = WARPED) -> Batch:
        """Stack clips into one padded batch, each with a reference recording of its voice.

        warping: how often pitch and formants are moved.
        """
        clips = [self.pack.clips[i] for i in indices]
        frames = np.array([self.frames(i) for i in indices])
        length, width = max(len(self.ids[i]) for i in indices), int(frames.max())
        phonemes = np.zeros((len(clips), length), np.int64)
        durations = np.zeros((len(clips), length), np.int64)
        pitch, voiced = (np.zeros((len(clips), width), np.float32) for _ in range(2))
        mel = np.full((len(clips), width, self.pack.config.n_mels), SILENCE, np.float32)
        reference_length = int(min(random.uniform(*REFERENCE_S), max(2.0, REFERENCES_S / len(clips))) * 16000)
        references, speakers, valid, statistics, recording = [], [], [], [], []
        for row, (i, clip) in enumerate(zip(indices, clips, strict=True)):
            phonemes[row, : len(self.ids[i])] = self.ids[i]
            durations[row, : len(self.durations[i])] = self.durations[i]
            speaker = self.speaker[i]
            median, spread = self.statistics[speaker]
            pitch[row, : frames[row]], voiced[row, : frames[row]] = self.pitch(i)
            ratio = float(WARP ** random.uniform(-1, 1)) if random.random() < warping else 1.0
            made = self.pack.mel[self.span[i]].astype(np.float32)
            if ratio != 1:
                made = warped(made, ratio, self.centres)
            mel[row, : len(made)] = np.maximum(made, SILENCE)
            highest = NARROW_BAND_HZ if clip.rate < 24000 else FULL_BAND_HZ
            valid.append(self.centres <= highest * min(1.0, ratio))
            references.append(self._reference(i, reference_length, ratio, random))
            speakers.append(self.number.get(speaker, -1) if ratio == 1 else -1)
            statistics.append([median + math.log2(ratio), spread, self.rate(i)])
            recording.append(self.recording(i))
        return Batch(
            torch.from_numpy(phonemes),
            torch.from_numpy(durations),
            torch.from_numpy(pitch),
            torch.from_numpy(voiced),
            torch.from_numpy(mel),
            torch.from_numpy(np.stack(valid).astype(np.float32)),
            torch.from_numpy(np.stack(references)),
            torch.tensor(speakers),
            torch.tensor(statistics, dtype=torch.float32),
            torch.tensor(recording, dtype=torch.float32),
            torch.from_numpy(frames),
            torch.tensor(indices),
        )

    def batches(
        self, seed: int, frames: int = FRAMES_A_BATCH, clips: int = FRAMES_A_BATCH, warping: float = WARPED
    ) -> Iterator[Batch]:
        """Random batches of at most some ``frames`` frames and ``clips`` clips of similar length, for ever."""
        random = np.random.default_rng(seed)
        names = [name for name in self.shares if self.groups[name]]
        shares = np.array([self.shares[name] for name in names])
        while True:
            group = self.groups[names[random.choice(len(names), p=shares / shares.sum())]]
            # A window in the order of length keeps padding small; drawing inside it keeps batches fresh.
            centre = int(random.integers(len(group)))
            near = group[max(0, centre - 40) : centre + 40]
            size = max(2, min(clips, frames // self.frames(near[-1])))
            chosen = random.choice(near, size=min(size, len(near)), replace=False)
            yield self.batch([int(i) for i in chosen], random, warping)


class Cloner(nn.Module):
    """Speaker encoder and acoustic model, trained as one, with a classifier that is dropped afterwards."""

    def __init__(self, speakers: int) -> None:
        super().__init__()
        self.encoder = SpeakerEncoder()
        self.acoustic = AcousticModel(AcousticConfig(symbols=len(SYMBOLS), embedding=self.encoder.config.embedding))
        self.classes = nn.Parameter(torch.randn(speakers, self.encoder.config.embedding) * 0.1)

    def embed(self, reference: Tensor) -> Tensor:
        """Recordings [B, N] at 16 kHz -> unit-norm embeddings [B, E]."""
        features = self.encoder.features(reference)
        with fast_math():
            raw = self.encoder.raw(features)
        # In float32: whitening magnifies small differences.
        embedding = self.encoder.whiten(raw.float())
        return functional.normalize(embedding, dim=-1)

    def forward(self, batch: Batch) -> tuple[AcousticOutput, Tensor]:
        """What the acoustic model makes of a batch, and the embeddings of its references."""
        embedding = self.embed(batch.reference)
        with fast_math():
            out = self.acoustic(
                batch.phonemes,
                batch.durations,
                batch.pitch,
                batch.voiced,
                embedding,
                batch.statistics,
                batch.recording,
            )
        return out, embedding

    def speaker_loss(self, embedding: Tensor, speaker: Tensor) -> Tensor:
        """Additive-margin softmax (Wang 2018) over the training speakers; rows of nobody known do not count."""
        known = speaker >= 0
        if not bool(known.any()):
            return embedding.sum() * 0
        cosine = embedding[known] @ functional.normalize(self.classes, dim=-1).T
        margin = 0.1 * functional.one_hot(speaker[known], len(self.classes))
        return functional.cross_entropy(25 * (cosine - margin), speaker[known])


def acoustic_losses(out: AcousticOutput, batch: Batch) -> Losses:
    """L1 on the mel spectrogram and on pitch, Poisson deviance of durations, cross-entropy on voicing.

    The deviance has its minimum at the mean duration; a distance of logarithms has it at the geometric mean, which is
    shorter, most of all for pauses: they are there or not.
    """
    inside, mask = batch.masks
    mel = ((out.mel.float() - batch.mel).abs() * mask).sum() / mask.sum()
    duration = duration_loss(out.log_durations, batch.durations, batch.phonemes)
    return {"mel": mel} | duration | contour_losses(out.pitch, out.voicing, batch.pitch, batch.voiced, inside)


def duration_loss(log_durations: Tensor, durations: Tensor, phonemes: Tensor) -> Losses:
    """Poisson deviance of predicted log_durations [B, L] from durations [B, L]; phonemes int [B, L], 0 for padding."""
    tokens = (phonemes > 0).float()
    wanted = durations.float().clamp_max(LONGEST)
    frames = torch.expm1(log_durations.float()).clamp_min(SHORTEST)
    deviance = frames - wanted - wanted * torch.log(frames / wanted.clamp_min(SHORTEST))
    return {"duration": DURATION * (deviance * tokens).sum() / tokens.sum()}


def contour_losses(pitch: Tensor, voicing: Tensor, true_pitch: Tensor, voiced: Tensor, inside: Tensor) -> Losses:
    """L1 on pitch where it is voiced, cross-entropy on voicing logits; all [B, T], inside 0 for padding."""
    weight = voiced * inside
    apart = ((pitch.float() - true_pitch).abs() * weight).sum() / weight.sum().clamp_min(1)
    unsure = functional.binary_cross_entropy_with_logits(voicing.float(), voiced, reduction="none")
    return {"pitch": PITCH * apart, "voicing": VOICING * (unsure * inside).sum() / inside.sum()}


def cloner_losses(
    model: Cloner, batch: Batch, critic: LikenessCritic | None = None, adversary: Adversary | None = None
) -> Losses:
    """Those of the acoustic model, and cross-entropy on who speaks.

    With a ``critic``, also the distance between the voice it hears in the predicted mel and in the recorded one.
    With an ``adversary``, also how easily the two are told apart: L1 alone gives a blurred mean.
    """
    out, embedding = model(batch)
    losses = acoustic_losses(out, batch)
    losses["speaker"] = SPEAKER * model.speaker_loss(embedding, batch.speaker)
    inside, mask = batch.masks
    # What the recording does not hold, or is padding, is not for others to judge.
    made = torch.where(mask > 0, out.mel.float(), batch.mel)
    if critic is not None:
        with fast_math():
            heard = critic(made, inside.unsqueeze(-1)).float()
            with torch.no_grad():
                wanted = critic(batch.mel, inside.unsqueeze(-1)).float()
        losses["likeness"] = LIKENESS * (1 - (heard * wanted).sum(-1)).mean()
    if adversary is not None:
        voice = voice_asked_for(embedding.detach(), batch.recording)
        losses |= adversary.losses(made, batch.mel, voice)
    return losses


def band_centres(pack: Pack) -> npt.NDArray[np.float64]:
    """Centre frequency of every mel band, Hz [M]."""
    c = pack.config
    bank = mel_filterbank(c.sample_rate, c.n_fft, c.n_mels, c.f_min, c.f_max)
    return np.asarray(bank.argmax(axis=1) * c.sample_rate / c.n_fft, dtype=np.float64)


def save_students(joint: Path, out: Path) -> None:
    """Split weights of a Cloner into ``speaker.safetensors`` and ``acoustic.safetensors`` in ``out``, in float16.

    The latter with an untrained refiner, which changes nothing: one learns what one acoustic model lacks.
    """
    state = load_tensors(joint)
    model = Cloner(len(state["classes"]))
    model.load_state_dict(state)
    save_weights(model.encoder, out / "speaker.safetensors", half=True)
    save_weights(Synthesizer(model.acoustic, Refiner()), out / "acoustic.safetensors", half=True)


def _class_centres(clips: AlignedClips, encoder: SpeakerEncoder, each: int = 2) -> npt.NDArray[np.float32]:
    """What the encoder makes of every training speaker so far: where their classes begin, float32 [speakers, E]."""
    chosen = [(k, i) for name, k in clips.number.items() for i in clips.clips_of[name][:each]]
    embedded = embed_clips([clips.pack.samples16(clips.pack.clips[i]) for _, i in chosen], encoder, max_seconds=3)
    centres = np.zeros((len(clips.number), embedded.shape[1]), np.float32)
    np.add.at(centres, [k for k, _ in chosen], embedded)
    return centres


def train_acoustic(
    clips: AlignedClips,
    out: Path,
    schedule: Schedule,
    start_from: Path,
    critic_weights: Path | None = None,
    adversarial: bool = False,
) -> None:
    """Train, or go on training, speaker encoder and acoustic model; with a likeness critic if its weights are given.

    adversarial: also against a discriminator of mel spectrograms.
    ``start_from``: a folder with speaker.safetensors and, if there is one already, acoustic.safetensors.
    """
    torch.manual_seed(0)
    model = Cloner(len(clips.number))
    load_weights(model.encoder, start_from / "speaker.safetensors")
    if (start_from / "acoustic.safetensors").is_file():
        load_weights(Synthesizer(model.acoustic, Refiner()), start_from / "acoustic.safetensors")
    if not (out / "state.pt").is_file():
        model.classes.data.copy_(torch.from_numpy(_class_centres(clips, model.encoder)))
    critic = None
    if critic_weights is not None:
        critic = LikenessCritic(model.encoder.config.embedding)
        load_weights(critic, critic_weights)
        critic.requires_grad_(False).eval()
    adversary = None
    if adversarial:
        width = model.encoder.config.embedding + len(RECORDING)
        adversary = Adversary(MelDiscriminator(width), ADVERSARIAL, FEATURES)
    batches = clips.batches(data_seed(out))

    def losses(batch: Batch) -> Losses:
        return cloner_losses(model, batch, critic, adversary)

    def voice(name: str) -> bool:
        return name.startswith("acoustic.voice.") or ".modulate." in name or name == "classes"

    train(model, batches, losses, out, schedule, faster=voice, companion=adversary)
    save_students(out / "model.safetensors", out)
