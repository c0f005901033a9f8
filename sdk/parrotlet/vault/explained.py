"""Errors of the operating system, said as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from parrotlet.errors import VaultError


@contextmanager
def explained(action: str, path: object) -> Iterator[None]:
    """Turn an operating-system error into a VaultError that says what could not be done."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise VaultError(f"cannot {action} {path}: {reason}; mend that and try again") from error
