"""The user's own voices where the command line keeps them, for programs that speak with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from parrotlet.bundle import PRESET, Preset
from parrotlet.errors import InputError, ProfileNotFound, StoreNotFound

# A preset needs neither ciphers nor platform folders, and they would double the start-up time of `say`.
if TYPE_CHECKING:
    from parrotlet.engine import Parrotlet
    from parrotlet.profile import VoiceProfile
    from parrotlet.vault import KeyProvider, ProfileStore


def default_store_path() -> Path:
    """Where profiles are kept when the user names no folder."""
    from platformdirs import user_data_path

    return user_data_path("parrotlet", appauthor=False) / "profiles"


def open_default_store(
    path: Path | str | None = None, key: KeyProvider | None = None, *, create: bool = False
) -> ProfileStore:
    """The store in a folder, by default the user's own, with a key, by default this device's.

    create: make the folder if it is missing. Raises StoreNotFound, VaultError.
    """
    from parrotlet.vault import ProfileStore, default_key

    folder = Path(path) if path is not None else default_store_path()
    require_store(folder, create)
    return ProfileStore.open(folder, key=key or default_key(folder))


def require_store(folder: Path, create: bool = False) -> None:
    """Raise StoreNotFound unless the folder is there or may be made: a mistyped name makes none."""
    if not create and not folder.is_dir():
        raise StoreNotFound(
            f"there is no profile store {folder}: `parrotlet enroll` makes one, or name another folder (--store)"
        )


def find_voice(
    bird: Parrotlet, name: str, store: ProfileStore | Callable[[], ProfileStore] = open_default_store
) -> VoiceProfile:
    """A voice by its name: "preset:NAME", or a profile of a store.

    store: a function is called for a profile only. Raises InputError for a preset that the bundle does not have,
    ProfileNotFound, StoreNotFound, and what ``ProfileStore.load`` raises.
    """
    if name.startswith(PRESET):
        return find_preset(bird.presets, name).profile
    presets = [PRESET + preset for preset in bird.presets]
    try:
        opened = store() if callable(store) else store
    except StoreNotFound as error:
        raise StoreNotFound(f"{error}{did_you_mean(name, presets)}") from error
    try:
        return opened.load(name)  # whether it fits, or can be made to, the engine says
    except ProfileNotFound as error:
        known = [*presets, *(profile.name for profile in opened.list())]
        raise ProfileNotFound(f"{error}{did_you_mean(name, known)}") from error


def find_preset(presets: Mapping[str, Preset], name: str) -> Preset:
    """The preset "preset:NAME" of a bundle's. Raises InputError."""
    try:
        return presets[name.removeprefix(PRESET)]
    except KeyError as error:
        raise InputError(f"there is no voice {name}: the presets are {', '.join(presets)}") from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" of the names that are like it, "" where there are none."""
    from difflib import get_close_matches

    bare = {one.removeprefix(PRESET).lower(): one for one in known}
    near = get_close_matches(name.lower(), bare, n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(bare[one] for one in near)}?" if near else ""
