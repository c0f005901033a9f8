"""Whether a profile was made on this machine: a secret of the machine, and a mark of it in the profile's header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from platformdirs import user_config_path

from parrotlet.errors import VaultError

from . import files
from .keys import KeyFile
from .sealing import authenticate, wiped

FIELD = "made_on"
"""Header field: HMAC-SHA256 of the profile's id under the machine's secret, so that two profiles do not tell that they
are of one machine."""


def mark(profile_id: str) -> str:
    """The mark of this machine for a profile. The secret is made when it is first needed. Raises VaultError."""
    folder = user_config_path("parrotlet")
    with files.explained("create the directory", folder):
        files.make_directory(folder)
    with wiped(KeyFile.open_or_create(folder / "machine.key").read_secret()) as secret:
        return authenticate(secret, b"parrotlet/1 made on " + profile_id.encode()).hex()


def noted(profile_id: str) -> dict[str, str]:
    """The header field of a profile that is made here; none where this machine can keep no secret."""
    try:
        return {FIELD: mark(profile_id)}
    except VaultError:
        return {}


def is_foreign(profile_id: str, further: Mapping[str, Any]) -> bool:
    """Whether a profile was made elsewhere, or by a version that did not note where."""
    noted = further.get(FIELD)
    if noted is None or not (user_config_path("parrotlet") / "machine.key").exists():
        return True
    try:
        return bool(noted != mark(profile_id))
    except VaultError:
        return True
