"""The ``parrotlet`` command.

Exit codes: 0 done, 1 a fault of ours or a sound without the mark, 2 usage, 3 bad input, 4 vault, 5 bundle or runtime,
130 interrupted, 143 terminated.

What a command needs is imported when it is known which one it is: ``say`` with a preset needs neither ciphers nor
package metadata, and they would double its start-up time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are one line on stderr."""
    with quiet_interrupt():
        from importlib import import_module

        from parrotlet.cli.parser import parser
        from parrotlet.cli.streams import guarded, prepare_streams

        prepare_streams()
        top = parser()
        options = top.parse_args(arguments)
        if options.run is None:
            top.print_help()
            return 0
        module, function = options.run.split(".")
        run = getattr(import_module(f"parrotlet.cli.{module}"), function)
    return guarded(run, options)


@contextmanager
def quiet_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once, without a traceback.

    For imports, ours and those of a runtime: some turn the exception into another, or swallow it. Nothing may be
    half-written meanwhile.
    """

    def end(number: int, _: object) -> NoReturn:
        os._exit(128 + number)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored, or somebody else's
        return
    try:
        signal.signal(signal.SIGINT, end)
    except ValueError:  # whoever called from a thread decides about signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
