"""What phones and browsers record, read by ffmpeg; recordings that were cut off; files that are none."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from parrotlet import Parrotlet, decoding
from parrotlet.errors import InputError
from parrotlet.recording import read_recording

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg: apt-get install ffmpeg")
FORMATS = {
    "me.m4a": ["-c:a", "aac"],
    "me.aac": ["-c:a", "aac"],
    "me.webm": ["-c:a", "libopus"],
    "me.3gp": ["-c:a", "aac"],
    "me.mp4": ["-c:a", "alac"],
    "me.mka": ["-c:a", "libvorbis"],
    "me.wma": ["-c:a", "wmav2"],
}


def encoded(wav: Path, name: str, folder: Path, *more: str) -> Path:
    made = folder / name
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(wav), *more, *FORMATS[made.name], str(made)]
    subprocess.run(command, check=True)
    return made


@needs_ffmpeg
@pytest.mark.parametrize("name", FORMATS)
def test_what_phones_record_sounds_as_the_wav(recordings: dict[str, list[Path]], tmp_path: Path, name: str) -> None:
    wav = recordings["woman"][0]
    made = encoded(wav, name, tmp_path)
    expected, _ = read_recording(wav, 16000)
    for source in (made, str(made), made.read_bytes()):
        read, rate = read_recording(source, 16000)
        assert rate == 16000
        both = min(len(read), len(expected)) - 4000  # coders delay by up to 0.13 s
        product = np.fft.irfft(np.fft.rfft(read, 1 << 18) * np.fft.rfft(expected, 1 << 18).conj())
        assert product.max() > 0.9 * np.linalg.norm(read[:both]) * np.linalg.norm(expected[:both])
        assert abs(len(read) - len(expected)) < 4000


@needs_ffmpeg
def test_an_m4a_enrolls_as_its_wav(bird: Parrotlet, recordings: dict[str, list[Path]], tmp_path: Path) -> None:
    own = bird.enroll(recordings["woman"][0])
    phone = bird.enroll(encoded(recordings["woman"][0], "me.m4a", tmp_path))
    assert own.embedding[:256] @ phone.embedding[:256] > 0.95


@needs_ffmpeg
def test_opposite_channels_of_a_phone_do_not_cancel(recordings: dict[str, list[Path]], tmp_path: Path) -> None:
    pair = ["-af", "aformat=channel_layouts=mono,pan=stereo|c0=c0|c1=-1*c0"]
    read, _ = read_recording(encoded(recordings["man"][0], "me.mp4", tmp_path, *pair), 16000)
    alone, _ = read_recording(recordings["man"][0], 16000)
    assert np.abs(read).max() == pytest.approx(np.abs(alone).max(), rel=0.01)


@needs_ffmpeg
def test_odd_names_are_names(
    recordings: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = encoded(recordings["man"][0], "me.m4a", tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("-i", "http:x", "%d", "a b'c.m4a"):
        made.rename(name)
        made = Path(name)
        assert len(read_recording(name, 16000)[0]) > 16000


@needs_ffmpeg
def test_ten_minutes_of_a_phone_are_looked_at_in_bounded_memory(
    recordings: dict[str, list[Path]], tmp_path: Path
) -> None:
    loop = ["-af", "aloop=loop=-1:size=2e6,aformat=sample_rates=48000:channel_layouts=stereo", "-t", "660"]
    # Lossless: AAC would take ffmpeg ten seconds.
    made = encoded(recordings["woman"][0], "me.mp4", tmp_path, *loop)
    code = f"""
import warnings
from parrotlet import Parrotlet
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    Parrotlet.load().enroll({str(made)!r})
print(*(warning.message for warning in caught))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, kilobytes = done.stdout.splitlines()
    assert "its first 10 minutes are looked at" in said and int(kilobytes) < 250_000


@needs_ffmpeg
@pytest.mark.parametrize(
    "content",
    [
        b"a text",
        b"\0\0\0\x20ftypM4A " + bytes(2000),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///secret.wav\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile 'secret.wav'\n",
        b"",
    ],
)
def test_what_is_no_recording_leads_nowhere(tmp_path: Path, recordings: dict[str, list[Path]], content: bytes) -> None:
    shutil.copy(recordings["man"][0], tmp_path / "secret.wav")
    made = tmp_path / "me.m4a"
    made.write_bytes(content.replace(b"file:///", f"file://{tmp_path}/".encode()))
    with pytest.raises(InputError, match=r"me\.m4a: is no recording that can be read \(ffmpeg cannot read it: .*"):
        read_recording(made)


def test_a_decoder_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexec sleep 100\n")
    program.chmod(0o755)
    (tmp_path / "me.m4a").write_bytes(bytes(100))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(decoding, "LIMIT_S", 0.2)
    started = time.monotonic()
    with pytest.raises(InputError, match="took more than"):
        read_recording(tmp_path / "me.m4a")
    assert time.monotonic() - started < 20


def test_without_ffmpeg_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "my voice.txt").write_text("no recording")
    with pytest.raises(InputError, match=r"ffmpeg -i '.*my voice\.txt' recording\.wav"):
        read_recording(tmp_path / "my voice.txt")
    with pytest.raises(InputError, match=r"is WebM, .* ffmpeg -i RECORDING recording\.wav"):
        read_recording(b"\x1a\x45\xdf\xa3" + bytes(100))


@pytest.mark.parametrize("extra", [b"", b"LIST\x05\0\0\0abcde\0", b"fact\x04\0\0\0\0\0\0\0"])
def test_a_wav_that_was_cut_off_is_read_to_its_end(
    tmp_path: Path, recordings: dict[str, list[Path]], extra: bytes
) -> None:
    samples, rate = soundfile.read(recordings["man"][0], dtype="int16")
    header = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    made = tmp_path / "killed.wav"
    made.write_bytes(header + extra + b"data\0\0\0\0" + samples.tobytes() + b"\x01")
    for source in (made, made.read_bytes()):
        read, _ = read_recording(source)
        assert np.abs(read - samples / np.float32(32768)).max() < 1e-4


@pytest.mark.parametrize("after", [b"", b"LIST\x04\0\0\0abcd"])
def test_an_empty_wav_stays_empty(tmp_path: Path, after: bytes) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    (tmp_path / "empty.wav").write_bytes((tmp_path / "empty.wav").read_bytes() + after)
    with pytest.raises(InputError, match="holds no samples"):
        read_recording(tmp_path / "empty.wav")


def test_a_recording_that_may_not_be_read_is_said_so() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "closed").mkdir(mode=0o700)
        (folder / "me.wav").write_bytes(b"RIFF")
        (folder / "me.wav").chmod(0)
        folder.chmod(0o755)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may read everything
        else:
            (folder / "closed").chmod(0)
        try:
            for path in (folder / "me.wav", folder / "closed" / "me.wav"):
                with pytest.raises(InputError, match=r"me\.wav: cannot be read: Permission denied"):
                    read_recording(path)
        finally:
            os.seteuid(user)
            (folder / "closed").chmod(0o700)
