"""The store's operations, as a caller meets them."""

from __future__ import annotations

import base64
import json
import os
import tempfile
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from make_vectors import PATH, header_for
from vault_forge import MODEL, MemoryKey, full_profile, make_profile

from parrotlet.errors import (
    ProfileExists,
    ProfileExpired,
    ProfileFormatError,
    ProfileNotFound,
    UnlockError,
    UsageError,
    VaultError,
    WrongModelError,
)
from parrotlet.profile import ProfileWarning
from parrotlet.vault import KeyFile, Passphrase, ProfileStore
from parrotlet.vault.envelope import seal_profile
from parrotlet.vault.format import parse_file

FAST = Passphrase("recovery words", log_n=10)


def file_of(store: ProfileStore, name: str) -> bytes:
    return (store.path / f"{name}.voice").read_bytes()


def test_save_and_load(store: ProfileStore) -> None:
    store.save("me", full_profile())
    assert store.load("me") == full_profile()
    assert store.load("me", speaker_model=MODEL) == full_profile()


def test_a_name_is_not_taken_twice_unless_asked(store: ProfileStore) -> None:
    store.save("me", make_profile(1))
    with pytest.raises(ProfileExists):
        store.save("me", make_profile(2))
    assert store.load("me") == make_profile(1)
    store.save("me", make_profile(2), replace=True)
    assert store.load("me") == make_profile(2)


def test_what_is_not_there(store: ProfileStore) -> None:
    for use in (store.load, store.show, store.delete, store.rekey):
        with pytest.raises(ProfileNotFound):
            use("nobody")
    assert store.list() == []


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/b",
        "",
        ".",
        "..",
        ".hidden",
        "-rf",
        "a b",
        "a\n",
        "a\0b",
        "ü",
        "a" * 65,
        "preset:anna",
        "/etc/x",
    ],
)
def test_names_that_are_refused(store: ProfileStore, name: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    for use in (store.load, store.show, store.delete, store.rekey, lambda n: store.save(n, make_profile())):
        with pytest.raises(UsageError):
            use(name)
    with pytest.raises(UsageError):
        store.export(name, tmp_path / "out", FAST)
    with pytest.raises(UsageError):
        store.rotate(FAST, [name])
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != ".lock"] == before


@pytest.mark.parametrize("name", ["a", "me", "Anna-2", "a.b_c-d", "0", "a" * 64])
def test_names_that_are_allowed(store: ProfileStore, name: str) -> None:
    store.save(name, make_profile())
    assert store.load(name) == make_profile()


def test_list_and_show_need_no_key(store: ProfileStore) -> None:
    store.save("b", full_profile())
    store.save("a", make_profile(), count_uses=True)
    locked = ProfileStore.open(store.path)
    first, second = locked.list()
    assert (first.name, first.uses, first.consent, first.keys) == ("a", 0, None, ("key-file",))
    assert (second.name, second.uses, second.consent) == ("b", None, full_profile().consent)
    assert second.expires == full_profile().expires
    assert not second.expired
    assert locked.show("b") == second
    with pytest.raises(UnlockError):
        locked.load("a")
    with pytest.raises(UsageError):
        locked.save("c", make_profile())


def test_a_damaged_file_does_not_hide_the_others(store: ProfileStore) -> None:
    store.save("bad", make_profile())
    store.save("good", make_profile())
    (store.path / "bad.voice").write_bytes(b"nonsense")
    (store.path / "notes.txt").write_text("not ours")
    bad, good = store.list()
    assert bad.problem
    assert bad.name == "bad"
    assert not good.problem
    with pytest.raises(ProfileFormatError):
        store.show("bad")
    store.delete("bad")
    assert [stored.name for stored in store.list()] == ["good"]
    assert (store.path / "notes.txt").exists()


def test_metadata_is_json_without_secrets(store: ProfileStore) -> None:
    stored = store.save("me", full_profile())
    text = json.dumps(asdict(stored))
    assert "embedding" not in text
    assert "statistics" not in text
    assert stored == store.show("me")


def test_delete_overwrites_before_it_unlinks(store: ProfileStore) -> None:
    store.save("me", make_profile())
    path = store.path / "me.voice"
    os.link(path, store.path.parent / "seen-by-the-disk")
    store.delete("me")
    assert not path.exists()
    assert not any((store.path.parent / "seen-by-the-disk").read_bytes())


