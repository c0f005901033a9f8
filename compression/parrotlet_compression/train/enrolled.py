"""Train the acoustic model alone, in voices that are enrolled from other recordings of the person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..export import load_students
from ..models.speaker import SpeakerEncoder, embed_clips
from .acoustic_losses import acoustic_losses
from .aligned_clips import AcousticBatch, AlignedClips
from .loop import Losses, Schedule, data_seed, fast_math, release, train

# The most recordings of an enrollment, and how often the speaking rate of the clip is known.
RECORDINGS, RATE_KNOWN = 3, 0.5


class Voices:
    """Speaker embeddings of clips by an encoder that does not learn. Each clip is embedded once."""

    def __init__(self, clips: AlignedClips, encoder: SpeakerEncoder) -> None:
        self.clips, self.encoder = clips, encoder
        self._known: dict[int, npt.NDArray[np.float32]] = {}

    def of(self, indices: Sequence[int]) -> npt.NDArray[np.float32]:
        """The embedding of an enrollment from these clips: float32 [E], of unit norm."""
        for i in indices:
            if i not in self._known:
                self._known[i] = embed_clips([self.clips.pack.samples16(self.clips.pack.clips[i])], self.encoder)[0]
        mean = np.mean([self._known[i] for i in indices], axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def others(self, index: int) -> list[int]:
        """The person's aligned clips but this one; this one if there is no other."""
        theirs = self.clips.clips_of[self.clips.speaker[index]]
        return [k for k in theirs if k != index and k in self.clips.span] or [index]


def train_enrolled(clips: AlignedClips, out: Path, schedule: Schedule, students: Path) -> None:
    """Train, or go on training, the acoustic model of students in a folder; write ``acoustic.safetensors`` to ``out``.

    Voices are enrolled from other recordings of the person. Speaker encoder, refiner and vocoder do not learn; train
    the refiner next (``train refiner``).
    """
    torch.manual_seed(data_seed(out))
    speaker, synthesizer, _ = load_students(students)
    synthesizer.requires_grad_(False)
    model = synthesizer.acoustic.requires_grad_(True).train()
    voices, random = Voices(clips, speaker), np.random.default_rng(data_seed(out))

    def losses(batch: AcousticBatch) -> Losses:
        others = [
            random.permutation(voices.others(i))[: random.integers(1, RECORDINGS + 1)] for i in batch.clips.tolist()
        ]
        embedding = torch.from_numpy(np.stack([voices.of([int(k) for k in chosen]) for chosen in others]))
        # An enrollment without a transcript gives no rate, but the embedding holds some of it.
        known = torch.tensor(random.random((len(others), 1)) < RATE_KNOWN)
        statistics = torch.cat([batch.statistics[:, :2], batch.statistics[:, 2:] * known], dim=1)
        given = batch.phonemes, batch.durations, batch.pitch, batch.voiced
        with fast_math():
            made = model(*given, embedding, statistics, batch.recording)
        return acoustic_losses(made, batch)

    # Embeddings are of unmoved voices, so no clip is warped.
    train(model, clips.batches(data_seed(out), warping=0.0), losses, out, schedule)
    release(model, out, "acoustic.safetensors", synthesizer)
