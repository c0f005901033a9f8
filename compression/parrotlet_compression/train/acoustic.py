"""Train the acoustic model on clips whose phoneme durations are known, and the speaker encoder with it.

The encoder takes a piece of the clip, or of another clip of the person, and learns what the acoustic model needs to
sound like them (as in Meta-StyleSpeech, Min 2021). A classifier over the training speakers keeps them distinct. Once
the encoder is good, ``enrolled`` trains the acoustic model alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..models.acoustic import RECORDING, AcousticConfig, AcousticModel, AcousticOutput
from ..models.discriminator import MelDiscriminator
from ..models.likeness import LikenessCritic
from ..models.refiner import Refiner
from ..models.speaker import SpeakerEncoder, embed_clips
from ..models.synthesizer import Synthesizer
from ..models.weights import load_metadata, load_tensors, load_weights, save_weights
from ..symbols import SYMBOLS
from .acoustic_losses import acoustic_losses
from .adversary import Adversary, discriminator_condition
from .aligned_clips import AcousticBatch, AlignedClips
from .loop import Losses, Schedule, data_seed, fast_math, train

LIKENESS, SPEAKER = 1.0, 0.05
ADVERSARIAL, FEATURE_MATCHING = 0.1, 1.0


class AcousticWithEncoder(nn.Module):
    """Speaker encoder and acoustic model, trained as one, with a classifier that is dropped after training."""

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

    def forward(self, batch: AcousticBatch) -> tuple[AcousticOutput, Tensor]:
        """The acoustic model's output for a batch, and the embeddings of its references."""
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
        """Additive-margin softmax (Wang 2018) over the training speakers; rows without a known speaker do not count."""
        known = speaker >= 0
        if not bool(known.any()):
            return embedding.sum() * 0
        cosine = embedding[known] @ functional.normalize(self.classes, dim=-1).T
        margin = 0.1 * functional.one_hot(speaker[known], len(self.classes))
        return functional.cross_entropy(25 * (cosine - margin), speaker[known])


def acoustic_with_encoder_losses(
    model: AcousticWithEncoder,
    batch: AcousticBatch,
    critic: LikenessCritic | None = None,
    adversary: Adversary | None = None,
) -> Losses:
    """The acoustic model's losses, and cross-entropy over speakers.

    critic: adds the distance between its embeddings of the predicted and the recorded mel. adversary: adds its losses;
    L1 alone gives a blurred mean.
    """
    out, embedding = model(batch)
    losses = acoustic_losses(out, batch)
    losses["speaker"] = SPEAKER * model.speaker_loss(embedding, batch.speaker)
    inside, mask = batch.masks
    # Critic and adversary see the recording where it holds nothing, and in padding.
    made = torch.where(mask > 0, out.mel.float(), batch.mel)
    if critic is not None:
        with fast_math():
            predicted = critic(made, inside.unsqueeze(-1)).float()
            with torch.no_grad():
                recorded = critic(batch.mel, inside.unsqueeze(-1)).float()
        losses["likeness"] = LIKENESS * (1 - (predicted * recorded).sum(-1)).mean()
    if adversary is not None:
        voice = discriminator_condition(embedding.detach(), batch.recording)
        losses |= adversary.losses(made, batch.mel, voice)
    return losses


def save_students(joint: Path, out: Path) -> None:
    """Split weights of an AcousticWithEncoder into ``speaker.safetensors`` and ``acoustic.safetensors`` in ``out``, in
    float16.

    The latter has an untrained refiner, which changes nothing: a refiner is trained for one acoustic model.
    """
    state, step = load_tensors(joint), load_metadata(joint).get("step")
    model = AcousticWithEncoder(len(state["classes"]))
    model.load_state_dict(state)
    save_weights(model.encoder, out / "speaker.safetensors", half=True, step=step)
    save_weights(Synthesizer(model.acoustic, Refiner()), out / "acoustic.safetensors", half=True, step=step)


def _class_centres(clips: AlignedClips, encoder: SpeakerEncoder, each: int = 2) -> npt.NDArray[np.float32]:
    """Initial class vectors: the sums of some embeddings of every training speaker, float32 [speakers, E]."""
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
    """Train, or go on training, speaker encoder and acoustic model.

    start_from: a folder with speaker.safetensors and, optionally, acoustic.safetensors. critic_weights: those of a
    likeness critic, to learn from it too. adversarial: train against a discriminator of mel spectrograms too.
    """
    torch.manual_seed(0)
    model = AcousticWithEncoder(len(clips.number))
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
        adversary = Adversary(MelDiscriminator(width), ADVERSARIAL, FEATURE_MATCHING)
    batches = clips.batches(data_seed(out))

    def losses(batch: AcousticBatch) -> Losses:
        return acoustic_with_encoder_losses(model, batch, critic, adversary)

    def voice(name: str) -> bool:
        return name.startswith("acoustic.voice.") or ".modulate." in name or name == "classes"

    train(model, batches, losses, out, schedule, faster=voice, companion=adversary)
    save_students(out / "model.safetensors", out)
