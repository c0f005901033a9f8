"""The command line as a user types it: output, exit codes, one-line errors, nothing half-written."""

from __future__ import annotations

import io
import itertools
import json
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from parrotlet import ProfileStore

Run = Callable[..., tuple[int, str, str]]


def seconds(path: Path) -> float:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getnframes() / file.getframerate()


def test_enroll_say_show_delete(run: Run, recordings: dict[str, list[Path]], tmp_path: Path) -> None:
    files = [str(path) for path in recordings["woman"]]
    assert run("enroll", *files, "--name", "me", "--consent", "I agree.")[0] == 0
    code, out, _ = run("voices", "--json")
    assert code == 0
    assert [p["name"] for p in json.loads(out)["profiles"]] == ["me"]
    code, out, _ = run("say", "Hello there, how are you?", "--voice", "me", "-o", "a.wav", "--json")
    assert code == 0
    assert json.loads(out)["seconds"] == pytest.approx(seconds(tmp_path / "a.wav"), abs=0.01)
    assert json.loads(run("show", "me", "--json")[1])["consent"]["text"] == "I agree."
    assert run("delete", "me")[0] == 0
    code, _, err = run("say", "Hello.", "--voice", "me")
    assert code == 4
    assert "parrotlet voices" in err


def test_enroll_says_what_it_heard(run: Run, recordings: dict[str, list[Path]]) -> None:
    files = [str(path) for path in recordings["man"]]
    _, out, _ = run("enroll", *files, "--name", "me")
    heard = out.splitlines()[: len(files)]
    assert all(
        re.match(rf"{re.escape(file)}: \d+\.\d s of speech, -\d+ dBFS, ", line)
        for file, line in zip(files, heard, strict=True)
    )
    _, out, _ = run("enroll", *files, "--name", "me", "--replace", "--json")
    reports = json.loads(out)["recordings"]
    assert [report["name"] for report in reports] == files
    assert all(line.endswith(report["advice"]) for line, report in zip(heard, reports, strict=True))


def test_enroll_learns_from_what_was_read(
    run: Run, recordings: dict[str, list[Path]], sentences: tuple[str, ...], tmp_path: Path
) -> None:
    files = [str(path) for path in recordings["man"]]
    (tmp_path / "read.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    code, out, _ = run("enroll", *files, "--name", "me", "--texts", "read.txt", "--json")
    assert code == 0
    assert json.loads(out)["texts"] == len(files)
    code, out, _ = run("enroll", *files, "--name", "me", "--replace", "--fine-tune")
    assert code == 0 and "fine-tuned to its speech" in out
    (tmp_path / "read.txt").write_text("\n".join(reversed(sentences)), encoding="utf-8")
    code, _, err = run("enroll", *files, "--name", "other", "--texts", "read.txt")
    assert code == 3
    assert files[0] in err
    assert "the text was not heard in it" in err
    for text, words in (("One line.\n", "1 lines for 2 recordings"), (None, "cannot be read")):
        if text is None:
            (tmp_path / "read.txt").unlink()
        else:
            (tmp_path / "read.txt").write_text(text)
        code, _, err = run("enroll", *files, "--name", "other", "--texts", "read.txt")
        assert code == 2
        assert words in err
    assert [p["name"] for p in json.loads(run("voices", "--json")[1])["profiles"]] == ["me"]


def test_enroll_does_not_overwrite_unless_told(run: Run, recordings: dict[str, list[Path]]) -> None:
    file = str(recordings["man"][0])
    assert run("enroll", file, "--name", "me")[0] == 0
    assert run("enroll", file, "--name", "me")[0] == 4
    assert run("enroll", file, "--name", "me", "--replace")[0] == 0


def test_a_bad_recording_leaves_no_profile(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFFxxxx")
    code, _, err = run("enroll", "bad.wav", "--name", "me")
    assert code == 3
    assert err.count("\n") == 1
    assert "bad.wav" in err
    assert json.loads(run("voices", "--json")[1])["profiles"] == []


def test_a_wrong_passphrase_is_a_clear_error(run: Run, recordings: dict[str, list[Path]], tmp_path: Path) -> None:
    (tmp_path / "right").write_text("correct horse battery staple")
    (tmp_path / "wrong").write_text("incorrect")
    file = str(recordings["man"][0])
    assert run("enroll", file, "--name", "me", "--passphrase-file", "right")[0] == 0
    assert run("say", "Hi.", "--voice", "me", "--passphrase-file", "right")[0] == 0
    code, _, err = run("say", "Hi.", "--voice", "me", "--passphrase-file", "wrong")
    assert code == 4
    assert err.count("\n") == 1


def test_rotate_and_move_to_another_store(run: Run, recordings: dict[str, list[Path]], tmp_path: Path) -> None:
    (tmp_path / "transfer").write_text("a passphrase for the journey")
    assert run("enroll", str(recordings["man"][0]), "--name", "me")[0] == 0
    assert run("export", "me", "me.profile", "--transfer-passphrase-file", "transfer")[0] == 0
    other = ["--store", "other", "--key-file", "other.key"]
    assert run("rotate", "--new-key-file", "other.key")[0] == 0
    assert run("say", "Hi.", "--voice", "me")[0] == 4
    assert run("say", "Hi.", "--voice", "me", "--key-file", "other.key")[0] == 0
    code, _, err = run("import", "me.profile", "--transfer-passphrase-file", "transfer", "--name", "moved", *other)
    assert code == 0, err
    assert run("say", "Hi.", "--voice", "moved", *other)[0] == 0


def test_say_reads_files_and_standard_input(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = ["--voice", "preset:" + first_preset(run)]
    (tmp_path / "text").write_text("From a file.", encoding="utf-8")
    assert run("say", "@text", *voice, "-o", "f.wav")[0] == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"From standard input.")))
    assert run("say", "-", *voice, "-o", "s.wav")[0] == 0
    assert min(seconds(tmp_path / "f.wav"), seconds(tmp_path / "s.wav")) > 0.4
    assert run("say", "@missing", *voice)[0] == 3


