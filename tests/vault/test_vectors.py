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
from parrotlet.vault import KeyProvider, Passphrase, ProfileStore, payload_v1

VECTORS: list[dict[str, Any]] = json.loads(make_vectors.PATH.read_text(encoding="ascii"))
EARLIER: list[dict[str, Any]] = json.loads(make_vectors.PATH.with_name("profile-v1.json").read_text(encoding="ascii"))
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


@pytest.mark.filterwarnings("ignore::parrotlet.profile.ProfileWarning")
@pytest.mark.parametrize("vector", [*VECTORS, *EARLIER], ids=lambda vector: vector["name"])
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
    if "tensors" in expected:
        tensors = {
            name: np.array(row["values"], row["dtype"]).reshape(row["shape"])
            for name, row in expected["tensors"].items()
        }
    else:
        embedding = np.array(expected["embedding"], np.float32)
        tensors = payload_v1.migrated(expected["speaker_model"], embedding, expected["statistics"])
    assert {name: value.dtype for name, value in loaded.tensors.items()} == {n: v.dtype for n, v in tensors.items()}
    assert all(np.array_equal(value, tensors[name]) for name, value in loaded.tensors.items())
    assert (loaded.consent.fields() if loaded.consent else None) == expected["consent"]
    for field in ("speaker_model", "bundle", "created", "expires"):
        assert getattr(loaded, field) == expected[field]


def test_the_vectors_are_what_their_script_makes() -> None:
    assert make_vectors.PATH.read_text(encoding="ascii") == make_vectors.text(make_vectors.vectors())


def test_names_are_unique() -> None:
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)
    assert {vector["outcome"] for vector in VECTORS} == {*ERRORS, "opens"}
