"""``parrotlet serve``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from parrotlet.cli.common import load_engine, named_key, open_or_make_store, store_path
from parrotlet.cli.streams import to_stdout
from parrotlet.errors import UsageError
from parrotlet.store import open_default_store

if TYPE_CHECKING:
    import socket

    from parrotlet.vault import ProfileStore

SHORTEST_TOKEN = 16


def serve(options: argparse.Namespace) -> None:
    """Speak for other programs until SIGTERM."""
    _require_packages(wyoming=options.wyoming is not None)
    from parrotlet.server import addresses
    from parrotlet.server.announcement import require_announced
    from parrotlet.server.run import Plan
    from parrotlet.server.run import serve as run
    from parrotlet.server.speakers import Shelf

    if options.workers < 1 or options.queue < 0:
        raise UsageError("--workers is at least 1, and --queue at least 0")
    http = None if options.no_http else addresses.parse(options.http, addresses.HTTP_PORT)
    wyoming = None
    if options.wyoming is not None:
        wyoming = addresses.parse(options.wyoming or "127.0.0.1", addresses.WYOMING_PORT)
    if http is None and wyoming is None:
        raise UsageError("nothing to serve: give --wyoming, or leave out --no-http")
    token = _token(options.token_file) if options.token_file else None
    addresses.require_guarded(http, wyoming, token is not None, options.open)
    if options.announce:
        require_announced(wyoming)
    # Before the engine, which takes a while: that a port is taken is told at once.
    listening = {
        name: addresses.bound(place) for name, place in (("http", http), ("wyoming", wyoming)) if place is not None
    }
    logging.basicConfig(format="parrotlet: %(message)s", level=logging.INFO, stream=sys.stderr)
    bird = load_engine(options)
    store = _Store(options)
    shelf = Shelf(bird, store, options.voice)
    speakers, problems = shelf.read()
    for problem in problems:
        print(f"parrotlet: {problem}", file=sys.stderr)
    shelf.replace(speakers)
    bird.warm_up()
    warnings.simplefilter("ignore")  # they are about texts, which are no matter for a log
    new = store() if options.enroll else None
    plan = Plan(
        listening.get("http"), listening.get("wyoming"), options.workers, options.queue, token, new, options.announce
    )
    try:
        run(bird, shelf, plan, lambda: _announce(options, listening))
    finally:
        store.wipe()


class _Store:
    """The store of the options, opened once: its key may be asked for at a terminal."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._store: ProfileStore | None = None

    def __call__(self) -> ProfileStore | None:
        """The store; None where the user's own is not there yet."""
        if self._store is None:
            if self._options.enroll:
                self._store = open_or_make_store(self._options)
            elif self._options.store or store_path(self._options).is_dir():
                self._store = open_default_store(store_path(self._options), named_key(self._options))
        return self._store

    def wipe(self) -> None:
        """Overwrite a passphrase that was kept for SIGHUP."""
        from parrotlet.vault import Passphrase

        for key in self._store.keys if self._store else ():
            if isinstance(key, Passphrase):
                key.wipe()


def _require_packages(*, wyoming: bool) -> None:
    from importlib.util import find_spec

    needed = ["starlette", "uvicorn", "multipart", *(["wyoming"] if wyoming else [])]
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise UsageError(f"parrotlet serve needs {', '.join(missing)}: pip install 'parrotlet[serve]'")


def _token(path: Path) -> str:
    """The one line of a file; "$CREDENTIALS_DIRECTORY" may stand in its name. Raises UsageError."""
    path = Path(os.path.expandvars(path))
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UsageError(f"cannot read the token in {path}: {error.strerror}: check the path") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the token in {path} is not ASCII: make one with openssl rand -hex 32") from error
    if len(token) < SHORTEST_TOKEN or len(token.split()) != 1:
        raise UsageError(
            f"the token in {path} is not one word of {SHORTEST_TOKEN} letters or more: "
            "make one with openssl rand -hex 32"
        )
    return token


def _announce(options: argparse.Namespace, listening: dict[str, socket.socket]) -> None:
    """Say where it listens, for a person or as JSON, and tell systemd."""
    places = {name: _place(found) for name, found in listening.items()}
    with to_stdout():
        if options.json:
            print(json.dumps({**places, "pid": os.getpid()}), flush=True)
    if not options.json:
        schemes = {"http": "http", "wyoming": "tcp"}
        for name, place in places.items():
            print(f"parrotlet: listening on {schemes[name]}://{place}", file=sys.stderr, flush=True)
    _notify(b"READY=1")


def _place(listening: socket.socket) -> str:
    from parrotlet.server.addresses import Address

    return str(Address(*listening.getsockname()[:2]))


def _notify(message: bytes) -> None:
    """sd_notify(3), where systemd started us so that it waits for that."""
    import socket

    name = os.environ.get("NOTIFY_SOCKET")
    if name:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(message, "\0" + name[1:] if name.startswith("@") else name)
