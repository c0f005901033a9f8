"""The profile file as bytes, versions 1 and 2. ``docs/profile-format.md`` is the specification.

::

    0    8   magic "PARROTLT"
    8    4   version
    12   4   H, length of the header
    16   4   W, length of the wraps
    20   4   P, length of the ciphertext
    24   H   header: canonical JSON, readable without a key
         W   wraps: canonical JSON, the data key under each key that may open the file
         32  HMAC-SHA256 of everything above
         12  nonce
         P   ciphertext of the payload
         16  tag

This module checks structure and bounds; it holds no key. Integers are unsigned, 32 bits,
little-endian.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from parrotlet.errors import NewerFormatError, ProfileFormatError
from parrotlet.profile import ConsentRecord

from . import payload_v1
from .canonical import Invalid, dump, load, reading, require, writing
from .payload import MAX_PAYLOAD
from .sealing import MAC_BYTES, NONCE_BYTES, TAG_BYTES

MAGIC = b"PARROTLT"
VERSION = 2
"""What is written; version 1 is read, too."""
MAX_HEADER = 16 * 1024
MAX_WRAPS = 32 * 1024
MAX_STANZAS = 8
MAX_BODY = 4096
MAX_ARGUMENTS = 8
MIN_LOG_N = 10
MAX_LOG_N = 19  # 512 MiB; the sum over all passphrases of a file stays under it too
MAX_COUNT = 2**31 - 1

_PREFIX = struct.Struct("<8sIIII")
_TAIL = NONCE_BYTES + TAG_BYTES
SUFFIX = ".voice"  # of a profile's file in a store
MAX_FILE = _PREFIX.size + MAX_HEADER + MAX_WRAPS + MAC_BYTES + _TAIL + MAX_PAYLOAD

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"([1-9][0-9]{3})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_TYPE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ARGUMENT = re.compile(r"[a-z][a-z0-9_]{0,31}")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")

_V1_FIELDS = {"bundle", "consent", "created", "expires", "id", "name", "speaker_model", "uses"}
_FIELDS = _V1_FIELDS | {"critical"}
_CONSENT_LIMITS = {"text": 4096, "given_at": 256, "speaker": 256, "recording_sha256": 256, "method": 256}
MAX_FURTHER = 16
MAX_FURTHER_TEXT = 4096


@dataclass(frozen=True)
class Header:
    """What a file says of itself in the clear; trustworthy only once the file is unlocked.

    id: 32 hex digits, random; rotate, rekey, export and import keep it, a new save makes a new one.
    uses: how often the profile was loaded, or None where that is not counted.
    further: fields that this version does not know, kept as they are: text, counts, None, or an object of these.
    critical: fields that a reader may not ignore.
    """

    id: str
    name: str
    speaker_model: str
    bundle: str
    created: str
    expires: str | None
    consent: ConsentRecord | None
    uses: int | None
    further: Mapping[str, Any] = field(default_factory=dict)
    critical: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stanza:
    """The data key wrapped by one key: which kind, its public parameters, the wrapped bytes."""

    type: str
    arguments: Mapping[str, str | int]
    body: bytes


@dataclass(frozen=True)
class Sealed:
    """The parts of a file, as bytes; ``header`` and ``wraps`` are the exact JSON that is authenticated."""

    header: bytes
    wraps: bytes
    mac: bytes
    payload: bytes  # nonce, ciphertext, tag
    version: int = VERSION

    @property
    def bound(self) -> bytes:
        """What the payload's tag covers beside the payload: it does not change when wraps do."""
        return MAGIC + self.version.to_bytes(4, "little") + self.header

    @property
    def covered(self) -> bytes:
        """What the MAC covers: every byte of the file before it."""
        sizes = len(self.header), len(self.wraps), len(self.payload) - _TAIL
        return _PREFIX.pack(MAGIC, self.version, *sizes) + self.header + self.wraps

    def to_bytes(self) -> bytes:
        """The file."""
        return self.covered + self.mac + self.payload


