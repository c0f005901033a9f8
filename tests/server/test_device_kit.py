"""The files for a device: speech-dispatcher really speaks, and the others say what the programs they are for take."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from served import Server, Start

KIT = Path(__file__).parents[2] / "examples" / "raspberry_pi"
SPEECHD = """
AddModule "parrotlet" "sd_generic" "parrotlet.conf"
DefaultModule parrotlet
DefaultLanguage "en"
AudioOutputMethod "alsa"
"""
ALSA = 'pcm.null {{ type null }}\npcm.!default {{ type file slave.pcm "null" file "{}/played.raw" format raw }}\n'


def spoken(server: Server) -> float:
    text = urllib.request.urlopen(f"{server.url}/metrics").read().decode()
    return float(re.search(r"^parrotlet_speech_seconds_total (\S+)", text, re.MULTILINE)[1])  # type: ignore[index]


def test_spd_say_speaks_in_the_users_voice(start: Start, tmp_path: Path) -> None:
    for program in ("speech-dispatcher", "spd-say", "aplay"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install speech-dispatcher alsa-utils")
    modules = tmp_path / "conf" / "modules"
    modules.mkdir(parents=True)
    (tmp_path / "conf" / "speechd.conf").write_text(SPEECHD)
    shutil.copy(KIT / "speech_dispatcher" / "parrotlet.conf", modules)
    shutil.copy(KIT / "speech_dispatcher" / "parrotlet-speechd", tmp_path)
    (tmp_path / "asound.conf").write_text(ALSA.format(tmp_path))
    with start("--voice", "me") as server:
        env = {
            **os.environ,
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "PARROTLET_URL": server.url,
            "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"),
            "SPEECHD_ADDRESS": f"unix_socket:{tmp_path}/s",
        }
        command = ["speech-dispatcher", "-s", "-C", str(tmp_path / "conf"), "-c", "unix_socket", "-S", f"{tmp_path}/s"]
        with (tmp_path / "log").open("w") as log:
            dispatcher = subprocess.Popen(
                [*command, "-L", str(tmp_path), "-P", str(tmp_path / "pid")], env=env, stdout=log, stderr=log
            )
        try:
            until = time.monotonic() + 20
            while not (tmp_path / "s").exists():
                assert dispatcher.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
                time.sleep(0.05)
            said = 'Hello there. It\'s "quoted", and $HOME.'
            subprocess.run(["spd-say", "-w", said], env=env, check=True, timeout=60)
            assert 2 < spoken(server) < 8
            assert (tmp_path / "played.raw").stat().st_size > 24_000
        finally:
            dispatcher.terminate()
            dispatcher.wait(timeout=20)


def test_the_screen_readers_program_says_what_is_wrong(server: Server, tmp_path: Path) -> None:
    player = tmp_path / "aplay"
    player.write_text("#!/bin/sh\ncat > /dev/null\n")
    player.chmod(0o755)
    command = [sys.executable, str(KIT / "speech_dispatcher" / "parrotlet-speechd"), "--voice", "nobody"]
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PARROTLET_URL": server.url}
    for found, words in (
        (env, "there is no voice"),
        ({**env, "PARROTLET_URL": "http://127.0.0.1:9"}, "start parrotlet"),
    ):
        done = subprocess.run(command, input="Hi.", env=found, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1


def unit() -> str:
    return (KIT / "parrotlet.service").read_text().replace("\\\n", "")


def test_the_unit_starts_what_it_says(store: Path, tmp_path: Path) -> None:
    """Its command as systemd runs it: the key as a credential, and a message when it is ready."""
    line = re.search(r"^ExecStart=(\S+) (.*)$", unit(), re.MULTILINE)
    assert line is not None
    command = [sys.executable, "-m", "parrotlet", *shlex.split(line[2])]
    for given, here in (
        ("/var/lib/parrotlet", str(store)),
        ("credential:voice.key", "credential:key"),
        (":8765", ":0"),
        (":10200", ":0"),
    ):
        command = [part.replace(given, here) for part in command]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "n"))
        notified.settimeout(60)
        env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "n"), "CREDENTIALS_DIRECTORY": str(store)}
        process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        try:
            assert notified.recv(100) == b"READY=1"
        finally:
            process.terminate()
            said = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and said.count("listening on") == 2


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze: apt-get install systemd")
    (tmp_path / "parrotlet.service").write_text(unit().replace("/opt/parrotlet/bin/parrotlet", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "parrotlet.service"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "parrotlet.service" not in checked.stderr, checked.stderr
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "./parrotlet.service"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]
