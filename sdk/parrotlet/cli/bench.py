"""``parrotlet bench``."""

from __future__ import annotations

import argparse
import sys

from parrotlet.bench import bench as measure
from parrotlet.bench import table
from parrotlet.cli.common import emit


def bench(options: argparse.Namespace) -> None:
    """Measure this machine."""

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            bar = "#" * (30 * done // of)
            print(f"\rbench [{bar:<30}] {done}/{of}", end="\n" * (done == of), file=sys.stderr, flush=True)

    row = measure(options.bundle, options.runtime, options.threads, options.device, options.repeats, progress)
    emit(options, row.as_dict(), table(row))
