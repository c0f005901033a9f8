"""The Session interface on TFLite, with whichever of ai-edge-litert and tflite-runtime is installed."""

from __future__ import annotations

import sys
import threading
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parrotlet_runtimes import GraphError, RuntimeMissing, Session, load_session, survey

if survey()["tflite"].version is None:
    pytest.skip(survey()["tflite"].reason, allow_module_level=True)

GRAPHS = ("speaker", "acoustic_text", "acoustic_frames", "vocoder")


def feeds(graph: str, length: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(length)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, dtype=np.float32)

    statistics = np.array([[0.2, 0.25, 0.0]])
    if graph == "speaker":
        return {"samples": normal(1, 400 + length * 100) * 0.1}
    if graph == "vocoder":
        return {"mel": normal(1, length, 80) - 5}
    if graph == "acoustic_text":
        phonemes = random.integers(3, 60, (1, length))
        return {"phonemes": phonemes, "embedding": normal(1, 3802) / 16, "statistics": statistics}
    return {
        "rows": normal(1, length, 256),
        "position": normal(1, length, 3),
        "condition": normal(1, 3802) / 4,
        "statistics": statistics,
        "pitch": np.zeros(1),
        "factors": normal(1, 106752) / 50,
    }


def fresh(bundle: Path, graph: str) -> Session:
    return load_session(bundle / f"{graph}.tflite", "tflite")


@pytest.fixture(scope="module")
def sessions(tflite_bundle: Path) -> dict[str, Session]:
    return {graph: fresh(tflite_bundle, graph) for graph in GRAPHS}


def test_a_graph_loads_from_a_path_and_from_bytes(tflite_bundle: Path) -> None:
    path, given = tflite_bundle / "vocoder.tflite", feeds("vocoder", 20)
    one = load_session(path, "tflite").run(given)
    other = load_session(path.read_bytes(), "tflite", threads=2).run(given)
    assert set(one) == {"magnitude", "phase", "noise", "f0"}
    assert all(np.allclose(one[name], other[name], atol=1e-4) for name in one)


def test_info_says_what_it_runs_on(tflite_bundle: Path) -> None:
    info = load_session(tflite_bundle / "speaker.tflite", "tflite", threads=2).info
    assert (info.runtime, info.device, info.threads) == ("tflite", "cpu", 2)
    assert (info.inputs, info.outputs) == (("samples",), ("embedding",))
    package, number = info.version.split()
    assert version(package) == number


@pytest.mark.parametrize("graph", GRAPHS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 60), min_size=2, max_size=4))
def test_what_ran_before_changes_nothing(
    graph: str, sessions: dict[str, Session], tflite_bundle: Path, lengths: list[int]
) -> None:
    used, last = sessions[graph], feeds(graph, lengths[-1])
    for length in lengths[:-1]:
        used.run(feeds(graph, length))
    expected, made = fresh(tflite_bundle, graph).run(last), used.run(last)
    for name in expected:
        assert made[name].shape == expected[name].shape
        assert np.allclose(made[name], expected[name], atol=1e-5, rtol=1e-5), name


def test_threads_may_share_a_session(sessions: dict[str, Session]) -> None:
    session = sessions["vocoder"]
    expected = {length: session.run(feeds("vocoder", length)) for length in (5, 20, 33)}
    made: list[bool] = []

    def work(length: int) -> None:
        for _ in range(10):
            out = session.run(feeds("vocoder", length))
            made.append(all(np.array_equal(out[name], expected[length][name]) for name in out))

    threads = [threading.Thread(target=work, args=(length,)) for length in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 30
    assert all(made)


def test_numbers_are_converted_only_where_nothing_is_lost(sessions: dict[str, Session]) -> None:
    given = feeds("acoustic_text", 9)
    assert given["phonemes"].dtype == np.int64  # the graph takes int32
    sessions["acoustic_text"].run(given)
    with pytest.raises(GraphError, match="phonemes is int32, not float64"):
        sessions["acoustic_text"].run({**given, "phonemes": given["phonemes"].astype(float)})


@pytest.mark.parametrize(
    ("mel", "named"),
    [
        (np.zeros((1, 20, 7)), r"mel has shape \[1, any, 80\], not \[1, 20, 7\]"),
        (np.zeros((20, 80)), r"not \[20, 80\]"),
        (np.zeros((1, 0, 80)), "mel is empty"),
    ],
)
def test_inputs_that_do_not_fit_are_named(sessions: dict[str, Session], mel: np.ndarray, named: str) -> None:
    with pytest.raises(GraphError, match=named):
        sessions["vocoder"].run({"mel": mel})
    assert sessions["vocoder"].run(feeds("vocoder", 3))["f0"].shape == (1, 3)


def test_errors(tmp_path: Path, sessions: dict[str, Session]) -> None:
    with pytest.raises(GraphError, match="cannot read"):
        load_session(tmp_path / "missing.tflite", "tflite")
    with pytest.raises(GraphError, match="cannot load"):
        load_session(b"not a graph", "tflite")
    with pytest.raises(GraphError, match="takes mel"):
        sessions["vocoder"].run({"sound": np.zeros(1)})


def test_without_a_runtime_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RuntimeMissing, match="pip install ai-edge-litert"):
        load_session(b"", "tflite")
    assert survey()["tflite"].version is None


def test_int8_products_are_refused_where_they_are_computed_wrongly() -> None:
    # One Linear(16, 8) with ai-edge-quantizer's dynamic_wi8_afp32.
    graph, x = Path(__file__).parent / "int8_product.tflite", np.ones((1, 16), np.float32)
    try:
        session = load_session(graph, "tflite")
    except GraphError as error:
        assert "tflite-runtime" in str(error)
        assert "ai_edge_litert" not in sys.modules
    else:
        assert session.info.version.startswith("ai-edge-litert")
        assert session.run({"x": x})["y"].shape == (1, 8)


def test_int8_products_with_fixed_scales_are_computed_rightly_everywhere() -> None:
    # One Linear(16, 8) of these weights, as `quantize_tflite` makes it with activations "static", calibrated with x.
    graph, x = Path(__file__).parent / "int8_static.tflite", np.sin(np.arange(16, dtype=np.float32))[None]
    (made,) = load_session(graph, "tflite").run({"x": x}).values()
    expected = x @ np.cos(np.arange(128)).reshape(8, 16).T + np.arange(8) / 8
    step = 2 * np.abs(expected).max() / 255
    assert 0 < np.abs(made - expected).max() < step
