"""Keys: what they take, what they refuse, and that they never show."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import stat
import traceback
from pathlib import Path

import pytest
from vault_forge import DATA_KEY, KEY_FILE, SECRET, MemoryKey, make_profile

from parrotlet.errors import UnlockError, UsageError, VaultError
from parrotlet.vault import KeyFile, KeyProvider, Passphrase, ProfileStore, Stanza, default_key
from parrotlet.vault.keys import DEFAULT_LOG_N

PHRASE = "correct-horse-battery-staple"


def roundtrip(key: KeyProvider, other: KeyProvider | None = None) -> bytes | None:
    found = (other or key).unwrap(key.wrap(bytearray(DATA_KEY)))
    return None if found is None else bytes(found)


def test_passphrase_wraps_and_unwraps() -> None:
    key = Passphrase(PHRASE, log_n=10)
    assert roundtrip(key) == DATA_KEY
    assert roundtrip(key, Passphrase(PHRASE)) == DATA_KEY
    assert roundtrip(key, Passphrase(PHRASE.encode())) == DATA_KEY
    assert roundtrip(key, Passphrase(bytearray(PHRASE.encode()))) == DATA_KEY
    assert roundtrip(key, Passphrase(PHRASE.upper())) is None


def test_the_default_cost_is_the_owasp_floor() -> None:
    assert DEFAULT_LOG_N == 17
    stanza = Passphrase(PHRASE).wrap(bytearray(DATA_KEY))
    assert stanza.arguments["log_n"] == 17
    assert Passphrase(PHRASE).unwrap(stanza) == bytearray(DATA_KEY)


@pytest.mark.parametrize("secret", ["", b"", "x" * 1025, b"x" * 1025, "ü" * 513])
def test_passphrases_out_of_bounds(secret: str | bytes) -> None:
    with pytest.raises(UsageError):
        Passphrase(secret)


@pytest.mark.parametrize("log_n", [0, 9, 20, 63])
def test_costs_out_of_bounds(log_n: int) -> None:
    with pytest.raises(UsageError):
        Passphrase(PHRASE, log_n=log_n)
    stanza = Stanza("scrypt", {"log_n": log_n, "salt": "00" * 16}, bytes(60))
    assert Passphrase(PHRASE).unwrap(stanza) is None


def test_a_wiped_passphrase_opens_nothing() -> None:
    key = Passphrase(PHRASE, log_n=10)
    stanza = key.wrap(bytearray(DATA_KEY))
    key.wipe()
    assert key.unwrap(stanza) is None


def test_the_callers_buffer_is_not_touched() -> None:
    mine = bytearray(PHRASE.encode())
    Passphrase(mine, log_n=10).wipe()
    assert mine == PHRASE.encode()


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_passphrase_from_a_file_and_a_descriptor(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "phrase"
    path.write_bytes((PHRASE + ending).encode())
    reference = Passphrase(PHRASE, log_n=10)
    assert roundtrip(reference, Passphrase.from_file(path)) == DATA_KEY
    reader, writer = os.pipe()
    os.write(writer, (PHRASE + ending).encode())
    os.close(writer)
    assert roundtrip(reference, Passphrase.from_descriptor(reader)) == DATA_KEY
    os.close(reader)


def test_only_one_line_break_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "phrase"
    path.write_text(PHRASE + " \n\n")
    assert roundtrip(Passphrase(PHRASE + " \n", log_n=10), Passphrase.from_file(path)) == DATA_KEY


def test_passphrase_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "phrase"
    path.write_text("\n")
    with pytest.raises(UsageError):
        Passphrase.from_file(path)
    with pytest.raises(VaultError, match="missing"):
        Passphrase.from_file(tmp_path / "missing")
    with pytest.raises(UsageError):
        Passphrase.from_file("/dev/zero")


def test_passphrase_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PHRASE", PHRASE)
    assert roundtrip(Passphrase(PHRASE, log_n=10), Passphrase.from_environment("MY_PHRASE")) == DATA_KEY
    with pytest.raises(UsageError, match="NOT_SET"):
        Passphrase.from_environment("NOT_SET")


def test_passphrase_from_a_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PHRASE, PHRASE, PHRASE, "typo"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    reference = Passphrase(PHRASE, log_n=10)
    assert roundtrip(reference, Passphrase.from_prompt(confirm=True)) == DATA_KEY
    with pytest.raises(UsageError, match="differ"):
        Passphrase.from_prompt(confirm=True)


def test_too_little_memory_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr("hashlib.scrypt", fail)
    with pytest.raises(VaultError, match="memory") as told:
        Passphrase(PHRASE, log_n=17).wrap(bytearray(DATA_KEY))
    assert "128 MiB" in str(told.value)
    assert not isinstance(told.value, UnlockError)


def test_key_file_is_created_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "my.key"
    previous = os.umask(0)
    try:
        key = KeyFile.create(path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert roundtrip(key, KeyFile(path)) == DATA_KEY
    content = path.read_bytes()
    with pytest.raises(VaultError, match="not replaced"):
        KeyFile.create(path)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["my.key"]
    assert KeyFile.create(tmp_path / "b.key").path.read_bytes() != content


def test_key_file_does_not_follow_a_link_on_creation(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultError):
        KeyFile.create(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "content",
    ["", "parrotlet-key-1 ", KEY_FILE.upper(), KEY_FILE + "\n", " " + KEY_FILE, KEY_FILE * 2, "x" * 10_000],
)
def test_what_is_not_a_key_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "my.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(VaultError, match="not a parrotlet key file"):
        KeyFile(path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o777])
def test_a_key_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    path = KeyFile.create(tmp_path / "my.key").path
    path.chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        KeyFile(path)


def test_key_file_that_is_missing_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, tmp_path / "none" / "none"):
        with pytest.raises(VaultError):
            KeyFile(path)
    with pytest.raises(VaultError, match=r"no such key file; .* KeyFile\.open_or_create\(PATH\)"):
        KeyFile(tmp_path / "none")


def test_default_key_is_made_once_outside_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    key = default_key(tmp_path / "store")
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.path.parent.stat().st_mode) == 0o700
    assert roundtrip(key, default_key(tmp_path / "other")) == DATA_KEY
    for inside in (tmp_path, key.path.parent, tmp_path / "store" / ".."):
        with pytest.raises(UsageError, match="contains the device key"):
            default_key(inside)


def test_stanzas_of_other_kinds_and_shapes_are_not_ours() -> None:
    for key in (MemoryKey(), Passphrase(PHRASE, log_n=10)):
        good = key.wrap(bytearray(DATA_KEY))
        for stanza in (
            Stanza("other", good.arguments, good.body),
            Stanza(good.type, {**good.arguments, "more": 1}, good.body),
            Stanza(good.type, {}, good.body),
            Stanza(good.type, {**good.arguments, "salt": "zz" * 16}, good.body),
            Stanza(good.type, {**good.arguments, "salt": 3}, good.body),
            Stanza(good.type, good.arguments, good.body[:-1]),
            Stanza(good.type, good.arguments, b""),
            Stanza(good.type, good.arguments, bytes([good.body[0] ^ 1]) + good.body[1:]),
        ):
            assert key.unwrap(stanza) is None


def test_a_wrap_of_one_kind_is_no_wrap_of_another() -> None:
    """The label keeps a secret that serves two kinds of key from being confused."""

    class Other(MemoryKey):
        kind = "other"

    stanza = MemoryKey().wrap(bytearray(DATA_KEY))
    assert Other().unwrap(Stanza("other", stanza.arguments, stanza.body)) is None


def shown(key: KeyProvider) -> str:
    return "".join([repr(key), str(key), f"{key}", repr([key]), repr(ProfileStore(Path("x"), (key,)))])


def test_secrets_do_not_show(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "my.key"
    path.write_text(KEY_FILE)
    path.chmod(0o600)
    for key in (Passphrase(PHRASE, log_n=10), KeyFile(path)):
        logging.getLogger().warning("%s %r", key, key)
        for text in (shown(key), caplog.text):
            assert PHRASE not in text
            assert SECRET.hex() not in text
            assert repr(SECRET) not in text
        for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
            with pytest.raises(TypeError):
                leak(key)


def test_errors_do_not_show_secrets(tmp_path: Path) -> None:
    store = ProfileStore.open(tmp_path / "store", Passphrase(PHRASE, log_n=10))
    store.save("me", make_profile())
    failing = ProfileStore.open(tmp_path / "store", Passphrase("another-secret-phrase", log_n=10))
    secrets = (PHRASE, "another-secret-phrase", *map(str, make_profile().embedding))
    for use in (failing.load, failing.rekey, lambda name: failing.save(name, make_profile()), failing.load):
        with pytest.raises(VaultError) as caught:
            use("me")
        text = "".join(traceback.format_exception(caught.value))
        assert not any(secret in text for secret in secrets)
    assert not any(secret in repr(make_profile()) for secret in secrets)


def test_a_provider_of_ones_own(tmp_path: Path) -> None:
    """The interface a platform's key store is plugged into."""

    class Vendor(KeyProvider):
        def wrap(self, data_key: bytearray) -> Stanza:
            return Stanza("vendor", {"slot": 3}, bytes(byte ^ 0x55 for byte in data_key))

        def unwrap(self, stanza: Stanza) -> bytearray | None:
            return bytearray(byte ^ 0x55 for byte in stanza.body) if stanza.type == "vendor" else None

    store = ProfileStore.open(tmp_path / "store", [Vendor(), MemoryKey()])
    store.save("me", make_profile())
    assert store.show("me").keys == ("vendor", "key-file")
    assert ProfileStore.open(tmp_path / "store", Vendor()).load("me") == make_profile()
    assert ProfileStore.open(tmp_path / "store", MemoryKey()).load("me") == make_profile()


def test_opening_or_creating_a_key_file_works_every_time(tmp_path: Path) -> None:
    first = KeyFile.open_or_create(tmp_path / "my.key")
    again = KeyFile.open_or_create(tmp_path / "my.key")
    assert roundtrip(first, again) == DATA_KEY


def test_a_lost_device_key_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    key = default_key(tmp_path / "store")
    ProfileStore.open(tmp_path / "store", key=key).save("me", make_profile(1))
    lost = key.path.read_bytes()
    key.path.unlink()
    with pytest.raises(VaultError, match=r"device\.key is missing.*restore it"):
        default_key(tmp_path / "store")
    assert not key.path.exists()
    key.path.write_bytes(lost)
    key.path.chmod(0o600)
    assert ProfileStore.open(tmp_path / "store", key=default_key(tmp_path / "store")).load("me") == make_profile(1)
