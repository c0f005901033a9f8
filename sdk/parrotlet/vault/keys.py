"""Keys that wrap a profile's data key: a passphrase, a key file, or a provider of the platform.

A provider is two methods, as in age's Recipient and Identity: ``wrap`` turns the data key into
a stanza for the file, ``unwrap`` turns a stanza back, or says None when it is not for this key.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import unicodedata
import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NoReturn

from platformdirs import user_config_path

from parrotlet.errors import UsageError, VaultError

from . import files
from .format import MAX_LOG_N, MIN_LOG_N, SUFFIX, Stanza
from .sealing import KEY_BYTES, SEALED_KEY_BYTES, derive, random_bytes, seal, unseal, wiped

DEFAULT_LOG_N = 17  # scrypt N=2^17, r=8, p=1: 128 MiB, the OWASP floor, 0.2 to 1 s on one desktop core
SALT_BYTES = 16
MAX_PASSPHRASE = 1024

_HEX_SALT = re.compile(r"[0-9a-f]{32}")
_KEY_LINE = re.compile(rb"parrotlet-key-1 ([0-9a-f]{64})\n?")


class KeyProvider(ABC):
    """Something that can wrap a 32-byte data key and unwrap it again.

    Subclass it for a platform's key store. Its ``repr`` must not show a secret, and it cannot be pickled.
    """

    @abstractmethod
    def wrap(self, data_key: bytearray) -> Stanza:
        """A stanza from which this key recovers ``data_key``. Raises VaultError when the key is away."""

    @abstractmethod
    def unwrap(self, stanza: Stanza) -> bytearray | None:
        """The data key, 32 bytes, or None when the stanza is another key's, another kind's or was changed.

        The caller wipes the result. Raises VaultError only when the key itself is away.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it may hold a secret")


