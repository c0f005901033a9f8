"""Static INT8, its calibration and sweep, and bundles whose graphs each have a precision of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.bundle import DEFAULT, GRAPHS, Bundle  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet_compression.calibration import require_signal, spoken_feeds  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.precision import SHIPPED, parse_precision, quantize_bundle, quantize_onnx  # noqa: E402
from parrotlet_compression.quantize import store_fp16  # noqa: E402
from parrotlet_compression.report_measure import phoneme_means  # noqa: E402
from parrotlet_compression.static import quantize_within  # noqa: E402
from parrotlet_runtimes import load_session  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
LAYERS, BAD, WIDTH = 5, 3, 48
TEXT = "The boats went by until the sun stood high above the bridge."


@pytest.fixture(scope="module")
def full(fp32_bundle: Path) -> Path:
    return fp32_bundle


@pytest.fixture(scope="module")
def static(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fp32 bundle with only its vocoder quantized, so that all else is equal."""
    out = tmp_path_factory.mktemp("bundles") / "static"
    results = quantize_bundle(full, out, {"speaker": "fp32", "acoustic": "fp32", "vocoder": "static"})
    assert results["vocoder"].error < 0.05
    return out


def chain(path: Path, outlier: float) -> list[dict[str, np.ndarray]]:
    """A graph of ``LAYERS`` products, the input of one of which has a channel ``outlier`` times as large; its feeds."""
    random = np.random.default_rng(0)
    nodes, weights, name = [], [], "x"
    for layer in range(LAYERS):
        matrix = random.standard_normal((WIDTH, WIDTH)).astype(np.float32) / WIDTH**0.5
        if layer == BAD:  # what goes up before the product comes down in it: in float nothing changes
            gain = np.ones(WIDTH, np.float32)
            gain[7] = outlier
            matrix = matrix / gain[:, None]
            weights.append(numpy_helper.from_array(gain, "gain"))
            nodes.append(helper.make_node("Mul", [name, "gain"], ["raised"], name="raise"))
            name = "raised"
        weights.append(numpy_helper.from_array(matrix, f"weight{layer}"))
        nodes.append(helper.make_node("MatMul", [name, f"weight{layer}"], [f"product{layer}"], name=f"layer{layer}"))
        nodes.append(helper.make_node("Tanh", [f"product{layer}"], [f"y{layer}"], name=f"tanh{layer}"))
        name = f"y{layer}"
    shape = [1, "T", WIDTH]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return [{"x": random.standard_normal((1, length, WIDTH)).astype(np.float32)} for length in (20, 31, 40)]


def test_a_tame_graph_is_quantized_whole(tmp_path: Path) -> None:
    feeds = chain(tmp_path / "full.onnx", outlier=1)
    result = quantize_within(tmp_path / "full.onnx", tmp_path / "small.onnx", feeds)
    assert result.floating == result.sweep == ()
    nodes = onnx.load(tmp_path / "small.onnx").graph.node
    assert sum(node.op_type == "QuantizeLinear" for node in nodes) == LAYERS
    a, b = (load_session(tmp_path / name).run(feeds[0])["y4"] for name in ("full.onnx", "small.onnx"))
    assert 0 < np.sqrt(np.mean((a - b) ** 2)) < 0.05 * np.sqrt(np.mean(a**2))


@pytest.mark.parametrize("precision", ["dynamic", "static"])
def test_products_of_large_numbers_are_exact_on_any_processor(precision: str, tmp_path: Path) -> None:
    """Every weight and every input at an end of its range: pairs of such products do not fit into 16 bits."""
    random = np.random.default_rng(0)
    rows, matrix = (np.where(random.random(shape) < 0.7, 1.0, -1.0) for shape in ((8, WIDTH), (WIDTH, WIDTH)))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"], name="product")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["T", WIDTH])],
        [numpy_helper.from_array(matrix.astype(np.float32), "weight")],
    )
    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), full)
    feeds = {"x": rows.astype(np.float32)}
    quantize_onnx(full, small, precision, [feeds])
    made = load_session(small, fold_int8=precision == "dynamic").run(feeds)["y"]
    assert made == pytest.approx(rows @ matrix, abs=0.02 * WIDTH)


@pytest.mark.parametrize("file", ["acoustic_contour.onnx", "acoustic_frames.onnx", "vocoder.onnx"])
def test_no_shipped_product_is_of_two_unsigned_matrices(file: str) -> None:
    """From onnxruntime 1.26 on they take more than twice as long."""
    graph = onnx.load(DEFAULT / file).graph
    types = [tensor.data_type for tensor in graph.initializer if tensor.dims and len(tensor.dims) == 2]
    assert TensorProto.INT8 in types
    assert TensorProto.UINT8 not in types


