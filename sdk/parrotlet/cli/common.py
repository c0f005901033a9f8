"""What several commands share: the store, its key, the engine, one result as text or JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parrotlet.cli import quiet_interrupt
from parrotlet.cli.streams import to_stdout
from parrotlet.errors import InputError, UsageError
from parrotlet.store import default_store_path, open_default_store, require_store

if TYPE_CHECKING:
    from parrotlet.engine import Parrotlet
    from parrotlet.vault import KeyProvider, ProfileStore


def store_path(options: argparse.Namespace) -> Path:
    """The folder of the profiles."""
    return Path(options.store) if options.store else default_store_path()


def open_store(options: argparse.Namespace) -> ProfileStore:
    """The store that is there, with the key that the options name. Raises StoreNotFound, VaultError."""
    require_store(store_path(options))
    return open_default_store(store_path(options), named_key(options))


def open_or_make_store(options: argparse.Namespace) -> ProfileStore:
    """The store, which is made if there is none, and a named key file with it.

    Raises UnlockError unless the key is that of the profiles in it, VaultError.
    """
    path = store_path(options)
    empty = not path.is_dir() or not locked_store(options).list()
    store = open_default_store(path, named_key(options, new=empty), create=True)
    store.require_key()
    return store


def locked_store(options: argparse.Namespace) -> ProfileStore:
    """The store that is there, without a key. Raises StoreNotFound, VaultError."""
    from parrotlet.vault import ProfileStore

    require_store(store_path(options))
    return ProfileStore.open(store_path(options), key=())


def named_key(options: argparse.Namespace, new: bool = False) -> KeyProvider | None:
    """The key that the options name, None for the device's own.

    new: nothing is encrypted with it yet, so that a passphrase is asked for twice and a key file is made.
    """
    from parrotlet.vault import KeyFile

    if sum(map(bool, (options.passphrase_file, options.key_file, options.key))) > 1:
        raise UsageError("give one of --passphrase-file, --key-file and --key")
    if options.key:
        from parrotlet.vault.sources import key_from

        return key_from(options.key, new)
    if options.passphrase_file:
        return passphrase(options.passphrase_file, confirm=new)
    if options.key_file:
        return KeyFile.open_or_create(options.key_file) if new else KeyFile(options.key_file)
    return None


def passphrase(file: Path, what: str = "", confirm: bool = False) -> KeyProvider:
    """The passphrase in a file, or of the person at the terminal for "-"; ``what`` says which one is asked for."""
    from parrotlet.vault import Passphrase

    if str(file) == "-":
        return Passphrase.from_prompt(f"{what} passphrase: ".lstrip().capitalize(), confirm=confirm)
    return Passphrase.from_file(file)


def load_engine(options: argparse.Namespace) -> Parrotlet:
    """The engine, ready to speak."""
    from parrotlet.engine import Parrotlet

    lexicon, convention = getattr(options, "lexicon", None), getattr(options, "convention", None)
    with quiet_interrupt():
        return Parrotlet.load(
            options.bundle, options.runtime, options.threads, lexicon, options.device, convention=convention
        )


def emit(options: argparse.Namespace, value: dict[str, Any], text: str) -> None:
    """Print a command's result."""
    with to_stdout():
        print(json.dumps(value, ensure_ascii=False) if options.json else text)


def unicode_text(argument: str) -> str:
    """A text from the command line, where bytes that the locale does not know are hidden in it. Raises InputError."""
    import os

    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeError as error:
        raise InputError("the text is not UTF-8: convert it, e.g. with iconv -t UTF-8") from error
