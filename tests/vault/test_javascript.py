"""The JavaScript implementation agrees with the Python one, on good files and on bad ones."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_vectors import PATH, WITH_KEY_FILE, WITH_PASSPHRASE, as_json, header_for
from test_vectors import EARLIER, VECTORS
from vault_forge import MemoryKey, full_profile, make_profile, outcome_of
from vault_mutations import mutated

from parrotlet.vault import KeyProvider, Passphrase, payload_v1
from parrotlet.vault.envelope import seal_profile, unlocked

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any], javascript: Ask) -> None:
    answer = javascript({"open": vector["file"], "key": vector["key"]})
    assert answer["outcome"] == vector["outcome"]
    if vector["outcome"] == "opens":
        found = {**answer["profile"]["header"], **answer["profile"]}
        assert {field: found[field] for field in vector["profile"]} == vector["profile"]


@pytest.mark.parametrize("vector", EARLIER, ids=lambda vector: vector["name"])
def test_vector_of_format_1(vector: dict[str, Any], javascript: Ask) -> None:
    answer = javascript({"open": vector["file"], "key": vector["key"]})
    assert answer["outcome"] == vector["outcome"]
    if vector["outcome"] == "opens":
        expected = vector["profile"]
        embedding = np.array(expected["embedding"], np.float32)
        tensors = payload_v1.migrated(expected["speaker_model"], embedding, expected["statistics"])
        assert answer["profile"]["tensors"] == as_json(tensors)


@pytest.mark.parametrize("path", sorted((PATH.parent / "profiles").glob("*.voice")), ids=lambda path: path.stem)
def test_profiles_of_every_release_are_migrated_alike(path: Path, javascript: Ask) -> None:
    file = path.read_bytes()
    answer = javascript({"open": base64.b64encode(file).decode(), "key": WITH_KEY_FILE})
    with unlocked(file, [MemoryKey()]) as opened:
        profile = opened.profile()
    assert answer["profile"]["tensors"] == as_json(profile.tensors)
    assert answer["profile"]["header"]["speaker_model"] == profile.speaker_model


@pytest.mark.parametrize("key", [WITH_KEY_FILE, WITH_PASSPHRASE])
def test_python_opens_what_javascript_writes(key: dict[str, str], javascript: Ask) -> None:
    profile = full_profile()
    header = {**vars(header_for(profile, uses=3)), "consent": profile.consent.fields()}
    sealing = {"header": {**header.pop("further"), **header}, "tensors": as_json(profile.tensors)}
    file = base64.b64decode(javascript({"seal": sealing, "keys": [WITH_KEY_FILE, WITH_PASSPHRASE]})["file"])
    provider: KeyProvider = MemoryKey() if "key_file" in key else Passphrase(key["passphrase"])
    with unlocked(file, [provider]) as opened:
        assert opened.profile() == profile
        assert opened.header == header_for(profile, uses=3)


def test_javascript_opens_what_python_writes(javascript: Ask) -> None:
    for size in (1, 256, 4096):
        profile = make_profile(size, size)
        file = seal_profile(header_for(profile), profile, [MemoryKey()])
        answer = javascript({"open": base64.b64encode(file).decode(), "key": WITH_KEY_FILE})
        assert answer["profile"]["tensors"] == as_json(profile.tensors)


def test_both_judge_changed_files_alike(javascript: Ask) -> None:
    files = [base64.b64decode(v["file"]) for v in VECTORS if v["key"] == WITH_KEY_FILE and len(v["file"]) < 4000]
    files += [base64.b64decode(v["file"]) for v in EARLIER if v["key"] == WITH_KEY_FILE and len(v["file"]) < 4000]
    generator = random.Random(6)
    damaged = [mutated(generator, files) for _ in range(2000)]
    requests = [{"open": base64.b64encode(file).decode(), "key": WITH_KEY_FILE} for file in damaged]
    answers = javascript({"all": requests})["all"]
    assert len(answers) == len(damaged)
    for file, answer in zip(damaged, answers, strict=True):
        assert answer["outcome"] == outcome_of(file, [MemoryKey()]), base64.b64encode(file)
