"""File system steps where there are neither file modes nor descriptors of directories (Windows).

Whom a file is closed to is the folder's business there: a user's own folders are closed to others. The functions are
those of ``files_posix``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from parrotlet.errors import VaultError

from .sealing import random_bytes

Directory = Path
LOCK_SECONDS = 30.0
ERASED = 8 << 20  # bytes at most, more than a profile has

_LOCK_NAME = ".lock"
_TEMPORARY = ".parrotlet-tmp-"


def make_directory(path: Path) -> None:
    """Create a directory and its parents. Existing ones stay."""
    path.mkdir(parents=True, exist_ok=True)


@contextmanager
def opened_directory(path: Path) -> Iterator[Path]:
    """The directory, which must be there."""
    if not path.is_dir():
        raise FileNotFoundError(2, "no such directory", str(path))
    yield path


private_directory = opened_directory


def read_private(directory: Path, name: str, shown: object, limit: int) -> bytearray:
    """At most ``limit`` + 1 bytes of a regular file. Raises FileNotFoundError and other OSErrors, VaultError."""
    return read_bounded(directory / name, limit)


def read_bounded(path: Path, limit: int) -> bytearray:
    """At most ``limit`` + 1 bytes of a regular file. Raises OSError, VaultError."""
    if path.exists() and not path.is_file():
        raise VaultError(f"{path} is not a regular file; check the path")
    with path.open("rb") as file:
        return bytearray(file.read(limit + 1))


def write_new(directory: Path, name: str, data: bytes) -> None:
    """Create a file that is there complete or not at all. Raises FileExistsError, other OSErrors."""
    if exists(directory, name):
        raise FileExistsError(17, "File exists", name)
    replace(directory, name, data)


def replace(directory: Path, name: str, data: bytes) -> None:
    """Put ``data`` in place of a file or of nothing, atomically. Raises OSError."""
    temporary = directory / (_TEMPORARY + random_bytes(8).hex())
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / name)
    finally:
        with suppress(OSError):
            temporary.unlink()


def erase(directory: Path, name: str) -> None:
    """Overwrite a file with zeros, make that durable, then remove it. Raises OSError."""
    path = directory / name
    if path.is_file() and not path.is_symlink():
        with path.open("r+b") as file:
            file.write(bytes(min(path.stat().st_size, ERASED)))
            file.flush()
            os.fsync(file.fileno())
    path.unlink()


def names(directory: Path) -> list[str]:
    """The directory's entries in no order."""
    return [entry.name for entry in directory.iterdir()]


def exists(directory: Path, name: str) -> bool:
    """Whether the name is taken, by whatever kind of entry."""
    return os.path.lexists(directory / name)


@contextmanager
def locked(directory: Path, shown: object) -> Iterator[None]:
    """Hold the directory's writer lock; remove what a killed writer left behind.

    Raises VaultError when another writer keeps it longer than LOCK_SECONDS.
    """
    with (directory / _LOCK_NAME).open("a+b") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _lock(file):
            if time.monotonic() > deadline:
                raise VaultError(f"another program is writing to {shown}; wait for it and try again")
            time.sleep(0.01)
        for name in names(directory):
            if name.startswith(_TEMPORARY):
                (directory / name).unlink()
        yield


def _lock(file: IO[bytes]) -> bool:
    """Take the lock if it is free; it ends with the file."""
    try:
        import msvcrt
    except ImportError:
        import fcntl

        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False
    with suppress(OSError):
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return True
    return False
