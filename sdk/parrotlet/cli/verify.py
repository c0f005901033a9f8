"""``parrotlet verify``."""

from __future__ import annotations

import argparse
from pathlib import Path

from parrotlet.cli.common import emit
from parrotlet.errors import UsageError
from parrotlet.marksearch import MarkReport
from parrotlet.marksearch import verify as find
from parrotlet.watermark import require_key


def verify(options: argparse.Namespace) -> int:
    """Say whether a recording has the mark: exit code 0 if it does, 1 if not."""
    key = _key(options.mark_key) if options.mark_key else None
    report = find(options.file, key)
    emit(options, {"file": str(options.file), **report.as_dict()}, _text(options.file, report))
    return 0 if report.marked else 1


def _key(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}: check the path") from error
    require_key(key)
    return key


def _text(path: Path, report: MarkReport) -> str:
    chance = f"chance of a false alarm {report.p:.0e}" if report.p > 1e-30 else "chance of a false alarm below 1e-30"
    if not report.marked:
        return f"{path}: no mark in {report.seconds:.1f} s: not made by parrotlet, or changed too much to tell"
    where = ", ".join(f"{start:.1f} to {end:.1f} s" for start, end in report.segments)
    lines = [f"{path}: synthetic speech, marked by parrotlet ({chance})", f"marked: {where} of {report.seconds:.1f} s"]
    if report.speed != 1:
        lines.append(f"speed: {report.speed:g} times that it was made at")
    said = report.payload
    if said is None:
        lines.append("payload: not readable: too short, too changed, or keyed (--mark-key)")
    else:
        number = f"integrator {said.integrator}" if said.integrator else "no integrator"
        lines.append(f"payload: format {said.format}, {number}{', keyed' if said.keyed else ''}")
    return "\n".join(lines)
