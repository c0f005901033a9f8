"""The Session interface on onnxruntime."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parrotlet.bundle import DEFAULT
from parrotlet_runtimes import GraphError, load_session, onnx, survey
from parrotlet_runtimes.onnx import OnnxSession


def test_a_graph_loads_from_a_path_and_from_bytes() -> None:
    path = DEFAULT / "vocoder.onnx"
    mel = np.full((1, 20, 80), -5, np.float32)
    one = load_session(path, fold_int8=True).run({"mel": mel})
    other = load_session(path.read_bytes(), fold_int8=True, threads=2).run({"mel": mel})
    assert set(one) == {"magnitude", "phase", "noise", "f0"}
    assert all(np.allclose(one[name], other[name], atol=1e-4) for name in one)


def test_info_says_what_it_runs_on() -> None:
    info = load_session(DEFAULT / "vocoder.onnx", threads=2).info
    assert (info.runtime, info.device, info.threads) == ("onnx", "cpu", 2)
    assert info.version == survey()["onnx"].version


def test_a_program_with_an_allocator_of_its_own_loads_graphs_too() -> None:
    program = """
import sys
import onnxruntime as ort
memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
ort.create_and_register_allocator(memory, ort.OrtArenaCfg(0, -1, -1, -1))
from parrotlet_runtimes import load_session, onnx
print(load_session(sys.argv[1]).info.runtime)
"""
    command = [sys.executable, "-W", "ignore", "-c", program, str(DEFAULT / "resample.onnx")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "onnx\n"


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="cannot read"):
        load_session(tmp_path / "missing.onnx")
    with pytest.raises(GraphError, match="cannot load"):
        load_session(b"not a graph")
    with pytest.raises(ValueError, match="runtime"):
        load_session(b"", runtime="abacus")
    with pytest.raises(ValueError, match="threads"):
        load_session(b"", threads=0)
    session = load_session(DEFAULT / "vocoder.onnx")
    with pytest.raises(GraphError, match="takes mel"):
        session.run({"sound": np.zeros(1)})
    with pytest.raises(GraphError, match="cannot run"):
        session.run({"mel": np.zeros((1, 20, 7), np.float32)})


def test_a_processor_that_overflows_gets_the_unsigned_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    mel = np.full((1, 20, 80), -5, np.float32)
    plain = load_session(DEFAULT / "vocoder.onnx").run({"mel": mel})["magnitude"]
    monkeypatch.setattr(onnx, "_overflows", lambda: True)
    session = OnnxSession((DEFAULT / "vocoder.onnx").read_bytes(), 1, False, "cpu")
    assert session._session.get_session_options().get_session_config_entry("session.x64quantprecision") == "1"
    assert np.array_equal(session.run({"mel": mel})["magnitude"], plain)
