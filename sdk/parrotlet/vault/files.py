"""The file system as the vault needs it: secrets stay private, updates are atomic. One implementation a platform."""

from __future__ import annotations

import sys

from .explained import explained

if sys.platform == "win32":
    from .files_portable import (
        Directory,
        erase,
        exists,
        locked,
        make_directory,
        names,
        opened_directory,
        private_directory,
        read_bounded,
        read_private,
        replace,
        write_new,
    )
else:
    from .files_posix import (
        Directory,
        erase,
        exists,
        locked,
        make_directory,
        names,
        opened_directory,
        private_directory,
        read_bounded,
        read_private,
        replace,
        write_new,
    )

__all__ = [
    "Directory",
    "erase",
    "exists",
    "explained",
    "locked",
    "make_directory",
    "names",
    "opened_directory",
    "private_directory",
    "read_bounded",
    "read_private",
    "replace",
    "write_new",
]
