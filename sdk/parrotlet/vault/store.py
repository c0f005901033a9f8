"""A directory of encrypted voice profiles, one file each."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from parrotlet.challenge import Challenge
from parrotlet.errors import (
    ProfileExists,
    ProfileNotFound,
    UnlockError,
    UsageError,
    VaultError,
    WrongModelError,
)
from parrotlet.profile import ProfileWarning, VoiceProfile

from . import audit, challenges, files, machine, rules
from .envelope import WRONG_KEY_OR_CHANGED, Unlocked, seal_profile, unlocked
from .format import MAX_COUNT, MAX_FILE, SUFFIX, Header, is_id, is_name
from .keys import KeyProvider
from .sealing import random_bytes
from .stored import StoredProfile, described


@dataclass(frozen=True)
class ProfileStore:
    """Voice profiles in a directory of the user's own. Make one with ``ProfileStore.open``.

    The store keeps no state between calls: each reads the directory as it is. Any number of
    processes may read; one writes at a time.
    """

    path: Path
    keys: tuple[KeyProvider, ...]

    @classmethod
    def open(cls, path: str | os.PathLike[str], key: KeyProvider | Iterable[KeyProvider] = ()) -> ProfileStore:
        """The store in a directory, created with mode 0700 if missing.

        key: one key or several; all of them wrap what is saved, any one opens it. None is needed
        to list, show and delete. Raises VaultError when the directory cannot be made, belongs to
        another user or is open to others.
        """
        store = cls(Path(path), _all(key))
        with files.explained("create the profile store", store.path):
            files.make_directory(store.path)
        with store._directory():
            return store

    def save(
        self, name: str, profile: VoiceProfile, *, replace: bool = False, count_uses: bool = False
    ) -> StoredProfile:
        """Encrypt a profile under a new data key and store it, atomically.

        count_uses: write the number of loads into the file at each load.
        Raises ProfileExists unless ``replace``, UsageError for a name or value out of bounds, VaultError.
        """
        _check_name(name)
        profile_id = random_bytes(16).hex()
        header = Header(
            id=profile_id,
            name=name,
            speaker_model=profile.speaker_model,
            bundle=profile.bundle,
            created=profile.created,
            expires=profile.expires,
            consent=profile.consent,
            uses=0 if count_uses else None,
            further=machine.noted(profile_id),
        )
        return self._put(header, profile, replace, "save")

    def load(self, name: str, speaker_model: str | None = None) -> VoiceProfile:
        """Decrypt a profile.

        speaker_model: SHA-256 (hex) of the speaker encoder it will be used with, if that is to be checked.
        Raises ProfileNotFound, ProfileFormatError, UnlockError, ProfileExpired, ProfileRevoked, ConsentRequired,
        WrongModelError, VaultError. Warns with a ClockWarning when the clock was turned back and it matters.
        """
        with self._directory() as directory, unlocked(self._read(directory, name), self.keys) as file:
            profile = _usable(directory, file, name, speaker_model)
            rules.require_consent(directory, profile.consent, profile.foreign, name)
            if file.header.uses is None and not audit.is_on(directory):
                return profile
        with self._writing() as directory, unlocked(self._read(directory, name), self.keys) as file:
            profile = _usable(directory, file, name, speaker_model)
            audit.note(directory, self.keys, "load", name, file.header.id)
            if file.header.uses is not None:
                counted = dataclasses.replace(file.header, uses=min(file.header.uses + 1, MAX_COUNT))
                files.replace(directory, name + SUFFIX, file.with_header(counted))
            return profile

    def list(self) -> list[StoredProfile]:
        """Every profile in the store by name, from the headers alone; damaged files have a ``problem``."""
        with self._directory() as directory:
            entries = files.names(directory)
        names = sorted(entry.removesuffix(SUFFIX) for entry in entries if entry.endswith(SUFFIX))
        return [self._described(name) for name in names if is_name(name)]

    def show(self, name: str) -> StoredProfile:
        """One profile's header. Raises ProfileNotFound, ProfileFormatError, VaultError."""
        with self._directory() as directory:
            stored = described(name, self._read(directory, name))
            if rules.is_revoked(directory, stored.id):
                return dataclasses.replace(stored, problem="revoked on this device: delete it")
            return stored

    def delete(self, name: str) -> None:
        """Destroy a profile: its bytes, wrapped keys included, are overwritten before the file goes.

        Needs no key and works on damaged files. Raises ProfileNotFound, VaultError. Copies elsewhere
        (backups, exports, blocks that flash storage remapped) are out of its reach.
        """
        _check_name(name)
        with self._writing() as directory:
            if not files.exists(directory, name + SUFFIX):
                raise _not_found(name)
            files.erase(directory, name + SUFFIX)

    def revoke(self, name: str) -> str:
        """Destroy a profile as ``delete`` does, and let no copy of it come back to this store.

        name: of the profile, or its id, which other devices are told: there it need not be stored. Returns the id.
        Needs no key. Raises ProfileNotFound, ProfileFormatError (damaged: delete it), VaultError.
        """
        with self._writing() as directory:
            entries = [e.removesuffix(SUFFIX) for e in files.names(directory) if e.endswith(SUFFIX)]
            if is_id(name) and name not in entries:
                found = [e for e in entries if is_name(e) and self._described(e).id == name]
                profile_id = name
            else:
                found, profile_id = [name], described(name, self._read(directory, name)).id
            rules.revoke(directory, profile_id, found[0] if found else "")
            for entry in found:
                files.erase(directory, entry + SUFFIX)
        return profile_id

    def require_key(self) -> None:
        """Raise UnlockError, naming the profile, unless this store's keys open the first profile that is whole.

        For programs that keep a store under one key: a mistyped passphrase is noticed before it is used.
        """
        name = next((stored.name for stored in self.list() if not stored.problem), None)
        if name is not None:
            with self._directory() as directory, _named(name), unlocked(self._read(directory, name), self.keys):
                return

    def require_free(self, name: str, *, replace: bool = False) -> None:
        """Raise what ``save`` would for this name, UsageError or ProfileExists.

        For programs that work for long before they save.
        """
        _check_name(name)
        with self._directory() as directory:
            if not replace and files.exists(directory, name + SUFFIX):
                raise _taken(name)

    def rotate(self, new_key: KeyProvider | Iterable[KeyProvider], names: Iterable[str] | None = None) -> ProfileStore:
        """Put profiles under another key: new wraps, the data key and the payload's bytes stay.

        names: which profiles, by default all. Nothing is written unless all of them unlock.
        Returns the store opened with the new key. Raises what ``load`` raises except for expiry and model.
        Someone who had both the old key and an old file has the data key: ``rekey`` against that.
        """
        rotated = dataclasses.replace(self, keys=_all(new_key))
        chosen = [stored.name for stored in self.list()] if names is None else list(names)
        with self._writing() as directory:
            written = {}
            for name in chosen:
                with _named(name), unlocked(self._read(directory, name), self.keys) as file:
                    _check_is(file, name)
                    written[name] = file.rewrapped(rotated.keys)
            log = audit.rewrapped(directory, self.keys, rotated.keys)
            for name, data in written.items():
                files.replace(directory, name + SUFFIX, data)
            if log is not None:
                files.replace(directory, audit.FILE, log)
        return rotated

    def rekey(self, name: str) -> None:
        """Encrypt a profile anew under a new data key, wrapped by this store's keys and no others.

        Raises what ``load`` raises except for expiry and model.
        """
        with self._writing() as directory, unlocked(self._read(directory, name), self.keys) as file:
            _check_is(file, name)
            files.replace(directory, name + SUFFIX, seal_profile(file.current(file.header), file.profile(), self.keys))

    def export(self, name: str, file: str | os.PathLike[str], key: KeyProvider | Iterable[KeyProvider]) -> None:
        """Write a profile to a file elsewhere (0600), under its own data key and ``key`` alone.

        Raises VaultError rather than replace a file, and what ``load`` raises.
        """
        target = Path(file)
        with self._directory() as directory, unlocked(self._read(directory, name), self.keys) as stored:
            profile = _usable(directory, stored, name, None)
            data = seal_profile(stored.current(stored.header), profile, _all(key))
            profile_id = stored.header.id
        if self._audited():
            with self._writing() as directory:
                audit.note(directory, self.keys, "export", name, profile_id)
        with files.explained("export to", target), files.opened_directory(target.parent) as directory:
            try:
                files.write_new(directory, target.name, data)
            except FileExistsError as error:
                raise VaultError(f"{target} exists already and is not replaced; choose another file") from error

    def import_(
        self,
        file: str | os.PathLike[str],
        key: KeyProvider | Iterable[KeyProvider],
        *,
        name: str | None = None,
        replace: bool = False,
    ) -> StoredProfile:
        """Take in a file that ``export`` wrote: opened with ``key``, stored under this store's keys.

        name: what to call it here, by default as it was called there.
        Raises VaultError when it cannot be read, and what ``load`` and ``save`` raise.
        """
        if name is not None:
            _check_name(name)
        with files.explained("import", file):
            data = bytes(files.read_bounded(Path(file), MAX_FILE))
        with self._directory() as directory, unlocked(data, _all(key)) as exported:
            profile = _usable(directory, exported, exported.header.name, None)
            header = dataclasses.replace(exported.current(exported.header), name=name or exported.header.name)
        return self._put(header, profile, replace, "import")

    def keep_challenge(self, challenge: Challenge) -> None:
        """Remember a consent sentence that was shown, until it is answered or too late. Raises VaultError."""
        with self._writing() as directory:
            challenges.keep(directory, challenge)

    def redeem_challenge(self, nonce: str) -> Challenge:
        """The consent sentence of a nonce, which can be answered only once. Raises ConsentError, VaultError."""
        with self._writing() as directory:
            return challenges.redeem(directory, nonce)

    @property
    def policy(self) -> rules.Policy:
        """Which profiles may speak; "off" (all) unless ``set_policy`` set another."""
        with self._directory() as directory:
            return rules.policy(directory)

    def set_policy(self, policy: rules.Policy) -> None:
        """Say which profiles may speak, see ``vault.rules.Policy``. Raises UsageError, VaultError."""
        with self._writing() as directory:
            rules.set_policy(directory, policy)

    def set_audit(self, on: bool) -> None:
        """Begin the log of what is done with profiles, or end and destroy it. Raises VaultError."""
        with self._writing() as directory:
            audit.switch_on(directory, self.keys) if on else audit.switch_off(directory)

    def audit(self) -> Sequence[audit.Entry]:
        """The log, oldest first; none where it is off. Raises UnlockError, VaultError."""
        with self._directory() as directory:
            return audit.entries(directory, self.keys)

    def _audited(self) -> bool:
        with self._directory() as directory:
            return audit.is_on(directory)

    def _put(self, header: Header, profile: VoiceProfile, replace: bool, event: str) -> StoredProfile:
        data = seal_profile(header, profile, self.keys)
        entry = header.name + SUFFIX
        with self._writing() as directory:
            if not replace and files.exists(directory, entry):
                raise _taken(header.name)
            audit.note(directory, self.keys, event, header.name, header.id)
            files.replace(directory, entry, data)
        return described(header.name, data)

    def _described(self, name: str) -> StoredProfile:
        try:
            return self.show(name)
        except VaultError as error:
            return StoredProfile(name, problem=str(error))

    def _read(self, directory: files.Directory, name: str) -> bytes:
        _check_name(name)
        entry = name + SUFFIX
        try:
            return bytes(files.read_private(directory, entry, self.path / entry, MAX_FILE))
        except FileNotFoundError as error:
            raise _not_found(name) from error

    @contextmanager
    def _directory(self) -> Iterator[files.Directory]:
        with (
            files.explained("use the profile store", self.path),
            files.private_directory(self.path) as directory,
        ):
            yield directory

    @contextmanager
    def _writing(self) -> Iterator[files.Directory]:
        with self._directory() as directory, files.locked(directory, self.path):
            yield directory


