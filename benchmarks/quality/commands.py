"""A benchmark of several commands: ``python benchmarks/quality/NAME.py COMMAND PATH... [--OPTION]``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Commands:
    """The command line of a script. about: its docstring."""

    def __init__(self, about: str | None) -> None:
        self._parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        self._commands = self._parser.add_subparsers(required=True)

    def add(self, run: Callable[[Any], None], *paths: str) -> argparse.ArgumentParser:
        """A command by the name of its function, and the paths that it takes. Options are added to what is returned."""
        made = self._commands.add_parser(run.__name__.strip("_"))
        for path in paths:
            made.add_argument(path, type=Path)
        made.set_defaults(run_command=run)
        return made

    def run(self) -> None:
        """Run the command that was asked for."""
        options = self._parser.parse_args()
        options.run_command(options)
