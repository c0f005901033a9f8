"""Graphs that are opened in threads: theirs are the bundle's own, and what goes wrong reaches the caller."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from parrotlet import Parrotlet
from parrotlet.bundle import Bundle, Opening
from parrotlet.errors import BundleError, UsageError
from parrotlet.meanwhile import Coming
from parrotlet_runtimes import Session


def test_it_is_made_at_once_and_elsewhere() -> None:
    begun = threading.Event()
    coming = Coming(lambda: (begun.set(), threading.current_thread())[1])
    assert begun.wait(10)
    assert coming.get() is not threading.current_thread()
    assert coming.get() is coming.get()


def test_an_error_reaches_who_asks() -> None:
    coming: Coming[int] = Coming(lambda: 1 // 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            coming.get()


def test_sessions_of_the_caller_are_opened_by_the_caller() -> None:
    found, threads = Bundle.load(), set()

    def opened(graph: str) -> Session:
        threads.add(threading.current_thread())
        return found.session(graph)

    Parrotlet.load(sessions=opened)
    assert threads == {threading.current_thread()}


def test_graphs_are_opened_ahead_once() -> None:
    opening = Opening(Bundle.load(), "onnx", 1, "cpu", ["vocoder"])
    assert opening("vocoder") is not opening("vocoder")  # the second is opened then
    assert opening("mel").info.outputs == ("mel",)


def test_a_damaged_graph_is_said_at_load(tmp_path: Path) -> None:
    for path in Bundle.load().path.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "vocoder.onnx").unlink()
    (tmp_path / "vocoder.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError, match="is not the file in the manifest"):
        Parrotlet.load(tmp_path)
    with pytest.raises(UsageError, match="unknown runtime"):
        Parrotlet.load(runtime="abacus")
