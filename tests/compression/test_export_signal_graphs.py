"""The graphs without weights as they are exported: operators, sizes, what a bundle gets, and their parts."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")
onnx = pytest.importorskip("onnx")

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.bundle import DEFAULT, Bundle  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.graph import OPSET, Feeds, Graph  # noqa: E402
from parrotlet_compression.models.dft import InverseRealDft, RealDft  # noqa: E402
from parrotlet_compression.models.statistics import order_statistics, quantiles  # noqa: E402
from parrotlet_compression.signal_graphs import (  # noqa: E402
    MULTIPLES,
    ONNX_ONLY,
    SENTENCES,
    SIGNAL_GRAPHS,
    _exported,
    for_tflite,
    numbers,
    signal_graphs,
)
from parrotlet_runtimes import Session, load_session  # noqa: E402

# Of unknown size, of double precision in disguise, or missing in older runtimes and in TFLite.
REFUSED = {"NonZero", "TopK", "Compress", "Unique", "Loop", "Scan", "If", "STFT", "DFT", "Einsum", "Trilu", "EyeLike"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX part of the shipped bundle, to which a user has added the graphs again."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    shutil.copytree(DEFAULT, folder, ignore=shutil.ignore_patterns("*.tflite", *(f"{n}.onnx" for n in SIGNAL_GRAPHS)))
    manifest = json.loads((folder / "manifest.json").read_text())
    graphs = {name: forms for name, forms in manifest["graphs"].items() if name not in SIGNAL_GRAPHS}
    for forms in graphs.values():
        forms.pop("tflite", None)
    (folder / "manifest.json").write_text(json.dumps({**manifest, "graphs": graphs, "files": {}}))
    assert main(["signal-graphs", str(folder)]) == 0
    return folder


def test_a_bundle_gets_files_and_numbers(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    for name in SIGNAL_GRAPHS:
        assert manifest["files"][f"{name}.onnx"] == hashlib.sha256((bundle / f"{name}.onnx").read_bytes()).hexdigest()
        info = Bundle.load(bundle).session(name).info
        assert list(info.inputs) == manifest["graphs"][name]["inputs"]
        assert list(info.outputs) == manifest["graphs"][name]["outputs"]
    for section, values in numbers().items():
        assert manifest[section].items() >= values.items()
    assert not list(bundle.glob("*.part"))


def test_the_shipped_bundle_is_up_to_date(bundle: Path) -> None:
    """The same manifest but for the checksums, which another version of torch may change, and the same results."""
    made, shipped = Bundle.load(bundle), Bundle.load(DEFAULT)
    for name, forms in made.manifest["graphs"].items():
        assert shipped.manifest["graphs"][name].items() >= forms.items()
    for section in numbers():
        assert made.manifest[section] == shipped.manifest[section]
    for graph in signal_graphs():
        feeds = {name: value.numpy() for name, value in graph.example(graph.lengths[1]).items()}
        one, other = (found.session(graph.name).run(feeds) for found in (made, shipped))
        for name, value in one.items():
            assert np.allclose(value, other[name], atol=1e-6), (graph.name, name)


def test_graphs_equal_torch_at_other_lengths(bundle: Path) -> None:
    for graph in signal_graphs():
        session = Bundle.load(bundle).session(graph.name)
        for length in graph.lengths[1:]:
            compare(graph, session, graph.example(length))


@pytest.mark.parametrize("name", [name for name in SIGNAL_GRAPHS if name not in ONNX_ONLY])
def test_tflite_graphs_equal_torch_at_any_length(name: str) -> None:
    pytest.importorskip("ai_edge_litert")
    (graph,) = (for_tflite(graph) for graph in signal_graphs() if graph.name == name)
    session = Bundle.load(DEFAULT).session(name, "tflite")
    assert Bundle.load(DEFAULT).manifest["graphs"][name]["tflite"].get("multiple_of") == MULTIPLES.get(name)
    for length in (*graph.lengths, graph.lengths[0]):
        compare(graph, session, graph.example(length))


@pytest.mark.parametrize("name", ["mean_embedding", "resample"])  # of the others conversion takes long
def test_the_conversion_to_tflite(name: str) -> None:
    pytest.importorskip("litert_torch")
    (graph,) = (for_tflite(graph) for graph in signal_graphs() if graph.name == name)
    compare(graph, load_session(_exported(name, "tflite"), "tflite"), graph.example(graph.lengths[2]))


def compare(graph: Graph, session: Session, feeds: Feeds) -> None:
    with torch.no_grad():
        wanted = graph.module(*feeds.values())
    wanted = (wanted,) if isinstance(wanted, torch.Tensor) else wanted
    made = session.run({name: value.numpy() for name, value in feeds.items()})
    for name, value in zip(graph.outputs, wanted, strict=True):
        assert made[name].shape == value.shape, (graph.name, name)
        assert np.abs(made[name] - value.numpy()).max() < 1e-3 * value.abs().max() + 1e-6, (graph.name, name)


def test_plain_operators_and_less_than_2_mb(bundle: Path) -> None:
    files = [bundle / f"{name}.onnx" for name in SIGNAL_GRAPHS]
    assert sum(file.stat().st_size for file in files) < 2e6
    for file in files:
        model = onnx.load(file)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
        assert not {node.op_type for node in model.graph.node} & REFUSED, file
        assert all(tensor.data_type != onnx.TensorProto.DOUBLE for tensor in model.graph.initializer)
        casts = [a.i for node in model.graph.node if node.op_type == "Cast" for a in node.attribute if a.name == "to"]
        assert onnx.TensorProto.DOUBLE not in casts, file


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signal-graphs", str(tmp_path)]) != 0
    assert "has no manifest.json" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "used"), [(2048, 1200), (1024, 800), (1024, 1024), (512, 512)])
def test_split_transforms(size: int, used: int) -> None:
    rows = np.random.default_rng(size).standard_normal((5, used)).astype(np.float32)
    real, imaginary = RealDft(size, used)(torch.from_numpy(rows))
    wanted = np.fft.rfft(rows.astype(np.float64), size)
    assert np.abs(real.numpy() + 1j * imaginary.numpy() - wanted).max() < 1e-6 * np.abs(wanted).max()
    again = InverseRealDft(size)(real, imaginary).numpy()
    assert np.abs(again - np.pad(rows, ((0, 0), (0, size - used)))).max() < 1e-5


numbers_in_range = st.floats(-120, 120, width=32).map(lambda x: round(x, 1))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(numbers_in_range, st.booleans()), min_size=1, max_size=80),
    st.sampled_from([0.05, 0.1, 0.5, 0.8, 0.97]),
)
def test_quantiles_of_what_is_counted(rows: list[tuple[float, bool]], share: float) -> None:
    values = np.array([value for value, _ in rows], np.float32)
    counted = np.array([keep for _, keep in rows])
    counted[0] = True
    made = quantiles(torch.from_numpy(values), torch.from_numpy(counted.astype(np.float32)), [share])
    assert float(made[0]) == pytest.approx(float(np.quantile(values[counted], share)), abs=1e-4)


def test_order_statistics_are_values_of_the_row() -> None:
    values = torch.tensor([3.0, 1.0, 2.0, 2.0, 9.0])
    made = order_statistics(values, torch.ones(1, 5), torch.arange(5.0))
    assert made.tolist() == [1, 2, 2, 3, 9]


def test_the_manifest_holds_the_adaptation_sentences(bird: Parrotlet) -> None:
    phonemes = [bird.phonemize(sentence) for sentence in SENTENCES]
    assert bird.bundle.manifest["adaptation"]["sentences"] == phonemes
