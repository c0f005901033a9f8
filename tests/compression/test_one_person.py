"""Fitting decoder and refiner to one person: what learns, what stays, and that it comes nearer to the recording."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from tiny_synthesizer import tiny_synthesizer  # noqa: E402

from parrotlet import adaptation  # noqa: E402
from parrotlet_compression.models.synthesizer import Synthesizer  # noqa: E402
from parrotlet_compression.train.one_person import (  # noqa: E402
    PARTS,
    Line,
    PersonLoss,
    Pieces,
    Voice,
    blend,
    encoded_rows,
    fit,
    spectrum,
    tail_state,
)

BANDS = 80


@pytest.fixture
def synthesizer() -> Synthesizer:
    return tiny_synthesizer(refiner_layers=1)


@pytest.fixture
def voice() -> Voice:
    random = np.random.default_rng(0)
    embedding = random.standard_normal(256).astype(np.float32)
    whole = np.concatenate([embedding / np.linalg.norm(embedding), np.zeros(adaptation.size(), np.float32)])
    return Voice.of({"embedding": whole[None], "statistics": np.array([[0.1, 0.2, 0.0]], np.float32)}, 256)


def recorded(frames: int = 260) -> Line:
    random = np.random.default_rng(1)
    f0 = np.where(np.arange(frames) % 40 < 25, 150.0, 0.0).astype(np.float32)
    mel = (-4 + np.sin(np.arange(BANDS) / 9) + 0.3 * random.standard_normal((frames, BANDS))).astype(np.float32)
    return Line([1, 5, 9, 12, 2], [20, 80, 80, 60, frames - 240], f0, mel)


@pytest.mark.parametrize("part", PARTS)
def test_a_fit_comes_nearer_and_leaves_the_rest(synthesizer: Synthesizer, voice: Voice, part: str) -> None:
    line, start = recorded(), tail_state(synthesizer)
    whole = {name: value.clone() for name, value in synthesizer.state_dict().items()}
    loss = PersonLoss("slow", BANDS, torch.ones(BANDS), moments=0.0)
    losses = list(fit(synthesizer, Pieces(synthesizer, [line], voice), voice, part, loss, 12, 3e-3))
    assert len(losses) == 12
    assert np.mean(losses[-3:]) < losses[0]
    end = tail_state(synthesizer)
    assert set(end) == set(start)
    assert any(not torch.equal(end[name], start[name]) for name in start)
    for name, value in synthesizer.state_dict().items():
        if name.startswith(("acoustic.encoder", "acoustic.pitch.", "acoustic.duration")):
            assert torch.equal(value, whole[name])
    if part in ("refiner", "low_rank"):
        assert all(torch.equal(end[name], start[name]) for name in start if name.startswith("decoder."))


def test_blend_goes_part_of_the_way(synthesizer: Synthesizer) -> None:
    start = tail_state(synthesizer)
    name = next(iter(start))
    blend(synthesizer, start, {name: start[name] + 1}, 0.25)
    assert torch.allclose(tail_state(synthesizer)[name], start[name] + 0.25)
    blend(synthesizer, start, {}, 0)
    assert all(torch.equal(value, start[key]) for key, value in tail_state(synthesizer).items())


def test_the_slow_loss_ignores_detail_of_the_recording(synthesizer: Synthesizer, voice: Voice) -> None:
    line = recorded()
    rows = encoded_rows(synthesizer, line, voice)
    made = spectrum(synthesizer, rows, torch.from_numpy(line.f0)[None], voice).detach()
    loss = PersonLoss("slow", BANDS, torch.ones(BANDS), moments=0.0)
    detail = torch.ones_like(made) * torch.tensor([1.0, -1.0]).repeat(130)[None, :, None]
    inside = torch.ones(1, made.shape[1], 1)
    same, rough = loss(made, made, made, inside), loss(made, made + detail, made, inside)
    moved = loss(made, made + 1, made, inside)
    assert float(same) == pytest.approx(0, abs=1e-5)
    assert float(rough) < 0.3 * float(moved)


def test_bands_that_were_not_recorded_teach_nothing() -> None:
    bands = torch.ones(BANDS)
    bands[60:] = 0
    made = torch.zeros(1, 40, BANDS, requires_grad=True)
    real = torch.full((1, 40, BANDS), 3.0)
    loss = PersonLoss("plain", BANDS, bands, moments=0.0)
    loss(made, real, torch.zeros(1, 40, BANDS), torch.ones(1, 40, 1)).backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert float(made.grad[..., 60:].abs().max()) == 0
    assert float(made.grad[..., :60].abs().min()) > 0


def test_a_line_to_learn_from_needs_its_recording(synthesizer: Synthesizer, voice: Voice) -> None:
    line = Line([1, 2], [4, 4], np.zeros(8, np.float32))
    with pytest.raises(ValueError, match="recording"):
        Pieces(synthesizer, [line], voice)
