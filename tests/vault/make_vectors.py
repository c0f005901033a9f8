"""Writes tests/vectors/profile-v2.json. Run: python tests/vault/make_vectors.py

(Those of format 1, which nothing writes any more, were made by its last release.)

Each vector is a file, the keys it is tried with, and what must come of it: "opens" (with the
profile), "format" (it cannot be parsed), "newer" (a later format), "unlock" (wrong key or
changed) or "expired". Failures inside the authenticated part carry a valid MAC, so that what
refuses them is the rule they break.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
from vault_forge import (
    KEY_FILE,
    MemoryKey,
    canonical,
    forge,
    full_profile,
    make_profile,
    reproducible,
    stanza_json,
    wrap,
)

from parrotlet.profile import VoiceProfile
from parrotlet.vault.envelope import seal_profile
from parrotlet.vault.format import Header, parse_file
from parrotlet.vault.keys import Passphrase
from parrotlet.vault.payload import write_payload

PATH = Path(__file__).parent.parent / "vectors" / "profile-v2.json"
WITH_KEY_FILE = {"key_file": KEY_FILE}
OTHER_KEY_FILE = {"key_file": f"parrotlet-key-1 {'5a' * 32}\n"}
WITH_PASSPHRASE = {"passphrase": "Ünlock 🦜"}

Vector = dict[str, Any]
Edit = Callable[[dict[str, Any]], None]


def header_for(profile: VoiceProfile, name: str = "me", uses: int | None = None) -> Header:
    return Header(
        id="000102030405060708090a0b0c0d0e0f",
        name=name,
        speaker_model=profile.speaker_model,
        bundle=profile.bundle,
        created=profile.created,
        expires=profile.expires,
        consent=profile.consent,
        uses=uses,
    )


def opens(name: str, why: str, key: dict[str, str], file: bytes, profile: VoiceProfile) -> Vector:
    values = {
        "speaker_model": profile.speaker_model,
        "bundle": profile.bundle,
        "created": profile.created,
        "expires": profile.expires,
        "consent": profile.consent.fields() if profile.consent else None,
        "tensors": as_json(profile.tensors),
    }
    return {**fails(name, why, key, file, "opens"), "profile": values}


def as_json(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Tensors as the vectors write them."""
    return {
        name: {"dtype": value.dtype.name, "shape": list(value.shape), "values": value.reshape(-1).tolist()}
        for name, value in sorted(tensors.items())
    }


def fails(name: str, why: str, key: dict[str, str], file: bytes, outcome: str) -> Vector:
    return {"name": name, "why": why, "key": key, "outcome": outcome, "file": base64.b64encode(file).decode()}


def vectors() -> list[Vector]:
    """All vectors, the same at every call."""
    with reproducible("vectors"):
        return [*_good(), *_keys(), *_structure(), *_headers(), *_wraps(), *_payloads(), *_changed()]


def _good() -> Iterator[Vector]:
    plain, full = make_profile(), full_profile()
    phrase = Passphrase(WITH_PASSPHRASE["passphrase"], log_n=10)
    both = seal_profile(header_for(full, uses=7), full, [MemoryKey(), phrase])
    yield opens("key-file", "the least a file holds", WITH_KEY_FILE, _plain(), plain)
    one = seal_profile(header_for(plain), plain, [phrase])
    yield opens("passphrase", "scrypt with N=2^10", WITH_PASSPHRASE, one, plain)
    decomposed = {"passphrase": "U\u0308nlock 🦜"}
    yield opens("passphrase-nfc", "the passphrase typed with a combining mark", decomposed, one, plain)
    yield opens("two-wraps-key-file", "every header field in use", WITH_KEY_FILE, both, full)
    yield opens("two-wraps-passphrase", "the same file by its other key", WITH_PASSPHRASE, both, full)
    unknown = {"args": {"slot": 3, "where": "somewhere"}, "body": "00ff", "type": "future-key"}
    wraps = canonical([unknown, *wrap()])
    data = forge(_header(), wraps, bytes(write_payload(plain.tensors)))
    yield opens("unknown-wrap", "a kind of key this version does not know is skipped", WITH_KEY_FILE, data, plain)
    bare = make_profile(tensors={})
    yield opens("smallest-payload", "no tensors: that the engine needs some is not the format's", WITH_KEY_FILE,
                _sealed(bare), bare)  # fmt: skip
    further = json.loads(_header())
    further.update(policy={"place": "here", "times": 3, "until": None}, zeta="", critical=["expires"])
    file = forge(canonical(further), canonical(wrap()), bytes(write_payload(plain.tensors)))
    yield opens("header-further", "fields that this version does not know are kept", WITH_KEY_FILE, file, plain)
    older = seal_profile(header_for(plain), plain, [MemoryKey()])
    yield opens(
        "replayed-older-version",
        "an earlier file of the same profile and key opens: the format cannot tell, see the threat model",
        WITH_KEY_FILE,
        older,
        plain,
    )


