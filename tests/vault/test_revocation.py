"""What a store lets come back, until when, for whom, and what it remembers of it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from vault_forge import MemoryKey, make_profile

from parrotlet.challenge import consent_challenge
from parrotlet.errors import (
    ConsentError,
    ConsentRequired,
    ProfileExpired,
    ProfileNotFound,
    ProfileRevoked,
    UnlockError,
    UsageError,
    VaultError,
)
from parrotlet.profile import ConsentRecord
from parrotlet.vault import KeyFile, Passphrase, ProfileStore, audit, machine, rules

SPOKEN = ConsentRecord("I agree.", method="spoken/1")


@pytest.fixture(autouse=True)
def _own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))


def test_a_revoked_profile_does_not_come_back(store: ProfileStore, tmp_path: Path) -> None:
    stored = store.save("me", make_profile(1))
    backup = (store.path / "me.voice").read_bytes()
    transfer = MemoryKey()
    store.export("me", tmp_path / "me.export", key=transfer)
    assert ProfileStore.open(store.path).revoke("me") == stored.id  # no key is needed
    with pytest.raises(ProfileNotFound):
        store.load("me")
    (store.path / "me.voice").write_bytes(backup)
    (store.path / "me.voice").chmod(0o600)
    with pytest.raises(ProfileRevoked):
        store.load("me")
    assert "revoked" in store.list()[0].problem
    with pytest.raises(ProfileRevoked):
        store.import_(tmp_path / "me.export", key=transfer, name="again")
    store.save("me", make_profile(1), replace=True)  # another enrollment is another profile
    assert store.load("me") == make_profile(1)


def test_another_device_is_told_by_the_id(store: ProfileStore, tmp_path: Path, key_file: KeyFile) -> None:
    stored = store.save("me", make_profile(1))
    transfer = MemoryKey()
    store.export("me", tmp_path / "me.export", key=transfer)
    other = ProfileStore.open(tmp_path / "device", key=key_file)
    other.import_(tmp_path / "me.export", key=transfer, name="guest")
    other.revoke(stored.id)
    assert other.list() == []
    with pytest.raises(ProfileRevoked):
        other.import_(tmp_path / "me.export", key=transfer)


def test_expiry_holds_when_the_clock_is_turned_back(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def at(time: str) -> None:
        monkeypatch.setattr(rules, "utc_now", lambda: time)

    at("2030-01-01T00:00:00Z")
    profile = replace(make_profile(1), created="2029-01-01T00:00:00Z", expires="2030-06-01T00:00:00Z")
    store.save("me", profile)
    assert store.load("me").expires == profile.expires
    at("2030-07-01T00:00:00Z")
    with pytest.raises(ProfileExpired):
        store.load("me")
    at("2030-05-31T23:59:00Z")
    store.load("me")  # nothing was noted of a time at which it did not speak
    at("2030-02-01T00:00:00Z")
    with pytest.warns(rules.ClockWarning, match="set the clock"):
        store.load("me")
    store.save("late", replace(profile, expires="2030-03-01T00:00:00Z"))
    with pytest.warns(rules.ClockWarning), pytest.raises(ProfileExpired):
        store.load("late")


def test_a_clock_before_the_enrollment_does_not_help(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("me", replace(make_profile(1), created="2030-01-02T00:00:00Z", expires="2030-01-01T00:00:00Z"))
    monkeypatch.setattr(rules, "utc_now", lambda: "1970-01-01T00:00:10Z")
    with pytest.warns(rules.ClockWarning), pytest.raises(ProfileExpired):
        store.load("me")


def test_profiles_that_do_not_expire_leave_the_clock_alone(store: ProfileStore) -> None:
    store.save("me", make_profile(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.load("me")
    assert not (store.path / ".clock").exists()


def test_a_store_may_require_a_spoken_consent(
    store: ProfileStore, tmp_path: Path, key_file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("silent", replace(make_profile(1), consent=ConsentRecord("yes", method="cli")))
    store.save("spoken", replace(make_profile(2), consent=SPOKEN))
    assert store.policy == "off"
    store.set_policy("machine")
    assert not store.load("silent").foreign
    transfer = MemoryKey()
    for name in ("silent", "spoken"):
        store.export(name, tmp_path / name, key=transfer)
    store.set_policy("always")
    with pytest.raises(ConsentRequired, match="--consent"):
        store.load("silent")
    assert store.load("spoken").consent == SPOKEN
    another_machine(monkeypatch, tmp_path)
    other = ProfileStore.open(tmp_path / "device", key=key_file)
    other.set_policy("machine")
    for name in ("silent", "spoken"):
        other.import_(tmp_path / name, key=transfer)
    assert other.load("spoken").foreign
    with pytest.raises(ConsentRequired, match="on another machine"):
        other.load("silent")
    with pytest.raises(UsageError, match="off, machine, always"):
        other.set_policy("sometimes")  # type: ignore[arg-type]


def test_an_unknown_policy_is_an_error(store: ProfileStore) -> None:
    store.save("me", make_profile(1))
    store.set_policy("off")
    (store.path / ".policy").write_text("later")
    with pytest.raises(VaultError, match="unknown"):
        store.load("me")


def test_two_profiles_do_not_tell_that_they_are_of_one_machine() -> None:
    assert machine.mark("a" * 32) == machine.mark("a" * 32) != machine.mark("b" * 32)


def test_the_audit_log_says_what_was_done(store: ProfileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save("me", make_profile(1))
    assert store.audit() == []
    store.set_audit(True)
    store.load("me")
    transfer = MemoryKey()
    store.export("me", tmp_path / "file", key=transfer)
    store.import_(tmp_path / "file", key=transfer, name="guest")
    assert [(row["event"], row["name"]) for row in store.audit()] == [
        ("load", "me"),
        ("export", "me"),
        ("import", "guest"),
    ]
    assert b"guest" not in (store.path / ".audit").read_bytes()
    new = Passphrase("new words", log_n=10)
    rotated = store.rotate(new)
    assert len(rotated.audit()) == 3
    with pytest.raises(UnlockError):
        store.audit()
    monkeypatch.setattr(audit, "MOST_ENTRIES", 3)
    rotated.load("me")
    assert [row["event"] for row in rotated.audit()] == ["export", "import", "load"]
    with pytest.raises(VaultError, match="on already"):
        rotated.set_audit(True)
    rotated.set_audit(False)
    assert rotated.audit() == []


def test_a_changed_audit_log_stops_uses(store: ProfileStore) -> None:
    store.save("me", make_profile(1))
    store.set_audit(True)
    path = store.path / ".audit"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnlockError, match="audit"):
        store.load("me")


def test_a_store_keeps_a_challenge_until_it_is_answered(store: ProfileStore) -> None:
    challenge = consent_challenge()
    late = consent_challenge(now="2020-01-01T00:00:00Z")
    store.keep_challenge(late)
    store.keep_challenge(challenge)
    assert store.redeem_challenge(challenge.nonce) == challenge
    for nonce in (challenge.nonce, late.nonce, "../me"):
        with pytest.raises(ConsentError, match="answered before or never shown"):
            store.redeem_challenge(nonce)
