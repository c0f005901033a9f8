"""Recordings that only ffmpeg reads: M4A, AAC, WebM, 3GP, and what else phones and browsers record.

The program runs where it is installed, for a bounded time, on the file alone: no network, no playlist that names other
files. What it decodes stays in memory where the system has files there (Linux), else in a file without a name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LIMIT_S = 120
# Containers of sound, by the names of ffmpeg's demuxers: none of them leads from a file to another one.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,amr,asf,caf,wav,w64,ogg,mp3,flac,aiff,au"


class NotDecoded(Exception):
    """ffmpeg cannot read the recording; the message says why."""


def ffmpeg() -> str | None:
    """The path of the program, None where it is not installed."""
    return shutil.which("ffmpeg")


@contextmanager
def decoded(program: str, source: Path | str | bytes, seconds: float) -> Iterator[IO[bytes]]:
    """The first ``seconds`` of a recording's sound as FLAC, at its own rate and with its own channels.

    program: of ``ffmpeg``. Raises NotDecoded.
    """
    with _anonymous() as given, _anonymous() as made:
        if isinstance(source, bytes):
            given.write(source)
            given.flush()
        name = _name(given) if isinstance(source, bytes) else f"file:{Path(source).absolute()}"
        command = [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS, "-i", name]
        command += ["-map", "0:a:0", "-map_metadata", "-1", "-t", str(seconds), "-sample_fmt", "s16"]
        command += ["-compression_level", "0", "-f", "flac", _name(made)]
        _run(command, (given.fileno(), made.fileno()))
        made.seek(0)
        yield made


def _run(command: list[str], descriptors: tuple[int, ...]) -> None:
    # FFREPORT would have it write a log beside the recording.
    environment = {name: value for name, value in os.environ.items() if name != "FFREPORT"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            pass_fds=descriptors,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotDecoded(f"ffmpeg took more than {LIMIT_S} s") from error
    except OSError as error:
        raise NotDecoded(f"ffmpeg cannot be run: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it gives no reason"]
        raise NotDecoded(f"ffmpeg cannot read it: {said[-1].strip()[-200:]}")


def _anonymous() -> IO[bytes]:
    """A file without a name, in memory where the system has such: a voice is not left on a disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("parrotlet"), "w+b")
    return tempfile.TemporaryFile()


def _name(file: IO[bytes]) -> str:
    """The open file for another process, which inherits its descriptor."""
    return f"file:/dev/fd/{file.fileno()}"