def _keys() -> Iterator[Vector]:
    yield fails("wrong-key-file", "another key file", OTHER_KEY_FILE, _plain(), "unlock")
    phrase = Passphrase(WITH_PASSPHRASE["passphrase"], log_n=10)
    file = seal_profile(header_for(make_profile()), make_profile(), [phrase])
    yield fails("wrong-passphrase", "one letter differs", {"passphrase": "ünlock 🦜"}, file, "unlock")
    yield fails("other-kind", "a key file for a passphrase's wrap", WITH_KEY_FILE, file, "unlock")
    past = make_profile(expires="2001-01-01T00:00:00Z")
    yield fails("expired", "expired in 2001", WITH_KEY_FILE, _sealed(past), "expired")
    yield fails("expired-wrong-key", "the key is judged first", OTHER_KEY_FILE, _sealed(past), "unlock")


def _structure() -> Iterator[Vector]:
    good = _plain()
    yield opens("whole", "what the files below were made from", WITH_KEY_FILE, good, make_profile())

    def edited(offset: int, layout: str, value: object) -> bytes:
        return good[:offset] + struct.pack(layout, value) + good[offset + struct.calcsize(layout) :]

    cases = [
        ("empty", "no bytes at all", b"", "format"),
        ("prefix-only", "nothing after the prefix", good[:24], "format"),
        ("cut-in-prefix", "23 bytes", good[:23], "format"),
        ("cut-in-tag", "the last byte is missing", good[:-1], "format"),
        ("trailing-byte", "one byte follows", good + b"\0", "format"),
        ("twice", "the file follows itself", good + good, "format"),
        ("wrong-magic", "PARROTLA", edited(7, "B", 0x41), "format"),
        ("version-0", "there is no version 0", edited(8, "<I", 0), "format"),
        ("version-1", "the last format's number over this format's contents", edited(8, "<I", 1), "format"),
        ("version-3", "a later format", edited(8, "<I", 3), "newer"),
        ("version-huge", "a later format, whatever follows", edited(8, "<I", 2**32 - 1)[:24], "newer"),
        ("header-length-huge", "4 GiB of header", edited(12, "<I", 2**32 - 1), "format"),
        ("wraps-length-huge", "4 GiB of wraps", edited(16, "<I", 2**32 - 1), "format"),
        ("payload-length-huge", "4 GiB of payload", edited(20, "<I", 2**32 - 1), "format"),
        ("header-length-short", "one byte given to the wraps", _resized(good, -1, 1), "format"),
        ("header-length-long", "one byte taken from the wraps", _resized(good, 1, -1), "format"),
        ("payload-for-wraps", "one byte moved from payload to wraps", _moved(good), "format"),
    ]
    for name, why, file, outcome in cases:
        yield fails(name, why, WITH_KEY_FILE, file, outcome)


