"""Nothing leaves the device, seen from outside Python: by a tracer of system calls, without a network interface."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from parrotlet_runtimes import TelemetryWarning, telemetry

# Long enough for onnxruntime's uploader, which looks up its host about five seconds after the library is loaded.
STREAM = """
import sys, time
from parrotlet import Parrotlet
bird = Parrotlet.load()
profile = bird.enroll(sys.argv[1])
spoken = sum(chunk.seconds for chunk in bird.speak(iter(["Nothing leaves ", "this ", "device."]), profile))
assert spoken > 0.5, spoken
time.sleep(9)
"""
CALLS = "%network,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
_FAMILY = re.compile(r"\bsocket\((\w+)")
_WRITES = re.compile(r"\b(?:open|openat|openat2)\(.*\bO_(?:WRONLY|RDWR|CREAT)\b|\b(?:creat|mkdir|rename|link|symlink)")
_PATH = re.compile(r'"([^"]*)"')


def without_interfaces() -> list[str]:
    """The start of a command that runs in a network namespace of its own, where there may be one."""
    for command in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
        ):
            return command
    pytest.skip("no network namespace can be made here: run as root, or allow user namespaces")


def traced(folder: Path, *command: str | Path) -> tuple[list[str], list[str]]:
    """Run a command as a user's first one ever: families of its sockets, and paths it wrote outside of ``folder``."""
    if not shutil.which("strace"):
        pytest.skip("no strace: apt-get install strace")
    log = folder.parent / f"{folder.name}.strace"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    environment |= {"HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    (folder / "home").mkdir(exist_ok=True)
    tracer = ["strace", "-f", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log)]
    run = [*without_interfaces(), *tracer, sys.executable, *map(str, command)]
    done = subprocess.run(run, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    families, written = [], []
    for line in log.read_text(errors="replace").splitlines():
        families += _FAMILY.findall(line)
        if _WRITES.search(line) and " = -1 " not in line:
            paths = [
                path for path in _PATH.findall(line) if not path.startswith("/dev/fd/")
            ]  # open already, and in memory
            written += [str((folder / path).resolve()) for path in paths]
    return families, [path for path in written if not allowed(Path(path), folder)]


def allowed(path: Path, folder: Path) -> bool:
    """Below ``folder``, but in its home only where docs/threat-model.md says that something is kept."""
    if path.is_relative_to("/dev") or path.is_relative_to("/proc"):
        return True
    home = folder / "home"
    if path.is_relative_to(home):
        kept = [home / ".local/share/parrotlet", home / ".config/parrotlet"]
        return any(path.is_relative_to(place) or place.is_relative_to(path) for place in kept)
    return path.is_relative_to(folder)


def quiet(folder: Path, *command: str | Path) -> None:
    families, written = traced(folder, *command)
    assert set(families) <= {"AF_UNIX"}, families
    assert written == []


def test_the_tracer_sees_sockets_and_files(tmp_path: Path) -> None:
    inside = tmp_path / "work"
    inside.mkdir()
    code = f"import socket; socket.socket().close(); open({str(tmp_path / 'stray')!r}, 'w').close(); open('mine', 'w')"
    families, written = traced(inside, "-c", code)
    assert "AF_INET" in families
    assert written == [str((tmp_path / "stray").resolve())]


def test_say_demo_and_enroll_reach_for_nothing(tmp_path: Path, recordings: dict[str, list[Path]]) -> None:
    recording = shutil.copy(recordings["man"][0], tmp_path / "me.wav")
    quiet(tmp_path, "-m", "parrotlet", "say", "Nothing leaves this device.", "--voice", "preset:robin", "-o", "out.wav")
    quiet(tmp_path, "-m", "parrotlet", "enroll", recording, "--name", "me")
    quiet(tmp_path, "-m", "parrotlet", "say", "It is me.", "--voice", "me", "-o", "me-out.wav")
    quiet(tmp_path, "-m", "parrotlet", "demo", recording, "-o", "demo")


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg: apt-get install ffmpeg")
def test_what_ffmpeg_reads_reaches_for_nothing(tmp_path: Path, recordings: dict[str, list[Path]]) -> None:
    phone = tmp_path / "me.m4a"
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-i", recordings["man"][0], phone], check=True)
    quiet(tmp_path, "-m", "parrotlet", "enroll", phone, "--name", "me")


def test_a_long_session_reaches_for_nothing(tmp_path: Path, recordings: dict[str, list[Path]]) -> None:
    quiet(tmp_path, "-c", STREAM, shutil.copy(recordings["man"][0], tmp_path / "me.wav"))


def test_onnxruntime_of_the_training_tools_reaches_for_nothing(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="no training tools: pip install ./compression")
    quiet(tmp_path, "-c", "import parrotlet_compression.quantize, time; time.sleep(9)")


def test_telemetry_is_off_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(telemetry.VARIABLE, raising=False)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        telemetry.disable()
        assert os.environ[telemetry.VARIABLE] == "1" and telemetry.disabled()
        telemetry.disable()


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF"])
def test_a_user_who_wants_telemetry_is_warned_and_not_overruled(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(telemetry.VARIABLE, value)
    with pytest.warns(TelemetryWarning, match="unset it"):
        telemetry.disable()
    assert os.environ[telemetry.VARIABLE] == value and not telemetry.disabled()


def test_onnxruntime_imported_first_is_warned_about() -> None:
    code = "import onnxruntime, parrotlet"
    environment = {name: value for name, value in os.environ.items() if name != telemetry.VARIABLE}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "TelemetryWarning: onnxruntime was imported before parrotlet" in done.stderr
