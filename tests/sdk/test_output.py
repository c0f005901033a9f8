"""Output: regular files are replaced whole, everything else is written to and stays what it is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from parrotlet import AudioChunk, write_wav
from parrotlet.audio import wav_header
from parrotlet.errors import UsageError
from parrotlet.output import open_output

CHUNKS = [AudioChunk(np.full(1000, 0.25, np.float32), 24000)] * 3


def test_a_new_file_appears_whole_with_the_users_mode(tmp_path: Path) -> None:
    assert write_wav(tmp_path / "a.wav", CHUNKS, 24000, "synthetic") == pytest.approx(0.125)
    assert soundfile.info(tmp_path / "a.wav").frames == 3000
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == 0o666 & ~umask
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_wav(path, CHUNKS, 24000, "synthetic")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and soundfile.info(path).frames == 3000


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "a.wav", tmp_path / "link.wav"
    link.symlink_to(target)
    for _ in range(2):  # to nothing yet, then to a file
        write_wav(link, CHUNKS, 24000, "synthetic")
        assert link.is_symlink() and soundfile.info(target).frames == 3000
    assert [path.name for path in target.parent.iterdir()] == ["a.wav"]


def test_a_pipe_stays_a_pipe_and_its_reader_gets_the_speech(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_wav(pipe, CHUNKS, 24000, "synthetic")
    reader.join(10)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert read[0].startswith(b"RIFF") and read[0].endswith(CHUNKS[0].int16_bytes())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
@pytest.mark.parametrize(("minor", "error"), [(3, ""), (7, "No space left on device")])
def test_a_device_stays_a_device(tmp_path: Path, minor: int, error: str) -> None:
    device = tmp_path / "device"  # a null and a full device of the test's own
    os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    try:
        device.open("wb").close()
    except PermissionError:
        pytest.skip("the file system of temporary files allows no devices")
    if error:
        with pytest.raises(UsageError, match=error):
            write_wav(device, CHUNKS, 24000, "synthetic")
    else:
        write_wav(device, CHUNKS, 24000, "synthetic")
    assert stat.S_ISCHR(device.stat().st_mode)


def test_a_read_only_file_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        path.write_bytes(b"old")
        path.chmod(0o444)
        Path(folder).chmod(0o777)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may write everything
        try:
            with pytest.raises(UsageError, match="read-only"):
                write_wav(path, CHUNKS, 24000, "synthetic")
        finally:
            os.seteuid(user)
        assert path.read_bytes() == b"old"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is a folder"):
        write_wav(tmp_path, CHUNKS, 24000, "synthetic")


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="halfway"), open_output(path) as file:
        file.write(b"new")
        raise RuntimeError("halfway")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_sigterm_leaves_nothing_half_written(tmp_path: Path) -> None:
    text = "This sentence is spoken again and again. " * 400
    command = [sys.executable, "-m", "parrotlet", "say", "-", "--voice", "preset:robin", "-o", "out.wav"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(text.encode())
        process.stdin.close()
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
        process.terminate()
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_a_header_of_more_than_a_day_says_until_the_end() -> None:
    """A WAV counts its bytes in 32 bits: 24.9 hours at 24 kHz."""
    assert wav_header(24000, 2_200_000_000, "x")[-4:] == wav_header(24000, None, "x")[-4:]


def test_files_that_several_threads_write_have_the_mode_of_one(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:

        def write(number: int) -> None:
            with open_output(tmp_path / f"{number}") as file:
                file.write(b"x")

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(200)))
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(umask)