def test_the_sweep_finds_the_layer_with_the_outlier(tmp_path: Path) -> None:
    feeds = chain(tmp_path / "full.onnx", outlier=200)
    result = quantize_within(tmp_path / "full.onnx", tmp_path / "small.onnx", feeds)
    assert result.floating == (f"layer{BAD}",)
    assert len(result.sweep) == LAYERS
    assert result.sweep[0].error > 5 * result.sweep[1].error
    assert result.error < 0.05


def test_the_error_is_that_of_what_is_listened_to(tmp_path: Path) -> None:
    feeds = chain(tmp_path / "full.onnx", outlier=1)
    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    result = quantize_within(
        full, small, feeds[1:], judge=feeds[:1], view=lambda made: {"loudest": np.abs(made["y4"]).max(axis=2)}
    )
    a, b = (np.abs(load_session(path).run(feeds[0])["y4"]).max(axis=2) for path in (full, small))
    assert result.error == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(a), rel=1e-4)
    assert result.error < 0.7 * quantize_within(full, small, feeds[1:], judge=feeds[:1]).error


def test_scales_too_small_for_float16_stay_as_they_are(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    packed = random.integers(-127, 127, (600, 4)).astype(np.int8)
    scales, plain = np.full(600, 3e-8, np.float32), random.standard_normal((4, 600)).astype(np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["packed", "scales"], ["weight"], axis=0),
        helper.make_node("MatMul", ["x", "weight"], ["narrow"]),
        helper.make_node("MatMul", ["narrow", "plain"], ["y"]),
    ]
    arrays = {"packed": packed, "scales": scales, "plain": plain}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 600])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 600])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), full)
    store_fp16(full, small)
    assert small.stat().st_size < full.stat().st_size - plain.nbytes // 3
    x = {"x": random.standard_normal((1, 600)).astype(np.float32)}
    a, b = (load_session(path, fold_int8=True).run(x)["y"] for path in (full, small))
    assert np.linalg.norm(a - b) < 0.001 * np.linalg.norm(a)


def test_matrices_as_bytes_are_a_quarter_and_nearly_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    matrix = (random.standard_normal((128, 64)) * np.geomspace(1e-3, 10, 64)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "matrix"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), full)
    store_fp16(full, small, matrices_as_bytes=True)
    assert small.stat().st_size < matrix.nbytes // 4 + 1000
    assert not any(tensor.data_type == TensorProto.INT8 for tensor in onnx.load(small).graph.initializer)
    x = random.standard_normal((1, 128)).astype(np.float32)
    for fold in (True, False):
        a, b = (load_session(path, fold_int8=fold).run({"x": x})["y"] for path in (full, small))
        assert (np.abs(a - b) / np.abs(matrix).max(axis=0)).max() < 0.1  # 128 errors of at most 1/254, at random


def test_a_bound_that_nothing_meets_is_said(tmp_path: Path) -> None:
    feeds = chain(tmp_path / "full.onnx", outlier=1)
    with pytest.raises(InputError, match=r"full\.onnx.*raise the bound"):
        quantize_within(tmp_path / "full.onnx", tmp_path / "small.onnx", feeds, bound=1e-6)


@pytest.mark.parametrize(
    "feeds",
    [
        [],
        [{"mel": np.full((1, 90, 80), -11.5, np.float32)}],
        [{"samples": 1e-5 * np.ones((1, 16000), np.float32)}],
        [{"samples": np.full((1, 16000), np.nan, np.float32)}],
    ],
)
def test_silent_calibration_data_is_refused(feeds: list[dict[str, np.ndarray]], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"silent|nothing to calibrate"):
        require_signal(feeds)
    with pytest.raises(InputError, match=r"silent|nothing to calibrate"):
        quantize_within(tmp_path / "never-read.onnx", tmp_path / "small.onnx", feeds)


def test_calibration_hears_what_every_graph_gets(full: Path) -> None:
    feeds = spoken_feeds(full, ["Good morning."])
    assert {"phonemes", "embedding"} <= set(feeds["acoustic"][0])
    assert feeds["vocoder"][0]["mel"].shape[2] == 80
    assert feeds["speaker"][0]["samples"].dtype == np.float32


def test_the_static_vocoder_stays_near_fp32(full: Path, static: Path) -> None:
    mel = spoken_feeds(full, [TEXT])["vocoder"][-1]
    a, b = (Bundle.load(folder).session("vocoder").run(mel) for folder in (full, static))
    for name in ("magnitude", "phase", "noise"):
        difference = np.sqrt(np.mean((a[name] - b[name]) ** 2)) / np.sqrt(np.mean(a[name] ** 2))
        assert 1e-4 < difference < 0.06, name  # and it is not the fp32 graph
    entry = Bundle.load(static).manifest["graphs"]["vocoder"]["onnx"]
    assert (entry["precision"], entry["quantization"], entry["fold_int8"]) == ("int8", "static", False)
    assert (full / "vocoder.onnx").stat().st_size > 3.3 * (static / "vocoder.onnx").stat().st_size


