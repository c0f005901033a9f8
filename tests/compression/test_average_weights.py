"""Means of weights, from the command line to the files."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from parrotlet.errors import InputError  # noqa: E402
from parrotlet_compression.average_weights import average_weights  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"


@pytest.fixture(scope="module")
def trained_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released acoustic weights, moved a little."""
    folder = tmp_path_factory.mktemp("trained")
    weights = load_file(CHECKPOINTS / "acoustic.safetensors")
    random = torch.Generator().manual_seed(0)
    moved = {n: x + 0.01 * torch.randn(x.shape, generator=random).to(x.dtype) for n, x in weights.items()}
    save_file(moved, folder / "acoustic.safetensors")
    (folder / "state.pt").write_bytes(b"what a run goes on from")
    return folder


def test_every_part_gets_its_share(trained_on: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mean"
    parts = ["--part", "acoustic.decoder=0", "--part", "refiner=1", "--part", "refiner.head=0.25"]
    assert main(["average-weights", str(CHECKPOINTS), str(trained_on), str(out), "--share", "0.5", *parts]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    first, second, made = (load_file(f / "acoustic.safetensors") for f in (CHECKPOINTS, trained_on, out))
    shares = {"acoustic.embed.weight": 0.5, "acoustic.decoder_in.weight": 0, "refiner.stem.weight": 1}
    for name, share in (shares | {"refiner.head.weight": 0.25}).items():
        expected = (1 - share) * first[name].float() + share * second[name].float()
        torch.testing.assert_close(made[name].float(), expected, rtol=1e-3, atol=1e-4)
        assert made[name].dtype == torch.float16
    for name in ("speaker", "vocoder"):
        assert (out / f"{name}.safetensors").read_bytes() == (CHECKPOINTS / f"{name}.safetensors").read_bytes()


def test_the_first_folder_may_be_written_to(trained_on: Path, tmp_path: Path) -> None:
    """Of several runs the mean grows one by one. Of a run's folder nothing but weights is taken."""
    out = str(tmp_path / "mean")
    assert main(["average-weights", str(trained_on), str(CHECKPOINTS), out]) == 0
    assert [path.name for path in Path(out).iterdir()] == ["acoustic.safetensors"]
    once = load_file(tmp_path / "mean" / "acoustic.safetensors")["refiner.stem.weight"]
    assert main(["average-weights", out, str(trained_on), out, "--share", "1"]) == 0
    again = load_file(tmp_path / "mean" / "acoustic.safetensors")["refiner.stem.weight"]
    assert not torch.equal(once, again)
    assert torch.equal(again, load_file(trained_on / "acoustic.safetensors")["refiner.stem.weight"])


@given(
    values=st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=5),
    share=st.floats(0, 1),
)
def test_a_mean_lies_between(values: list[tuple[float, float]], share: float) -> None:
    first, second = ({"x": torch.tensor([pair[k] for pair in values])} for k in (0, 1))
    made = average_weights(first, second, share, {})["x"]
    low, high = torch.minimum(first["x"], second["x"]), torch.maximum(first["x"], second["x"])
    assert bool(((made >= low - 1e-5) & (made <= high + 1e-5)).all())


def test_what_is_no_mean_is_refused() -> None:
    one = {"a.b.weight": torch.zeros(2)}
    for share, parts, said in (
        (1.5, {}, "between 0 and 1"),
        (0.5, {"a.c": 0.1}, "try one of a.b"),
        (0.5, {"a": -1}, "-1"),
    ):
        with pytest.raises(InputError, match=said):
            average_weights(one, one, share, parts)
    with pytest.raises(InputError, match="name or shape"):
        average_weights(one, {"a.b.weight": torch.zeros(3)}, 0.5, {})


def test_weights_of_another_model_are_refused(
    trained_on: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mean"
    assert main(["average-weights", str(CHECKPOINTS), str(tmp_path), str(out)]) == 3
    assert "train first" in capsys.readouterr().err and not out.exists()
    with pytest.raises(SystemExit):
        main(["average-weights", str(CHECKPOINTS), str(trained_on), str(out), "--part", "refiner=much"])
    assert "--part" in capsys.readouterr().err
