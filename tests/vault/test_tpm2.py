"""The adapter to a TPM 2.0, against software TPMs where they are installed."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vault_forge import DATA_KEY, make_profile

from parrotlet.errors import UnlockError, VaultError
from parrotlet.vault import Passphrase, ProfileStore, Stanza
from parrotlet.vault.tpm2_key import Tpm2Key


@pytest.fixture(scope="module")
def tpms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Two software TPMs, as tpm2-tools address them."""
    if shutil.which("swtpm") is None or shutil.which("tpm2") is None:
        pytest.skip("needs a software TPM: apt-get install swtpm tpm2-tools")
    if not list(Path("/usr/lib").rglob("libtss2-tcti-swtpm.so*")):
        pytest.skip("needs tpm2-tools' connection to a software TPM: apt-get install libtss2-tcti-swtpm0")
    started, addresses = [], []
    for number in range(2):
        state = tmp_path_factory.mktemp(f"tpm{number}")
        server, control = state / "s", state / "s.ctrl"  # tpm2-tools expect the second beside the first
        command: list[Any] = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}"]
        command += ["--server", f"type=unixio,path={server}", "--ctrl", f"type=unixio,path={control}"]
        started.append(subprocess.Popen([*command, "--flags", "not-need-init,startup-clear"]))
        addresses.append(f"swtpm:path={server}")
        for _ in range(200):
            if server.exists() and control.exists():
                break
            time.sleep(0.05)
    yield addresses
    for process in started:
        process.terminate()
        process.wait(timeout=10)


def test_tpm_opens_what_it_wrapped_and_no_other_does(tpms: list[str], tmp_path: Path) -> None:
    here, elsewhere = (Tpm2Key(tcti=address) for address in tpms)
    recovery = Passphrase("recovery", log_n=10)
    store = ProfileStore.open(tmp_path / "store", [here, recovery])
    store.save("me", make_profile())
    assert store.show("me").keys == ("tpm2", "scrypt")
    assert ProfileStore.open(store.path, here).load("me") == make_profile()
    assert ProfileStore.open(store.path, recovery).load("me") == make_profile()
    with pytest.raises(UnlockError):
        ProfileStore.open(store.path, elsewhere).load("me")


def test_tpm_refuses_changed_stanzas(tpms: list[str]) -> None:
    key = Tpm2Key(tcti=tpms[0])
    stanza = key.wrap(bytearray(DATA_KEY))
    assert DATA_KEY not in stanza.body
    assert key.unwrap(stanza) == bytearray(DATA_KEY)
    changed = stanza.body[:-1] + bytes([stanza.body[-1] ^ 1])
    assert key.unwrap(Stanza("tpm2", stanza.arguments, changed)) is None
    for arguments in ({}, {"public": 0}, {"public": 4096}, {"public": "48"}, {"public": 48, "more": 1}):
        assert key.unwrap(Stanza("tpm2", arguments, stanza.body)) is None


@pytest.mark.skipif(shutil.which("tpm2") is None, reason="needs tpm2-tools")
def test_a_tpm_that_is_not_there() -> None:
    key = Tpm2Key(tcti="device:/dev/no-such-tpm")
    with pytest.raises(VaultError, match="TPM"):
        key.wrap(bytearray(DATA_KEY))


def test_without_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(VaultError, match="tpm2-tools"):
        Tpm2Key()
