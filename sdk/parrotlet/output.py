"""Where results are written: a regular file whole or not at all, anything else as it is."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from parrotlet.errors import UsageError


@contextmanager
def open_output(path: Path | str) -> Generator[IO[bytes], None, None]:
    """Open ``path`` for binary writing.

    A new or regular file appears when the block ends without an error, and keeps the mode it had; a link's target is
    written, not the link. A device, a pipe or a socket is opened and written to, and cannot be sought in.
    Raises UsageError when the path cannot be written.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    if mode is not None and stat.S_ISDIR(mode):
        raise UsageError(f"cannot write {path}: it is a folder: name a file in it")
    if mode is not None and not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise UsageError(f"cannot write {path}: it is read-only: choose another name, or chmod u+w {path}")
    try:
        if mode is None or stat.S_ISREG(mode):
            with _replaced(target, mode) as file:
                yield file
        else:
            with target.open("wb") as file:
                yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def _replaced(target: Path, mode: int | None) -> Generator[IO[bytes], None, None]:
    """A new file beside ``target`` that takes its place at the end."""
    part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    # The system applies the umask to a new file; asking for the umask would change it for every thread.
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        if mode is not None:
            part.chmod(stat.S_IMODE(mode))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