def parse_file(data: bytes) -> Sealed:
    """Split a file into its parts. Raises ProfileFormatError unless every byte is accounted for."""
    if len(data) > MAX_FILE:
        raise ProfileFormatError("the file is too large to be a voice profile; check that it is the right one")
    if len(data) < _PREFIX.size or not data.startswith(MAGIC):
        raise ProfileFormatError("the file is not a voice profile; check that it is the right one")
    _, version, header, wraps, payload = _PREFIX.unpack_from(data)
    if version > VERSION:
        raise NewerFormatError(f"the profile has the newer format {version}; update parrotlet to open it")
    start, end = _PREFIX.size, _PREFIX.size + header + wraps
    with reading():
        require(
            version >= 1 and header <= MAX_HEADER and wraps <= MAX_WRAPS and payload <= _most_payload(version),
            "a length or the version is out of bounds",
        )
        require(len(data) == end + MAC_BYTES + _TAIL + payload, "its length does not fit its contents")
    return Sealed(
        header=data[start : start + header],
        wraps=data[start + header : end],
        mac=data[end : end + MAC_BYTES],
        payload=data[end + MAC_BYTES :],
        version=version,
    )


def _most_payload(version: int) -> int:
    return payload_v1.MAX_PAYLOAD if version == 1 else MAX_PAYLOAD


def write_header(header: Header) -> bytes:
    """The header as canonical JSON. Raises UsageError when a field is out of bounds."""
    fields = {name: value for name, value in vars(header).items() if name != "further"}
    consent = header.consent.fields() if header.consent else None
    with writing():
        data = dump({**header.further, **fields, "consent": consent, "critical": list(header.critical)})
        _parse_header(data)
    return data


def parse_header(data: bytes, version: int = VERSION) -> Header:
    """The header of a file. Raises ProfileFormatError; NewerFormatError when it must not be read without a field
    that this version does not know.
    """
    with reading():
        return _parse_header(data, version)


def write_wraps(stanzas: Sequence[Stanza]) -> bytes:
    """The wraps as canonical JSON. Raises UsageError when there are too many or one is out of bounds."""
    with writing():
        data = dump([{"args": dict(s.arguments), "body": s.body.hex(), "type": s.type} for s in stanzas])
        _parse_wraps(data)
    return data


def parse_wraps(data: bytes) -> tuple[Stanza, ...]:
    """The wraps of a file, kinds this version does not know included. Raises ProfileFormatError."""
    with reading():
        return _parse_wraps(data)


def is_name(value: object) -> bool:
    """Whether a profile may be called so: 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit."""
    return _matches(_NAME, value)


def is_id(value: object) -> bool:
    """Whether ``value`` is written as the id of a profile: 32 lower-case hex digits."""
    return _matches(_ID, value)


