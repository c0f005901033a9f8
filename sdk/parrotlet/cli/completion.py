"""``parrotlet completion``: a script by which a shell completes commands, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from parrotlet.cli.parser import parser
from parrotlet.cli.streams import to_stdout
from parrotlet.errors import UsageError

FILES = ("output", "subtitles")
"""Options that name files although they are not paths yet."""


def completion(options: argparse.Namespace) -> None:
    """Print the script. Raises UsageError where shtab, which writes it, is not installed."""
    try:
        import shtab
    except ImportError as error:
        raise UsageError("parrotlet completion needs shtab: pip install 'parrotlet[completion]'") from error
    top = parser()
    for action in _actions(top):
        if action.type is Path or action.dest in FILES:
            action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
    with to_stdout():
        print(shtab.complete(top, options.shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
