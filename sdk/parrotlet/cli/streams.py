"""The process around a command: standard streams, SIGTERM, and errors as one line."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from parrotlet.errors import ParrotletError, UsageError


def prepare_streams() -> None:
    """Make standard streams usable that the caller has closed, or that cannot spell every name.

    Closed ones (daemons, cron) read as empty and swallow what is written. A letter that the encoding of the terminal
    does not have, or a file's name that is not UTF-8, is written as an escape.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def guarded(run: Callable[[argparse.Namespace], int | None], options: argparse.Namespace) -> int:
    """Run a command and return its exit code; warnings are lines on stderr, as errors are."""
    with _cleanly_terminated(), warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)  # ours are messages, also under -W error
        warnings.showwarning = lambda message, *_, **__: print(f"parrotlet: {message}", file=sys.stderr)
        return reported("parrotlet", lambda: run(options))


def reported(program: str, run: Callable[[], int | None]) -> int:
    """The exit code of what was run, 0 unless it names one.

    An error is one line on stderr that begins with the program's name.
    """
    try:
        code = run()
        with to_stdout():
            sys.stdout.flush()
    except ParrotletError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        _abandon_stdout()  # the reader has gone
    except OSError as error:
        problem = f"cannot use {error.filename}: {error.strerror}: check the path"
        if error.filename is None:
            problem = f"cannot read or write a file: {error.strerror or error}: make room, or check the disk"
        print(f"{program}: {problem}", file=sys.stderr)
        return UsageError.exit_code
    except KeyboardInterrupt:
        return 130
    else:
        return code or 0
    return 0


@contextmanager
def to_stdout() -> Iterator[None]:
    """Around what writes standard output: a full disk behind it is told from one elsewhere. Raises UsageError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _abandon_stdout()
        raise UsageError(f"cannot write standard output: {error.strerror}: make room, or use -o") from error


def _abandon_stdout() -> None:
    """Point stdout elsewhere, so that closing it does not raise again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _cleanly_terminated() -> Iterator[None]:
    """Let SIGTERM end the block as an exception does, so that nothing half-written stays."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield  # whoever called from a thread decides about signals
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
