"""TFLite export: parity with torch and onnxruntime, open lengths, the length regulator, clear refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.acoustic import length_regulate, whole_durations  # noqa: E402
from parrotlet.bundle import GRAPHS  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet_compression import tflite  # noqa: E402
from parrotlet_compression.export import export_bundle  # noqa: E402
from parrotlet_compression.models import acoustic, refiner, synthesizer  # noqa: E402
from parrotlet_compression.parity import counterparts  # noqa: E402
from parrotlet_compression.signal_graphs import ONNX_ONLY, SIGNAL_GRAPHS  # noqa: E402
from parrotlet_runtimes import load_session  # noqa: E402

if TYPE_CHECKING:
    from conftest import TfliteExports

MODEL = synthesizer.Synthesizer(
    acoustic.AcousticModel(acoustic.AcousticConfig(encoder_layers=1, pitch_layers=1, decoder_layers=1)),
    refiner.Refiner(refiner.RefinerConfig(layers=1)),
)
TEXT = "The small bird said good morning, and then it said it again."


def decibels(made: np.ndarray, expected: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean((made - expected) ** 2) / np.mean(expected**2)) + 1e-12))


def test_fp32_graphs_equal_torch_at_three_lengths(tflite_exports: TfliteExports) -> None:
    rows = [row for row in tflite_exports.rows if row["precision"] == "fp32" and row["runtime"] == "tflite"]
    assert len(rows) == 10  # every output of the contract
    for row in rows:
        # Measured: at most 6e-5 of the output's root mean square.
        assert row["largest"] < 2e-4 * row["scale"], row


def test_int8_graphs_stay_near_torch(tflite_exports: TfliteExports) -> None:
    # Measured on the first weights: embedding 0.013, mel 0.01, durations 0.033, magnitude 0.006, phase 0.002,
    # noise 0.008 of the root mean square.
    bounds = {"embedding": 0.05, "mel": 0.05, "durations": 0.15, "magnitude": 0.05, "phase": 0.02, "noise": 0.05}
    rows = {r["output"]: r for r in tflite_exports.rows if r["precision"] == "int8" and r["runtime"] == "tflite"}
    for output, bound in bounds.items():
        assert rows[output]["mean"] < bound * rows[output]["scale"], rows[output]


def test_fp32_speech_equals_onnxruntime(tflite_exports: TfliteExports) -> None:
    one, other = (Parrotlet.load(tflite_exports.full, runtime=runtime) for runtime in ("onnx", "tflite"))
    for preset in list(one.presets.values())[:3]:
        a, b = (np.concatenate([c.samples for c in bird.speak(TEXT, preset.profile, seed=3)]) for bird in (one, other))
        assert len(a) == len(b)
        # Measured: -80 to -90 dB. A predicted duration next to .5 would differ by a frame, and fail this.
        assert decibels(b, a) < -60


def test_int8_speech_stays_near_fp32_speech(tflite_exports: TfliteExports) -> None:
    full = Parrotlet.load(tflite_exports.full, runtime="onnx")
    small = Parrotlet.load(tflite_exports.small, runtime="tflite")
    phonemes = full.phonemize(TEXT)
    for preset in list(full.presets.values())[:3]:
        a, b = (bird.acoustics(phonemes, preset.profile) for bird in (full, small))
        assert np.abs(a.durations - b.durations).mean() < 0.5
        # One frame more in one phoneme shifts all that follow: every frame is compared with its like in that phoneme.
        like = counterparts(a.durations, b.durations)
        # Measured on the shipped graphs: 0.17 to 0.19 (natural log); vocoder -43 dB.
        assert np.abs(a.mel - b.mel[like]).mean() < 0.3
        made, expected = (np.concatenate(list(bird.vocode(a.mel, a.f0))) for bird in (small, full))
        assert decibels(made, expected) < -30


def test_a_bundle_says_how_the_parts_go_together(tflite_exports: TfliteExports) -> None:
    manifest = json.loads((tflite_exports.small / "manifest.json").read_text())
    assert set(manifest["graphs"]) == {*GRAPHS, *SIGNAL_GRAPHS, "recognizer", "finetune"}
    files = {"manifest.json", "presets.json"}
    for graph in (manifest["graphs"][name] for name in (*SIGNAL_GRAPHS, "recognizer", "finetune")):
        files |= {graph[kind]["file"] for kind in ("onnx", "tflite") if kind in graph}
    assert [name for name in SIGNAL_GRAPHS if "tflite" not in manifest["graphs"][name]] == list(ONNX_ONLY)
    for graph in (manifest["graphs"][name] for name in GRAPHS):
        entry = graph["tflite"]
        assert (entry["precision"], entry["activations"]) == ("int8", "float32")
        parts = entry.get("parts", [{**entry, "inputs": graph["inputs"], "outputs": graph["outputs"]}])
        for part in parts:
            info = load_session(tflite_exports.small / part["file"], "tflite").info
            assert (list(info.inputs), sorted(info.outputs)) == (part["inputs"], sorted(part["outputs"]))
        whole = graph["onnx"].get("parts", [graph["onnx"]])
        files |= {part["file"] for part in (*parts, *whole)} | {one["fused"]["file"] for one in whole if "fused" in one}
    assert "encoded" in manifest["graphs"]["acoustic"]["tflite"]["between"]
    assert files == {path.name for path in tflite_exports.small.iterdir()} == {*manifest["files"], "manifest.json"}


def test_no_model_slices_an_open_length(tflite_exports: TfliteExports) -> None:
    """tflite-runtime 2.14 runs such a graph without XNNPACK. The graphs without weights do."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    models = [path for path in tflite_exports.full.glob("*.tflite") if path.stem not in SIGNAL_GRAPHS]
    assert len(models) == 5
    for path in models:
        graph = interpreter(str(path))
        tensors = {detail["index"]: detail for detail in graph.get_tensor_details()}
        made = [tensors[op["outputs"][0]] for op in graph._get_ops_details() if op["op_name"] == "SLICE"]
        opened = [detail["name"] for detail in made if -1 in detail["shape_signature"]]
        assert not opened, path.name


