"""A step of fine-tuning as an ONNX graph does what torch's own step does, and its loss asks for what it should."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

import onnxruntime  # noqa: E402
from tiny_synthesizer import tiny_synthesizer  # noqa: E402

from parrotlet_compression.finetuning_graph import (  # noqa: E402
    BETAS,
    BEYOND,
    FineTuning,
    PersonLoss,
    example_feeds,
    finetuning_graph,
)
from parrotlet_compression.graph import export_onnx  # noqa: E402
from parrotlet_compression.models.judge import JudgeConfig, SpeakerJudge  # noqa: E402
from parrotlet_compression.models.synthesizer import Synthesizer  # noqa: E402

TINY = JudgeConfig(
    channels=4, width=16, inner=8, rank=4, growth=4, layers=(1, 2, 1), outputs=(12,) * 3, embedding=24, frames=(4, 6, 6)
)
torch.manual_seed(0)
JUDGES = {
    "none": None,
    "small": SpeakerJudge(TINY),
    "with all layers": SpeakerJudge(dataclasses.replace(TINY, strides=(2, 1, 2, 1), rank=0)),
}
FRAMES, PIECES, RATE = 60, 3, 4e-3  # 60: no multiple of the mean's 8 frames


@pytest.fixture
def synthesizer() -> Synthesizer:
    return tiny_synthesizer(refiner_layers=2)


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_five_steps_are_those_of_torch(synthesizer: Synthesizer, tmp_path: Path, judge: SpeakerJudge | None) -> None:
    synthesizer.directions.common[-200:] = 0.1
    graph = finetuning_graph(synthesizer, FRAMES, PIECES, judge)
    export_onnx(graph, tmp_path / "step.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "step.onnx", providers=["CPUExecutionProvider"])
    start = graph.example(5)
    feeds = {name: value.numpy() for name, value in start.items()}

    tuning, cuts = FineTuning(synthesizer, judge), list(start.values())[3:]
    factors = start["state"][0].clone().requires_grad_(True)
    optimizer = torch.optim.Adam([factors], lr=RATE, betas=BETAS)
    for step in range(5):
        feeds["rate"], feeds["step"] = np.array([RATE], np.float32), np.array([step + 1], np.float32)
        found, feeds["state"], own = session.run(None, feeds)
        value = tuning.distance(factors, *cuts)
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        assert found[0] == pytest.approx(float(value.detach()), rel=1e-4)
    expected = factors.detach().numpy()
    assert np.linalg.norm(feeds["state"][0] - expected) < 1e-4 * np.linalg.norm(expected)
    moved = np.linalg.norm(expected - start["state"][0].numpy())
    assert np.linalg.norm(feeds["state"][0] - expected) < 2e-3 * moved
    known = tuning.own(factors.detach()).numpy()
    assert np.linalg.norm(own[0] - known) < 1e-4 * np.linalg.norm(known)


def test_what_all_people_share_is_taken_out(synthesizer: Synthesizer) -> None:
    tuning, random = FineTuning(synthesizer), torch.Generator().manual_seed(0)
    factors = torch.randn(synthesizer.factors, generator=random)
    assert torch.allclose(tuning.own(factors), factors), "nothing is known of it"
    common = torch.randn(synthesizer.factors, generator=random)
    common[: synthesizer.refiner.config.factors()[0]] = 0
    synthesizer.directions.common.copy_(common / common.norm())
    tuning = FineTuning(synthesizer)
    shared = synthesizer.directions.common
    own = tuning.own(factors)
    assert float(own @ shared) == pytest.approx((1 - BEYOND) * float(factors @ shared), abs=1e-4)
    assert torch.allclose(own - (own @ shared) * shared, factors - (factors @ shared) * shared, atol=1e-5)


def test_no_factors_change_nothing(synthesizer: Synthesizer) -> None:
    feeds = example_feeds(synthesizer, FRAMES, PIECES, 1)
    given = [feeds[name] for name in ("predicted", "features", "f0")]
    condition = torch.zeros(1, synthesizer.refiner.config.condition)

    def made(factors: torch.Tensor) -> torch.Tensor:
        change = synthesizer.refiner.change(factors, synthesizer.directions)
        return synthesizer.refiner(*given, condition, feeds["inside"], change)

    plain = synthesizer.refiner(*given, condition, feeds["inside"])
    assert torch.allclose(made(torch.zeros(synthesizer.factors)), plain, atol=1e-6)
    assert not torch.allclose(made(feeds["state"][0]), plain, atol=1e-2)


def test_detail_is_held_where_it_was() -> None:
    """The loss asks for the slow part of the recording, and for the detail of the unchanged model."""
    torch.manual_seed(0)
    loss, inside = PersonLoss(80), torch.ones(1, 200, 1)
    before = torch.randn(1, 200, 80) - 4
    real = before + torch.sin(torch.arange(80) / 9) + torch.randn(1, 200, 80)
    heard = torch.ones_like(before)
    wanted = before + loss.slow(real - before) @ loss.low.T
    best = loss(wanted, real, before, heard, inside)
    assert best < loss(before, real, before, heard, inside)
    assert best < loss(real, real, before, heard, inside)


def test_what_was_not_heard_pulls_nowhere() -> None:
    torch.manual_seed(0)
    loss, inside = PersonLoss(80), torch.ones(1, 100, 1)
    before, real = torch.randn(1, 100, 80) - 4, torch.randn(1, 100, 80) - 2
    assert float(loss(before, real, before, torch.zeros_like(before), inside)) == pytest.approx(0, abs=1e-5)
