"""Canonical JSON, and the rules of the profile format as exceptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from parrotlet.errors import ProfileFormatError, UsageError


class Invalid(Exception):
    """A rule of the format is broken; the message is the rule."""


def require(condition: bool, rule: str) -> None:
    """Raise Invalid unless the rule holds."""
    if not condition:
        raise Invalid(rule)


@contextmanager
def reading() -> Iterator[None]:
    """What is read breaks a rule: the file is no profile."""
    try:
        yield
    except Invalid as error:
        raise ProfileFormatError(
            f"not a valid voice profile: {error}; restore the file from a backup or enroll again"
        ) from error


@contextmanager
def writing() -> Iterator[None]:
    """What is to be written breaks a rule: the caller gave something that a profile cannot hold."""
    try:
        yield
    except Invalid as error:
        raise UsageError(f"this cannot be stored as a voice profile: {error}; change that and save again") from error


def dump(value: object) -> bytes:
    """RFC 8785 (JCS) for the values used here: objects, arrays, strings, integers, null."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Invalid("a text or number in it is not valid") from error


def load(data: bytes) -> object:
    """Parse JSON and insist that it was canonical.

    Writing the parsed value again and comparing settles duplicate fields, white space,
    odd escapes, other number spellings and trailing data in one rule that every language has.
    """
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Invalid("its JSON does not parse") from error
    if dump(value) != data:
        raise Invalid("its JSON is not in canonical form")
    return value