def test_several_keys_and_either_opens(store: ProfileStore, key_file: KeyFile) -> None:
    both = ProfileStore.open(store.path, key=[key_file, FAST])
    both.save("me", make_profile())
    assert both.show("me").keys == ("key-file", "scrypt")
    for key in (key_file, FAST, [MemoryKey(b"x" * 32), FAST]):
        assert ProfileStore.open(store.path, key=key).load("me") == make_profile()
    with pytest.raises(UnlockError):
        ProfileStore.open(store.path, key=Passphrase("recovery word")).load("me")


def test_rotate_changes_the_wraps_and_nothing_else(store: ProfileStore) -> None:
    store.save("a", full_profile())
    store.save("b", make_profile())
    before = {name: parse_file(file_of(store, name)) for name in "ab"}
    rotated = store.rotate([FAST, MemoryKey(b"n" * 32)])
    for name in "ab":
        after = parse_file(file_of(store, name))
        assert (after.header, after.payload) == (before[name].header, before[name].payload)
        with pytest.raises(UnlockError):
            store.load(name)
    assert rotated.load("a") == full_profile()
    assert ProfileStore.open(store.path, FAST).load("b") == make_profile()


def test_rotate_of_some(store: ProfileStore) -> None:
    store.save("a", make_profile(1))
    store.save("b", make_profile(2))
    store.rotate(FAST, ["b"])
    assert store.load("a") == make_profile(1)
    with pytest.raises(UnlockError):
        store.load("b")


def test_rotate_writes_nothing_unless_all_unlock(store: ProfileStore) -> None:
    store.save("a", make_profile())
    ProfileStore.open(store.path, FAST).save("b", make_profile())
    before = [file_of(store, name) for name in "ab"]
    with pytest.raises(UnlockError):
        store.rotate(MemoryKey(b"n" * 32))
    with pytest.raises(UsageError):
        store.rotate([], ["a"])
    assert [file_of(store, name) for name in "ab"] == before


def test_rekey_changes_the_data_key(store: ProfileStore) -> None:
    store.save("me", full_profile())
    old = file_of(store, "me")
    store.rekey("me")
    new = file_of(store, "me")
    assert store.load("me") == full_profile()
    before, after = parse_file(old), parse_file(new)
    assert before.header == after.header
    # the old wraps and MAC do not open the new payload
    mixed = replace(after, wraps=before.wraps, mac=before.mac).to_bytes()
    (store.path / "me.voice").write_bytes(mixed)
    with pytest.raises(UnlockError):
        store.load("me")


def test_export_and_import(store: ProfileStore, tmp_path: Path) -> None:
    store.save("me", full_profile())
    out = tmp_path / "me.voice"
    store.export("me", out, FAST)
    assert out.stat().st_mode & 0o777 == 0o600
    other = ProfileStore.open(tmp_path / "other", MemoryKey(b"d" * 32))
    assert other.import_(out, FAST).id == store.show("me").id
    assert other.load("me") == full_profile()
    assert other.show("me").keys == ("key-file",)
    assert other.import_(out, FAST, name="again").name == "again"
    assert other.load("again") == full_profile()
    with pytest.raises(ProfileExists):
        other.import_(out, FAST)
    other.import_(out, FAST, replace=True)
    with pytest.raises(VaultError, match="not replaced"):
        store.export("me", out, FAST)
    with pytest.raises(UnlockError):
        other.import_(out, Passphrase("wrong", log_n=10), name="third")
    with pytest.raises(UsageError):
        other.import_(out, FAST, name="../third")
    assert [stored.name for stored in other.list()] == ["again", "me"]


