"""Parrotlet: your voice, on your device, and nowhere else.

``Parrotlet.load()`` gives the engine; ``enroll`` makes a VoiceProfile from recordings, ``speak`` yields
AudioChunks in that voice, and ProfileStore keeps profiles encrypted. See docs/python.md.
"""

from parrotlet.audio import AudioChunk, write_wav
from parrotlet.engine import Parrotlet, SpeakOptions
from parrotlet.errors import ParrotletError
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
