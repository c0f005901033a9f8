"""Where there are neither file modes nor descriptors of directories: the same promises, as far as they can be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from vault_forge import make_profile

from parrotlet.errors import ProfileExists, ProfileNotFound, UnlockError, VaultError
from parrotlet.vault import KeyFile, ProfileStore, audit, challenges, files, files_portable, keys, machine, rules
from parrotlet.vault import store as store_module

# As Windows has it: none of these modules, and another platform. What only wraps the system's calls comes first.
IMPORT_EVERYTHING = """
import sys
import numpy, onnxruntime, platformdirs, soundfile, soxr, Crypto.Cipher.AES, Crypto.Protocol.KDF, json, argparse, ssl
import asyncio, multiprocessing, tempfile, subprocess, importlib.metadata, pkgutil, pathlib, shutil, keyring
for extra in ("uvicorn", "starlette.applications", "starlette.routing", "wyoming.server", "sounddevice", "multipart"):
    try:
        __import__(extra)
    except (ImportError, OSError):
        pass
sys.platform = "win32"
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
import parrotlet, parrotlet_runtimes
for package in (parrotlet, parrotlet_runtimes):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("__main__", "files_posix")):
            __import__(module.name)
from parrotlet.vault import files
assert files.replace.__module__.endswith("files_portable"), files.replace
"""


@pytest.fixture
def portable(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = {name: getattr(files_portable, name, getattr(files, name)) for name in files.__all__}
    for module in (store_module, keys, audit, challenges, machine, rules):
        monkeypatch.setattr(module, "files", SimpleNamespace(**functions))


@pytest.fixture
def store(portable: None, tmp_path: Path) -> ProfileStore:
    return ProfileStore.open(tmp_path / "a" / "store", key=KeyFile.open_or_create(tmp_path / "key"))


def test_both_have_the_same_functions() -> None:
    assert all(hasattr(files_portable, name) for name in set(files.__all__) - {"explained"})


def test_every_module_imports_without_posix() -> None:
    pytest.importorskip("keyring")
    done = subprocess.run([sys.executable, "-c", IMPORT_EVERYTHING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_store_keeps_finds_and_destroys(store: ProfileStore, tmp_path: Path) -> None:
    store.save("me", make_profile(1))
    with pytest.raises(ProfileExists):
        store.save("me", make_profile(2))
    store.save("me", make_profile(2), replace=True, count_uses=True)
    assert store.load("me") == make_profile(2)
    assert [(p.name, p.uses) for p in store.list()] == [("me", 1)]
    store.export("me", tmp_path / "out.voice", key=KeyFile.open_or_create(tmp_path / "other"))
    with pytest.raises(VaultError, match="exists already"):
        store.export("me", tmp_path / "out.voice", key=store.keys)
    store.import_(tmp_path / "out.voice", key=KeyFile(tmp_path / "other"), name="again")
    assert store.load("again") == make_profile(2)
    with pytest.raises(UnlockError):
        ProfileStore.open(store.path, key=KeyFile(tmp_path / "other")).load("me")
    rotated = store.rotate(KeyFile(tmp_path / "other"))
    assert rotated.load("again") == make_profile(2)
    rotated.delete("me")
    with pytest.raises(ProfileNotFound):
        rotated.load("me")
    assert sorted(path.name for path in store.path.iterdir()) == [".lock", "again.voice"]


def test_a_failed_write_leaves_the_old_file(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("me", make_profile(1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(VaultError, match="No space left"):
            store.save("me", make_profile(2), replace=True)
    assert store.load("me") == make_profile(1)
    assert not list(store.path.glob(".parrotlet-tmp*"))


def test_one_writer_at_a_time_and_what_a_killed_one_left(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    (store.path / ".parrotlet-tmp-left").write_bytes(b"half")
    monkeypatch.setattr(files_portable, "LOCK_SECONDS", 0.05)
    with files_portable.locked(store.path, store.path):
        assert not (store.path / ".parrotlet-tmp-left").exists()
        with pytest.raises(VaultError, match="another program"):
            store.save("me", make_profile())
    store.save("me", make_profile())


def test_erasing_overwrites(store: ProfileStore) -> None:
    store.save("me", make_profile())
    path = store.path / "me.voice"
    link = store.path / "kept"
    os.link(path, link)
    store.delete("me")
    assert not any(link.read_bytes())
