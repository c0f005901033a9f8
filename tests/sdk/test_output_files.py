"""What `say` writes beside WAV: other formats, subtitles, and the phrases of a device."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from parrotlet import Parrotlet
from parrotlet.audio import SYNTHETIC, Mark
from parrotlet.encoding import FORMATS, Encoder
from parrotlet.errors import UsageError
from parrotlet.subtitles import cues

Run = Callable[..., tuple[int, str, str]]
TEXT = "The kettle is on. Would you like a cup of tea?"


@pytest.mark.parametrize(
    ("name", "container"), [("a.flac", "FLAC"), ("a.ogg", "OGG"), ("a.opus", "OGG"), ("A.MP3", "MP3")]
)
def test_a_file_is_in_the_format_of_its_ending(run: Run, name: str, container: str) -> None:
    code, _, error = run("say", TEXT, "--voice", "preset:robin", "-o", name)
    assert (code, error) == (0, "")
    assert run("say", TEXT, "--voice", "preset:robin")[0] == 0
    with soundfile.SoundFile(name) as file, soundfile.SoundFile("speech.wav") as plain:
        assert file.format == container and file.comment == SYNTHETIC
        assert len(file.read()) == pytest.approx(plain.frames, abs=3000)


def test_formats_that_are_not_written_name_one_that_is(run: Run) -> None:
    code, _, error = run("say", TEXT, "--voice", "preset:robin", "-o", "a.m4a")
    assert code == 2 and "name it a.mp3 or .opus" in error and not Path("a.m4a").exists()
    with pytest.raises(UsageError, match="wav, pcm"):
        Encoder("aac", 24_000)


@pytest.mark.parametrize("name", FORMATS)
def test_a_stream_comes_while_it_is_made(bird: Parrotlet, name: str) -> None:
    encoder = Encoder(name, bird.sample_rate)
    parts = [encoder.push(chunk) for chunk in bird.speak(TEXT * 3, "robin")]
    assert sum(map(len, parts[: len(parts) // 2])) > 0
    whole = b"".join(parts) + encoder.finish()
    assert len(whole) > 20_000


def test_subtitles_have_the_words_and_their_times(run: Run) -> None:
    for ending, mark in ((".srt", ","), (".vtt", ".")):
        name = f"a{ending}"
        assert run("say", TEXT * 3, "--voice", "preset:robin", "--subtitles", name)[0] == 0
        text = Path(name).read_text()
        assert text.startswith("WEBVTT\n\n" if ending == ".vtt" else "1\n00:00:0")
        times = re.findall(r"(\d\d):(\d\d):(\d\d)[,.](\d{3})", text)
        seconds = [int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in times]
        assert seconds == sorted(seconds) and f"{mark}" in text.split(" --> ")[0][-4:]
        with soundfile.SoundFile("speech.wav") as file:
            assert seconds[-1] <= file.frames / file.samplerate
        assert text.lower().count("kettle") == 3
    code, _, error = run("say", TEXT, "--voice", "preset:robin", "--subtitles", "a.txt")
    assert code == 2 and "name it a.srt" in error


def test_a_subtitle_can_be_read_at_once() -> None:
    words = [Mark("word", k * 0.3, k * 0.3 + 0.3) for k in range(100)]
    found = list(cues(words))
    assert sum(cue.text.count("word") for cue in found) == 100
    assert all(len(cue.text) <= 84 and cue.end - cue.start <= 6.01 for cue in found)


def test_the_phrases_of_a_device_are_spoken_once(run: Run) -> None:
    Path("lines.tsv").write_text(
        'door\tSomeone is at the door.\nbye.opus\tGood bye.\tpreset:wren\n\nsaid\tHe said "no".\n'
    )
    batch = ("say", "--batch", "lines.tsv", "-o", "out", "--voice", "preset:robin")
    code, out, error = run(*batch)
    assert (code, error) == (0, "") and "3 files" in out
    assert sorted(path.name for path in Path("out").iterdir()) == ["bye.opus", "door.wav", "said.wav"]
    before = Path("out/bye.opus").stat().st_mtime_ns
    Path("out/door.wav").unlink()
    time.sleep(0.01)
    assert "1 files" in run(*batch)[1] and Path("out/bye.opus").stat().st_mtime_ns == before
    assert run("say", "Someone is at the door.", "--voice", "preset:robin")[0] == 0
    assert Path("out/door.wav").read_bytes() == Path("speech.wav").read_bytes()


def test_a_line_ends_where_it_ends_and_may_be_long(run: Run) -> None:
    """A form feed or a line separator inside a text is not the end of its line."""
    Path("lines.tsv").write_text("a\tOne.\x0c Two.\u2028 Three.\r\nb\t" + ". " * 100_000 + "Hi.\n", newline="")
    code, out, error = run("say", "--batch", "lines.tsv", "-o", "out", "--voice", "preset:robin")
    assert (code, error) == (0, "") and "2 files" in out


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("a\n", 3, "with tabs between"),
        ("../a\tHello.\n", 3, "no file name"),
        ("a\tHello.\na\tHello.\n", 3, "twice"),
        ("a\tHello.\tpreset:robn\n", 3, "there is no voice"),
        ("b\tHello.\na\t[[ÿ]]\n", 3, "lines.tsv:2"),
        ("a.m4a\tHello.\n", 2, "name it"),
    ],
)
def test_a_line_that_cannot_be_spoken_is_named(run: Run, line: str, code: int, words: str) -> None:
    Path("lines.tsv").write_text(line)
    done, _, error = run("say", "--batch", "lines.tsv", "-o", "out", "--voice", "preset:robin")
    assert done == code and words in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["say"], "no text"),
        (["say", "Hello."], "--voice preset:robin"),
        (["say", "Hello.", "--batch", "lines.tsv"], "leave out TEXT"),
    ],
)
def test_what_say_needs_is_asked_for(run: Run, given: list[str], words: str) -> None:
    code, _, error = run(*given)
    assert code == 2 and words in error and error.count("\n") == 1


def book(last: int) -> str:
    return f"Chapter 1. Ahoy\n\nHello.\n\nChapter 2\n\n{'Good bye. ' * last}\n"


def test_a_book_becomes_its_chapters(run: Run) -> None:
    Path("book.txt").write_text(book(2))
    say = ("say", "@book.txt", "--voice", "preset:robin", "-o", "out/", "--subtitles", "out/{chapter}.vtt")
    code, out, error = run(*say)
    assert (code, error) == (0, "") and "2 chapters" in out
    names = ["01-chapter-1-ahoy", "02-chapter-2"]
    assert {path.stem for path in Path("out").iterdir()} == {*names, "chapters"}
    assert run("say", "Chapter 1. Ahoy\n\nHello.", "--voice", "preset:robin")[0] == 0
    first, second = (Path(f"out/{name}.wav") for name in names)
    assert first.read_bytes() == Path("speech.wav").read_bytes()
    assert Path("out/02-chapter-2.vtt").read_text().lower().count("good") == 2
    before = first.stat().st_mtime_ns
    # What is there of the same text is kept; another text, or a file that is missing, is spoken.
    assert "2 were done already" in run(*say)[1]
    Path("book.txt").write_text(book(3))
    assert "1 chapters" in run(*say)[1] and first.stat().st_mtime_ns == before
    assert Path("out/02-chapter-2.vtt").read_text().lower().count("good") == 3
    Path("out/02-chapter-2.vtt").unlink()
    assert "1 chapters" in run(*say)[1] and "2 chapters" in run(*say, "--speed", "1.5")[1]
    assert second.exists() and first.stat().st_mtime_ns > before


def test_a_book_goes_on_after_a_kill(run: Run) -> None:
    Path("book.txt").write_text(book(60))
    say = ["say", "@book.txt", "--voice", "preset:robin", "-o", "out/{chapter}.opus"]
    process = subprocess.Popen([sys.executable, "-m", "parrotlet", *say], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not Path("out/chapters.json").exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert [path.name for path in Path("out").glob("[0-9]*.opus")] == ["01-chapter-1-ahoy.opus"]
    Path("book.txt").write_text(book(60))
    assert "1 chapters" in run(*say)[1] and "2 were done already" in run(*say)[1]


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (["-o", "{chapter}/a.wav"], 2, "in the name of the file"),
        (["-o", "out/", "--raw"], 2, "leave out --raw"),
        (["-o", "out/", "--ssml"], 2, "SSML has no chapters"),
        (["-o", "out/{chapter}.m4a"], 2, "name it"),
        (["-o", "book.txt/"], 2, "name another folder"),
        (["-o", "out/"], 3, "chapter 02-two: "),
    ],
)
def test_a_book_that_cannot_be_written_says_why(run: Run, given: list[str], code: int, words: str) -> None:
    Path("book.txt").write_text("# One\n\nHello.\n\n# Two\n\n[[ÿ]]\n")
    done, _, error = run("say", "@book.txt", "--voice", "preset:robin", *given)
    assert done == code and words in error and error.count("\n") == 1
