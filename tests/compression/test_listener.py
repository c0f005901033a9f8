"""The listener hears in a mel spectrogram what the speaker encoders hear in the sound."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soxr

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet import Parrotlet  # noqa: E402
from parrotlet_compression.export import load_students  # noqa: E402
from parrotlet_compression.teachers.ge2e import ge2e_embeddings  # noqa: E402
from parrotlet_compression.train.listener import FRAMES, Listener  # noqa: E402

pytestmark = pytest.mark.skipif(
    find_spec("resemblyzer") is None, reason="GE2E's weights are not here: pip install --no-deps Resemblyzer"
)
CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
TEXT = "The small bird said good morning, and then it said it again to everybody."


@pytest.fixture(scope="module")
def listener() -> Listener:
    speaker, _, vocoder = load_students(CHECKPOINTS)
    return Listener(vocoder, speaker, np.full(256, 0.05, np.float32))


def test_it_hears_who_speaks_and_passes_gradients_on(bird: Parrotlet, listener: Listener) -> None:
    one, other = (bird.presets[name].profile for name in list(bird.presets)[:5:4])
    phonemes = bird.phonemize(TEXT)
    spoken = [bird.acoustics(phonemes, profile) for profile in (one, other)]
    length = min(len(said.mel) for said in spoken)
    mel, stranger = (torch.from_numpy(np.ascontiguousarray(said.mel[None, :length])) for said in spoken)
    f0, frames = torch.from_numpy(spoken[0].f0[None, :length].copy()), torch.tensor([length])
    torch.manual_seed(0)
    same = listener.losses(mel, mel, f0, frames)
    assert all(float(distance) < 1e-3 for distance in same)
    mel.requires_grad_(True)
    apart = listener.losses(mel, stranger, f0, frames)
    assert all(float(distance.detach()) > 0.3 for distance in apart)
    sum(apart).backward()
    assert mel.grad is not None and float(mel.grad.abs().sum()) > 0
    assert all(float(distance) == 0 for distance in listener.losses(mel, stranger, f0, torch.tensor([FRAMES - 1])))


def test_its_ears_are_those_of_the_encoders(bird: Parrotlet, listener: Listener) -> None:
    profile = next(iter(bird.presets.values())).profile
    samples = np.concatenate([c.samples for c in bird.speak(TEXT, profile)])[: FRAMES * 300]
    samples *= 10 ** (-23 / 20) / np.sqrt(np.mean(samples**2))
    teacher, ours = listener._embed(torch.from_numpy(samples)[None])
    at_16k = soxr.resample(samples, 24000, 16000).astype(np.float32)
    expected = ge2e_embeddings([at_16k], listener.teacher)[0] - listener.mean.numpy()
    # The same but for what the two rates do at the edges: measured 0.98 and 0.997 on a recording.
    assert float(teacher[0].numpy() @ expected / np.linalg.norm(expected)) > 0.95
    assert float(ours[0] @ listener.encoder(torch.from_numpy(at_16k)[None])[0]) > 0.98
