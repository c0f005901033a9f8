"""Devices: a fallback to the CPU is said, never silent; what is missing says what to install."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from parrotlet import Parrotlet
from parrotlet.bundle import DEFAULT
from parrotlet.errors import UsageError
from parrotlet_runtimes import RUNTIMES, DeviceWarning, RuntimeMissing, conflict, installed, load_session, survey

MEL = {"mel": np.full((1, 20, 80), -5, np.float32)}


@pytest.mark.parametrize("device", ["cuda", "xnnpack"])
def test_a_device_is_used_or_the_fallback_is_said(device: str) -> None:
    plain = load_session(DEFAULT / "vocoder.onnx", fold_int8=True)
    if device in survey()["onnx"].devices:
        session = load_session(DEFAULT / "vocoder.onnx", fold_int8=True, device=device)
        assert (session.info.device, session.info.fallback) == (device, "")
    else:
        with pytest.warns(DeviceWarning, match="running on the CPU"):
            session = load_session(DEFAULT / "vocoder.onnx", fold_int8=True, device=device)
        assert session.info.device == "cpu"
        assert "without" in session.info.fallback
    assert np.allclose(session.run(MEL)["magnitude"], plain.run(MEL)["magnitude"], rtol=1e-2, atol=1e-3)


def test_a_provider_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime-gpu without its libraries lists CUDA, then runs on the CPU with no more than a line in its log."""
    import onnxruntime

    create = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda graph, options, providers: create(graph, options, providers=["CPUExecutionProvider"]),
    )
    with pytest.warns(DeviceWarning, match="could not start CUDAExecutionProvider"):
        session = load_session(DEFAULT / "vocoder.onnx", fold_int8=True, device="cuda")
    assert session.info.device == "cpu"


def test_the_engine_passes_it_on() -> None:
    with pytest.raises(UsageError, match="abacus"):
        Parrotlet.load(device="abacus")
    if "cuda" not in survey()["onnx"].devices:
        with pytest.warns(DeviceWarning):
            bird = Parrotlet.load(device="cuda")
        assert bird.session_info["vocoder"].fallback


def test_a_missing_runtime_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RuntimeMissing, match="pip install onnxruntime"):
        load_session(DEFAULT / "vocoder.onnx")
    status = survey()["onnx"]
    assert status.version is None
    assert "pip install onnxruntime" in status.reason


def test_the_survey_covers_every_runtime() -> None:
    found = survey()
    assert set(found) == set(RUNTIMES)
    for name, status in found.items():
        assert bool(status.version) != bool(status.reason)
        assert installed(name) or status.reason


@pytest.mark.parametrize(("packages", "message"), [(["onnxruntime"], ""), (["onnxruntime", "onnxruntime_gpu"], "both")])
def test_two_packages_of_onnxruntime_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: list[str], message: str
) -> None:
    for package in packages:
        (tmp_path / f"{package}-1.31.1.dist-info").mkdir()
        (tmp_path / f"{package}-1.31.1.dist-info/METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.31.1\n"
        )
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert message in conflict() and bool(message) == bool(conflict())
