"""Needs: pip install parrotlet, and aplay (apt-get install alsa-utils). Speaks lines from standard input aloud.

    parrotlet enroll me.wav --name me
    echo "Someone is at the door." | python doorbell.py me

Without a profile of your own: ``python doorbell.py preset:robin``. The engine stays loaded between lines, so each
is heard as soon as its first chunk exists.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from platformdirs import user_data_dir

from parrotlet import Parrotlet, ProfileStore, VoiceProfile
from parrotlet.vault import default_key


def find_voice(bird: Parrotlet, name: str) -> VoiceProfile:
    """A preset, or the profile that ``parrotlet enroll`` stored under this name."""
    if name.startswith("preset:"):
        return bird.presets[name.removeprefix("preset:")].profile
    path = Path(user_data_dir("parrotlet", appauthor=False)) / "profiles"
    return ProfileStore.open(path, key=default_key(path)).load(name, speaker_model=bird.bundle.speaker_model)


def main() -> None:
    bird = Parrotlet.load()
    voice = find_voice(bird, sys.argv[1])
    player = ["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(bird.sample_rate)]
    with subprocess.Popen(player, stdin=subprocess.PIPE) as speaker:
        assert speaker.stdin is not None
        for line in sys.stdin:
            for chunk in bird.speak(line, voice):
                speaker.stdin.write(chunk.int16_bytes())
                speaker.stdin.flush()


if __name__ == "__main__":
    main()
