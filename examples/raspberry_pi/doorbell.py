"""Speaks lines from standard input aloud. Needs: parrotlet, and apt-get install alsa-utils.

    parrotlet enroll me.wav --name me
    echo "Someone is at the door." | python doorbell.py me

Without a profile of your own: ``python doorbell.py preset:robin``. The engine stays loaded between lines, so each
is heard as soon as its first chunk exists. A line that cannot be spoken is passed over with a message.

``--server http://127.0.0.1:8765`` asks a running ``parrotlet serve`` instead, and loads no engine of its own.
``--runtime tflite`` is the faster one on a Pi (pip install ./runtimes/tflite in the repository).
``--device plughw:1,0`` is another sound card (``aplay -l`` lists them). The engine takes about 150 MB of memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import IO

from parrotlet import Parrotlet, ParrotletError
from parrotlet.store import find_voice

Speak = Callable[[str], Iterator[bytes]]
"""Speech of a text as 16-bit PCM, while it is made. Raises ParrotletError."""
RATE = 24_000


def by_engine(voice: str, runtime: str | None) -> Speak:
    """An engine of our own. Raises ParrotletError."""
    bird = Parrotlet.load(runtime=runtime)
    profile = find_voice(bird, voice)
    return lambda text: (chunk.int16_bytes() for chunk in bird.speak(text, profile))


def by_server(url: str, voice: str) -> Speak:
    """A server, which has the voice open already."""

    def speak(text: str) -> Iterator[bytes]:
        body = json.dumps({"input": text, "voice": voice, "response_format": "pcm"}).encode()
        request = urllib.request.Request(f"{url}/v1/audio/speech", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                while samples := answer.read1(65536):
                    yield samples
        except urllib.error.HTTPError as error:
            raise ParrotletError(json.load(error)["error"]["message"]) from error
        except OSError as error:
            raise ParrotletError(f"{url} does not answer ({error}): start parrotlet serve") from error

    return speak


def speak_lines(speak: Speak, speaker: IO[bytes]) -> None:
    """Speak each line of standard input that holds something."""
    for line in filter(str.strip, sys.stdin):
        try:
            for samples in speak(line):
                speaker.write(samples)
                speaker.flush()
        except ParrotletError as error:
            print(f"not spoken: {error}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description="Speak lines from standard input aloud.")
    parser.add_argument("voice", help="a profile of `parrotlet enroll`, or preset:NAME")
    parser.add_argument("--server", metavar="URL", help="a running parrotlet serve")
    parser.add_argument("--runtime", choices=["onnx", "tflite"], help="default: the first installed")
    parser.add_argument("--device", metavar="NAME", help="sound card, as aplay -D")
    options = parser.parse_args()
    try:
        if options.server:
            speak = by_server(options.server.rstrip("/"), options.voice)
        else:
            speak = by_engine(options.voice, options.runtime)
    except ParrotletError as error:
        print(f"doorbell: {error}", file=sys.stderr)
        return error.exit_code
    player = ["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(RATE)]
    player += ["-D", options.device] if options.device else []
    try:
        with subprocess.Popen(player, stdin=subprocess.PIPE) as speaker:
            assert speaker.stdin is not None
            speak_lines(speak, speaker.stdin)
    except FileNotFoundError:
        print("doorbell: aplay is missing: apt-get install alsa-utils", file=sys.stderr)
        return 1
    except BrokenPipeError:  # aplay has said why
        print("doorbell: aplay does not play: choose a sound card of `aplay -l` with --device", file=sys.stderr)
        return 1
    return speaker.returncode


if __name__ == "__main__":
    sys.exit(main())
