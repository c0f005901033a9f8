"""Every error a caller can meet, with the exit code the command line gives it.

A message says in one line what went wrong and what to do next. It never contains
key material, passphrases or voice data.
"""

from __future__ import annotations


class ParrotletError(Exception):
    """Base of every error that parrotlet raises on purpose."""

    exit_code = 1


class UsageError(ParrotletError):
    """An argument is outside what the call accepts."""

    exit_code = 2


class InputError(ParrotletError):
    """A recording or a text cannot be used."""

    exit_code = 3


class ConsentError(InputError):
    """What a person said does not show that they agree: the message names what is missing."""


class VaultError(ParrotletError):
    """A profile cannot be stored or opened."""

    exit_code = 4


class ProfileNotFound(VaultError):
    """The store holds no profile of that name."""


class StoreNotFound(VaultError):
    """There is no store in the folder."""


class ProfileExists(VaultError):
    """A profile of that name is there already."""


class UnlockError(VaultError):
    """The key is wrong or the file was changed; the two are deliberately not told apart."""


class ProfileFormatError(VaultError):
    """The file is not a profile this version can parse (damaged, too large)."""


class NewerFormatError(ProfileFormatError):
    """The profile was written by a later version of parrotlet."""


class ProfileExpired(VaultError):
    """The profile's expiry date has passed."""


class ProfileRevoked(VaultError):
    """The profile was revoked on this device, and stays so."""


class ConsentRequired(VaultError):
    """The store or the bundle lets only profiles with a spoken consent speak."""


class WrongModelError(VaultError):
    """The profile was made for another speaker encoder than the one in this bundle."""


class BundleError(ParrotletError):
    """A model bundle or an inference runtime is missing, damaged or unsuitable."""

    exit_code = 5
