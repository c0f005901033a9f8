"""Makes profile files that the writer would never make, with a valid MAC, and keys to open them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import numpy as np

from parrotlet.errors import NewerFormatError, ProfileFormatError, UnlockError
from parrotlet.profile import ConsentRecord, Pitch, VoiceProfile, person, utc_now
from parrotlet.vault import envelope, keys, sealing
from parrotlet.vault import store as store_module
from parrotlet.vault.format import MAGIC, VERSION, Sealed, Stanza
from parrotlet.vault.keys import KeyProvider, StoredSecret
from parrotlet.vault.sealing import authenticate, derive, seal

DATA_KEY = bytes(range(32))
SECRET = bytes(range(100, 132))
KEY_FILE = f"parrotlet-key-1 {SECRET.hex()}\n"
MODEL = sha256(b"speaker model").hexdigest()


class MemoryKey(StoredSecret):
    """A key file's secret without the file."""

    kind = "key-file"

    def __init__(self, secret: bytes = SECRET) -> None:
        self._secret = secret

    def read_secret(self) -> bytearray:
        return bytearray(self._secret)


def make_profile(seed: int = 0, size: int = 8, **fields: Any) -> VoiceProfile:
    """A small profile, the same for the same arguments."""
    embedding = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    values: dict[str, Any] = {
        "tensors": person(embedding / np.linalg.norm(embedding), Pitch(120.5, 0.25)),
        "speaker_model": MODEL,
        "bundle": "default-1",
        "created": "2026-11-22T10:00:00Z",
        **fields,
    }
    return VoiceProfile(**values)


def full_profile() -> VoiceProfile:
    """A profile that uses every field, with text beyond ASCII."""
    consent = ConsentRecord(
        text='I, Zoë Ōno 🦜, agree to "this use".\nUntil I say \\stop\\.\x01\x7f\u2028',
        given_at="2026-11-22T09:59:00Z",
        speaker="Zoë Ōno",
        recording_sha256=sha256(b"recording").hexdigest(),
        method="live prompt",
        further={"score": "0.97"},
    )
    tensors = {
        **make_profile(1).tensors,
        "later.codes": np.arange(-3, 3, dtype=np.int32).reshape(2, 1, 3),
        "later.nothing": np.zeros((0, 4), np.float32),
        "recording.flac": np.arange(256, dtype=np.uint8),
    }
    return make_profile(tensors=tensors, consent=consent, expires="9000-01-01T00:00:00Z")


def wrap(kind_key: StoredSecret | None = None) -> list[dict[str, object]]:
    """Wraps, as JSON values, of DATA_KEY under SECRET."""
    return [stanza_json((kind_key or MemoryKey()).wrap(bytearray(DATA_KEY)))]


def stanza_json(stanza: Stanza) -> dict[str, object]:
    return {"args": dict(stanza.arguments), "body": stanza.body.hex(), "type": stanza.type}


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def forge(header: bytes, wraps: bytes, payload: bytes) -> bytes:
    """A file with a valid MAC and tag around arbitrary header, wraps and payload; its key is DATA_KEY."""
    bound = MAGIC + VERSION.to_bytes(4, "little") + header
    parts = Sealed(header, wraps, b"", seal(derive(DATA_KEY, "parrotlet/1 payload"), payload, bound))
    mac = authenticate(derive(DATA_KEY, "parrotlet/1 header"), parts.covered)
    return Sealed(header, wraps, mac, parts.payload).to_bytes()


@contextmanager
def reproducible(label: str) -> Iterator[None]:
    """Replace the vault's random numbers by a fixed sequence, so that vectors come out the same each time."""
    counter = 0

    def numbers(count: int) -> bytes:
        nonlocal counter
        counter += 1
        return (sha256(f"{label} {counter}".encode()).digest() * 8)[:count]

    with ExitStack() as stack:
        for module in (sealing, keys, envelope, store_module):
            stack.enter_context(patch.object(module, "random_bytes", numbers))
        yield


def outcome_of(file: bytes, keys: Sequence[KeyProvider]) -> str:
    """What comes of a file, in the words of the vectors. Anything but the documented errors escapes."""
    try:
        with envelope.unlocked(file, keys) as opened:
            profile = opened.profile()
    except ProfileFormatError as error:
        return "newer" if isinstance(error, NewerFormatError) else "format"
    except UnlockError as error:
        assert str(error) == envelope.WRONG_KEY_OR_CHANGED
        return "unlock"
    return "expired" if profile.expires is not None and profile.expires <= utc_now() else "opens"
