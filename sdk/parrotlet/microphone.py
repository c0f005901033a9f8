"""A sentence through the microphone: by sounddevice, or by a program of PulseAudio or ALSA."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from parrotlet.audio import Samples
from parrotlet.errors import UsageError

RATE = 48_000
BLOCK_S = 0.05
RECORDERS = {
    "parecord": "--raw --format=s16le --channels=1 --rate={rate}",
    "arecord": "-q -t raw -f S16_LE -c 1 -r {rate} -",
}
"""Programs that write samples to standard output, the likeliest to know the microphone first."""
NO_MICROPHONE = (
    "no microphone can be heard ({why}): record with another program and name the file, "
    "or install sounddevice or alsa-utils"
)
ABOVE_DB, QUIETEST_DBFS = 10.0, -50.0
"""How far speech is above the background, and how loud it is at least."""
LEAST_SPEECH_S, SILENCE_S, LONGEST_S = 1.0, 1.2, 30.0
"""When a recording ends by itself: so much speech, then so long a silence; and when it ends anyway."""


def record(show: Callable[[float], None]) -> tuple[Samples, int]:
    """Listen until somebody has spoken and is silent again: samples [N] and their rate.

    show: called with the level in dBFS twenty times a second. Raises UsageError where there is no microphone.
    """
    with opened() as blocks:
        heard = list(until_silence(blocks, show))
    return np.concatenate(heard).astype(np.float32) / np.float32(32768), RATE


def until_silence(blocks: Iterable[Samples], show: Callable[[float], None]) -> Iterator[Samples]:
    """Blocks of 16-bit samples up to the silence after speech."""
    levels: list[float] = []
    speech = silence = 0.0
    for block in blocks:
        yield block
        level = level_dbfs(block)
        levels.append(level)
        show(level)
        background = float(np.percentile(levels, 10))
        if level > max(QUIETEST_DBFS, background + ABOVE_DB):
            speech, silence = speech + BLOCK_S, 0.0
        else:
            silence += BLOCK_S
        if (speech >= LEAST_SPEECH_S and silence >= SILENCE_S) or len(levels) * BLOCK_S >= LONGEST_S:
            return


def level_dbfs(block: Samples) -> float:
    """Level of 16-bit samples in dB below full scale, without a constant offset; -96 at least."""
    power = float(np.var(block.astype(np.float64) / 32768))
    return max(-96.0, 10 * float(np.log10(max(power, 1e-10))))


@contextmanager
def opened() -> Generator[Iterator[Samples], None, None]:
    """Blocks of the first microphone that there is. Raises UsageError."""
    try:
        import sounddevice

        stream = sounddevice.RawInputStream(RATE, round(BLOCK_S * RATE), channels=1, dtype="int16")
        stream.start()
    except ImportError:
        missing = "no package sounddevice"
    except Exception as error:  # PortAudio's own, or that it is not there
        missing = str(error)
    else:
        with stream:
            yield _device(stream)
        return
    name = next((name for name in RECORDERS if shutil.which(name)), None)
    if name is None:
        raise UsageError(NO_MICROPHONE.format(why=f"{missing}, and none of {', '.join(RECORDERS)}"))
    command = [name, *RECORDERS[name].format(rate=RATE).split()]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield _program(process, name)
    finally:
        process.terminate()
        process.communicate()


def _device(stream: object) -> Iterator[Samples]:
    while True:
        data, _ = stream.read(round(BLOCK_S * RATE))  # type: ignore[attr-defined]
        yield np.frombuffer(bytes(data), np.int16)


def _program(process: subprocess.Popen[bytes], name: str) -> Iterator[Samples]:
    assert process.stdout is not None
    assert process.stderr is not None
    size = 2 * round(BLOCK_S * RATE)
    while len(data := process.stdout.read(size)) == size:
        yield np.frombuffer(data, np.int16)
    said = process.stderr.read().decode(errors="replace").strip().splitlines() or ["it ended"]
    raise UsageError(NO_MICROPHONE.format(why=f"{name}: {said[-1].removeprefix(f'{name}: ')}"))