def _headers() -> Iterator[Vector]:
    consent = {"given_at": "", "method": "", "recording_sha256": "", "speaker": "", "text": "yes"}
    edits: list[tuple[str, str, Edit]] = [
        ("name-path", "a name that is a path", lambda h: h.update(name="../x")),
        ("name-long", "a name of 65 letters", lambda h: h.update(name="a" * 65)),
        ("name-newline", "a line break at the end of the name", lambda h: h.update(name="me\n")),
        ("name-number", "a number for a name", lambda h: h.update(name=5)),
        ("id-upper-case", "hex digits are lower case", lambda h: h.update(id="A" * 32)),
        ("id-short", "31 digits", lambda h: h.update(id="a" * 31)),
        ("model-short", "half a SHA-256", lambda h: h.update(speaker_model="ab" * 16)),
        ("bundle-long", "257 bytes", lambda h: h.update(bundle="b" * 257)),
        ("bundle-long-utf8", "129 letters of two bytes each", lambda h: h.update(bundle="ü" * 129)),
        ("created-null", "when it was made is not optional", lambda h: h.update(created=None)),
        ("created-february-30", "no such day", lambda h: h.update(created="2026-02-30T10:00:00Z")),
        ("created-second-60", "no leap seconds", lambda h: h.update(created="2026-12-31T23:59:60Z")),
        ("created-hour-24", "no hour 24", lambda h: h.update(created="2026-12-31T24:00:00Z")),
        ("created-offset", "UTC is written Z", lambda h: h.update(created="2026-12-31T23:59:59+00:00")),
        ("created-other-digits", "digits are ASCII", lambda h: h.update(created="٢٠٢٦-12-31T23:59:59Z")),
        ("expires-year-0", "years are 1000 to 9999", lambda h: h.update(expires="0000-01-01T00:00:00Z")),
        ("uses-negative", "a count is not negative", lambda h: h.update(uses=-1)),
        ("uses-huge", "counts end at 2^31-1", lambda h: h.update(uses=2**31)),
        ("uses-bool", "true is not a number", lambda h: h.update(uses=True)),
        ("uses-fraction", "1.5 is not a count", lambda h: h.update(uses=1.5)),
        ("further-name", "an upper-case name", lambda h: h.update(Zeta="")),
        ("further-bool", "true is neither text nor a count", lambda h: h.update(zeta=True)),
        ("further-list", "a list is neither text nor a count", lambda h: h.update(zeta=[])),
        ("further-deep", "an object in an object", lambda h: h.update(zeta={"a": {}})),
        ("further-long", "4097 bytes", lambda h: h.update(zeta="a" * 4097)),
        ("further-many", "17 further fields", lambda h: h.update({f"z{i}": 0 for i in range(17)})),
        ("critical-text", "the critical fields are a list", lambda h: h.update(critical="expires")),
        ("critical-missing", "a critical field that is not there", lambda h: h.update(critical=["zeta"])),
        ("critical-unsorted", "not in order", lambda h: h.update(critical=["name", "expires"])),
        ("critical-twice", "one name twice", lambda h: h.update(critical=["name", "name"])),
        ("critical-number", "a number for a name", lambda h: h.update(critical=[1])),
        ("no-critical", "the list of critical fields is missing", lambda h: h.pop("critical")),
        ("consent-text", "a consent record is an object", lambda h: h.update(consent="yes")),
        (
            "consent-many",
            "17 further fields",
            lambda h: h.update(consent={**consent, **{f"z{i}": "" for i in range(17)}}),
        ),
        ("consent-further", "a further field that is no text", lambda h: h.update(consent={**consent, "z": 1})),
        ("consent-further-long", "257 bytes", lambda h: h.update(consent={**consent, "z": "a" * 257})),
        ("consent-missing", "a field is missing", lambda h: h.update(consent={"text": "yes"})),
        ("consent-long", "4097 bytes of text", lambda h: h.update(consent={**consent, "text": "a" * 4097})),
        (
            "consent-null-text",
            "all its fields are text",
            lambda h: h.update(consent={**consent, "text": None}),
        ),
        ("missing-field", "bundle is missing", lambda h: h.pop("bundle")),
        ("renamed-field", "prototype names are not special", lambda h: h.update(__proto__=h.pop("uses"))),
    ]
    for name, why, edit in edits:
        header = json.loads(_header())
        edit(header)
        yield _forged(f"header-{name}", why, canonical(header))
    header = json.loads(_header())
    header.update(critical=["zeta"], zeta="")
    yield _forged("header-critical-unknown", "a field that must not be ignored", canonical(header), outcome="newer")
    good = _header()
    raw = [
        ("duplicate-field", "bundle twice", good.replace(b"{", b'{"bundle":"other",', 1)),
        ("duplicate-same", "bundle twice, alike", good.replace(b"{", b'{"bundle":"default-1",', 1)),
        ("space", "white space", good.replace(b":", b": ", 1)),
        ("line-break", "a line break after it", good + b"\n"),
        ("trailing", "a second value", good + b"{}"),
        ("unsorted", "fields out of order", b'{"uses":null,' + good[1 : good.rindex(b',"uses"')] + b"}"),
        ("escape", "an escape where none is needed", good.replace(b"default-1", b"default\\u002d1")),
        ("slash-escape", "an escaped slash", good.replace(b"default-1", b"default\\/1")),
        ("upper-case-escape", "\\u000B instead of \\u000b", good.replace(b"default-1", b"default\\u000B1")),
        ("bom", "a byte order mark", b"\xef\xbb\xbf" + good),
        ("latin-1", "not UTF-8", good.replace(b"default-1", b"d\xe9faut-1")),
        ("overlong", "UTF-8 that is longer than it need be", good.replace(b"default-1", b"default\xc0\xad1")),
        ("lone-surrogate", "half a surrogate pair, escaped", good.replace(b"default-1", b"\\ud800")),
        ("surrogate-bytes", "half a surrogate pair as bytes", good.replace(b"default-1", b"\xed\xa0\x80")),
        ("nul", "a raw control character", good.replace(b"default-1", b"default\0")),
        ("nan", "not a number", good.replace(b'"uses":null', b'"uses":NaN')),
        ("infinite", "1e999", good.replace(b'"uses":null', b'"uses":1e999')),
        ("minus-zero", "-0", good.replace(b'"uses":null', b'"uses":-0')),
        ("exponent", "1e0", good.replace(b'"uses":null', b'"uses":1e0')),
        ("point-zero", "1.0", good.replace(b'"uses":null', b'"uses":1.0')),
        ("many-digits", "a number of 5000 digits", good.replace(b"null", b"9" * 5000)),
        ("deep", "8000 nested arrays", b"[" * 8000 + b"]" * 8000),
        ("deep-open", "16000 open brackets", b"[" * 16000),
        ("array", "a list", b"[]"),
        ("null", "null", b"null"),
        ("empty", "nothing", b""),
        ("too-long", "16385 bytes", good.replace(b"default-1", b"d" * (16385 - len(good) + 9))),
    ]
    for name, why, header_bytes in raw:
        yield _forged(f"header-{name}", why, header_bytes)


