"""The file system: privacy, links, locks, killed writers, full disks."""

from __future__ import annotations

import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from vault_forge import MemoryKey, make_profile

from parrotlet.errors import ParrotletError, ProfileNotFound, VaultError
from parrotlet.profile import VoiceProfile
from parrotlet.vault import KeyFile, ProfileStore, files, files_posix


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def test_modes_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        store = ProfileStore.open(tmp_path / "deep" / "store", MemoryKey())
        store.save("me", make_profile())
        store.export("me", tmp_path / "out", MemoryKey())
    finally:
        os.umask(previous)
    assert mode(store.path) == 0o700
    assert mode(store.path / "me.voice") == 0o600
    assert mode(store.path / ".lock") == 0o600
    assert mode(tmp_path / "out") == 0o600


@pytest.mark.parametrize("bits", [0o755, 0o710, 0o707, 0o770])
def test_a_directory_open_to_others_is_refused_not_changed(store: ProfileStore, bits: int) -> None:
    store.save("me", make_profile())
    store.path.chmod(bits)
    for use in (store.list, lambda: store.load("me"), lambda: ProfileStore.open(store.path)):
        with pytest.raises(VaultError, match="chmod 700"):
            use()
    assert mode(store.path) == bits


def test_a_file_open_to_others_is_refused(store: ProfileStore) -> None:
    store.save("me", make_profile())
    (store.path / "me.voice").chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        store.load("me")
    assert "chmod 600" in store.list()[0].problem


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_what_belongs_to_another_user_is_refused(store: ProfileStore) -> None:
    store.save("me", make_profile())
    os.chown(store.path / "me.voice", 12345, -1)
    with pytest.raises(VaultError, match="another user"):
        store.load("me")
    os.chown(store.path, 12345, -1)
    with pytest.raises(VaultError, match="another user"):
        store.list()


def test_links_are_not_followed(store: ProfileStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    outside.chmod(0o600)
    link = store.path / "me.voice"
    link.symlink_to(outside)
    for use in (store.load, store.show, store.rekey):
        with pytest.raises(VaultError):
            use("me")
    store.save("me", make_profile(), replace=True)
    assert not link.is_symlink()
    link.unlink()
    link.symlink_to(outside)
    store.delete("me")
    assert not link.is_symlink()
    (store.path / ".lock").unlink()
    (store.path / ".lock").symlink_to(outside)
    with pytest.raises(VaultError):
        store.save("me", make_profile())
    assert outside.read_bytes() == b"precious"


def test_a_link_to_a_genuine_profile_is_refused_too(store: ProfileStore, tmp_path: Path) -> None:
    store.save("me", make_profile())
    (store.path / "me.voice").rename(tmp_path / "elsewhere")
    (store.path / "me.voice").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultError):
        store.load("me")
    assert store.list()[0].problem


def test_a_dangling_link_is_not_written_through(store: ProfileStore, tmp_path: Path) -> None:
    (store.path / "me.voice").symlink_to(tmp_path / "made-by-attacker")
    with pytest.raises(VaultError):
        store.save("me", make_profile())
    store.save("me", make_profile(), replace=True)
    assert not (tmp_path / "made-by-attacker").exists()
    assert store.load("me") == make_profile()


def test_things_that_are_no_files(store: ProfileStore) -> None:
    os.mkfifo(store.path / "fifo.voice", 0o600)
    (store.path / "dir.voice").mkdir(mode=0o700)
    for name in ("fifo", "dir"):
        with pytest.raises(VaultError):
            store.load(name)
    assert all(stored.problem for stored in store.list())
    store.delete("fifo")


def test_the_store_itself_may_be_reached_by_a_link(store: ProfileStore, key_file: KeyFile, tmp_path: Path) -> None:
    store.save("me", make_profile())
    (tmp_path / "link").symlink_to(store.path)
    assert ProfileStore.open(tmp_path / "link", key_file).load("me") == make_profile()


