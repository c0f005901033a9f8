"""A log of what was done with a store's profiles, encrypted with the store's keys and bounded. Off until switched on.

The file: magic, four bytes with the length of the wraps (little-endian), the wraps, and the sealed entries as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from parrotlet.errors import UnlockError, VaultError
from parrotlet.profile import utc_now

from . import files
from .format import parse_wraps, write_wraps
from .keys import KeyProvider
from .sealing import KEY_BYTES, derive, random_bytes, seal, unseal, wiped

FILE, MAGIC = ".audit", b"PARROTLA"
MOST_ENTRIES = 1000
"""The oldest go first."""
_MOST_BYTES = 1 << 20
_CHANGED = "cannot read the audit log: the key is wrong or the log was changed; `parrotlet audit off` ends it"

Entry = dict[str, str]
"""``at`` (RFC 3339 UTC), ``event`` (save, load, export, import), ``name`` and ``id`` of the profile."""


def is_on(directory: files.Directory) -> bool:
    """Whether the log is kept."""
    return files.exists(directory, FILE)


def switch_on(directory: files.Directory, keys: Sequence[KeyProvider]) -> None:
    """Begin a log. Raises VaultError where there is one, or no key."""
    if is_on(directory):
        raise VaultError("the audit log is on already: `parrotlet audit show` prints it")
    if not keys:
        raise VaultError("the audit log is encrypted: open the store with a key")
    with wiped(bytearray(random_bytes(KEY_BYTES))) as secret:
        wraps = write_wraps([key.wrap(secret) for key in keys])
        files.write_new(directory, FILE, _sealed([], wraps, secret))


def switch_off(directory: files.Directory) -> None:
    """End and destroy the log. Raises VaultError where there is none."""
    if not is_on(directory):
        raise VaultError("the audit log is off: there is nothing to end")
    files.erase(directory, FILE)


def note(directory: files.Directory, keys: Sequence[KeyProvider], event: str, name: str, profile_id: str) -> None:
    """Add an entry, if the log is on; the caller holds the store's lock. Raises UnlockError."""
    if not is_on(directory):
        return
    wraps, sealed = _parts(directory)
    with wiped(_unwrapped(wraps, keys)) as secret:
        entries = _opened(wraps, sealed, secret)
        entries.append({"at": utc_now(), "event": event, "name": name, "id": profile_id})
        files.replace(directory, FILE, _sealed(entries[-MOST_ENTRIES:], wraps, secret))


def entries(directory: files.Directory, keys: Sequence[KeyProvider]) -> list[Entry]:
    """The log, oldest first; none where it is off. Raises UnlockError, VaultError."""
    if not is_on(directory):
        return []
    wraps, sealed = _parts(directory)
    with wiped(_unwrapped(wraps, keys)) as secret:
        return _opened(wraps, sealed, secret)


def rewrapped(directory: files.Directory, old: Sequence[KeyProvider], new: Sequence[KeyProvider]) -> bytes | None:
    """The log under other keys, None where it is off. Raises UnlockError."""
    if not is_on(directory):
        return None
    wraps, sealed = _parts(directory)
    with wiped(_unwrapped(wraps, old)) as secret:
        return _sealed(_opened(wraps, sealed, secret), write_wraps([key.wrap(secret) for key in new]), secret)


def _sealed(rows: list[Entry], wraps: bytes, secret: bytearray) -> bytes:
    head = MAGIC + len(wraps).to_bytes(4, "little") + wraps
    with wiped(derive(secret, "parrotlet/1 audit")) as key:
        return head + seal(key, json.dumps(rows, ensure_ascii=False).encode(), head)


def _parts(directory: files.Directory) -> tuple[bytes, bytes]:
    data = bytes(files.read_private(directory, FILE, FILE, _MOST_BYTES))
    size = int.from_bytes(data[8:12], "little")
    if data[:8] != MAGIC or len(data) < 12 + size:
        raise UnlockError(_CHANGED)
    return data[12 : 12 + size], data[12 + size :]


def _unwrapped(wraps: bytes, keys: Sequence[KeyProvider]) -> bytearray:
    for key in keys:
        for stanza in parse_wraps(wraps):
            secret = key.unwrap(stanza)
            if secret is not None and len(secret) == KEY_BYTES:
                return secret
    raise UnlockError(_CHANGED)


def _opened(wraps: bytes, sealed: bytes, secret: bytearray) -> list[Any]:
    with wiped(derive(secret, "parrotlet/1 audit")) as key:
        plain = unseal(key, sealed, MAGIC + len(wraps).to_bytes(4, "little") + wraps)
    if plain is None:
        raise UnlockError(_CHANGED)
    with wiped(plain):
        rows: list[Any] = json.loads(bytes(plain))
    return rows
