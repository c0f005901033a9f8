"""File system steps that keep secrets private and updates atomic (POSIX).

Everything happens relative to an open directory, follows no symbolic link in its last step,
and leaves the old file or the new one whatever interrupts it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from parrotlet.errors import VaultError

from .sealing import random_bytes

Directory = int
"""A descriptor."""
LOCK_SECONDS = 30.0
ERASED = 8 << 20  # bytes at most, more than a profile has

_LOCK_NAME = ".lock"
_TEMPORARY = ".parrotlet-tmp-"


def make_directory(path: Path) -> None:
    """Create a directory for the owner alone (0700), parents as the system makes them. Existing ones stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)


@contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """A descriptor of the directory, so that later steps cannot be led elsewhere."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def private_directory(path: Path) -> Iterator[int]:
    """As ``opened_directory``, for one that must be the user's own and closed to others (0700)."""
    with opened_directory(path) as descriptor:
        _check_private(os.fstat(descriptor), path, "700")
        yield descriptor


def read_private(directory: int, name: str, shown: object, limit: int) -> bytearray:
    """A file that must be regular, the user's own and closed to others (0600); at most ``limit`` + 1 bytes.

    Raises FileNotFoundError and other OSErrors as they come, VaultError where others have access.
    """
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise VaultError(f"{shown} is not a regular file; remove it")
        _check_private(status, shown, "600")
        return _read(descriptor, limit)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, limit: int) -> bytearray:
    """At most ``limit`` + 1 bytes of a regular file anywhere, whoever owns it. Raises OSError, VaultError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise VaultError(f"{path} is not a regular file; check the path")
        return _read(descriptor, limit)
    finally:
        os.close(descriptor)


def write_new(directory: int, name: str, data: bytes) -> None:
    """Create a file (0600) that is there complete or not at all. Raises FileExistsError, other OSErrors."""
    temporary = _write_temporary(directory, data)
    try:
        _publish(directory, temporary, name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
    os.fsync(directory)


def replace(directory: int, name: str, data: bytes) -> None:
    """Put ``data`` in place of a file or of nothing, atomically and durably (0600). Raises OSError."""
    temporary = _write_temporary(directory, data)
    try:
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise
    os.fsync(directory)


def erase(directory: int, name: str) -> None:
    """Overwrite a file with zeros, make that durable, then remove it. Raises OSError.

    The overwriting destroys the wrapped key for whoever reads the file system; flash storage may
    keep an old copy of the block that no file shows. A directory that would not let go of the file is told first.
    """
    if not os.access(".", os.W_OK, dir_fd=directory, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            _write(descriptor, bytes(min(status.st_size, ERASED)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    os.unlink(name, dir_fd=directory)
    os.fsync(directory)


def names(directory: int) -> list[str]:
    """The directory's entries in no order."""
    return os.listdir(directory)


def exists(directory: int, name: str) -> bool:
    """Whether the name is taken, by whatever kind of entry."""
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def locked(directory: int, shown: object) -> Iterator[None]:
    """Hold the directory's writer lock; remove what a killed writer left behind.

    Raises VaultError when another writer keeps it longer than LOCK_SECONDS.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(_LOCK_NAME, flags, 0o600, dir_fd=directory)
    try:
        _wait_for(descriptor, shown)
        for name in names(directory):
            if name.startswith(_TEMPORARY):
                os.unlink(name, dir_fd=directory)
        yield
    finally:
        os.close(descriptor)


def _publish(directory: int, temporary: str, name: str) -> None:
    try:
        os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:  # no hard links here: FAT on a memory card
        if exists(directory, name):
            raise FileExistsError(error.errno, "File exists", name) from error
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def _wait_for(descriptor: int, shown: object) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise VaultError(f"another program is writing to {shown}; wait for it and try again") from None
            time.sleep(0.01)
        else:
            return


def _write_temporary(directory: int, data: bytes) -> str:
    name = _TEMPORARY + random_bytes(8).hex()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    # no chmod after it: the umask can only narrow 0600, and FAT refuses chmod
    descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        try:
            _write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=directory)
        raise
    return name


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read(descriptor: int, limit: int) -> bytearray:
    data = bytearray()
    while len(data) <= limit and (piece := os.read(descriptor, limit + 1 - len(data))):
        data += piece
    return data


def _check_private(status: os.stat_result, shown: object, mode: str) -> None:
    if status.st_uid != os.geteuid():
        raise VaultError(f"{shown} belongs to another user; choose a path of your own")
    if status.st_mode & 0o077:
        raise VaultError(f"{shown} is open to other users; run: chmod {mode} {shown}")