def _wraps() -> Iterator[Vector]:
    good = wrap()
    scrypt = stanza_json(Passphrase("x", log_n=10).wrap(bytearray(32)))

    def cost(value: object) -> dict[str, object]:
        return {**scrypt, "args": {"log_n": value, "salt": "00" * 16}}

    cases: list[tuple[str, str, object, str]] = [
        ("none", "no wrapped key", [], "format"),
        ("nine", "more than eight", good * 9, "format"),
        ("object", "not a list", good[0], "format"),
        ("extra-field", "one field too many", [{**good[0], "z": 1}], "format"),
        ("type-upper-case", "kinds are lower case", [{**good[0], "type": "Key-File"}], "format"),
        ("type-missing", "no kind", [{"args": {}, "body": ""}], "format"),
        ("args-list", "arguments are an object", [{**good[0], "args": []}], "format"),
        ("args-nested", "arguments are text or counts", [{**good[0], "args": {"a": {}}}], "format"),
        ("args-nine", "more than eight", [{**good[0], "args": {f"a{i}": 0 for i in range(9)}}], "format"),
        ("args-name", "a name with a dash", [{**good[0], "args": {"a-b": 0}}], "format"),
        ("args-long", "257 bytes", [{**good[0], "args": {"a": "x" * 257}}], "format"),
        ("body-odd", "half a byte", [{**good[0], "body": "abc"}], "format"),
        ("body-upper-case", "hex digits are lower case", [{**good[0], "body": "AB"}], "format"),
        ("body-long", "4097 bytes", [{**good[0], "body": "00" * 4097}], "format"),
        ("body-short", "59 bytes where 60 belong", [{**good[0], "body": "00" * 59}], "unlock"),
        ("salt-short", "15 bytes", [{**good[0], "args": {"salt": "00" * 15}}], "unlock"),
        ("salt-number", "a number for a salt", [{**good[0], "args": {"salt": 5}}], "unlock"),
        ("salt-missing", "no salt", [{**good[0], "args": {}}], "unlock"),
        (
            "argument-extra",
            "one too many",
            [{**good[0], "args": {"a": 1, "salt": "00" * 16}}],
            "unlock",
        ),
        ("scrypt-cost-20", "1 GiB of memory", [cost(20), *good], "format"),
        ("scrypt-cost-40", "a tebibyte of memory", [cost(40), *good], "format"),
        ("scrypt-cost-9", "below the least cost", [cost(9), *good], "format"),
        ("scrypt-cost-text", "the cost is a number", [cost("10"), *good], "format"),
        ("scrypt-cost-missing", "no cost", [{**scrypt, "args": {"salt": "00" * 16}}, *good], "format"),
        ("scrypt-cost-sum", "two that are too much together", [cost(19), cost(10), *good], "format"),
    ]
    for name, why, value, outcome in cases:
        yield _forged(f"wraps-{name}", why, wraps=canonical(value), outcome=outcome)
    raw = canonical(good)
    twice = raw.replace(b'"type"', b'"type":"other","type"')
    yield _forged("wraps-duplicate-field", "the kind twice", wraps=twice)
    yield _forged("wraps-space", "white space", wraps=raw.replace(b",", b", ", 1))
    yield _forged("wraps-too-long", "more than 32 KiB", wraps=canonical([{**good[0], "body": "00" * 4096}] * 5))


