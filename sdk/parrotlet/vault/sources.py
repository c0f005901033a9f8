"""Keys by the places that a service takes them from: "tpm2", "keyring", "credential:NAME", "fd:N"."""

from __future__ import annotations

import os
from pathlib import Path

from parrotlet.errors import UsageError, VaultError

from . import files
from .keys import KeyFile, KeyProvider, Passphrase

FORMS = "tpm2, keyring, credential:NAME or fd:N"


class Credential(KeyFile):
    """A key file that systemd hands to a service (LoadCredential), which keeps others from it.

    It may belong to root, and lies in memory that is not swapped. Raises VaultError when it is not there.
    """

    def __init__(self, name: str) -> None:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise VaultError("systemd gave no credentials: set LoadCredential= in the unit, or name another key")
        if not name or name != Path(name).name:
            raise UsageError(f"{name!r} is not the name of a credential: write it as in LoadCredential=")
        super().__init__(Path(folder) / name)

    def _content(self) -> bytearray:
        with files.explained("read the credential", self.path):
            return files.read_bounded(self.path, 256)


def key_from(source: str, new: bool = False) -> KeyProvider:
    """The key of a source. new: make it where that is for us to do. Raises UsageError, VaultError."""
    kind, _, name = source.partition(":")
    if kind == "tpm2" and not name:
        from .tpm2_key import Tpm2Key

        return Tpm2Key()
    if kind == "keyring" and not name:
        return _keyring(new)
    if kind == "credential":
        return Credential(name)
    if kind == "fd" and name.isdecimal():
        return Passphrase.from_descriptor(int(name))
    raise UsageError(f"--key {source} is none that is known: write {FORMS}")


def _keyring(new: bool) -> KeyProvider:
    try:
        from .keyring_key import KeyringKey
    except ImportError as error:
        raise UsageError("the keyring needs the package keyring: pip install 'parrotlet[keyring]'") from error
    try:
        return KeyringKey()
    except VaultError:
        if not new:
            raise
        return KeyringKey.create()
