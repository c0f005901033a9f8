"""Runs the fuzz target for a fixed count, so that CI notices both a finding and a broken target."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_profile_target(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="needs atheris")
    target = Path(__file__).with_name("fuzz_profile.py")
    command: list[str | Path] = [sys.executable, target, "-atheris_runs=10000", "-seed=6"]
    # libFuzzer's limit is on the peak that the process had, and a child's begins with what its parent, the whole suite,
    # holds: the limit on a single allocation stays.
    command += ["-rss_limit_mb=0", "-malloc_limit_mb=2048"]
    # libFuzzer leaves what it finds in the working directory
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 10000" in done.stderr, done.stderr[-4000:]