def _payloads() -> Iterator[Vector]:
    good = bytes(write_payload(make_profile().tensors))

    def payload(index: object, values: bytes = b"") -> bytes:
        encoded = index if isinstance(index, bytes) else canonical(index)
        return struct.pack("<I", len(encoded)) + encoded + values

    one = struct.pack("<f", 1.0)
    cases = [
        ("empty", "no bytes", b""),
        ("cut-length", "three bytes", b"\0\0\0"),
        ("no-index", "an index of no bytes", struct.pack("<I", 0)),
        ("index-huge", "4 GiB of index", struct.pack("<I", 2**32 - 1) + good[4:]),
        ("index-long", "more than 16 KiB of index", payload({"a" * 60: ["F32", [1] * 9000]})),
        ("index-list", "a list", payload([])),
        ("index-space", "white space", payload(b'{"a": ["F32",[1]]}', one)),
        ("index-unsorted", "names out of order", payload(b'{"b":["U8",[1]],"a":["U8",[1]]}', b"ab")),
        ("index-twice", "one name twice", payload(b'{"a":["U8",[1]],"a":["U8",[1]]}', b"ab")),
        ("tensors-65", "more than 64", payload({f"a{i:02}": ["U8", [1]] for i in range(65)}, bytes(65))),
        ("name-upper-case", "an upper-case name", payload({"A": ["U8", [1]]}, b"a")),
        ("name-empty", "no name", payload({"": ["U8", [1]]}, b"a")),
        ("name-dots", "two dots", payload({"a..b": ["U8", [1]]}, b"a")),
        ("name-digit", "a digit first", payload({"1a": ["U8", [1]]}, b"a")),
        ("name-long", "65 letters", payload({"a" * 65: ["U8", [1]]}, b"a")),
        ("name-newline", "a line break at the end", payload({"a\n": ["U8", [1]]}, b"a")),
        ("dtype-unknown", "a kind of number that is unknown", payload({"a": ["F64", [1]]}, bytes(8))),
        ("dtype-number", "a number for a kind", payload({"a": [4, [1]]}, one)),
        ("entry-object", "an object for an entry", payload({"a": {"dtype": "F32"}}, one)),
        ("entry-short", "no shape", payload({"a": ["F32"]}, one)),
        ("entry-long", "a third value", payload({"a": ["F32", [1], 0]}, one)),
        ("shape-number", "a number for a shape", payload({"a": ["F32", 1]}, one)),
        ("shape-text", "text in a shape", payload({"a": ["F32", ["1"]]}, one)),
        ("shape-bool", "true in a shape", payload({"a": ["F32", [True]]}, one)),
        ("shape-negative", "a negative size", payload({"a": ["F32", [-1]]}, one)),
        ("shape-five", "five dimensions", payload({"a": ["F32", [1, 1, 1, 1, 1]]}, one)),
        ("shape-huge", "4 Mi values more than there are", payload({"a": ["F32", [2**22]]}, one)),
        ("shape-overflow", "a product of 2^88", payload({"a": ["U8", [2**22] * 4]}, one)),
        ("values-cut", "a value cut short", good[:-1]),
        ("values-none", "no values", payload({"a": ["F32", [1]]})),
        ("value-nan", "not a number", payload({"a": ["F32", [1]]}, struct.pack("<f", float("nan")))),
        ("value-infinite", "infinity", payload({"a": ["F32", [1]]}, struct.pack("<f", float("inf")))),
        ("trailing", "a byte follows", good + b"\0"),
    ]
    for name, why, data in cases:
        yield _forged(f"payload-{name}", why, payload=data)


