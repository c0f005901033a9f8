"""When speech of two hosts is the same, and what the tests of both share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from parrotlet import Parrotlet, VoiceProfile
from parrotlet.audio import resample
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.pitch import estimate_f0

ROOT = Path(__file__).parents[2]
WEB = ROOT / "examples/web"
Samples = npt.NDArray[np.float64]


def build(*arguments: str | Path) -> None:
    """Run build.mjs of examples/web, which needs the trainer's export of the text rules."""
    pytest.importorskip("parrotlet_compression.g2p.export_rules")
    command = ["node", WEB / "build.mjs", *arguments]
    subprocess.run(command, env={**os.environ, "PYTHON": sys.executable}, check=True, capture_output=True)


def require_packages(*names: str) -> None:
    """Skip where Node or a package of examples/web is missing."""
    missing = [name for name in names if not (WEB / "node_modules" / name).exists()]
    if missing or shutil.which("node") is None:
        pytest.skip(f"{', '.join(missing) or 'node'} is not installed: npm install --prefix examples/web")


def require_chromium() -> None:
    """Skip where there is no Chromium, the one that CHROMIUM names or Debian's."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(path).exists():
        pytest.skip(f"no Chromium at {path}: apt-get install chromium")


def driven(driver: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What a driver of the page beside this file made of its settings, without an error in the page."""
    command = ["node", Path(__file__).with_name(driver), json.dumps(settings)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    assert "failed" not in result, result["failed"]
    assert result["errors"] == []
    return result


def spoken(bird: Parrotlet, text: str, voice: VoiceProfile | str, **options: Any) -> Samples:
    return np.concatenate([chunk.samples for chunk in bird.speak(text, voice, **options)]).astype(np.float64)


def require_alike(ours: Samples, theirs: Samples, cents: float = 10) -> None:
    """The same speech but for its noise and for what INT8 rounds otherwise.

    Two seeds of Python's own noise lie 2.08 dB of the mel spectrogram apart, over loud frames. Samples are not
    compared: a pitch that is 3 cents away, as INT8 rounds it, moves the phase of all that follows. cents: how far half
    of the pitch may be away.
    """
    assert len(theirs) == pytest.approx(len(ours), rel=0.01)
    size = min(len(ours), len(theirs))
    same_length = len(theirs) == len(ours)
    ours, theirs = ours[:size], theirs[:size]
    assert abs(10 * np.log10(np.mean(theirs**2) / np.mean(ours**2))) < 0.5
    first, second = (mel_spectrogram(one.astype(np.float32), MelConfig()) for one in (ours, theirs))
    level = first.mean(axis=1)
    loud = level > max(np.percentile(level, 40), level.max() - 3)  # the background in pauses is noise of its own
    if same_length:
        assert np.abs(first - second)[loud].mean() * 20 / np.log(10) < 2.6
        pitch = [estimate_f0(resample(one.astype(np.float32), 24000, 16000), 16000) for one in (ours, theirs)]
        voiced = (pitch[0] > 0) & (pitch[1] > 0)
        assert voiced.sum() > 0.9 * (pitch[0] > 0).sum()
        assert np.median(np.abs(1200 * np.log2(pitch[1][voiced] / pitch[0][voiced]))) < cents
    else:  # a phoneme that is a frame longer moves all that follows: the spectrum as a whole
        assert np.abs(first[loud].mean(axis=0) - second[loud].mean(axis=0)).mean() * 20 / np.log(10) < 1.5
