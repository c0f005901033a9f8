"""The commands that keep profiles: ``parrotlet voices, show, delete, rotate, export, import``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from parrotlet.bundle import PRESET, Bundle
from parrotlet.cli.common import emit, locked_store, open_or_make_store, open_store, passphrase, store_path
from parrotlet.errors import InputError, ProfileNotFound, UsageError
from parrotlet.store import did_you_mean, find_preset
from parrotlet.vault import KeyFile, KeyProvider, StoredProfile


def voices(options: argparse.Namespace) -> None:
    """List profiles, with what keeps them from speaking, and presets."""
    bundle = Bundle.load(options.bundle)
    # The user's own store is made by the first enrollment; one that is named should be there.
    stored = locked_store(options).list() if options.store or store_path(options).is_dir() else []
    presets = bundle.presets().values()
    value = {
        "profiles": [{**_described(profile), "problem": _problem(profile, bundle) or None} for profile in stored],
        "presets": [{"voice": PRESET + p.name, "description": p.description} for p in presets],
    }
    lines = [f"{profile.name:<20} {_problem(profile, bundle) or f'enrolled {profile.created}'}" for profile in stored]
    lines += [f"{PRESET + preset.name:<20} {preset.description}" for preset in presets]
    emit(options, value, "\n".join(lines))


def _problem(profile: StoredProfile, bundle: Bundle) -> str:
    """Why a profile cannot be used with this bundle, "" where it can."""
    if profile.problem:
        return f"cannot be read: {profile.problem}"
    if profile.expired:
        return f"expired {profile.expires}: enroll again or delete it"
    if profile.speaker_model not in (bundle.speaker_model, bundle.model_sha256):
        return f"of bundle {profile.bundle!r}: enroll again, unless it keeps its recording"
    return ""


def _described(profile: StoredProfile) -> dict[str, Any]:
    consent = profile.consent
    return {
        "name": profile.name,
        "bundle": profile.bundle,
        "created": profile.created,
        "expires": profile.expires,
        "consent": None if consent is None else consent.fields(),
    }


def show(options: argparse.Namespace) -> None:
    """Describe a profile by its header, or a preset."""
    bundle = Bundle.load(options.bundle)
    if options.name.startswith(PRESET):
        preset = find_preset(bundle.presets(), options.name)
        value = {"voice": options.name, "description": preset.description, "bundle": bundle.name}
    else:
        with _hints(options, (PRESET + name for name in bundle.presets())):
            value = _described(locked_store(options).show(options.name))
    emit(options, value, "\n".join(_lines(value)))


def _lines(value: dict[str, Any], indent: str = "") -> Iterator[str]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield f"{indent}{key}:"
            yield from _lines(item, indent + "  ")
        else:
            yield f"{indent}{key}: {item or 'none'}"


def delete(options: argparse.Namespace) -> None:
    """Destroy a profile."""
    _require_profile(options.name, "deleted")
    with _hints(options):
        locked_store(options).delete(options.name)
    emit(options, {"deleted": options.name}, f"deleted {options.name!r}")


def revoke(options: argparse.Namespace) -> None:
    """Destroy a profile for good."""
    _require_profile(options.name, "revoked")
    with _hints(options):
        profile_id = locked_store(options).revoke(options.name)
    emit(
        options,
        {"revoked": options.name, "id": profile_id},
        f"revoked {options.name!r}: no copy of it opens in this store again. On other devices: "
        f"parrotlet revoke {profile_id}",
    )


def policy(options: argparse.Namespace) -> None:
    """Say or set the store's policy about consent."""
    store = locked_store(options)
    if options.policy is not None:
        store.set_policy(options.policy)
    emit(options, {"policy": store.policy}, f"consent is required: {store.policy}")


def audit(options: argparse.Namespace) -> None:
    """Begin, end or print the log of uses."""
    if options.what == "show":
        rows = open_store(options).audit()
        lines = [f"{row['at']}  {row['event']:<7} {row['name']}  {row['id']}" for row in rows]
        emit(options, {"entries": list(rows)}, "\n".join(lines) or "no entries")
        return
    store = open_store(options) if options.what == "on" else locked_store(options)
    store.set_audit(options.what == "on")
    emit(options, {"audit": options.what}, f"audit log {options.what}")


def rotate(options: argparse.Namespace) -> None:
    """Put every profile under another key."""
    if bool(options.new_passphrase_file) == bool(options.new_key_file):
        raise UsageError("give --new-passphrase-file or --new-key-file")
    store = open_store(options)
    if not store.list():
        raise ProfileNotFound(f"there is no profile in {store.path}: check --store")
    store.require_key()
    if options.new_passphrase_file:
        new: KeyProvider = passphrase(options.new_passphrase_file, "new", confirm=True)
    else:
        new = KeyFile.open_or_create(options.new_key_file)
    store.rotate(new)
    names = [profile.name for profile in store.list()]
    emit(options, {"rotated": names}, f"rotated {len(names)} profile{'s' * (len(names) != 1)}")


def export(options: argparse.Namespace) -> None:
    """Write a profile for another device."""
    _require_profile(options.name, "exported")
    with _hints(options):
        locked_store(options).show(options.name)
    store = open_store(options)
    transfer = passphrase(options.transfer_passphrase_file, "transfer", confirm=True)
    store.export(options.name, options.file, key=transfer)
    emit(options, {"file": str(options.file)}, f"{options.name!r} exported to {options.file}")


def import_(options: argparse.Namespace) -> None:
    """Take in a profile of another device."""
    transfer = passphrase(options.transfer_passphrase_file, "transfer")
    store = open_or_make_store(options)
    stored = store.import_(options.file, key=transfer, name=options.name, replace=options.replace)
    emit(options, _described(stored), f"imported {stored.name!r}")


def _require_profile(name: str, done: str) -> None:
    if name.startswith(PRESET):
        raise InputError(f"{name} is part of the bundle: only a profile can be {done}")


@contextmanager
def _hints(options: argparse.Namespace, more: Iterable[str] = ()) -> Iterator[None]:
    """Name what is like the profile that is not there."""
    try:
        yield
    except ProfileNotFound as error:
        known = [*more, *(profile.name for profile in locked_store(options).list())]
        raise ProfileNotFound(f"{error}{did_you_mean(options.name, known)}") from error
