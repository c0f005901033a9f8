"""The directions of fine-tuning: those in which people's gradients lie, kept beside the weights, read with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from small_pack import small_pack  # noqa: E402
from tiny_synthesizer import tiny_synthesizer  # noqa: E402

from parrotlet.bundle import DEFAULT, Bundle  # noqa: E402
from parrotlet.factors import Settings  # noqa: E402
from parrotlet.finetuning import Line, Material, learned  # noqa: E402
from parrotlet_compression.export import DIRECTIONS, load_students  # noqa: E402
from parrotlet_compression.finetuning_graph import FineTuning, finetuning_graph  # noqa: E402
from parrotlet_compression.graph import export_onnx  # noqa: E402
from parrotlet_compression.models.refiner import RANK  # noqa: E402
from parrotlet_compression.models.synthesizer import Synthesizer  # noqa: E402
from parrotlet_compression.train.directions import common, directions, people_of, products  # noqa: E402
from parrotlet_runtimes import load_session  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"


@pytest.fixture
def synthesizer() -> Synthesizer:
    return tiny_synthesizer(refiner_layers=1).requires_grad_(False)


@pytest.fixture
def settings() -> Settings:
    return Settings(0, "", 60, 24, 2, 60, 8e-3)


def people(synthesizer: Synthesizer, count: int) -> Iterator[Material]:
    config = synthesizer.refiner.config
    for seed in range(count):
        random = np.random.default_rng(seed)

        def some(*shape: int, random: np.random.Generator = random) -> np.ndarray:
            return random.standard_normal(shape).astype(np.float32)

        frames = 150
        mel, f0 = some(frames, 80) * 0.5 - 5, np.where(np.arange(frames) % 40 < 25, 150.0, 0.0).astype(np.float32)
        real, one = mel + 1 + some(1, 80), np.ones((frames, 1), np.float32)
        line = Line(some(frames, config.features), mel, mel, f0, real, one.repeat(80, 1), one)
        condition = np.concatenate(
            [some(1, sum(synthesizer.conditions[:2])), np.zeros((1, synthesizer.conditions[2]))], 1
        )
        yield Material([line], condition.astype(np.float32))


def test_they_are_orthonormal_and_hold_more_of_a_gradient_than_random_ones(
    synthesizer: Synthesizer, settings: Settings
) -> None:
    found = directions(synthesizer, settings, people(synthesizer, 6))
    assert [tuple(one.shape) for one in found] == [
        (inputs, RANK) for inputs, _ in synthesizer.refiner.config.products()
    ]
    for one in found:
        assert torch.allclose(one.T @ one, torch.eye(RANK), atol=1e-4)
    tuning = FineTuning(synthesizer)
    weights = [layer.weight.requires_grad_(True) for layer in products(tuning.synthesizer.refiner)]
    other = list(people(synthesizer, 8))[-1].draw(settings, np.random.default_rng(3))
    cuts = [torch.from_numpy(other[name]) for name in (*Line._fields, "condition")]
    gradients = torch.autograd.grad(tuning.distance(torch.zeros(synthesizer.factors), *cuts), weights)
    for one, gradient in zip(found, gradients, strict=True):
        held = (gradient @ one).square().sum() / gradient.square().sum()
        assert held > 2 * RANK / gradient.shape[1] or held > 0.9


def test_what_people_have_in_common_is_where_most_of_them_go(tmp_path: Path, synthesizer: Synthesizer) -> None:
    """Everybody here is 1 neper louder than the model, and somewhat different from one another."""
    graph = finetuning_graph(synthesizer, 60, 2)
    export_onnx(graph, tmp_path / "step.onnx")
    step = load_session(tmp_path / "step.onnx", "onnx")
    few = Settings(synthesizer.factors, "", 60, 24, 2, 10, 8e-3)
    found = common(synthesizer, step, few, people(synthesizer, 5))
    assert float(found.norm()) == pytest.approx(1)
    parts = found.split(synthesizer.refiner.config.factors())
    widens = [outputs > inputs for inputs, outputs in synthesizer.refiner.config.products()]
    assert [bool(part.any()) for part in parts[: len(widens)]] == [not one for one in widens]
    *_, other = people(synthesizer, 8)
    fitted = torch.from_numpy(learned(step, few, other, few.steps)["next"][0])
    assert float(fitted @ found) > 0.1 * float(fitted.norm())


def test_the_released_ones_are_read_with_the_weights(tmp_path: Path) -> None:
    directions = load_students(CHECKPOINTS)[1].directions
    released = list(directions)
    for one in released:
        assert torch.allclose(one.T @ one, torch.eye(RANK), atol=2e-3)
    assert float(directions.common.norm()) == pytest.approx(1, abs=1e-3)
    for file in CHECKPOINTS.glob("*.safetensors"):
        if file.name != DIRECTIONS:
            (tmp_path / file.name).symlink_to(file)
    assert not torch.equal(next(iter(load_students(tmp_path)[1].directions)), released[0])


def test_directions_of_another_shape_are_refused(synthesizer: Synthesizer) -> None:
    with pytest.raises(ValueError, match="directions are of shape"):
        synthesizer.directions.load([one[:, :2] for one in synthesizer.directions])


def test_people_are_enrolled_and_aligned(recordings: dict[str, list[Path]], sentences: tuple[str, ...]) -> None:
    """Who says enough is there; who says too little or is passed over is not, and another text is left out."""
    pack = small_pack(recordings, sentences)
    ((name, material),) = people_of(pack, DEFAULT)
    assert name == "a"
    assert len(material.lines) == 10
    settings = Settings.of(Bundle.load())
    assert settings is not None
    drawn = material.draw(settings, np.random.default_rng(0))
    assert drawn["features"].shape[:2] == (settings.pieces, settings.frames + 2 * settings.margin)
    assert [name for name, _ in people_of(pack, DEFAULT, least_s=3, wanted="a".__ne__)] == ["b"]


def test_who_said_something_else_is_left_out(
    recordings: dict[str, list[Path]], sentences: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    other = ("Nobody knows what this is about.",) * len(sentences)
    assert list(people_of(small_pack(recordings, other), DEFAULT)) == []
    assert "a is left out: none of the texts was heard" in capsys.readouterr().out