def test_own_words_and_ssml(run: Run, tmp_path: Path) -> None:
    voice = ["--voice", "preset:" + first_preset(run)]
    (tmp_path / "words").write_text("xyzzy\tabracadabra and a lot more magic words\n")
    run("say", "xyzzy", *voice, "-o", "plain.wav")
    assert run("say", "xyzzy", *voice, "-o", "own.wav", "--lexicon", "words")[0] == 0
    assert seconds(tmp_path / "own.wav") > seconds(tmp_path / "plain.wav") + 0.5
    document = '<speak>One. <break time="2s"/> Two.</speak>'
    assert run("say", document, *voice, "-o", "ssml.wav", "--ssml")[0] == 0
    assert seconds(tmp_path / "ssml.wav") > 2.4
    assert run("say", "<speak>One.", *voice, "--ssml")[0] == 3
    assert run("say", "<speak>One.", *voice, "-o", "read.wav", "--format", "plain")[0] == 0
    assert run("say", "<b>One</b>", *voice, "-o", "bold.wav", "--format", "html")[0] == 0
    assert seconds(tmp_path / "read.wav") > seconds(tmp_path / "bold.wav")


def first_preset(run: Run) -> str:
    return str(json.loads(run("voices", "--json")[1])["presets"][0]["voice"]).removeprefix("preset:")


def test_usage_errors(run: Run) -> None:
    assert run("say", "Hello.")[0] == 2
    assert run("bogus")[0] == 2
    voice = ["--voice", "preset:" + first_preset(run)]
    code, _, err = run("say", "Hello.", *voice, "--speed", "9")
    assert code == 2
    assert "speed" in err
    assert run("say", "Hello.", *voice, "--threads", "0")[0] == 2
    assert run("say", "Hello.", "--voice", "preset:nobody")[0] == 3
    assert run("say", "Hello.", *voice, "--bundle", "nowhere")[0] == 5


def test_no_wav_is_left_when_writing_fails(run: Run, tmp_path: Path) -> None:
    voice = ["--voice", "preset:" + first_preset(run)]
    assert run("say", "Hello.", *voice, "-o", "no/such/folder.wav")[0] == 2
    assert not list(tmp_path.glob("**/*.part"))


