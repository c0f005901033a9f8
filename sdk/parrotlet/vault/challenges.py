"""Consent sentences that a store waits to have answered: one file each, removed by the answer."""

from __future__ import annotations

from parrotlet.challenge import Challenge
from parrotlet.errors import ConsentError
from parrotlet.profile import utc_now

from . import files

PREFIX = ".challenge-"
MOST_BYTES = 4096


def keep(directory: files.Directory, challenge: Challenge) -> None:
    """Write a challenge into a store's directory, and remove those that can no longer be answered."""
    for entry in files.names(directory):
        if entry.startswith(PREFIX) and _ended(directory, entry):
            files.erase(directory, entry)
    files.write_new(directory, PREFIX + challenge.nonce, challenge.to_json().encode())


def redeem(directory: files.Directory, nonce: str) -> Challenge:
    """The challenge of a nonce; its file is removed, whether the answer is good or not. Raises ConsentError."""
    entry = PREFIX + nonce
    if not (len(nonce) == 32 and set(nonce) <= set("0123456789abcdef") and files.exists(directory, entry)):
        raise ConsentError(
            "consent: this sentence was answered before or never shown here: ask for a new one with "
            "`parrotlet challenge`"
        )
    data = bytes(files.read_private(directory, entry, entry, MOST_BYTES))
    files.erase(directory, entry)
    return Challenge.from_json(data.decode("utf-8", "replace"))


def _ended(directory: files.Directory, entry: str) -> bool:
    try:
        challenge = Challenge.from_json(
            bytes(files.read_private(directory, entry, entry, MOST_BYTES)).decode("utf-8", "replace")
        )
        challenge.require_timely(utc_now(), 0)
    except ConsentError:
        return True
    return False
