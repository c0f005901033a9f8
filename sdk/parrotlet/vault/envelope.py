"""Sealing a profile into the bytes of a file, and opening it again.

A random data key seals the payload and the MAC over the header and the wraps; each key that
may open the file wraps the data key. The MAC lets wraps be exchanged without touching the
payload, and commits a file to one data key, which GCM alone would not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from parrotlet.errors import UnlockError, UsageError
from parrotlet.profile import VoiceProfile

from . import payload_v1
from .format import Header, Sealed, Stanza, parse_file, parse_header, parse_wraps, write_header, write_wraps
from .keys import KeyProvider
from .payload import parse_payload, write_payload
from .sealing import KEY_BYTES, authenticate, derive, random_bytes, same, seal, unseal, wiped

WRONG_KEY_OR_CHANGED = (
    "cannot unlock the profile: the key is wrong or the file was changed; "
    "check the passphrase or key file, or restore a backup"
)


@dataclass(frozen=True, repr=False)
class Unlocked:
    """A file whose MAC is verified, with its data key; valid inside ``unlocked`` only."""

    parts: Sealed
    header: Header
    data_key: bytearray

    def profile(self) -> VoiceProfile:
        """The profile in the file. Raises UnlockError when the payload was changed."""
        with wiped(derive(self.data_key, "parrotlet/1 payload")) as key:
            payload = unseal(key, self.parts.payload, self.parts.bound)
        if payload is None:
            raise UnlockError(WRONG_KEY_OR_CHANGED)
        with wiped(payload):
            if self.parts.version == 1:
                tensors = payload_v1.migrated(self.header.speaker_model, *payload_v1.parse_payload(payload))
            else:
                tensors = parse_payload(payload)
        return VoiceProfile(
            tensors=tensors,
            speaker_model=self._speaker_model,
            bundle=self.header.bundle,
            created=self.header.created,
            expires=self.header.expires,
            consent=self.header.consent,
        )

    @property
    def _speaker_model(self) -> str:
        model = self.header.speaker_model
        return payload_v1.encoder_of(model) if self.parts.version == 1 else model

    def rewrapped(self, keys: Sequence[KeyProvider]) -> bytes:
        """The file with the same data key and payload, under ``keys`` alone."""
        return _under_mac(replace(self.parts, wraps=_wrap(self.data_key, keys)), self.data_key)

    def with_header(self, header: Header) -> bytes:
        """The file with another header, the same data key and wraps, the payload sealed anew for it."""
        return _sealed(self.current(header), self.profile(), self.data_key, self.parts.wraps)

    def current(self, header: Header) -> Header:
        """A header of this file as the present version writes it.

        ``pair`` says that the model's SHA-256 is of encoder and acoustic model together, as format 1 named those of a
        bundle that was not released.
        """
        model = self._speaker_model
        pair = {"pair": model} if self.parts.version == 1 and model == header.speaker_model else {}
        return replace(header, speaker_model=model, further={**header.further, **pair})


def seal_profile(header: Header, profile: VoiceProfile, keys: Sequence[KeyProvider]) -> bytes:
    """A new file under a new data key. Raises UsageError when a value is out of bounds or ``keys`` empty."""
    with wiped(bytearray(random_bytes(KEY_BYTES))) as data_key:
        return _sealed(header, profile, data_key, _wrap(data_key, keys))


@contextmanager
def unlocked(data: bytes, keys: Sequence[KeyProvider]) -> Iterator[Unlocked]:
    """Open a file with the first of ``keys`` that fits and verify its header and wraps.

    Raises ProfileFormatError when it cannot be parsed, UnlockError when no key fits or it was changed.
    """
    parts = parse_file(data)
    header, stanzas = parse_header(parts.header, parts.version), parse_wraps(parts.wraps)
    with wiped(_unwrap(stanzas, keys)) as data_key:
        if not same(_mac(parts, data_key), parts.mac):
            raise UnlockError(WRONG_KEY_OR_CHANGED)
        yield Unlocked(parts, header, data_key)


def _wrap(data_key: bytearray, keys: Sequence[KeyProvider]) -> bytes:
    if not keys:
        raise UsageError("a profile needs a key to be stored under; open the store with a passphrase or key file")
    return write_wraps([key.wrap(data_key) for key in keys])


def _unwrap(stanzas: Sequence[Stanza], keys: Sequence[KeyProvider]) -> bytearray:
    for key in keys:
        for stanza in stanzas:
            data_key = key.unwrap(stanza)
            if data_key is not None and len(data_key) == KEY_BYTES:
                return data_key
    raise UnlockError(WRONG_KEY_OR_CHANGED)


def _sealed(header: Header, profile: VoiceProfile, data_key: bytearray, wraps: bytes) -> bytes:
    parts = Sealed(header=write_header(header), wraps=wraps, mac=b"", payload=b"")
    with (
        wiped(write_payload(profile.tensors)) as payload,
        wiped(derive(data_key, "parrotlet/1 payload")) as key,
    ):
        sealed = seal(key, payload, parts.bound)
    return _under_mac(replace(parts, payload=sealed), data_key)


def _under_mac(parts: Sealed, data_key: bytearray) -> bytes:
    return replace(parts, mac=_mac(parts, data_key)).to_bytes()


def _mac(parts: Sealed, data_key: bytearray) -> bytes:
    with wiped(derive(data_key, "parrotlet/1 header")) as key:
        return authenticate(key, parts.covered)
