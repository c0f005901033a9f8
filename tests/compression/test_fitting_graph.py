"""A step of fitting as an ONNX graph does what torch's own step does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

import onnxruntime  # noqa: E402
from tiny_synthesizer import tiny_synthesizer  # noqa: E402

from parrotlet_compression.fitting_graph import BETAS, Changed, example_feeds, fitting_graph  # noqa: E402
from parrotlet_compression.graph import export_onnx  # noqa: E402
from parrotlet_compression.models.synthesizer import Synthesizer  # noqa: E402
from parrotlet_compression.train.one_person import PersonLoss, Voice, _learning, refined  # noqa: E402
from parrotlet_compression.train.refiner import MARGIN  # noqa: E402

FRAMES, PIECES, RATE = 60, 2, 4e-3  # 60: no multiple of the mean's 8 frames


@pytest.fixture
def synthesizer() -> Synthesizer:
    return tiny_synthesizer(refiner_layers=2)


def test_five_steps_are_those_of_torch(synthesizer: Synthesizer, tmp_path: Path) -> None:
    graph = fitting_graph(synthesizer, FRAMES, PIECES)
    export_onnx(graph, tmp_path / "step.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "step.onnx", providers=["CPUExecutionProvider"])
    feeds = {name: value.numpy() for name, value in graph.example(5).items()}

    start, loss = graph.example(5), PersonLoss("slow", 80, graph.example(5)["bands"])
    voice = Voice(*(start[name] for name in ("embedding", "adapted", "statistics")))
    parameters = _learning(synthesizer, "low_rank")
    sizes = [parameter.numel() for parameter in parameters]
    with torch.no_grad():
        for parameter, value in zip(parameters, start["factors"].split(sizes), strict=True):
            parameter.copy_(value.reshape(parameter.shape))
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=BETAS, weight_decay=0.0)

    inner = slice(MARGIN, MARGIN + FRAMES)
    for step in range(5):
        feeds["rate"], feeds["step"] = np.array([RATE], np.float32), np.array([step + 1], np.float32)
        found, feeds["factors"], feeds["mean"], feeds["square"] = session.run(None, feeds)
        made = refined(synthesizer, start["features"], start["moved"], start["f0"], voice, start["inside"])
        value = loss(made[:, inner], start["real"], start["before"], start["inside"][:, inner])
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        assert found[0] == pytest.approx(float(value.detach()), rel=1e-4)
    expected = torch.cat([parameter.detach().flatten() for parameter in parameters]).numpy()
    assert np.linalg.norm(feeds["factors"] - expected) < 1e-4 * np.linalg.norm(expected)
    moved = np.linalg.norm(expected - start["factors"].numpy())
    assert np.linalg.norm(feeds["factors"] - expected) < 2e-3 * moved


def test_first_factors_change_nothing(synthesizer: Synthesizer) -> None:
    feeds, changed = example_feeds(synthesizer, FRAMES, PIECES, 1), Changed(synthesizer)
    changed.take(feeds["factors"])
    voice = Voice(*(feeds[name] for name in ("embedding", "adapted", "statistics")))
    given = [feeds[name] for name in ("features", "moved", "f0")]
    assert torch.allclose(
        refined(changed.synthesizer, *given, voice, feeds["inside"]),
        refined(synthesizer, *given, voice, feeds["inside"]),
        atol=1e-5,
    )
