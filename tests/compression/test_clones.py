"""The vocoder learns to sound like the people whose clones it speaks, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from needs import needs_campplus  # noqa: E402
from small_pack import small_pack  # noqa: E402

from parrotlet.bundle import DEFAULT, Bundle  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet.factors import Settings  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.export import load_students  # noqa: E402
from parrotlet_compression.finetuning_graph import FRAMES  # noqa: E402
from parrotlet_compression.models.weights import load_tensors  # noqa: E402
from parrotlet_compression.train import clone_vocoder, clones  # noqa: E402
from parrotlet_compression.train.clone_vocoder import (  # noqa: E402
    CloneLosses,
    clone_batches,
    filter_distance,
    level_distance,
    read_clones,
)
from parrotlet_compression.train.loop import held_out  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"


@pytest.fixture(scope="module")
def folder(
    recordings: dict[str, list[Path]], sentences: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Clones of a person who was fitted in two steps."""
    out = tmp_path_factory.mktemp("clones")
    settings = Settings.of(Bundle.load())
    assert settings is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clones, "LEAST_S", 20.0)
        clones.write_clones(
            small_pack(recordings, sentences), DEFAULT, replace(settings, steps=2), CHECKPOINTS, out, without=("b",)
        )
    return out


@needs_campplus
def test_clones_are_of_what_was_not_enrolled_with(folder: Path) -> None:
    assert [path.name for path in folder.iterdir()] == ["a.npz"]
    people, _ = read_clones(folder)
    (person,) = people
    assert np.linalg.norm(person["embedding"]) == pytest.approx(1, abs=1e-3)
    for kind in clones.KINDS:
        assert person[kind].shape == (len(person["f0"]), FRAMES, 80)
    # The clones are near what was recorded, and the tuned one is another than the plain one.
    assert np.abs(person["plain"].astype(np.float32) - person["recorded"]).mean() < 1
    assert not np.array_equal(person["plain"], person["tuned"])


@needs_campplus
def test_a_vocoder_comes_nearer_to_the_people(folder: Path) -> None:
    _, _, vocoder = load_students(CHECKPOINTS)
    losses, batch = CloneLosses(vocoder), next(clone_batches(read_clones(folder)[0], 0, "plain"))
    learning = torch.optim.Adam(vocoder.requires_grad_(True).parameters(), lr=2e-4)
    told = []
    for _ in range(5):
        torch.manual_seed(0)  # the same noise
        parts = losses(batch)
        told.append({name: float(part.detach()) for name, part in parts.items()})
        learning.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        learning.step()
    assert told[0]["kept"] == 0
    assert told[-1]["kept"] > 0
    assert told[-1]["campplus"] < told[0]["campplus"] - 0.02


@needs_campplus
def test_it_is_trained_by_a_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clone_vocoder, "DRAWS", 1)
    person = (folder / "a.npz").read_bytes()
    people = tmp_path / "people"
    people.mkdir()
    for held in (False, True):
        name = next(f"p{number}" for number in range(99) if held_out(f"p{number}", clone_vocoder.HELD_OUT) == held)
        (people / f"{name}.npz").write_bytes(person)
    start, out = CHECKPOINTS / "vocoder.safetensors", tmp_path / "out"
    command = ["train", "clone-vocoder", str(people), str(out), "--steps", "2"]
    assert main(command) != 0
    assert "needs --from" in capsys.readouterr().err
    assert main([*command, "--from", str(start)]) == 0
    told = capsys.readouterr().out
    assert "before: tuned" in told
    assert "after: tuned" in told
    before, after = load_tensors(start), load_tensors(out / "vocoder.safetensors")
    assert before.keys() == after.keys()
    assert all(one.dtype == after[name].dtype for name, one in before.items())


def test_a_distance_of_filters_is_of_logarithms() -> None:
    magnitude, phase, noise = torch.rand(2, 5, 7) + 0.1, torch.randn(2, 5, 7), torch.rand(2, 5, 7) + 0.1
    assert float(filter_distance((magnitude, phase, noise), (magnitude, phase, noise))) == 0
    louder = filter_distance((magnitude * np.e, phase + 1, noise / np.e), (magnitude, phase, noise))
    assert float(louder) == pytest.approx(2, abs=1e-4)


def test_a_distance_of_levels_is_in_nepers() -> None:
    one = torch.rand(2, 5, 7) + 0.1, torch.randn(2, 5, 7), torch.rand(2, 5, 7) + 0.1
    louder = one[0] * np.e, one[1] + 1, one[2] * np.e
    assert float(level_distance(one, one)) == 0
    assert float(level_distance(louder, one)) == pytest.approx(1, abs=1e-4)


def test_without_clones_the_command_that_makes_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="parrotlet-compress clones"):
        read_clones(tmp_path)
