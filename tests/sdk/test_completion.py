"""Shells that complete what is typed, by themselves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("shtab", reason="needs shtab: pip install '.[completion]'")

Run = Callable[..., tuple[int, str, str]]
ASK = {
    "bash": """
source ./script
COMP_WORDS=(parrotlet "$@"); COMP_CWORD=$#; COMPREPLY=()
_shtab_parrotlet parrotlet "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "fish": 'source ./script; complete -C "parrotlet $argv" | cut -f 1',
}


@pytest.mark.parametrize("shell", ASK)
def test_a_shell_completes(run: Run, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}: apt-get install {shell}")
    code, script, error = run("completion", shell)
    assert (code, error) == (0, "")
    Path("script").write_text(script)
    Path("recording.wav").touch()
    for words, found in (
        (["s"], {"say", "serve", "show"}),
        (["say", "--for"], {"--format"}),
        (["say", "Hi.", "--format", "m"], {"markdown"}),
        (["say", "Hi.", "--output", "rec"], {"recording.wav"}),
        (["enroll", "--key-file", "rec"], {"recording.wav"}),
    ):
        # Of bash the words, of fish the line.
        command = (
            ["bash", "-c", ASK["bash"], "bash", *words] if shell == "bash" else ["fish", "-c", ASK["fish"], *words]
        )
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert set(done.stdout.split()) == found, done.stderr


def test_zsh_takes_its_script(run: Run) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("needs zsh: apt-get install zsh")
    script = run("completion", "zsh")[1]
    assert script.startswith("#compdef parrotlet")
    assert subprocess.run(["zsh", "-n"], input=script, text=True, capture_output=True, check=True).stderr == ""


def test_without_shtab_it_says_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, _, error = run("completion", "bash")
    assert code == 2 and "pip install 'parrotlet[completion]'" in error and error.count("\n") == 1
