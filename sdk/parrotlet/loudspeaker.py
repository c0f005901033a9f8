"""Speech through the sound card, while it is made: by sounddevice, or by a program of PulseAudio, ALSA or PipeWire."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from typing import Protocol

from parrotlet.audio import AudioChunk
from parrotlet.errors import UsageError

PLAYERS = {
    "paplay": "--raw --format=s16le --channels=1 --rate={rate}",
    "aplay": "-q -t raw -f S16_LE -c 1 -r {rate} -",
    "pw-play": "--raw --format=s16 --channels=1 --rate={rate} -",
}
"""Programs that play samples from standard input, the likeliest to be there and to know the sound card first."""
NO_SOUND = "no sound card can be played on ({why}): write a file with -o FILE, or install sounddevice or alsa-utils"


class Loudspeaker(Protocol):
    """Takes 16-bit samples, and blocks while it has enough of them."""

    def write(self, samples: bytes) -> None:
        """Play these next. Raises UsageError when it cannot."""

    def drain(self) -> None:
        """Wait until all is heard. Raises UsageError when it was not."""

    def abort(self) -> None:
        """Fall silent now."""


def play(chunks: Iterable[AudioChunk], sample_rate: int) -> float:
    """Play chunks as they come; the seconds played. Raises UsageError where there is no sound card."""
    speaker = opened(sample_rate)
    seconds = 0.0
    try:
        for chunk in chunks:
            speaker.write(chunk.int16_bytes())
            seconds += chunk.seconds
        speaker.drain()
    except BaseException:
        speaker.abort()
        raise
    return seconds


def opened(sample_rate: int) -> Loudspeaker:
    """The first loudspeaker that there is. Raises UsageError."""
    try:
        return _Device(sample_rate)
    except (ImportError, OSError) as error:
        missing = "no package sounddevice" if isinstance(error, ImportError) else str(error)
    name = next((name for name in PLAYERS if shutil.which(name)), None)
    if name is None:
        raise UsageError(NO_SOUND.format(why=f"{missing}, and none of {', '.join(PLAYERS)}"))
    return _Program(name, sample_rate)


class _Device:
    """A sound card by PortAudio."""

    def __init__(self, sample_rate: int) -> None:
        import sounddevice

        self._failure = sounddevice.PortAudioError
        try:
            self._stream = sounddevice.RawOutputStream(sample_rate, channels=1, dtype="int16")
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise OSError(str(error)) from error

    def write(self, samples: bytes) -> None:
        try:
            self._stream.write(samples)
        except self._failure as error:
            raise UsageError(NO_SOUND.format(why=error)) from error

    def drain(self) -> None:
        self._stream.stop()
        self._stream.close()

    def abort(self) -> None:
        self._stream.abort()
        self._stream.close()


class _Program:
    """A sound card by a program that reads samples."""

    def __init__(self, name: str, sample_rate: int) -> None:
        self._name = name
        self._process = subprocess.Popen(
            [name, *PLAYERS[name].format(rate=sample_rate).split()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=False,
        )

    def write(self, samples: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(samples)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._failed() from error

    def drain(self) -> None:
        _, said = self._process.communicate()
        if self._process.returncode:
            raise self._failed(said)

    def abort(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def _failed(self, said: bytes | None = None) -> UsageError:
        if said is None:
            assert self._process.stderr is not None
            said = self._process.stderr.read()
        lines = said.decode(errors="replace").strip().splitlines() or ["it ended"]
        return UsageError(NO_SOUND.format(why=f"{self._name}: {lines[-1].removeprefix(f'{self._name}: ')}"))
