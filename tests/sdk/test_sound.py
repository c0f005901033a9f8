"""Loudspeaker and microphone: real ALSA with a file in the place of a sound card, and terminals that answer."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from parrotlet.microphone import BLOCK_S, RATE, until_silence

PLAY = [sys.executable, "-m", "parrotlet", "say", "Hello there, this is played.", "--voice", "preset:robin", "--play"]
PROGRAM = ["without", "with"]
"""sounddevice: hidden, so that aplay and arecord are used, or there."""


def environment(folder: Path, sounddevice: str = "without", **more: str) -> dict[str, str]:
    """ALSA that plays to played.raw and hears heard.raw."""
    hidden = folder / "hidden"
    hidden.mkdir(exist_ok=True)
    (hidden / "sounddevice.py").write_text('raise ImportError("hidden")\n')
    (folder / "asound.conf").write_text(
        "pcm.null { type null }\n"
        f'pcm.!default {{ type file slave.pcm "null" file "{folder}/played.raw" '
        f'infile "{folder}/heard.raw" format raw }}\n'
    )
    paths = [str(hidden)] if sounddevice == "without" else []
    paths += [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    data = {"XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}
    sound = {"ALSA_CONFIG_PATH": str(folder / "asound.conf"), "PYTHONPATH": os.pathsep.join(paths)}
    return {**os.environ, **data, **sound, **more}


def require_sound(sounddevice: str) -> None:
    if sounddevice == "with":
        try:
            import sounddevice as _  # noqa: F401
        except (ImportError, OSError) as error:
            pytest.skip(f"needs sounddevice and PortAudio ({error})")
    elif shutil.which("aplay") is None or shutil.which("paplay"):
        pytest.skip("needs aplay: apt-get install alsa-utils")


@pytest.mark.parametrize("sounddevice", PROGRAM)
def test_say_plays_every_sample(tmp_path: Path, sounddevice: str) -> None:
    require_sound(sounddevice)
    (tmp_path / "heard.raw").touch()
    written = subprocess.run([*PLAY[:-1], "--raw"], capture_output=True, check=True).stdout
    subprocess.run(PLAY, env=environment(tmp_path, sounddevice), cwd=tmp_path, check=True)
    played = (tmp_path / "played.raw").read_bytes()
    assert written in played and not (tmp_path / "speech.wav").exists()
    assert len(played) - len(written) < 48_000


def test_without_a_sound_card_the_message_names_a_file(tmp_path: Path) -> None:
    for path in (os.environ["PATH"], str(tmp_path)):
        more = {"PATH": path, "ALSA_CONFIG_PATH": "/dev/null"}
        found = {**environment(tmp_path), **more}
        done = subprocess.run(PLAY, env=found, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "-o FILE" in done.stderr and done.stderr.count("\n") == 1


def test_play_writes_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run([*PLAY, "-o", "a.wav"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--play plays" in done.stderr


def test_a_recording_ends_after_the_silence() -> None:
    random = np.random.default_rng(0)
    size = round(BLOCK_S * RATE)

    def blocks(*parts: tuple[float, float]) -> list[np.ndarray]:
        return [
            (random.standard_normal(size) * amplitude).astype(np.int16)
            for seconds, amplitude in parts
            for _ in range(round(seconds / BLOCK_S))
        ]

    levels: list[float] = []
    heard = list(until_silence(blocks((0.5, 20), (3, 3000), (5, 20)), levels.append))
    assert len(heard) * BLOCK_S == pytest.approx(4.7, abs=0.1) and len(levels) == len(heard)
    assert len(list(until_silence(blocks((60, 20)), levels.append))) * BLOCK_S == pytest.approx(30)
    # A pause between words is no end.
    assert len(list(until_silence(blocks((0.5, 20), (2, 3000), (0.6, 20), (2, 3000), (3, 20)), levels.append))) > 120


def converse(command: list[str], env: dict[str, str], answers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """Run on a terminal, answering what is asked."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, env)
    heard = b""
    try:
        for question, answer in answers:
            until = time.monotonic() + 60
            while question not in heard:
                assert time.monotonic() < until, heard
                heard += os.read(terminal, 4096)
            heard = heard.partition(question)[2]
            os.write(terminal, answer)
        while piece := os.read(terminal, 4096):
            heard += piece
    except OSError:
        pass  # it has ended
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), heard


def test_enroll_records_plays_back_and_records_again(tmp_path: Path, recordings: dict[str, list[Path]]) -> None:
    require_sound("without")
    samples, rate = soundfile.read(recordings["woman"][0], dtype="int16")
    silence = np.zeros(RATE, np.int16)
    sentence = np.repeat(samples, RATE // rate)
    (tmp_path / "heard.raw").write_bytes(np.concatenate([silence, sentence, *[silence] * 40]).tobytes())
    env = environment(tmp_path)
    read, kept = (b"read aloud", b"\n"), (b"records again: ", b"\n")
    command = [sys.executable, "-m", "parrotlet", "enroll", "--record", "--name", "me", "--consent", "I agree."]
    again, played = (b"records again: ", b"r\n"), (b"records again: ", b"p\n")
    on, enough = (b"e enrolls: ", b"\n"), (b"e enrolls: ", b"e\n")
    answers = [read, again, read, played, kept, read, kept, read, kept, on, read, kept, enough]
    code, said = converse(command, env, answers)
    assert code == 0 and b"enrolled 'me', fine-tuned" in said, said
    assert said.count(b" s of speech, ") == 4
    assert (tmp_path / "played.raw").stat().st_size > 2 * RATE
    said_by = [sys.executable, "-m", "parrotlet", "say", "Hello.", "--voice", "me", "-o", "a.wav"]
    subprocess.run(said_by, env=env, cwd=tmp_path, check=True, capture_output=True)


def test_recording_needs_a_person(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "parrotlet", "enroll", "--name", "me"]
    for more, words in ((["--record"], "on a terminal"), ([], "--record"), (["a.wav", "--record"], "--record")):
        done = subprocess.run(
            [*command, *more],
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
