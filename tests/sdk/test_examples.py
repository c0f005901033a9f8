"""The Raspberry Pi example runs as it stands, with a program in the place of aplay that keeps what it is given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DOORBELL = Path(__file__).parents[2] / "examples" / "raspberry_pi" / "doorbell.py"


def test_the_doorbell_speaks_each_line(tmp_path: Path) -> None:
    player = tmp_path / "aplay"
    player.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/arguments"\ncat > "{tmp_path}/pcm"\n')
    player.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        [sys.executable, str(DOORBELL), "preset:robin"],
        input="Someone is at the door.\nThe letter is here.\n",
        text=True,
        env=environment,
        check=True,
    )
    assert "S16_LE" in (tmp_path / "arguments").read_text()
    assert (tmp_path / "pcm").stat().st_size > 2 * 24000 * 1.5
