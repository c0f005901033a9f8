"""The few cryptographic steps the vault is made of.

AES-256-GCM (NIST SP 800-38D) seals, HKDF-SHA256 (RFC 5869) separates keys by label,
HMAC-SHA256 (RFC 2104) seals what must stay readable. Nothing else is used, and nothing
here knows about files or profiles.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from Crypto.Random import get_random_bytes

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
MAC_BYTES = 32
SEALED_KEY_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES


def random_bytes(count: int) -> bytes:
    """``count`` bytes from the operating system's generator."""
    return bytes(get_random_bytes(count))


@contextmanager
def wiped(secret: bytearray) -> Iterator[bytearray]:
    """Lend ``secret`` to a block and overwrite it with zeros afterwards, also after an error."""
    try:
        yield secret
    finally:
        secret[:] = bytes(len(secret))


def derive(key: bytes | bytearray, label: str, salt: bytes = b"") -> bytearray:
    """A 32-byte key from ``key`` for the one purpose that ``label`` names (HKDF-SHA256)."""
    return bytearray(HKDF(key, KEY_BYTES, salt, SHA256, context=label.encode("ascii")))


def authenticate(key: bytes | bytearray, message: bytes) -> bytes:
    """HMAC-SHA256 of ``message``, 32 bytes."""
    return hmac.digest(key, message, "sha256")


def same(left: bytes, right: bytes) -> bool:
    """Compare two authentication codes in a time that does not depend on where they differ."""
    return hmac.compare_digest(left, right)


def seal(key: bytes | bytearray, plaintext: bytes | bytearray, associated: bytes) -> bytes:
    """AES-256-GCM under a fresh random 96-bit nonce: nonce, then ciphertext, then 16-byte tag."""
    nonce = random_bytes(NONCE_BYTES)
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
    cipher.update(associated)
    ciphertext, tag = cipher.encrypt_and_digest(plaintext)
    return bytes(nonce + ciphertext + tag)


def unseal(key: bytes | bytearray, sealed: bytes, associated: bytes) -> bytearray | None:
    """The plaintext of ``seal``'s result, or None when the key, the data or ``associated`` differ."""
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        return None
    nonce, ciphertext, tag = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:-TAG_BYTES], sealed[-TAG_BYTES:]
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
    cipher.update(associated)
    plaintext = bytearray(len(ciphertext))
    try:
        cipher.decrypt_and_verify(ciphertext, tag, output=plaintext)
    except ValueError:
        plaintext[:] = bytes(len(plaintext))
        return None
    return plaintext