def test_import_of_what_is_not_a_profile(store: ProfileStore, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 32)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(ProfileFormatError):
        store.import_(large, FAST)
    for path in (fifo, tmp_path, tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(VaultError):
            store.import_(path, FAST)


def test_expired_profiles_stay_shut(store: ProfileStore, tmp_path: Path) -> None:
    store.save("me", make_profile(expires="2001-01-01T00:00:00Z"))
    assert store.show("me").expired
    with pytest.raises(ProfileExpired, match="2001"):
        store.load("me")
    with pytest.raises(ProfileExpired):
        store.export("me", tmp_path / "out", FAST)
    assert not (tmp_path / "out").exists()
    store.rekey("me")
    rotated = store.rotate(FAST)
    with pytest.raises(ProfileExpired):
        rotated.load("me")
    store.delete("me")


def test_another_model_is_named(store: ProfileStore) -> None:
    store.save("me", make_profile(bundle="hi-fi-2"))
    with pytest.raises(WrongModelError, match="hi-fi-2"):
        store.load("me", speaker_model="0" * 64)


def test_uses_are_counted_only_where_asked(store: ProfileStore) -> None:
    store.save("plain", make_profile())
    before = file_of(store, "plain")
    store.load("plain")
    assert file_of(store, "plain") == before
    store.save("counted", make_profile(), count_uses=True)
    for count in (1, 2, 3):
        assert store.load("counted") == make_profile()
        assert store.show("counted").uses == count
    with pytest.raises(WrongModelError):
        store.load("counted", speaker_model="0" * 64)
    assert store.show("counted").uses == 3


def test_counting_keeps_a_second_key(store: ProfileStore, key_file: KeyFile) -> None:
    ProfileStore.open(store.path, [key_file, FAST]).save("me", make_profile(), count_uses=True)
    store.load("me")
    assert ProfileStore.open(store.path, FAST).load("me") == make_profile()
    assert store.show("me").uses == 2


def test_files_that_changed_places(store: ProfileStore) -> None:
    store.save("me", make_profile(1))
    store.save("you", make_profile(2))
    (store.path / "me.voice").write_bytes(file_of(store, "you"))
    for use in (store.load, store.rekey, lambda name: store.rotate(FAST, [name])):
        with pytest.raises(UnlockError):
            use("me")
    assert store.list()[0].problem


def test_wrong_key_and_tampering_read_alike(store: ProfileStore) -> None:
    store.save("me", make_profile())
    with pytest.raises(UnlockError) as wrong:
        ProfileStore.open(store.path, MemoryKey(b"w" * 32)).load("me")
    changed = bytearray(file_of(store, "me"))
    changed[-1] ^= 1
    (store.path / "me.voice").write_bytes(changed)
    with pytest.raises(UnlockError) as tampered:
        store.load("me")
    assert str(wrong.value) == str(tampered.value)
    assert "\n" not in str(wrong.value)


def test_a_counter_at_its_end_stays_there(store: ProfileStore) -> None:
    store.save("me", make_profile(), count_uses=True)
    full = seal_profile(header_for(make_profile(), uses=2**31 - 1), make_profile(), store.keys)
    (store.path / "me.voice").write_bytes(full)
    store.load("me")
    assert store.show("me").uses == 2**31 - 1


def test_rotation_names_the_profile_that_does_not_unlock(store: ProfileStore, tmp_path: Path) -> None:
    store.save("mine", make_profile(1))
    other = replace(store, keys=(KeyFile.create(tmp_path / "other.key"),))
    other.save("theirs", make_profile(2))
    before = file_of(store, "mine")
    with pytest.raises(UnlockError, match=r"profile 'theirs': .*nothing was changed"):
        store.rotate(FAST)
    assert file_of(store, "mine") == before


def test_a_store_can_be_asked_for_its_key(store: ProfileStore, tmp_path: Path) -> None:
    store.require_key()  # an empty store takes any
    store.save("mine", make_profile(1))
    store.require_key()
    with pytest.raises(UnlockError, match="profile 'mine'"):
        replace(store, keys=(KeyFile.create(tmp_path / "other.key"),)).require_key()


def test_deleting_from_a_read_only_store_destroys_nothing() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        user, nobody = os.geteuid(), 65534
        if user == 0:
            os.chown(folder, nobody, nobody)
            os.seteuid(nobody)  # root may write everywhere
        try:
            store = ProfileStore.open(Path(folder) / "store", key=FAST)
            store.save("me", make_profile(1))
            store.path.chmod(0o500)
            with pytest.raises(VaultError, match="Permission denied"):
                store.delete("me")
            assert store.load("me") == make_profile(1)
            store.path.chmod(0o700)
        finally:
            os.seteuid(user)


def test_a_pair_of_format_1_is_known_as_one_after_it_is_written_again(tmp_path: Path) -> None:
    """The vectors are of no released bundle: their file names encoder and acoustic model by one SHA-256."""
    vectors = json.loads(PATH.with_name("profile-v1.json").read_text())
    file = base64.b64decode(next(v["file"] for v in vectors if v["name"] == "two-wraps-key-file"))
    store = ProfileStore.open(tmp_path / "store", MemoryKey())
    (store.path / "me.voice").write_bytes(file)
    (store.path / "me.voice").chmod(0o600)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProfileWarning)
        for _ in range(2):  # it counts its uses, and is written at each
            assert store.load("me", speaker_model="ab" * 32)
    store.rekey("me")
    assert store.load("me", speaker_model="ab" * 32)


def test_the_whole_file_is_overwritten(store: ProfileStore) -> None:
    tensors = {**make_profile().tensors, "recording.flac": np.ones(3 << 20, np.uint8)}
    store.save("me", make_profile(tensors=tensors))
    kept = store.path / "kept"
    os.link(store.path / "me.voice", kept)
    store.delete("me")
    assert not any(kept.read_bytes())