class Passphrase(KeyProvider):
    """A passphrase, stretched by scrypt (RFC 7914) with r=8, p=1 and a random salt per file.

    secret: text (taken as UTF-8 in Unicode form NFC) or bytes, 1 to 1024 bytes. It is copied; a
        bytearray of yours can be wiped afterwards, a str cannot.
    log_n: log2 of scrypt's cost N for files that are written, 10 to 19; memory is 2^log_n KiB.
    Raises UsageError when either is out of bounds.
    """

    def __init__(self, secret: str | bytes | bytearray, *, log_n: int = DEFAULT_LOG_N) -> None:
        encoded = unicodedata.normalize("NFC", secret).encode("utf-8") if isinstance(secret, str) else secret
        if not 1 <= len(encoded) <= MAX_PASSPHRASE:
            raise UsageError(f"a passphrase has 1 to {MAX_PASSPHRASE} bytes; choose another")
        if not MIN_LOG_N <= log_n <= MAX_LOG_N:
            raise UsageError(f"log_n must lie between {MIN_LOG_N} and {MAX_LOG_N}")
        self._secret = bytearray(encoded)
        self._log_n = log_n

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Passphrase:
        """The file's contents less one final line break. Raises VaultError when it cannot be read."""
        with files.explained("read the passphrase from", path):
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            return cls.from_descriptor(descriptor)
        finally:
            os.close(descriptor)

    @classmethod
    def from_descriptor(cls, descriptor: int) -> Passphrase:
        """What an open file descriptor (a pipe, say) yields until its end, less one final line break."""
        with wiped(bytearray()) as secret:
            with files.explained("read the passphrase from", f"descriptor {descriptor}"):
                while len(secret) <= MAX_PASSPHRASE + 2 and (piece := os.read(descriptor, 4096)):
                    secret.extend(piece)
            if secret.endswith(b"\n"):
                del secret[-1:]
            if secret.endswith(b"\r"):
                del secret[-1:]
            return cls(secret)

    @classmethod
    def from_environment(cls, variable: str = "PARROTLET_PASSPHRASE") -> Passphrase:
        """An environment variable's value. Other processes of the same user can read it: prefer a file."""
        value = os.environb.get(variable.encode())
        if not value:
            raise UsageError(f"the environment variable {variable} is not set; set it or name a passphrase file")
        return cls(value)

    @classmethod
    def from_prompt(cls, prompt: str = "Passphrase: ", *, confirm: bool = False) -> Passphrase:
        """Ask at the terminal without showing what is typed; ``confirm`` asks twice, for a new passphrase.

        Raises UsageError where there is no terminal: a passphrase is not shown.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", getpass.GetPassWarning)  # it would be shown
                first = getpass.getpass(prompt)
                if confirm and getpass.getpass("Again: ") != first:
                    raise UsageError("the two passphrases differ; try again")
        except (EOFError, getpass.GetPassWarning) as error:
            raise UsageError("there is no terminal to ask at; name a passphrase file") from error
        return cls(first)

    def wrap(self, data_key: bytearray) -> Stanza:
        salt = random_bytes(SALT_BYTES)
        with wiped(self._stretch(salt, self._log_n)) as key:
            body = seal(key, data_key, _label("scrypt"))
        return Stanza("scrypt", {"log_n": self._log_n, "salt": salt.hex()}, body)

    def unwrap(self, stanza: Stanza) -> bytearray | None:
        salt = _salt(stanza, "scrypt", {"log_n", "salt"})
        log_n = stanza.arguments.get("log_n")
        # parse_wraps has bounded log_n already; a stanza that came another way is bounded here
        if salt is None or not isinstance(log_n, int) or not MIN_LOG_N <= log_n <= MAX_LOG_N:
            return None
        with wiped(self._stretch(salt, log_n)) as key:
            return unseal(key, stanza.body, _label(stanza.type))

    def wipe(self) -> None:
        """Overwrite the passphrase in memory; it opens nothing afterwards."""
        self._secret[:] = bytes(len(self._secret))

    def _stretch(self, salt: bytes, log_n: int) -> bytearray:
        cost = 1 << log_n
        salted = b"parrotlet/1 scrypt" + salt
        try:
            stretched = hashlib.scrypt(
                self._secret, salt=salted, n=cost, r=8, p=1, maxmem=1024 * (cost + 64), dklen=KEY_BYTES
            )
        except (ValueError, MemoryError) as error:
            raise VaultError(f"the passphrase needs {cost // 1024} MiB of free memory; close other programs") from error
        return bytearray(stretched)


class StoredSecret(KeyProvider):
    """Base of keys that are 32 random bytes kept somewhere: wrapping differs only in where."""

    kind: str

    @abstractmethod
    def read_secret(self) -> bytearray:
        """The 32 bytes; the caller wipes them. Raises VaultError when they cannot be had."""

    def wrap(self, data_key: bytearray) -> Stanza:
        salt = random_bytes(SALT_BYTES)
        with wiped(self._key(salt)) as key:
            body = seal(key, data_key, _label(self.kind))
        return Stanza(self.kind, {"salt": salt.hex()}, body)

    def unwrap(self, stanza: Stanza) -> bytearray | None:
        salt = _salt(stanza, self.kind, {"salt"})
        if salt is None:
            return None
        with wiped(self._key(salt)) as key:
            return unseal(key, stanza.body, _label(stanza.type))

    def _key(self, salt: bytes) -> bytearray:
        with wiped(self.read_secret()) as secret:
            return derive(secret, f"parrotlet/1 {self.kind}", salt)


class KeyFile(StoredSecret):
    """A file with 32 random bytes as one line of text, readable by its owner alone.

    The key is read anew for each use and wiped after it. Raises VaultError when the file is missing,
    is not a key file, belongs to someone else or can be read by others.
    """

    kind = "key-file"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with wiped(self.read_secret()):
            pass  # a wrong path should be told at once, not at the first save

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> KeyFile:
        """Write a new random key, mode 0600. Raises VaultError rather than replace a file."""
        target = Path(path)
        line = b"parrotlet-key-1 " + random_bytes(KEY_BYTES).hex().encode() + b"\n"
        with (
            files.explained("create the key file", target),
            files.opened_directory(target.parent) as directory,
        ):
            try:
                files.write_new(directory, target.name, line)
            except FileExistsError as error:
                raise VaultError(
                    f"{target} exists already and is not replaced; KeyFile(PATH) opens it, or choose another path"
                ) from error
        return cls(target)

    @classmethod
    def open_or_create(cls, path: str | os.PathLike[str]) -> KeyFile:
        """The key in a file, which is made if there is none. Raises VaultError as the constructor and ``create`` do."""
        return cls(path) if Path(path).exists() else cls.create(path)

    def _content(self) -> bytearray:
        with (
            files.explained("read the key file", self.path),
            files.opened_directory(self.path.parent) as directory,
        ):
            try:
                return files.read_private(directory, self.path.name, self.path, limit=256)
            except FileNotFoundError as error:
                raise VaultError(
                    f"{self.path}: no such key file; check the path, or make one with KeyFile.open_or_create(PATH) "
                    "(`parrotlet enroll --key-file` in a store without profiles)"
                ) from error

    def read_secret(self) -> bytearray:
        with wiped(self._content()) as content:
            found = _KEY_LINE.fullmatch(content)
            if found is None:
                raise VaultError(f"{self.path} is not a parrotlet key file; check the path")
            return bytearray.fromhex(found[1].decode("ascii"))

    def __repr__(self) -> str:
        return f"KeyFile({str(self.path)!r})"


def default_key(store: str | os.PathLike[str]) -> KeyFile:
    """The device's own key, for when the user names none: made on first use, outside the store.

    It lies in the user's configuration directory (``parrotlet/device.key``). Copies of the store
    alone (a backup, a synchronised folder, an SD card with only the data) cannot be opened; whoever
    can read the user's files can read this one too, so it is no protection against malware running
    as the user or against a stolen unencrypted disk.

    Raises VaultError when it cannot be made or read, or is missing while the store holds profiles that need a key;
    UsageError when the store contains it.
    """
    directory = user_config_path("parrotlet")
    path = directory / "device.key"
    if path.resolve().is_relative_to(Path(store).resolve()):
        raise UsageError(f"the store {store} contains the device key {path}; choose another directory")
    with files.explained("create the directory", directory):
        files.make_directory(directory)
    if not path.exists():
        if any(Path(store).glob(f"*{SUFFIX}")):
            raise VaultError(
                f"the device key {path} is missing, and a new one opens no profile in {store}: restore it, name the "
                "key that opens them (--key-file or --passphrase-file), or delete them"
            )
        try:
            return KeyFile.create(path)
        except VaultError:
            if not path.exists():  # another process made it meanwhile: use theirs
                raise
    return KeyFile(path)


def _label(kind: str) -> bytes:
    return f"parrotlet/1 wrap {kind}".encode()


def _salt(stanza: Stanza, kind: str, arguments: set[str]) -> bytes | None:
    """The stanza's salt, or None unless it is of this kind and shaped as this kind is."""
    if stanza.type != kind or set(stanza.arguments) != arguments or len(stanza.body) != SEALED_KEY_BYTES:
        return None
    salt = stanza.arguments["salt"]
    return bytes.fromhex(salt) if isinstance(salt, str) and _HEX_SALT.fullmatch(salt) else None
