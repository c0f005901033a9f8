"""``parrotlet say`` between real pipes: players, slow readers, readers that go, text that comes slowly."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest

from parrotlet.cli.streams import reported

SAY = [sys.executable, "-m", "parrotlet", "say", "--voice", "preset:robin"]
TEXT = "One two three, four five six. Seven eight nine."


@pytest.mark.parametrize("form", [["--raw"], ["-o", "-"]])
@pytest.mark.parametrize("taken", [1, 1000, 40_000])
def test_a_reader_that_goes_ends_it_in_silence(form: list[str], taken: int) -> None:
    with subprocess.Popen([*SAY, TEXT * 400, *form], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(taken)) == taken
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""


def test_head_in_a_shell() -> None:
    script = f"{' '.join(SAY)} '{TEXT * 50}' --raw | head -c 1000 | wc -c; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["1000", "0"]
    assert done.stderr == ""


def test_a_reader_of_other_commands_may_go_too() -> None:
    script = f"{sys.executable} -m parrotlet voices | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_slow_reader_gets_every_sample(tmp_path: Path) -> None:
    subprocess.run([*SAY, TEXT, "-o", str(tmp_path / "a.wav")], check=True, capture_output=True)
    with subprocess.Popen([*SAY, TEXT, "--raw"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        parts = []
        while part := process.stdout.read(30_000):
            parts.append(part)
            time.sleep(0.01)
    assert process.returncode == 0
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert b"".join(parts) == file.readframes(file.getnframes())


def test_the_wav_form_has_a_header_that_players_read() -> None:
    raw = subprocess.run([*SAY, TEXT, "--raw"], capture_output=True, check=True).stdout
    wav = subprocess.run([*SAY, TEXT, "-o", "-"], capture_output=True, check=True).stdout
    assert wav.startswith(b"RIFF")
    assert wav.endswith(raw)
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24000)
        assert file.readframes(len(raw) // 2) == raw


def test_speech_starts_while_the_text_still_comes() -> None:
    with subprocess.Popen([*SAY, "-", "--raw"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"The kettle is on in the kitchen, and ")
        process.stdin.flush()
        assert len(process.stdout.read(4000)) == 4000
        process.stdin.write(b"the caf\xc3")  # half a letter
        process.stdin.flush()
        process.stdin.write(b"\xa9 is open.")
        process.stdin.close()
        assert len(process.stdout.read()) > 20_000
    assert process.returncode == 0


def test_text_that_is_not_utf8_is_said_so() -> None:
    done = subprocess.run([*SAY, "-", "--raw"], input=b"\xff\xfe", capture_output=True, check=False)
    assert done.returncode == 3
    assert done.stderr.decode().count("\n") == 1
    assert "UTF-8" in done.stderr.decode()


@pytest.mark.parametrize("form", [["--raw"], ["-o", "-"], ["-o", "a.wav"]])
def test_nothing_to_say_is_bad_input_and_makes_nothing(tmp_path: Path, form: list[str]) -> None:
    done = subprocess.run([*SAY, "   ", *form], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.startswith(b"parrotlet: the text holds nothing to say: ") and done.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_pause_alone_is_silence(tmp_path: Path) -> None:
    done = subprocess.run([*SAY, "[[pause 500ms]]", "--raw"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (bytes(2 * 12_000), b"")


def test_sentence_silence() -> None:
    plain, slow = (
        len(subprocess.run([*SAY, TEXT, "--raw", *more], capture_output=True, check=True).stdout) / 48000
        for more in (["--sentence-silence", "0"], ["--sentence-silence", "2"])
    )
    assert slow - plain == pytest.approx(4, abs=0.001)
    done = subprocess.run([*SAY, TEXT, "--sentence-silence", "99"], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"sentence_silence must be a number between 0 and 10" in done.stderr


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line of shell in which $P is the command."""
    environment = {**os.environ, "P": f"{sys.executable} -m parrotlet"}
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
@pytest.mark.parametrize(
    "command",
    [
        "voices",
        "say Hello --voice preset:robin --raw",
        "voices --json",
        "enroll me.wav --name me --store s --key-file k",
    ],
)
def test_a_full_disk_behind_a_redirect_is_one_line(
    tmp_path: Path, recordings: dict[str, list[Path]], command: str
) -> None:
    shutil.copy(recordings["woman"][0], tmp_path / "me.wav")
    done = shell(f"$P {command} > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "parrotlet: cannot write standard output: No space left on device: make room, or use -o\n"


def test_a_fault_of_another_file_is_not_blamed_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert reported("parrotlet", write) == 2
    assert capsys.readouterr().err == (
        "parrotlet: cannot read or write a file: No space left on device: make room, or check the disk\n"
    )


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("$P say Hello --voice preset:robin -o a.wav >&-", 0),
        ("$P say Hello --voice preset:robin -o a.wav >&- 2>&- <&-", 0),
        ("$P say - --voice preset:robin -o a.wav <&-", 3),  # as an empty one
        ("$P show nobody >&- 2>&-", 4),
    ],
)
def test_closed_standard_streams_are_no_fault(tmp_path: Path, script: str, code: int) -> None:
    done = shell(script, tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_warning_stays_a_message_when_python_is_told_to_raise(tmp_path: Path) -> None:
    text = "One. [[pause 20s]]"
    command = [sys.executable, "-W", "error", "-m", "parrotlet", "say", text, "--voice", "preset:robin", "-o", "a.wav"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "parrotlet: a pause of 20 s is cut to 10 s\n")


def test_the_training_command_without_torch_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from parrotlet_compression.__main__ import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert done.stderr == "parrotlet-compress: torch is not installed: pip install ./compression in the repository\n"
