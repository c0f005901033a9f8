"""The ``parrotlet-compress`` command: pack the corpus, train, align, export, evaluate."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from parrotlet.cli.streams import reported

from . import bundle, corpus, teacher, train
from .common import Commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors are one line on stderr."""
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    try:
        return reported("parrotlet-compress", lambda: options.run(options))
    finally:
        torch.set_flush_denormal(False)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="parrotlet-compress", description="Train, quantize and export the models.")
    top.add_argument("--threads", type=int, default=2, metavar="N")
    commands = Commands(top)
    for group in (corpus, train, bundle, teacher):
        group.add_commands(commands)
    return top
