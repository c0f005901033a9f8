"""Encrypted storage of voice profiles: ``docs/profile-format.md``, ``docs/threat-model.md``."""

from .format import Stanza
from .keys import KeyFile, KeyProvider, Passphrase, default_key
from .store import ProfileStore
from .stored import StoredProfile

__all__ = ["KeyFile", "KeyProvider", "Passphrase", "ProfileStore", "Stanza", "StoredProfile", "default_key"]