def is_time(value: object) -> bool:
    """Whether ``value`` is a moment written ``YYYY-MM-DDTHH:MM:SSZ``; such strings sort by time."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return False
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        datetime(year, month, day, hour, minute, second)
    except ValueError:
        return False
    return True


def _parse_header(data: bytes, version: int = VERSION) -> Header:
    require(len(data) <= MAX_HEADER, f"the header is longer than {MAX_HEADER} bytes")
    fields = load(data)
    known = _V1_FIELDS if version == 1 else _FIELDS
    if not isinstance(fields, dict) or not known <= set(fields):
        raise Invalid("the header's fields are not the expected ones")
    further = {name: fields.pop(name) for name in set(fields) - known}
    if version == 1:
        require(not further, "the header's fields are not the expected ones")
    else:
        fields["critical"] = _understood(fields["critical"], known, further)
    require(len(further) <= MAX_FURTHER, "the header has too many fields")
    for name, value in further.items():
        require(_matches(_ARGUMENT, name), "the name of a further field is out of bounds")
        inner = list(value.values()) if isinstance(value, dict) else [value]
        require(len(inner) <= MAX_FURTHER, "a further field is out of bounds")
        require(
            all(item is None or _is_text(item, MAX_FURTHER_TEXT) or _is_count(item) for item in inner),
            "a further field is out of bounds",
        )
    require(_matches(_ID, fields["id"]), "its id is out of bounds")
    require(_matches(_NAME, fields["name"]), "its name is out of bounds")
    require(_matches(_SHA256, fields["speaker_model"]), "speaker_model is not a SHA-256 in hex")
    require(_is_text(fields["bundle"], 256), "the name of the bundle is out of bounds")
    require(is_time(fields["created"]), "created is not a UTC time")
    require(fields["expires"] is None or is_time(fields["expires"]), "expires is not a UTC time")
    require(fields["uses"] is None or _is_count(fields["uses"]), "the use counter is out of bounds")
    return Header(**{**fields, "consent": _parse_consent(fields["consent"], version), "further": further})


def _understood(critical: object, known: set[str], further: Mapping[str, object]) -> tuple[str, ...]:
    """A field that ``critical`` names may not be ignored: whoever does not know it must not use the profile."""
    if not isinstance(critical, list) or len(critical) > MAX_FURTHER:
        raise Invalid("the list of critical fields is out of bounds")
    require(all(_matches(_ARGUMENT, name) for name in critical), "the list of critical fields is out of bounds")
    require(critical == sorted(set(critical)), "the list of critical fields is not sorted")
    require(set(critical) <= known | set(further), "a critical field is missing")
    unknown = [name for name in critical if name in further]
    if unknown:
        raise NewerFormatError(
            f"the profile sets {unknown[0]!r}, which this version does not know; update parrotlet to open it"
        )
    return tuple(critical)


def _parse_consent(fields: object, version: int) -> ConsentRecord | None:
    if fields is None:
        return None
    if not isinstance(fields, dict) or not set(_CONSENT_LIMITS) <= set(fields):
        raise Invalid("the consent record's fields are not the expected ones")
    further = {name: fields.pop(name) for name in set(fields) - set(_CONSENT_LIMITS)}
    require(len(further) <= (0 if version == 1 else MAX_FURTHER), "the consent record has too many fields")
    for field_name, limit in _CONSENT_LIMITS.items():
        require(_is_text(fields[field_name], limit), f"consent {field_name} is longer than {limit} bytes or no text")
    for name, value in further.items():
        require(_matches(_ARGUMENT, name) and _is_text(value, 256), "a field of the consent record is out of bounds")
    return ConsentRecord(**fields, further=further)


def _parse_wraps(data: bytes) -> tuple[Stanza, ...]:
    require(len(data) <= MAX_WRAPS, f"the wrapped keys are longer than {MAX_WRAPS} bytes")
    entries = load(data)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_STANZAS:
        raise Invalid(f"it has no wrapped key, or more than {MAX_STANZAS}")
    stanzas = tuple(_parse_stanza(entry) for entry in entries)
    total = 0
    for stanza in stanzas:
        if stanza.type == "scrypt":
            log_n = stanza.arguments.get("log_n")
            if not isinstance(log_n, int) or not MIN_LOG_N <= log_n <= MAX_LOG_N:
                raise Invalid("it asks for a key derivation outside the allowed cost")
            total += 1 << log_n
    require(total <= 1 << MAX_LOG_N, "its passphrases together cost more than is allowed")
    return stanzas


def _parse_stanza(entry: object) -> Stanza:
    if not isinstance(entry, dict) or set(entry) != {"args", "body", "type"}:
        raise Invalid("a wrapped key's fields are not the expected ones")
    kind, arguments, body = entry["type"], entry["args"], entry["body"]
    require(_matches(_TYPE, kind), "the kind of a wrapped key is out of bounds")
    require(
        isinstance(arguments, dict) and len(arguments) <= MAX_ARGUMENTS,
        "a wrapped key's arguments are out of bounds",
    )
    for name, value in arguments.items():
        require(_matches(_ARGUMENT, name), "the name of a wrapped key's argument is out of bounds")
        require(_is_text(value, 256) or _is_count(value), "a wrapped key's argument is out of bounds")
    require(_matches(_HEX, body) and len(body) <= 2 * MAX_BODY, "a wrapped key's body is out of bounds")
    return Stanza(kind, arguments, bytes.fromhex(body))


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_text(value: object, limit: int) -> bool:
    return isinstance(value, str) and len(value.encode("utf-8")) <= limit


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNT
