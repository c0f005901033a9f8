"""The shared vectors: every file comes out as the vector says, through the store as a user would meet it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import make_vectors
import numpy as np
import pytest
from vault_forge import MemoryKey, outcome_of

from parrotlet.errors import NewerFormatError, ParrotletError, ProfileExpired, ProfileFormatError, UnlockError
from parrotlet.vault import KeyProvider, Passphrase, ProfileStore

VECTORS: list[dict[str, Any]] = json.loads(make_vectors.PATH.read_text(encoding="ascii"))
ERRORS: dict[str, type[ParrotletError]] = {
    "format": ProfileFormatError,
    "newer": NewerFormatError,
    "unlock": UnlockError,
    "expired": ProfileExpired,
}


def key_of(vector: dict[str, Any]) -> KeyProvider:
    key = vector["key"]
    if "passphrase" in key:
        return Passphrase(key["passphrase"])
    return MemoryKey(bytes.fromhex(key["key_file"].split()[1]))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any], tmp_path: Path) -> None:
    file = base64.b64decode(vector["file"])
    key = key_of(vector)
    assert outcome_of(file, [key]) == vector["outcome"]
    store = ProfileStore.open(tmp_path / "store", key)
    path = store.path / "me.voice"
    path.write_bytes(file)
    path.chmod(0o600)
    if vector["outcome"] != "opens":
        with pytest.raises(ERRORS[vector["outcome"]]):
            store.load("me")
        return
    loaded, expected = store.load("me"), vector["profile"]
    assert loaded.embedding.dtype == np.float32
    assert loaded.embedding.tolist() == expected["embedding"]
    assert dict(loaded.statistics) == expected["statistics"]
    assert (loaded.consent.__dict__ if loaded.consent else None) == expected["consent"]
    for field in ("speaker_model", "bundle", "created", "expires"):
        assert getattr(loaded, field) == expected[field]


def test_the_vectors_are_what_their_script_makes() -> None:
    assert make_vectors.PATH.read_text(encoding="ascii") == make_vectors.text(make_vectors.vectors())


def test_names_are_unique() -> None:
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)
