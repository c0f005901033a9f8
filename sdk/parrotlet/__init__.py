"""Parrotlet: your voice, on your device, and nowhere else.

``Parrotlet.load()`` gives the engine; ``enroll`` makes a VoiceProfile from recordings, ``speak`` yields
AudioChunks in that voice, and ProfileStore keeps profiles encrypted. See docs/python.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Before anything of this process loads onnxruntime, whoever does.
import parrotlet_runtimes as _runtimes  # noqa: F401 - switches its telemetry off

if TYPE_CHECKING:
    from parrotlet.audio import AudioChunk, write_wav
    from parrotlet.engine import Parrotlet
    from parrotlet.errors import ParrotletError
    from parrotlet.options import SpeakOptions
    from parrotlet.profile import ConsentRecord, VoiceProfile
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
_HOMES = {
    "audio": ("AudioChunk", "write_wav"),
    "engine": ("Parrotlet",),
    "errors": ("ParrotletError",),
    "options": ("SpeakOptions",),
    "profile": ("ConsentRecord", "VoiceProfile"),
    "vault": ("KeyFile", "Passphrase", "ProfileStore"),
}


def __getattr__(name: str) -> object:
    """Names and modules are imported when asked for.

    The vault's ciphers take longer to import than a preset to speak, and the command must be able to catch Ctrl-C while
    it imports.
    """
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"parrotlet.{module}"), name)
    try:
        return import_module(f"parrotlet.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"parrotlet.{name}":
            raise
        raise AttributeError(f"module 'parrotlet' has no attribute {name!r}") from error
