"""A key kept by the desktop's keyring: Secret Service, KWallet, macOS Keychain, Windows Credential Locker.

Needs the extra ``parrotlet[keyring]``. A headless board has no keyring: use a key file or a TPM there.
"""

from __future__ import annotations

import re

import keyring
from keyring.errors import KeyringError

from parrotlet.errors import VaultError

from .keys import StoredSecret
from .sealing import KEY_BYTES, random_bytes

_SECRET = re.compile(r"[0-9a-f]{64}")


class KeyringKey(StoredSecret):
    """32 random bytes in the login keyring, read anew for each use.

    service, account: under which names the keyring has it.
    Raises VaultError when the keyring has no such key, or there is no keyring or it is locked.
    """

    kind = "keyring"

    def __init__(self, service: str = "parrotlet", account: str = "default") -> None:
        self.service, self.account = service, account
        if self._stored() is None:
            raise VaultError(f"the keyring holds no key {service}/{account}; make it with KeyringKey.create")

    @classmethod
    def create(cls, service: str = "parrotlet", account: str = "default") -> KeyringKey:
        """Put a new random key into the keyring. Raises VaultError rather than replace one."""
        key = object.__new__(cls)
        key.service, key.account = service, account
        if key._stored() is not None:
            raise VaultError(f"the keyring holds a key {service}/{account} already; it is not replaced")
        try:
            keyring.set_password(service, account, random_bytes(KEY_BYTES).hex())
        except KeyringError as error:
            raise _unusable(error) from None
        return cls(service, account)

    def read_secret(self) -> bytearray:
        stored = self._stored()
        if stored is None or not _SECRET.fullmatch(stored):
            raise VaultError(f"the keyring's {self.service}/{self.account} is no parrotlet key; check the name")
        return bytearray.fromhex(stored)

    def _stored(self) -> str | None:
        try:
            stored: str | None = keyring.get_password(self.service, self.account)
        except KeyringError as error:
            raise _unusable(error) from None
        return stored

    def __repr__(self) -> str:
        return f"KeyringKey({self.service!r}, {self.account!r})"


def _unusable(error: KeyringError) -> VaultError:
    # the backend's own message is not passed on: it is not ours to vouch for what is in it
    return VaultError(f"the keyring cannot be used ({type(error).__name__}); unlock it or use a key file")
