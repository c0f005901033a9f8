"""Speaks lines from standard input aloud. Needs: parrotlet, and apt-get install alsa-utils.

    parrotlet enroll me.wav --name me
    echo "Someone is at the door." | python doorbell.py me

Without a profile of your own: ``python doorbell.py preset:robin``. The engine stays loaded between lines, so each
is heard as soon as its first chunk exists. A line that cannot be spoken is passed over with a message.

``--runtime tflite`` is the faster one on a Pi (pip install ./runtimes/tflite in the repository).
``--device plughw:1,0`` is another sound card (``aplay -l`` lists them). The engine takes about 150 MB of memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import IO

from parrotlet import Parrotlet, ParrotletError, VoiceProfile
from parrotlet.store import find_voice


def speak_lines(bird: Parrotlet, voice: VoiceProfile, speaker: IO[bytes]) -> None:
    """Speak each line of standard input that holds something."""
    for line in filter(str.strip, sys.stdin):
        try:
            for chunk in bird.speak(line, voice):
                speaker.write(chunk.int16_bytes())
                speaker.flush()
        except ParrotletError as error:
            print(f"not spoken: {error}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description="Speak lines from standard input aloud.")
    parser.add_argument("voice", help="a profile of `parrotlet enroll`, or preset:NAME")
    parser.add_argument("--runtime", choices=["onnx", "tflite"], help="default: the first installed")
    parser.add_argument("--device", metavar="NAME", help="sound card, as aplay -D")
    options = parser.parse_args()
    try:
        bird = Parrotlet.load(runtime=options.runtime)
        voice = find_voice(bird, options.voice)
    except ParrotletError as error:
        print(f"doorbell: {error}", file=sys.stderr)
        return error.exit_code
    player = ["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(bird.sample_rate)]
    player += ["-D", options.device] if options.device else []
    try:
        with subprocess.Popen(player, stdin=subprocess.PIPE) as speaker:
            assert speaker.stdin is not None
            speak_lines(bird, voice, speaker.stdin)
    except FileNotFoundError:
        print("doorbell: aplay is missing: apt-get install alsa-utils", file=sys.stderr)
        return 1
    except BrokenPipeError:  # aplay has said why
        print("doorbell: aplay does not play: choose a sound card of `aplay -l` with --device", file=sys.stderr)
        return 1
    return speaker.returncode


if __name__ == "__main__":
    sys.exit(main())
