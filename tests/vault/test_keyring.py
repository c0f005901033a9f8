"""The adapter to the login keyring, against a keyring in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from vault_forge import DATA_KEY, make_profile

from parrotlet.errors import UnlockError, VaultError
from parrotlet.vault import ProfileStore

keyring = pytest.importorskip("keyring", reason="needs the extra parrotlet[keyring]")

from keyring.backend import KeyringBackend  # noqa: E402
from keyring.errors import KeyringLocked, PasswordDeleteError  # noqa: E402

from parrotlet.vault.keyring_key import KeyringKey  # noqa: E402


class MemoryKeyring(KeyringBackend):
    """A keyring that lives as long as the test."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("the secret is hunter2")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError


@pytest.fixture
def login() -> Iterator[MemoryKeyring]:
    previous, login = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(login)
    yield login
    keyring.set_keyring(previous)


def test_keyring_key_opens_what_it_wrapped(login: MemoryKeyring, tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="make it"):
        KeyringKey()
    key = KeyringKey.create()
    store = ProfileStore.open(tmp_path / "store", key)
    store.save("me", make_profile())
    assert store.show("me").keys == ("keyring",)
    assert ProfileStore.open(store.path, KeyringKey()).load("me") == make_profile()
    with pytest.raises(UnlockError):
        ProfileStore.open(store.path, KeyringKey.create(account="another")).load("me")
    with pytest.raises(VaultError, match="not replaced"):
        KeyringKey.create()


def test_keyring_key_does_not_show(login: MemoryKeyring) -> None:
    key = KeyringKey.create()
    (secret,) = login.entries.values()
    assert secret not in repr(key)
    assert "parrotlet" in repr(key)


def test_keyring_that_is_locked_or_holds_something_else(login: MemoryKeyring) -> None:
    key = KeyringKey.create()
    stanza = key.wrap(bytearray(DATA_KEY))
    login.locked = True
    for use in (lambda: key.unwrap(stanza), KeyringKey, KeyringKey.create):
        with pytest.raises(VaultError, match="KeyringLocked") as told:
            use()
        assert "hunter2" not in str(told.value)
    login.locked = False
    login.entries["parrotlet", "default"] = "not hex"
    with pytest.raises(VaultError, match="no parrotlet key"):
        key.unwrap(stanza)
