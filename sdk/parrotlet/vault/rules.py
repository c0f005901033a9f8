"""What a store keeps beside its profiles: which were revoked, the latest time it has seen, and its policy.

These files are plain. They bind honest software: who may write to the store's directory can remove them.
"""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Literal, get_args

from parrotlet.consent_policy import require_allowed
from parrotlet.errors import ProfileExpired, ProfileRevoked, UsageError, VaultError
from parrotlet.profile import ConsentRecord, utc_now

from . import files
from .format import is_time

Policy = Literal["off", "machine", "always"]
"""Which profiles may speak: all; those with a spoken consent or made on this machine; those with a spoken consent."""

_REVOKED, _CLOCK, _POLICY = ".revoked-", ".clock", ".policy"
_MOST_BYTES = 1024
_STEP = timedelta(minutes=1)
_NOTICED = timedelta(minutes=10)


class ClockWarning(UserWarning):
    """The clock of this machine stands before a moment that the store has seen."""


def revoke(directory: files.Directory, profile_id: str, name: str) -> None:
    """Note that a profile must not come back."""
    if not files.exists(directory, _REVOKED + profile_id):
        note = {"name": name, "revoked_at": utc_now()}
        files.write_new(directory, _REVOKED + profile_id, json.dumps(note).encode())


def is_revoked(directory: files.Directory, profile_id: str) -> bool:
    """Whether a profile was revoked in this store."""
    return files.exists(directory, _REVOKED + profile_id)


def require_live(directory: files.Directory, profile_id: str, name: str) -> None:
    """Raise ProfileRevoked for a profile that was revoked here, whichever file of it this is."""
    if is_revoked(directory, profile_id):
        raise ProfileRevoked(f"the profile {name!r} was revoked on this device and stays so: enroll again")


def require_unexpired(directory: files.Directory, expires: str | None, created: str, name: str) -> None:
    """Raise ProfileExpired by the latest time that this store has seen, and note the present.

    Warns with a ClockWarning when the clock stands before that time.
    """
    if expires is None:
        return
    now, seen = utc_now(), max(_latest(directory), created)
    if _time(now) < _time(seen) - _NOTICED:
        warnings.warn(
            f"this machine's clock says {now}, but this store was used at {seen}: set the clock",
            ClockWarning,
            stacklevel=4,
        )
    if expires <= max(now, seen):
        raise ProfileExpired(f"the profile {name!r} expired at {expires}; enroll again or delete it")
    if _time(now) >= _time(seen) + _STEP:
        with suppress(OSError):  # a store that cannot be written to is read all the same
            files.replace(directory, _CLOCK, now.encode())


def policy(directory: files.Directory) -> Policy:
    """The policy of the store. Raises VaultError for one that this version does not know."""
    if not files.exists(directory, _POLICY):
        return "off"
    text = bytes(files.read_private(directory, _POLICY, _POLICY, _MOST_BYTES)).decode("utf-8", "replace").strip()
    if text not in get_args(Policy):
        raise VaultError(f"the store's policy {text!r} is unknown: set it again with `parrotlet policy`")
    return text  # type: ignore[return-value]


def set_policy(directory: files.Directory, wanted: str) -> None:
    """Set the policy. Raises UsageError."""
    if wanted not in get_args(Policy):
        raise UsageError(f"{wanted!r} is no policy: choose {', '.join(get_args(Policy))}")
    files.replace(directory, _POLICY, wanted.encode())


def require_consent(directory: files.Directory, consent: ConsentRecord | None, foreign: bool, name: str) -> None:
    """Raise ConsentRequired where the store's policy does not let a profile speak."""
    require_allowed(policy(directory), consent, foreign, f"the profile {name!r}", "this store")


def _latest(directory: files.Directory) -> str:
    if not files.exists(directory, _CLOCK):
        return ""
    text = bytes(files.read_private(directory, _CLOCK, _CLOCK, _MOST_BYTES)).decode("utf-8", "replace")
    return text if is_time(text) else ""


def _time(text: str) -> datetime:
    return datetime.strptime(text or "1970-01-01T00:00:00Z", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