@pytest.mark.parametrize(("first", "chunk"), [(32, 432), (7, 31), (64, 64)])
def test_chunks_of_the_static_vocoder_join_to_the_same_waveform(static: Path, first: int, chunk: int) -> None:
    bird = Parrotlet.load(static)
    spoken = bird.acoustics(bird.phonemize(TEXT), next(iter(bird.presets.values())).profile)
    whole = np.concatenate(list(bird.vocode(spoken.mel, spoken.f0, first=10**6)))
    parts = np.concatenate(list(bird.vocode(spoken.mel, spoken.f0, first=first, chunk=chunk)))
    error = np.sqrt(np.mean((parts - whole) ** 2)) / np.sqrt(np.mean(whole**2))
    assert 20 * np.log10(error + 1e-12) < -60


def test_each_graph_has_a_precision_of_its_own(full: Path, tmp_path: Path) -> None:
    precisions = parse_precision("speaker=weight-only,acoustic=fp16,vocoder=dynamic")
    quantize_bundle(full, tmp_path / "mixed", precisions)
    before, after = (folder / "acoustic_frames.onnx" for folder in (full, tmp_path / "mixed"))
    assert before.stat().st_size / after.stat().st_size > 1.9
    bird, other = Parrotlet.load(full), Parrotlet.load(tmp_path / "mixed")
    voice = next(iter(bird.presets.values())).profile
    a, b = (one.acoustics(bird.phonemize(TEXT), voice) for one in (bird, other))
    assert np.array_equal(a.durations, b.durations)
    assert np.abs(a.mel - b.mel).mean() < 0.01
    assert sum(len(chunk.samples) for chunk in other.speak(TEXT, voice)) > bird.sample_rate


def test_int8_speaks_as_fast_as_fp32(full: Path, tmp_path: Path) -> None:
    quantize_bundle(full, tmp_path / "int8", parse_precision("vocoder=fp32"))
    one, other = Parrotlet.load(full), Parrotlet.load(tmp_path / "int8")
    frames = []
    for voice in one.presets.values():
        spoken = [bird.acoustics(one.phonemize(TEXT), voice.profile).durations.sum() for bird in (one, other)]
        frames.append(spoken)
    assert np.sum(frames, axis=0)[1] / np.sum(frames, axis=0)[0] == pytest.approx(1, abs=0.004)  # it was 0.982


@pytest.mark.parametrize("precision", ["weight-only", "dynamic"])
def test_what_the_finished_spectrum_passes_through_stays_in_float(full: Path, precision: str, tmp_path: Path) -> None:
    quantize_onnx(full / "acoustic_frames.onnx", tmp_path / "acoustic_frames.onnx", precision)
    graph = onnx.load(tmp_path / "acoustic_frames.onnx").graph
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16)
    float_arrays = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type in kinds}
    casts = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    float_arrays |= {name: float_arrays[stored] for name, stored in casts.items() if stored in float_arrays}
    names = ("/MatMul", "/adapter/", "/adapter_after/")
    products = [node for node in graph.node if node.op_type == "MatMul" and node.name.startswith(names)]
    shapes = {tuple(float_arrays[node.input[1]].dims) for node in products if node.input[1] in float_arrays}
    assert shapes == {(80, 80), (80, 24), (24, 80), (80, 1), (80, 23), (23, 80)}
    after = [node for node in products if node.name.startswith("/adapter_after/")]
    assert sum(node.input[1] in float_arrays for node in after) == 3


def test_names_of_precisions() -> None:
    assert parse_precision("int8") == SHIPPED
    assert parse_precision("static") == dict.fromkeys(GRAPHS, "static")
    assert parse_precision("vocoder=fp32") == {**SHIPPED, "vocoder": "fp32"}
    for wrong in ("int4", "vocoder", "vocoder=int4", "decoder=static", ""):
        with pytest.raises(InputError, match="weight-only"):
            parse_precision(wrong)


def test_only_fp32_bundles_are_quantized(static: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quantize", str(static), str(tmp_path / "out")]) == 3
    assert "not fp32" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_mels_are_compared_phoneme_by_phoneme() -> None:
    mel = np.repeat([1.0, 5.0, 2.0], [2, 3, 1])[None, :, None]
    longer = np.repeat([1.0, 5.0, 2.0], [2, 4, 1])[None, :, None]
    made = [
        phoneme_means({"mel": m, "durations": np.array([d])})["mel"] for m, d in ((mel, [2, 3, 1]), (longer, [2, 4, 1]))
    ]
    assert np.array_equal(made[0], made[1])
