"""Parrotlet: your voice, on your device, and nowhere else.

``Parrotlet.load()`` gives the engine; ``enroll`` makes a VoiceProfile from recordings, ``speak`` yields
AudioChunks in that voice, and ProfileStore keeps profiles encrypted. See docs/python.md.
"""

from typing import TYPE_CHECKING

from parrotlet.audio import AudioChunk, write_wav
from parrotlet.engine import Parrotlet
from parrotlet.errors import ParrotletError
from parrotlet.options import SpeakOptions
from parrotlet.profile import ConsentRecord, VoiceProfile

if TYPE_CHECKING:
    from parrotlet.vault import KeyFile, Passphrase, ProfileStore

__all__ = [
    "AudioChunk",
    "ConsentRecord",
    "KeyFile",
    "Parrotlet",
    "ParrotletError",
    "Passphrase",
    "ProfileStore",
    "SpeakOptions",
    "VoiceProfile",
    "write_wav",
]


def __getattr__(name: str) -> object:
    """The vault's names are imported when asked for: its ciphers take longer to import than a preset to speak."""
    if name in ("KeyFile", "Passphrase", "ProfileStore"):
        from parrotlet import vault

        return getattr(vault, name)
    raise AttributeError(f"module 'parrotlet' has no attribute {name!r}")