def _changed() -> Iterator[Vector]:
    """Files that parse, changed by someone without the key."""
    profile, other = full_profile(), make_profile(3, bundle="another")
    file = seal_profile(header_for(profile, uses=7), profile, [MemoryKey(), Passphrase("x", log_n=10)])
    yield opens("unchanged", "what the changed files below were made from", WITH_KEY_FILE, file, profile)
    parts = parse_file(file)
    fields = [
        (b'"bundle":"default-1"', b'"bundle":"default-2"'),
        (b"agree", b"agrEe"),
        (b'"given_at":"2026', b'"given_at":"2025'),
        (b"live prompt", b"live Prompt"),
        (b'"recording_sha256":"', b'"recording_sha256":"0'),
        (b'"created":"2026', b'"created":"2025'),
        (b'"expires":"9000-01-01T00:00:00Z"', b'"expires":null'),
        (b'"id":"0', b'"id":"1'),
        (b'"name":"me"', b'"name":"us"'),
        (b'"speaker_model":"', b'"speaker_model":"'),
        (b'"uses":7', b'"uses":8'),
        (b'"uses":7', b'"uses":null'),
    ]
    for number, (old, new) in enumerate(fields):
        header = parts.header.replace(old, new)
        if b"speaker_model" in old:
            at = header.index(old) + len(old)
            header = header[:at] + (b"0" if header[at : at + 1] != b"0" else b"1") + header[at + 1 :]
        yield _assembled(f"changed-header-{number}", f"{old.decode()} made {new.decode()}", header, parts.wraps, file)
    stanzas = json.loads(parts.wraps)
    lists = [
        ("wrap-dropped", "the passphrase's wrap is gone", stanzas[:1]),
        ("wraps-reordered", "the two wraps change places", stanzas[::-1]),
        ("wrap-added", "a wrap more", [*stanzas, {"args": {}, "body": "", "type": "x"}]),
        ("wrap-doubled", "a wrap twice", [*stanzas, stanzas[1]]),
    ]
    for name, why, changed in lists:
        yield _assembled(name, why, parts.header, canonical(changed), file)
    start = len(parts.covered)
    for name, offset in [
        ("mac-first", start), ("mac-last", start + 31), ("nonce", start + 32), ("ciphertext-first", start + 44),
        ("ciphertext-last", len(file) - 17), ("tag-first", len(file) - 16), ("tag-last", len(file) - 1),
    ]:  # fmt: skip
        flipped = file[:offset] + bytes([file[offset] ^ 1]) + file[offset + 1 :]
        yield fails(f"flipped-{name}", "one bit", WITH_KEY_FILE, flipped, "unlock")
    another = seal_profile(header_for(other, "you"), other, [MemoryKey()])
    second = parse_file(another)
    yield _assembled("swapped-header", "another profile's header, same key", second.header, parts.wraps, file)
    yield _assembled("swapped-wraps", "another profile's wraps, same key", parts.header, second.wraps, file)
    mixed = file[:start] + parts.mac + second.payload
    sized = mixed[:20] + struct.pack("<I", len(second.payload) - 28) + mixed[24:]
    yield fails("swapped-payload", "another profile's payload, same key", WITH_KEY_FILE, sized, "unlock")


def _plain() -> bytes:
    return _sealed(make_profile())


def _sealed(profile: VoiceProfile) -> bytes:
    return seal_profile(header_for(profile), profile, [MemoryKey()])


def _header() -> bytes:
    return parse_file(_plain()).header


def _forged(
    name: str,
    why: str,
    header: bytes | None = None,
    wraps: bytes | None = None,
    payload: bytes | None = None,
    outcome: str = "format",
) -> Vector:
    profile = make_profile()
    file = forge(
        _header() if header is None else header,
        canonical(wrap()) if wraps is None else wraps,
        bytes(write_payload(profile.tensors)) if payload is None else payload,
    )
    return fails(name, why, WITH_KEY_FILE, file, outcome)


def _assembled(name: str, why: str, header: bytes, wraps: bytes, file: bytes) -> Vector:
    parts = parse_file(file)
    prefix = file[:12] + struct.pack("<III", len(header), len(wraps), len(parts.payload) - 28)
    return fails(name, why, WITH_KEY_FILE, prefix + header + wraps + parts.mac + parts.payload, "unlock")


def _resized(file: bytes, header: int, wraps: int) -> bytes:
    sizes = struct.unpack_from("<II", file, 12)
    return file[:12] + struct.pack("<II", sizes[0] + header, sizes[1] + wraps) + file[20:]


def _moved(file: bytes) -> bytes:
    sizes = struct.unpack_from("<II", file, 16)
    return file[:16] + struct.pack("<II", sizes[0] + 1, sizes[1] - 1) + file[24:]


def text(made: list[Vector]) -> str:
    """The file's contents: one vector a line, so that a change shows as one line."""
    lines = ",\n".join(json.dumps(vector, ensure_ascii=True) for vector in made)
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    PATH.write_text(text(vectors()), encoding="ascii")
