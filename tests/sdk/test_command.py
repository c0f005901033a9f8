"""What a newcomer types wrong, and what the command says to it: names, options, keys, stores, letters."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from parrotlet import KeyFile, Parrotlet, Passphrase, ProfileStore
from parrotlet.errors import InputError, ProfileNotFound, StoreNotFound, UsageError
from parrotlet.store import default_store_path, find_voice, open_default_store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, bird: Parrotlet) -> ProfileStore:
    """A store "s" under the key file "k" with one profile, "Robina"."""
    made = ProfileStore.open(tmp_path / "s", key=KeyFile.create(tmp_path / "k"))
    made.save("Robina", bird.presets["robin"].profile)
    return made


KEYS = ("--store", "s", "--key-file", "k")


def test_nothing_typed_is_a_question_for_help(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (0, "") and "enroll" in out and "preset:robin" in out


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "enroll",
        "say",
        "voices",
        "show",
        "delete",
        "rotate",
        "export",
        "import",
        "bench",
        "serve",
        "doctor",
        "completion",
    ],
)
def test_every_option_has_a_help_text(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    lines = out.split("options:\n")[1].splitlines() + out.split("positional arguments:\n")[-1].splitlines()
    assert code == 0
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("  ") and line[2] != " ":  # its text stands beside it or below
            assert len(line[2:].split("  ")) > 1 or following.startswith("      "), line


@pytest.mark.parametrize("arguments", [("bogus",), ("say", "Hi."), ("say", "Hi.", "--voice", "x", "--speed", "fast")])
def test_a_wrong_option_is_one_line_that_names_the_help(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("parrotlet: ") and err.endswith("--help\n") and err.count("\n") == 1


def test_options_of_every_command_may_stand_before_it(run: Run, store: ProfileStore) -> None:
    before = run("--store", "s", "--json", "voices")
    assert before[0] == 0 and before == run("voices", "--store", "s", "--json")
    assert [profile["name"] for profile in json.loads(before[1])["profiles"]] == ["Robina"]
    assert run("--store", "elsewhere", "show", "Robina", "--store", "s")[0] == 0  # the nearer one counts


def test_enrol_is_enroll(run: Run, recordings: dict[str, list[Path]]) -> None:
    assert run("enrol", str(recordings["man"][0]), "--name", "me")[0] == 0
    assert run("show", "me")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("say", "Hi.", "--voice", "me"),
        ("show", "me"),
        ("delete", "me"),
        ("voices",),
        ("rotate", "--new-key-file", "new"),
        ("export", "me", "out", "--transfer-passphrase-file", "words"),
    ],
)
def test_a_mistyped_store_is_not_made(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, _, err = run(*arguments, "--store", "typo")
    assert code == 4 and "there is no profile store typo" in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_rotate_is_said_and_makes_no_key(run: Run, tmp_path: Path) -> None:
    ProfileStore.open(tmp_path / "s")
    code, _, err = run("rotate", "--new-key-file", "new", "--store", "s")
    assert code == 4 and "there is no profile in s" in err
    assert not (tmp_path / "new").exists()


def test_one_profile_is_rotated_in_the_singular(run: Run, store: ProfileStore) -> None:
    assert run("rotate", "--new-key-file", "new", *KEYS)[1] == "rotated 1 profile\n"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("robin", "did you mean preset:robin or Robina?"), ("robins", "preset:robin"), ("robina", "did you mean Robina")],
)
def test_a_voice_that_is_not_there_brings_those_like_it(
    run: Run, store: ProfileStore, tmp_path: Path, name: str, hint: str
) -> None:
    for arguments in (("say", "Hi.", "--voice", name), ("show", name)):
        code, _, err = run(*arguments, *KEYS)
        assert code == 4 and hint in err and err.count("\n") == 1
    assert not (tmp_path / "speech.wav").exists()


def test_a_preset_is_named_where_there_is_no_store_yet(run: Run) -> None:
    code, _, err = run("say", "Hi.", "--voice", "robin")
    assert code == 4 and "there is no profile store" in err and "did you mean preset:robin?" in err


def test_presets_can_be_shown_and_nothing_else(run: Run, store: ProfileStore) -> None:
    assert json.loads(run("show", "preset:robin", "--json")[1])["description"] == "woman, American, warm"
    code, _, err = run("delete", "preset:robin", *KEYS)
    assert code == 3 and "part of the bundle" in err
    code, _, err = run("export", "preset:robin", "out", "--transfer-passphrase-file", "words", *KEYS)
    assert code == 3 and "part of the bundle" in err


def test_show_prints_words(run: Run, recordings: dict[str, list[Path]]) -> None:
    run("enroll", str(recordings["man"][0]), "--name", "me", "--consent", "I agree.")
    out = run("show", "me")[1]
    assert "None" not in out and "{" not in out
    assert "expires: none" in out and "consent:\n  text: I agree." in out


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--name", "a/b"), 2, "a profile's name has"),
        (("--name", "Robina"), 4, "--replace"),
        (("--name", "x", "--expires", "2020-01-01T00:00:00Z"), 2, "has passed"),
        (("--name", "x", "--expires", "2030-01-01"), 2, "write it as 2030-01-31T00:00:00Z"),
        (("--name", "x", "--expires", "tomorrow"), 2, "write it as"),
    ],
)
def test_what_is_wrong_is_found_before_the_recording_is_heard(
    run: Run, store: ProfileStore, tmp_path: Path, more: tuple[str, ...], code: int, message: str
) -> None:
    (tmp_path / "noise.wav").write_bytes(b"no recording")  # which would be bad input, 3
    found, _, err = run("enroll", "noise.wav", *more, *KEYS)
    assert found == code and message in err and err.count("\n") == 1


def test_voices_says_which_cannot_speak(run: Run, bird: Parrotlet, store: ProfileStore, tmp_path: Path) -> None:
    profile = bird.presets["robin"].profile
    store.save("old", replace(profile, expires="2020-01-01T00:00:00Z"))
    store.save("foreign", replace(profile, speaker_model="0" * 64, bundle="theirs"))
    (tmp_path / "s" / "broken.voice").write_bytes(b"\0" * 100)
    (tmp_path / "s" / "broken.voice").chmod(0o600)
    out = run("voices", "--store", "s")[1]
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "expired 2020-01-01T00:00:00Z" in lines["old"]
    assert "of bundle 'theirs': enroll again" in lines["foreign"]
    assert "cannot be read" in lines["broken"]
    assert lines["Robina"].endswith(profile.created)
    problems = {
        row["name"]: row["problem"] for row in json.loads(run("voices", "--json", "--store", "s")[1])["profiles"]
    }
    assert problems["Robina"] is None and "expired" in problems["old"]


RELEASED = sorted((Path(__file__).parents[1] / "vectors" / "profiles").glob("*.voice"))


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_voices_finds_nothing_wrong_with_profiles_of_earlier_releases(run: Run, tmp_path: Path, released: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o700)
    shutil.copy(released, tmp_path / "s" / "me.voice")
    (tmp_path / "s" / "me.voice").chmod(0o600)
    assert [row["problem"] for row in json.loads(run("voices", "--store", "s", "--json")[1])["profiles"]] == [None]


def test_a_key_file_is_made_for_a_store_without_profiles_only(
    run: Run, recordings: dict[str, list[Path]], tmp_path: Path
) -> None:
    file = str(recordings["man"][0])
    assert run("enroll", file, "--name", "a", "--store", "s", "--key-file", "mine")[0] == 0
    assert run("say", "Hi.", "--voice", "a", "--store", "s", "--key-file", "mine")[0] == 0
    code, _, err = run("enroll", file, "--name", "b", "--store", "s", "--key-file", "typo")
    assert code == 4 and "no such key file" in err
    assert not (tmp_path / "typo").exists()


def test_a_text_may_begin_with_an_at_sign(run: Run, tmp_path: Path) -> None:
    code, _, err = run("say", "@bob is here", "--voice", "preset:robin")
    assert code == 3 and "begin a text with @@" in err
    assert run("say", "@@", "--voice", "preset:robin", "-o", "at.wav")[0] == 0
    assert run("say", "at", "--voice", "preset:robin", "-o", "word.wav")[0] == 0
    assert (tmp_path / "at.wav").read_bytes() == (tmp_path / "word.wav").read_bytes()


def process(tmp_path: Path, *arguments: str | bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, as a user's first one."""
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
    return subprocess.run(
        [sys.executable, "-m", "parrotlet", *arguments],
        cwd=tmp_path,
        env={**os.environ, **home, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,  # no terminal to ask at
        check=False,
    )


def test_letters_are_read_in_any_locale_and_never_lost(tmp_path: Path) -> None:
    say = ("--voice", "preset:robin", "--raw")
    words = process(tmp_path, "say", "Café Zoë".encode(), *say)
    assert words.returncode == 0 and len(words.stdout) > 20_000
    assert process(tmp_path, "say", "Café Zoë".encode(), *say, LC_ALL="POSIX", PYTHONUTF8="0").stdout == words.stdout
    latin = process(tmp_path, "say", "Café Zoë".encode("latin-1"), *say)
    assert latin.returncode == 3 and b"not UTF-8" in latin.stderr and latin.stderr.count(b"\n") == 1
    named = process(tmp_path, "say", "Hi.", "--voice", "preset:robin", "-o", "caf\xe9.wav".encode("latin-1"))
    assert named.returncode == 0 and b"Traceback" not in named.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("say", "Hi.", "--voice", "Robina", "--store", "s", "--passphrase-file", "-"),
        ("rotate", "--new-passphrase-file", "-", *KEYS),
        ("export", "Robina", "out", "--transfer-passphrase-file", "-", *KEYS),
        ("import", "out", "--transfer-passphrase-file", "-", *KEYS),
    ],
)
def test_a_passphrase_is_not_asked_for_without_a_terminal(
    store: ProfileStore, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = process(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr == b"parrotlet: there is no terminal to ask at; name a passphrase file\n"


def test_a_passphrase_is_asked_for_by_what_it_is_for(store: ProfileStore, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "parrotlet", "rotate", "--new-passphrase-file", "-", *KEYS]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, command)
    shown = b""
    for prompt in (b"New passphrase: ", b"Again: "):
        while prompt not in shown:
            shown += os.read(terminal, 100)
        os.write(terminal, b"correct horse\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"horse" not in shown
    assert ProfileStore.open(tmp_path / "s", key=Passphrase("correct horse")).load("Robina").bundle


def test_a_long_text_shows_how_far_it_is_on_a_terminal(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "parrotlet",
        "say",
        "One two three. " * 300,
        "--voice",
        "preset:robin",
        "-o",
        "a.wav",
    ]
    ours, terminal = pty.openpty()
    done = subprocess.run(command, cwd=tmp_path, stderr=terminal, stdout=subprocess.PIPE, check=True)
    os.close(terminal)
    shown = os.read(ours, 10_000).decode()
    assert shown.count(" s of speech") > 1 and shown.endswith("\r\033[K") and "\n" not in shown
    assert done.stdout.startswith(b"a.wav: ")


def test_programs_find_the_voices_of_the_command(
    bird: Parrotlet, store: ProfileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(StoreNotFound, match="did you mean preset:robin"):
        find_voice(bird, "robin")
    own = open_default_store(create=True)
    assert own.path == default_store_path() and own.path.is_dir()
    own.save("me", bird.presets["wren"].profile)
    assert find_voice(bird, "me") == bird.presets["wren"].profile
    assert find_voice(bird, "Robina", store) == find_voice(bird, "preset:robin") == bird.presets["robin"].profile
    with pytest.raises(ProfileNotFound, match="did you mean me"):
        find_voice(bird, "mee", lambda: own)
    with pytest.raises(InputError, match="the presets are robin"):
        find_voice(bird, "preset:nobody")


def test_a_store_says_before_the_work_what_save_would_say(bird: Parrotlet, store: ProfileStore) -> None:
    store.require_free("new")
    store.require_free("Robina", replace=True)
    with pytest.raises(UsageError):
        store.require_free("-", replace=True)


@pytest.mark.parametrize(
    ("program", "module", "arguments"),
    [
        ("parrotlet.cli", "argparse", ["voices"]),
        ("parrotlet.cli", "numpy", ["voices"]),
        ("parrotlet.cli", "onnxruntime", ["say", "Hi.", "--voice", "preset:robin"]),
        ("parrotlet.cli", "parrotlet.vault", ["delete", "me"]),
        ("parrotlet_compression.__main__", "numpy", ["--help"]),
        ("parrotlet_compression.__main__", "torch", ["--help"]),
    ],
)
def test_ctrl_c_while_it_imports_is_silent(tmp_path: Path, program: str, module: str, arguments: list[str]) -> None:
    code = f"""
import os, signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(100): pass
            except KeyboardInterrupt:  # as C code does
                raise ImportError("initialization failed")
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupts())
sys.argv[1:] = {arguments!r}
from {program} import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
