"""Keys from where services get them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from vault_forge import make_profile

from parrotlet.errors import UsageError, VaultError
from parrotlet.vault import KeyFile, Passphrase, ProfileStore
from parrotlet.vault.sources import key_from


def test_a_credential_of_systemd_is_a_key_file_whoever_owns_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ProfileStore.open(tmp_path / "store", KeyFile.create(tmp_path / "voice.key")).save("me", make_profile())
    (tmp_path / "voice.key").chmod(0o440)
    with pytest.raises(VaultError, match="open to other users"):
        KeyFile(tmp_path / "voice.key")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(VaultError, match="LoadCredential"):
        key_from("credential:voice.key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert ProfileStore.open(tmp_path / "store", key_from("credential:voice.key")).load("me") == make_profile()
    with pytest.raises(VaultError, match="absent"):
        key_from("credential:absent")
    for name in ("", "../key", "a/b"):
        with pytest.raises(UsageError, match="LoadCredential"):
            key_from(f"credential:{name}")


def test_a_passphrase_from_a_descriptor(tmp_path: Path) -> None:
    ProfileStore.open(tmp_path / "store", Passphrase("open sesame", log_n=10)).save("me", make_profile())
    read, write = os.pipe()
    os.write(write, b"open sesame\n")
    os.close(write)
    assert ProfileStore.open(tmp_path / "store", key_from(f"fd:{read}")).load("me") == make_profile()
    os.close(read)


@pytest.mark.parametrize("source", ["tpm", "fd:x", "fd:", "tpm2:x", ""])
def test_what_is_no_source(source: str) -> None:
    with pytest.raises(UsageError, match="credential:NAME"):
        key_from(source)
