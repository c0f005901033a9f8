"""What a stored file says of itself in the clear."""

from __future__ import annotations

from dataclasses import dataclass

from parrotlet.errors import ProfileFormatError
from parrotlet.profile import ConsentRecord, utc_now

from . import payload_v1
from .format import parse_file, parse_header, parse_wraps


@dataclass(frozen=True)
class StoredProfile:
    """What a stored file says of itself in the clear. Nothing of it is verified until the file is loaded.

    name: the name it is stored under. id: random, the same through rotate, rekey, export and import.
    expires: RFC 3339 UTC or None. uses: loads so far, or None where they are not counted.
    keys: the kinds of key that can open it, e.g. ``("scrypt", "key-file")``.
    problem: empty, or why the file cannot be read; then the other fields but the name are empty.
    """

    name: str
    id: str = ""
    speaker_model: str = ""
    bundle: str = ""
    created: str = ""
    expires: str | None = None
    consent: ConsentRecord | None = None
    uses: int | None = None
    keys: tuple[str, ...] = ()
    problem: str = ""

    @property
    def expired(self) -> bool:
        """Whether the expiry date has passed by this machine's clock."""
        return self.expires is not None and self.expires <= utc_now()


def described(name: str, data: bytes) -> StoredProfile:
    """The profile in the bytes of a file. Raises ProfileFormatError when they are not those of this name."""
    parts = parse_file(data)
    header, stanzas = parse_header(parts.header, parts.version), parse_wraps(parts.wraps)
    if header.name != name:
        raise ProfileFormatError(f"the file of {name!r} holds the profile {header.name!r}; give it its name back")
    return StoredProfile(
        name=name,
        id=header.id,
        speaker_model=payload_v1.encoder_of(header.speaker_model) if parts.version == 1 else header.speaker_model,
        bundle=header.bundle,
        created=header.created,
        expires=header.expires,
        consent=header.consent,
        uses=header.uses,
        keys=tuple(stanza.type for stanza in stanzas),
    )