def test_raw_streams_pcm_and_a_closed_pipe_ends_it() -> None:
    say = [sys.executable, "-m", "parrotlet", "say", "One two three. " * 200, "--raw", "--voice"]
    listed = subprocess.run([sys.executable, "-m", "parrotlet", "voices", "--json"], capture_output=True, check=True)
    process = subprocess.Popen(
        [*say, json.loads(listed.stdout)["presets"][0]["voice"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert len(process.stdout.read(9600)) == 9600
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""


def test_wavs_say_that_they_are_synthetic(run: Run, tmp_path: Path) -> None:
    run("say", "Hello.", "--voice", "preset:" + first_preset(run), "-o", "a.wav")
    assert b"Synthetic speech made with parrotlet" in (tmp_path / "a.wav").read_bytes()[:200]


def test_demo_with_and_without_a_recording(run: Run, recordings: dict[str, list[Path]]) -> None:
    code, out, _ = run("demo", "--json", "-o", "d1")
    assert code == 0
    assert all(seconds(Path(file)) > 2 for file in json.loads(out)["files"])
    code, out, err = run("demo", str(recordings["woman"][0]), "--json", "-o", "d2")
    assert code == 0, err
    assert json.loads(out)["enroll_s"] > 0


def test_the_speed_that_demo_prints_is_that_of_speech_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by a second whenever it is asked, and by a hundred while a profile is loaded."""
    seconds, load = itertools.count(), ProfileStore.load
    monkeypatch.setattr(ProfileStore, "load", lambda *a, **k: ([*itertools.islice(seconds, 100)], load(*a, **k))[1])
    monkeypatch.setattr("parrotlet.cli.demo.time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    value = json.loads(run("demo", "--json", "-o", "d1")[1])
    assert value["speech_s"] / value["times_real_time"] == pytest.approx(2, abs=0.1)  # two voices


def test_doctor_and_bench(run: Run) -> None:
    report = json.loads(run("doctor", "--json")[1])
    assert report["runtimes"]["onnx"]["version"]
    assert report["runtimes"]["onnx"]["speech"] > 0.3
    row = json.loads(run("bench", "--json", "--repeats", "1")[1])
    assert row["times_real_time"] > 0
    assert row["bundle_mb"] <= 20


def test_a_second_key_for_a_store_is_refused_before_anything_is_made(
    run: Run, recordings: dict[str, list[Path]], tmp_path: Path
) -> None:
    (tmp_path / "one").write_text("correct horse battery staple")
    (tmp_path / "two").write_text("correct horse battery stable")
    file = str(recordings["man"][0])
    assert run("enroll", file, "--name", "a", "--store", "s", "--passphrase-file", "one")[0] == 0
    code, _, err = run("enroll", file, "--name", "b", "--store", "s", "--passphrase-file", "two")
    assert code == 4 and "profile 'a'" in err
    key = ("--store", "s", "--passphrase-file", "one")
    assert run("export", "a", "a.out", "--transfer-passphrase-file", "one", *key)[0] == 0
    again = ("import", "a.out", "--name", "c", "--transfer-passphrase-file", "one", "--store", "s")
    code, _, err = run(*again, "--passphrase-file", "two")
    assert code == 4 and "profile 'a'" in err
    assert [path.name for path in (tmp_path / "s").glob("*.voice")] == ["a.voice"]
    assert run(*again, "--passphrase-file", "one")[0] == 0


def test_demo_takes_the_store_and_the_key_that_it_is_given(
    run: Run, recordings: dict[str, list[Path]], tmp_path: Path
) -> None:
    (tmp_path / "words").write_text("correct horse battery staple")
    file = str(recordings["man"][0])
    assert run("demo", file, "-o", "out", "--store", "s", "--passphrase-file", "words")[0] == 0
    assert not (tmp_path / "out" / "demo.key").exists()
    assert run("say", "Hi.", "--voice", "clone", "--store", "s", "--passphrase-file", "words", "-o", "a.wav")[0] == 0
    (tmp_path / "other").write_text("correct horse battery stable")
    code, _, err = run("demo", file, "-o", "out", "--store", "s", "--passphrase-file", "other")
    assert code == 4 and "profile 'clone'" in err
    code, _, err = run("demo", file, "-o", "elsewhere", "--key-file", "missing.key")
    assert code == 4 and "missing.key" in err
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_cannot_be_read_is_named(run: Run) -> None:
    code, _, err = run("enroll", "none.wav", "--name", "me", "--consent", "I agree.")
    assert (code, err) == (2, "parrotlet: cannot use none.wav: No such file or directory: check the path\n")


def test_a_command_leaves_the_handler_of_sigterm_as_it_was(run: Run) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert run("voices")[0] == 0
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--raw", "-o", "a.wav"], "leave out --raw or -o"),
        (["-o", "a.m4a"], "name it a.mp3"),
        (["-o", "a.WEBM"], "name it a.mp3"),
    ],
)
def test_an_output_that_would_not_be_what_it_is_called_is_refused(
    run: Run, tmp_path: Path, options: list[str], message: str
) -> None:
    code, _, err = run("say", "Hello.", "--voice", "preset:robin", *options)
    assert code == 2 and message in err
    assert list(tmp_path.iterdir()) == []