def _usable(directory: files.Directory, file: Unlocked, name: str, speaker_model: str | None) -> VoiceProfile:
    """The profile, if it may be used now, here and under this name."""
    _check_is(file, name)
    foreign = machine.is_foreign(file.header.id, file.header.further)
    profile = dataclasses.replace(file.profile(), foreign=foreign)
    rules.require_live(directory, file.header.id, name)
    rules.require_unexpired(directory, profile.expires, profile.created, name)
    # Of an unreleased bundle, format 1 named encoder and acoustic model together: the engine knows the pair.
    unknown = file.current(file.header).further.get("pair") == profile.speaker_model
    if speaker_model is not None and speaker_model != profile.speaker_model and not unknown:
        raise WrongModelError(
            f"the profile {name!r} was made with bundle {profile.bundle!r}, which has another speaker encoder; "
            "use that bundle or enroll again"
        )
    if file.parts.version == 1 and profile.spectrum is None:
        warnings.warn(
            f"the profile {name!r} is of an early release, which kept less of the recording: it speaks, "
            "and is more like the person once enrolled again",
            ProfileWarning,
            stacklevel=3,
        )
    return profile


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say which profile of several it is that does not unlock."""
    try:
        yield
    except UnlockError as error:
        raise UnlockError(f"profile {name!r}: {error}; nothing was changed") from error


def _check_is(file: Unlocked, name: str) -> None:
    """A file that was moved over another profile's is as bad as a changed one."""
    if file.header.name != name:
        raise UnlockError(WRONG_KEY_OR_CHANGED)


def _all(key: KeyProvider | Iterable[KeyProvider]) -> tuple[KeyProvider, ...]:
    return (key,) if isinstance(key, KeyProvider) else tuple(key)


def _check_name(name: str) -> None:
    if not is_name(name):
        raise UsageError(
            "a profile's name has 1 to 64 letters A-Z a-z, digits, dots, dashes or underscores "
            "and starts with a letter or digit; choose such a name"
        )


def _taken(name: str) -> ProfileExists:
    return ProfileExists(f"there is a profile {name!r} already: pass replace=True (--replace) or choose another name")


def _not_found(name: str) -> ProfileNotFound:
    return ProfileNotFound(f"there is no profile {name!r} in the store: `parrotlet voices` lists those there are")