def test_a_store_that_is_a_file_or_vanished(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(VaultError):
        ProfileStore.open(tmp_path / "file")
    store = ProfileStore.open(tmp_path / "store", MemoryKey())
    store.path.rmdir()
    with pytest.raises(VaultError):
        store.list()


def test_a_lock_that_is_held_too_long(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("me", make_profile())
    monkeypatch.setattr(files_posix, "LOCK_SECONDS", 0.05)
    with files.opened_directory(store.path) as directory, files.locked(directory, store.path):
        with pytest.raises(VaultError, match="another program"):
            store.save("you", make_profile())
        assert store.load("me") == make_profile()
    store.save("you", make_profile())


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a forked process and return its id; the child exits 0, or 1 after an error."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def finished(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_writers_take_turns(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four processes count loads of one profile: none is lost."""
    monkeypatch.setattr(files_posix, "LOCK_SECONDS", 600.0)
    store.save("me", make_profile(), count_uses=True)

    def load_often() -> None:
        for _ in range(10):
            store.load("me")

    children = [in_child(load_often) for _ in range(4)]
    assert [finished(child) for child in children] == [0] * 4
    assert store.show("me").uses == 40


VERSIONS = [make_profile(number) for number in range(4)]


def check_after_a_crash(store: ProfileStore) -> VoiceProfile:
    """One of the versions, whole; and the next write clears away what the last one left."""
    found = store.load("me")
    assert found in VERSIONS
    return found


@pytest.fixture
def quick_store() -> Iterator[ProfileStore]:
    """A store on a file system in memory where there is one: hundreds of fsyncs would take minutes."""
    import tempfile

    fast = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=fast if os.access(fast, os.W_OK) else None) as directory:
        yield ProfileStore.open(Path(directory) / "store", MemoryKey())


def killed_writer(store: ProfileStore, seconds: float) -> int:
    """Start a writer, kill it ``seconds`` after its first save, and return how it ended."""
    begun, begins = os.pipe()

    def write_until_killed() -> None:
        store.save("me", VERSIONS[0], replace=True)
        os.write(begins, b".")
        while True:
            for version in VERSIONS:
                store.save("me", version, replace=True)

    child = in_child(write_until_killed)
    os.close(begins)
    # a busy machine must not kill writers before they begin
    assert os.read(begun, 1) == b"."
    os.close(begun)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return finished(child)


def test_a_writer_killed_at_any_moment(quick_store: ProfileStore) -> None:
    store = quick_store
    store.save("me", VERSIONS[0])
    generator = random.Random(7)
    hit_in_the_middle = 0
    # where a kill falls depends on the machine's clock: go on until some fell between open and rename
    for attempt in range(2000):
        if attempt >= 100 and hit_in_the_middle >= 2:
            break
        assert killed_writer(store, generator.uniform(0.0, 0.01)) == -signal.SIGKILL
        check_after_a_crash(store)
        hit_in_the_middle += any(name.startswith(".parrotlet-tmp-") for name in names_in(store.path))
    assert hit_in_the_middle >= 2, "too few writers were hit in the middle: the test proves nothing"
    store.save("me", VERSIONS[1], replace=True)
    assert store.load("me") == VERSIONS[1]
    assert names_in(store.path) == [".lock", "me.voice"]


STEPS = ["open", "write", "fsync", "close", "rename", "link", "unlink"]


def die_before(step: int, work: Callable[[], object]) -> None:
    """Do the work, but end the process right before its ``step``-th call to the file system."""
    calls = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == step:
                os._exit(9)
            return call(*arguments, **named)

        return wrapper

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    work()


@pytest.mark.parametrize("operation", ["save", "rotate", "rekey", "count"])
def test_a_writer_that_dies_before_each_step(quick_store: ProfileStore, operation: str) -> None:
    store = quick_store
    both = ProfileStore.open(store.path, [MemoryKey(b"n" * 32), MemoryKey()])
    work: dict[str, Callable[[], object]] = {
        "save": lambda: store.save("me", VERSIONS[1], replace=True),
        "rotate": lambda: store.rotate(MemoryKey(b"n" * 32)),
        "rekey": lambda: store.rekey("me"),
        "count": lambda: store.load("me"),
    }
    seen = set()
    for step in range(1, 100):
        store.save("me", VERSIONS[0], replace=True, count_uses=operation == "count")
        before = (store.path / "me.voice").read_bytes()
        status = finished(in_child(lambda step=step: die_before(step, work[operation])))  # type: ignore[misc]
        seen.add((store.path / "me.voice").read_bytes() == before)
        both.load("me")
        if status == 0:
            break
        assert status == 9
    else:
        pytest.fail("the operation never came to its end")
    assert step > 8
    assert seen == {True, False}


def test_a_deleter_that_dies_leaves_no_key(quick_store: ProfileStore) -> None:
    store = quick_store
    for step in range(1, 100):
        store.save("me", VERSIONS[0], replace=True)
        status = finished(in_child(lambda step=step: die_before(step, lambda: store.delete("me"))))  # type: ignore[misc]
        try:
            found = store.load("me")
        except ProfileNotFound:
            found = None
        except ParrotletError:
            assert not any((store.path / "me.voice").read_bytes())
            store.delete("me")
            found = None
        assert found in (None, VERSIONS[0])
        if status == 0:
            break
    assert found is None
    assert status == 0


class Crash(BaseException):
    pass


@pytest.mark.parametrize("name", ["write", "fsync", "rename"])
def test_an_interrupted_writer_cleans_up(store: ProfileStore, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("me", VERSIONS[0])

    def fail(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        with pytest.raises(Crash):
            store.save("me", VERSIONS[1], replace=True)
    assert names_in(store.path) == [".lock", "me.voice"]
    assert store.load("me") == VERSIONS[0]


def test_no_room_for_the_file(store: ProfileStore) -> None:
    """A limit on file sizes stands for a full disk: the write stops in the middle."""
    store.save("me", VERSIONS[0])

    def write_without_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
        for use in (
            lambda: store.save("me", VERSIONS[1], replace=True),
            lambda: store.save("you", VERSIONS[1]),
            lambda: store.rekey("me"),
            lambda: store.export("me", store.path.parent / "out", MemoryKey()),
        ):
            with pytest.raises(VaultError):
                use()
        assert store.load("me") == VERSIONS[0]

    assert finished(in_child(write_without_room)) == 0
    assert store.load("me") == VERSIONS[0]
    assert names_in(store.path) == [".lock", "me.voice"]
    assert not (store.path.parent / "out").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 128 KiB in all."""
    place = tmp_path / "disk"
    place.mkdir()
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", "size=128k,mode=0700", "tmpfs", place]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs leave to mount a small tmpfs; test_no_room_for_the_file covers the rest")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    store = ProfileStore.open(small_disk / "store", MemoryKey())
    store.save("me", VERSIONS[0])
    with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="space"):
        while True:
            filler.write(bytes(4096))
    for use in (
        lambda: store.save("me", VERSIONS[1], replace=True),
        lambda: store.save("you", VERSIONS[1]),
        lambda: store.rekey("me"),
        lambda: store.rotate(MemoryKey(b"n" * 32)),
    ):
        with pytest.raises(VaultError, match="No space left"):
            use()
        assert store.load("me") == VERSIONS[0]
        assert names_in(store.path) == [".lock", "me.voice"]
    store.delete("me")
    (small_disk / "filler").unlink()
    store.save("me", VERSIONS[1])
    assert store.load("me") == VERSIONS[1]


def test_where_there_are_no_hard_links(tmp_path: Path, store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT on a memory card: creation still replaces nothing."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    store.save("me", make_profile())
    store.export("me", tmp_path / "out", MemoryKey())
    content = (tmp_path / "out").read_bytes()
    with pytest.raises(VaultError, match="not replaced"):
        store.export("me", tmp_path / "out", MemoryKey())
    assert (tmp_path / "out").read_bytes() == content


def test_without_a_network(tmp_path: Path) -> None:
    """The vault works in a process that cannot make a socket, and asks for none."""
    script = f"""
import socket, sys
sys.addaudithook(lambda event, _: sys.exit(7) if event.startswith("socket.") else None)
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
from vault_forge import MemoryKey, make_profile
from parrotlet.vault import KeyFile, Passphrase, ProfileStore, default_key
key = default_key({str(tmp_path / "store")!r})
store = ProfileStore.open({str(tmp_path / "store")!r}, [key, Passphrase("x", log_n=10)])
store.save("me", make_profile())
store.export("me", {str(tmp_path / "out")!r}, Passphrase("y", log_n=10))
store.import_({str(tmp_path / "out")!r}, Passphrase("y", log_n=10), name="you")
store.rekey("me"), store.rotate(key), store.list(), store.load("you"), store.delete("you")
"""
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
