"""The Raspberry Pi example runs as it stands, with a program in the place of aplay that keeps what it is given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parrotlet import Parrotlet
from parrotlet.store import open_default_store

DOORBELL = Path(__file__).parents[2] / "examples" / "raspberry_pi" / "doorbell.py"
PLAYS = 'echo "$@" > "$FOLDER/arguments"\ncat > "$FOLDER/pcm"\n'


def ring(folder: Path, text: str, *arguments: str, player: str | None = PLAYS) -> subprocess.CompletedProcess[str]:
    """Run the doorbell as a user whose aplay is ``player``."""
    path = os.environ["PATH"]
    if player is None:
        path = str(folder)
    else:
        (folder / "aplay").write_text("#!/bin/sh\n" + player)
        (folder / "aplay").chmod(0o755)
        path = f"{folder}{os.pathsep}{path}"
    environment = {**os.environ, "PATH": path, "FOLDER": str(folder), "XDG_DATA_HOME": str(folder / "data")}
    return subprocess.run(
        [sys.executable, str(DOORBELL), *arguments],
        input=text,
        text=True,
        env={**environment, "XDG_CONFIG_HOME": str(folder / "config")},
        capture_output=True,
        check=False,
    )


def seconds(folder: Path) -> float:
    return (folder / "pcm").stat().st_size / 2 / 24_000


def test_the_doorbell_speaks_each_line(tmp_path: Path) -> None:
    done = ring(tmp_path, "Someone is at the door.\nThe letter is here.\n", "preset:robin")
    assert (done.returncode, done.stderr) == (0, "")
    assert "S16_LE" in (tmp_path / "arguments").read_text()
    assert seconds(tmp_path) > 1.5


def test_the_doorbell_knows_who_was_enrolled(tmp_path: Path, bird: Parrotlet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    open_default_store(create=True).save("me", bird.presets["finch"].profile)
    assert ring(tmp_path, "Hello.\n", "me").returncode == 0
    assert seconds(tmp_path) > 0.3
    done = ring(tmp_path, "Hello.\n", "finch")
    assert done.returncode == 4 and "did you mean preset:finch" in done.stderr


def test_a_bad_line_does_not_end_the_service(tmp_path: Path) -> None:
    done = ring(tmp_path, "[[ÿ]]\n\n   \nHello there.\n", "preset:robin")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("not spoken: ")
    assert seconds(tmp_path) > 0.4


@pytest.mark.parametrize(
    ("player", "message"),
    [("exit 1\n", "choose a sound card of `aplay -l` with --device"), (None, "apt-get install alsa-utils")],
)
def test_what_is_wrong_with_the_sound_is_one_line(tmp_path: Path, player: str | None, message: str) -> None:
    done = ring(tmp_path, "Hello there. " * 50, "preset:robin", player=player)
    assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1


def test_no_voice_named_is_a_usage_error(tmp_path: Path) -> None:
    done = ring(tmp_path, "")
    assert done.returncode == 2 and "voice" in done.stderr and "Traceback" not in done.stderr
