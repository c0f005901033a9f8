"""The format's rules: what is written comes back, and nothing else opens."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from make_vectors import header_for
from vault_forge import MemoryKey, full_profile, make_profile, outcome_of

from parrotlet.errors import ProfileFormatError, UsageError
from parrotlet.profile import ConsentRecord, VoiceProfile
from parrotlet.vault import Passphrase, Stanza
from parrotlet.vault.canonical import dump
from parrotlet.vault.envelope import seal_profile, unlocked
from parrotlet.vault.format import MAX_FILE, parse_file, parse_header, parse_wraps, write_header, write_wraps
from parrotlet.vault.payload import MAX_PAYLOAD, parse_payload, write_payload

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
texts = st.text(max_size=60)
times = st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31)).map(
    lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ")
)
shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
tensors = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,9}(\.[a-z0-9_]{1,9}){0,3}", fullmatch=True),
    st.one_of(
        arrays(np.float32, shapes, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
        arrays(np.int32, shapes),
        arrays(np.uint8, shapes),
    ),
    max_size=64,
)
further = st.dictionaries(st.from_regex(r"z[a-z0-9_]{0,31}", fullmatch=True), texts, max_size=16)
consents = st.builds(ConsentRecord, texts, texts, texts, texts, texts, further)
profiles = st.builds(
    VoiceProfile,
    tensors,
    st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    texts,
    times,
    st.none() | times,
    st.none() | consents,
)


@calm
@given(profiles, st.none() | st.integers(0, 2**31 - 1), further)
def test_any_profile_comes_back(profile: VoiceProfile, uses: int | None, later: dict[str, str]) -> None:
    header = dataclasses.replace(header_for(profile, uses=uses), further=later, critical=("expires",))
    with unlocked(seal_profile(header, profile, [MemoryKey()]), [MemoryKey()]) as opened:
        assert opened.header == header
        assert opened.profile() == profile


@calm
@given(st.binary(max_size=400))
def test_any_payload_is_refused_or_is_the_only_spelling(data: bytes) -> None:
    try:
        found = parse_payload(data)
    except ProfileFormatError:
        return
    assert write_payload(found) == data


@calm
@given(tensors)
def test_payload_comes_back(named: dict[str, npt.NDArray[Any]]) -> None:
    found = parse_payload(write_payload(named))
    assert {name: (v.dtype, v.shape) for name, v in found.items()} == {n: (v.dtype, v.shape) for n, v in named.items()}
    assert all(np.array_equal(value, named[name]) for name, value in found.items())


@calm
@given(
    st.lists(
        st.builds(
            Stanza,
            st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True).filter(lambda kind: kind != "scrypt"),
            st.dictionaries(
                st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True),
                texts | st.integers(0, 2**31 - 1),
                max_size=8,
            ),
            st.binary(max_size=100),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_wraps_come_back(stanzas: list[Stanza]) -> None:
    assert list(parse_wraps(write_wraps(stanzas))) == stanzas


def test_truncation_at_every_length() -> None:
    file = seal_profile(header_for(full_profile()), full_profile(), [MemoryKey(), Passphrase("x", log_n=10)])
    assert outcome_of(file, [MemoryKey()]) == "opens"
    outcomes = {outcome_of(file[:length], [MemoryKey()]) for length in range(len(file))}
    assert outcomes == {"format"}


def test_every_bit_flipped() -> None:
    profile = full_profile()
    file = seal_profile(header_for(profile, uses=7), profile, [MemoryKey()])
    outcomes = []
    for bit in range(8 * len(file)):
        changed = bytearray(file)
        changed[bit // 8] ^= 1 << bit % 8
        outcomes.append(outcome_of(bytes(changed), [MemoryKey()]))
    assert "opens" not in outcomes
    assert "expired" not in outcomes
    assert outcomes.count("unlock") > 1000
    # the MAC, nonce, ciphertext and tag parse whatever they hold
    sealed = len(file) - len(parse_file(file).covered)
    assert set(outcomes[-8 * sealed :]) == {"unlock"}


def test_every_byte_added_at_the_end() -> None:
    file = seal_profile(header_for(make_profile()), make_profile(), [MemoryKey()])
    assert {outcome_of(file + bytes([byte]), [MemoryKey()]) for byte in range(256)} == {"format"}


def test_the_largest_file_is_still_a_file() -> None:
    names = {f"{number:0>2}".translate(str.maketrans("0123456789", "abcdefghij")) * 32 for number in range(63)}
    index = len(dump({**{name: ["F32", [1]] for name in names}, "z": ["U8", [MAX_PAYLOAD]]}))
    values = dict.fromkeys(names, np.ones(1, np.float32))
    profile = make_profile(
        tensors={**values, "z": np.zeros(MAX_PAYLOAD - 4 - index - 4 * len(names), np.uint8)},
        bundle="b" * 256,
        consent=ConsentRecord("\x01" * 1900, "g" * 256, "s" * 256, "r" * 256, "m" * 256),
    )
    file = seal_profile(header_for(profile, "n" * 64), profile, [MemoryKey()] * 8)
    assert len(file) < MAX_FILE
    with unlocked(file, [MemoryKey()]) as opened:
        assert opened.profile() == profile


@pytest.mark.parametrize("length", [MAX_FILE, MAX_FILE + 1, 10 * MAX_FILE])
def test_large_files_are_refused(length: int) -> None:
    with pytest.raises(ProfileFormatError):
        parse_file(b"PARROTLT" + bytes(length - 8))


@pytest.mark.parametrize(
    "fields",
    [
        {"speaker_model": "abc"},
        {"bundle": "b" * 257},
        {"created": "yesterday"},
        {"expires": "2026-11-22"},
        {"consent": ConsentRecord("x" * 4097)},
        {"consent": ConsentRecord("\x01" * 4000)},
        {"bundle": "\ud800"},
        {"consent": ConsentRecord("x", further={"Upper": ""})},
        {"consent": ConsentRecord("x", further={f"f{number}": "" for number in range(17)})},
        {"tensors": {"Upper": np.zeros(1, np.float32)}},
        {"tensors": {"é": np.zeros(1, np.float32)}},
        {"tensors": {"\ud800": np.zeros(1, np.float32)}},
        {"tensors": {f"t{number}": np.zeros(1, np.float32) for number in range(65)}},
        {"tensors": {"a": np.zeros(1, np.float64)}},
        {"tensors": {"a": [1.0]}},
        {"tensors": {"a": np.zeros((1, 1, 1, 1, 1), np.float32)}},
        {"tensors": {"a": np.array([np.inf], np.float32)}},
        {"tensors": {"a": np.zeros(MAX_PAYLOAD, np.uint8)}},
    ],
)
def test_what_could_not_be_read_is_not_written(fields: dict[str, Any]) -> None:
    profile = make_profile(**fields)
    with pytest.raises(UsageError):
        seal_profile(header_for(profile), profile, [MemoryKey()])


def test_no_key_no_file() -> None:
    with pytest.raises(UsageError):
        seal_profile(header_for(make_profile()), make_profile(), [])


def test_rotating_leaves_the_payload_alone() -> None:
    profile, other = full_profile(), MemoryKey(b"o" * 32)
    file = seal_profile(header_for(profile), profile, [MemoryKey()])
    with unlocked(file, [MemoryKey()]) as opened:
        rotated = opened.rewrapped([other])
    before, after = parse_file(file), parse_file(rotated)
    assert (before.header, before.payload) == (after.header, after.payload)
    assert outcome_of(rotated, [MemoryKey()]) == "unlock"
    assert outcome_of(rotated, [other]) == "opens"


def test_nothing_is_sealed_twice_under_one_nonce_and_key() -> None:
    files = [seal_profile(header_for(make_profile()), make_profile(), [MemoryKey()]) for _ in range(50)]
    assert len({parse_file(file).payload[:12] for file in files}) == 50
    assert len({parse_wraps(parse_file(file).wraps)[0].arguments["salt"] for file in files}) == 50


def test_the_data_key_is_wiped_after_use() -> None:
    file = seal_profile(header_for(make_profile()), make_profile(), [MemoryKey()])
    with unlocked(file, [MemoryKey()]) as opened:
        data_key = opened.data_key
        assert any(data_key)
    assert not any(data_key)


@calm
@given(st.integers(0, 2**32 - 1))
def test_header_json_has_one_spelling(seed: int) -> None:
    data = write_header(header_for(make_profile(seed % 5, bundle=f"b{seed}\u00e9")))
    assert write_header(parse_header(data)) == data