def test_int8_is_a_third_of_fp32(tflite_exports: TfliteExports) -> None:
    small, full = (
        sum(file.stat().st_size for file in folder.glob("*.tflite"))
        for folder in (tflite_exports.small, tflite_exports.full)
    )
    assert full / small > 3.3


def test_one_runtime_needs_only_its_own_files(tflite_exports: TfliteExports, tmp_path: Path) -> None:
    folder = shutil.copytree(tflite_exports.small, tmp_path / "device")
    for file in folder.glob("*.onnx"):
        file.unlink()
    bird = Parrotlet.load(folder, runtime="tflite")
    assert sum(chunk.seconds for chunk in bird.speak("Hello.", next(iter(bird.presets.values())).profile)) > 0.3
    assert bird.speaker_embedding(np.ones(64000, np.float32)).shape == (256,)


@given(
    frames=st.lists(st.floats(0, 40, width=32), min_size=1, max_size=30).filter(lambda x: sum(x) > 4),
    speed=st.floats(0.5, 2, width=32),
)
def test_the_length_regulator_of_the_host_is_the_one_of_the_model(frames: list[float], speed: float) -> None:
    predicted = np.array(frames, np.float32)
    expected = MODEL.durations(torch.from_numpy(predicted)[None], torch.tensor([speed]))
    durations = whole_durations(predicted, speed)
    # torch sums in double precision, hosts in single: a sum next to .5 may round the other way.
    assert np.abs(np.cumsum(durations) - np.cumsum(expected[0].numpy())).max() <= 1
    encoded = np.random.default_rng(0).standard_normal((len(frames), 4), dtype=np.float32)
    total = int(durations.sum())
    rows, position = acoustic.length_regulate(torch.from_numpy(encoded)[None], torch.from_numpy(durations)[None], total)
    made_rows, made_position = length_regulate(encoded, durations)
    assert np.array_equal(made_rows, rows[0].numpy())
    assert np.allclose(made_position, position[0].numpy(), atol=1e-6)


class _Halves(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, : x.shape[1] // 2] * 2


class _Ramp(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.arange(x.shape[1])[None, :, None]


@pytest.mark.parametrize("module", [_Halves(), _Ramp()])
def test_a_length_that_cannot_be_left_open_is_refused(module: torch.nn.Module, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch", reason="needs the TFLite converter: pip install ./compression")
    with pytest.raises(InputError, match="TFLite cannot leave"):
        tflite.export_tflite(module, lambda n: {"x": torch.ones(1, n, 4)}, ("y",), (10, 14), tmp_path / "x.tflite")


def test_an_open_graph_runs_at_lengths_it_was_not_converted_at(tmp_path: Path) -> None:
    pytest.importorskip("litert_torch", reason="needs the TFLite converter: pip install ./compression")
    from parrotlet_compression.models.blocks import ConvNeXtBlock

    torch.manual_seed(0)
    block = torch.nn.Sequential(ConvNeXtBlock(16), torch.nn.Linear(16, 24)).eval()

    class Chunked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return self.block(x).chunk(3, dim=-1)

    module = Chunked()
    path = tmp_path / "x.tflite"
    tflite.export_tflite(module, lambda n: {"x": torch.ones(1, n, 16)}, ("a", "b", "c"), (10, 14), path)
    session = load_session(path, "tflite")
    for length in (1, 10, 37):
        x = torch.randn(1, length, 16)
        made = session.run({"x": x.numpy()})
        for name, expected in zip("abc", module(x), strict=True):
            assert np.allclose(made[name], expected.detach().numpy(), atol=1e-5)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checkpoints = Path(__file__).parents[2] / "compression" / "checkpoints"
    with pytest.raises(InputError, match="coreml"):
        export_bundle(checkpoints, {}, tmp_path / "out", "x", formats=["onnx", "coreml"])
    monkeypatch.setattr(tflite.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"litert-torch.*pip install \./compression"):
        export_bundle(checkpoints, {}, tmp_path / "out", "x", formats=["tflite"])
    assert not (tmp_path / "out").exists()
