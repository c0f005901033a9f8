"""A key that only this machine's TPM 2.0 can use, through the command-line tools of tpm2-tools.

The data key is sealed under a primary key that the TPM derives anew each time from its owner
seed, so nothing has to be kept in the TPM and clearing the TPM makes the wraps useless. The
sealed object needs no PIN and is bound to no boot state: it stops someone who takes the storage
away, not someone who runs code on the machine or listens on the wires to a discrete TPM.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from parrotlet.errors import VaultError

from .format import MAX_BODY, Stanza
from .keys import KeyProvider

_PRIMARY = "primary"
_SECONDS = 60


class Tpm2Key(KeyProvider):
    """Wraps with the TPM; holds no secret itself.

    tcti: how to reach the TPM in tpm2-tools' notation, e.g. ``device:/dev/tpmrm0``; by default
        what the tools find themselves.
    Raises VaultError when tpm2-tools are not installed.
    """

    def __init__(self, tcti: str | None = None) -> None:
        self.tcti = tcti
        if shutil.which("tpm2") is None:
            raise VaultError("the TPM needs the program tpm2; install the package tpm2-tools")

    def wrap(self, data_key: bytearray) -> Stanza:
        with tempfile.TemporaryDirectory(prefix="parrotlet-tpm2-") as name:
            directory = Path(name)
            self._make_primary(directory)
            sealing = ("create", "-Q", "-C", _PRIMARY, "-i", "-", "-u", "public", "-r", "private")
            if self._run(directory, sealing, bytes(data_key)) is None:
                raise VaultError("the TPM cannot seal a key; check it with: tpm2 getcap properties-fixed")
            public = (directory / "public").read_bytes()
            private = (directory / "private").read_bytes()
        return Stanza("tpm2", {"public": len(public)}, public + private)

    def unwrap(self, stanza: Stanza) -> bytearray | None:
        if stanza.type != "tpm2" or set(stanza.arguments) != {"public"}:
            return None
        split = stanza.arguments["public"]
        if not isinstance(split, int) or not 0 < split < len(stanza.body) <= MAX_BODY:
            return None
        with tempfile.TemporaryDirectory(prefix="parrotlet-tpm2-") as name:
            directory = Path(name)
            self._make_primary(directory)
            (directory / "public").write_bytes(stanza.body[:split])
            (directory / "private").write_bytes(stanza.body[split:])
            loading = ("load", "-Q", "-C", _PRIMARY, "-u", "public", "-r", "private", "-c", "object")
            if self._run(directory, loading) is None:
                return None  # sealed by another TPM, or changed
            unsealed = self._run(directory, ("unseal", "-Q", "-c", "object"))
            return None if unsealed is None else bytearray(unsealed)

    def _make_primary(self, directory: Path) -> None:
        if self._run(directory, ("createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", _PRIMARY)) is None:
            raise VaultError("the TPM cannot be used; check it with: tpm2 getcap properties-fixed")

    def _run(self, directory: Path, arguments: tuple[str, ...], given: bytes = b"") -> bytes | None:
        """The standard output of one step, or None when it failed. Keys travel through pipes only."""
        # a TPM without a resource manager has three slots, and the tools leave theirs taken
        self._tool(directory, ("flushcontext", "-Q", "-t"))
        done = self._tool(directory, arguments, given)
        return done.stdout if done.returncode == 0 else None

    def _tool(
        self, directory: Path, arguments: tuple[str, ...], given: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        environment = os.environ if self.tcti is None else {**os.environ, "TPM2TOOLS_TCTI": self.tcti}
        try:
            return subprocess.run(
                [shutil.which("tpm2") or "tpm2", *arguments],
                input=given,
                capture_output=True,
                cwd=directory,
                env=environment,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VaultError(f"the TPM does not answer ({type(error).__name__}); check tpm2-tools") from None

    def __repr__(self) -> str:
        return f"Tpm2Key(tcti={self.tcti!r})"
