"""How fast are we, beside peers, in one run?

    python benchmarks/peers/bench.py DIR [--rounds 15] [--core 0] [--json F]

DIR: what ``benchmarks/peers/setup.sh DIR`` installed. Every system is a process of its own on the same core. They speak
a ten-second sentence in turn, round after round, so that other work on the machine meets all of them. Prints Markdown:
times real time by processor time (that of the fastest round, and the median) and by the clock, and ratios to the
first. Absolute figures are of this machine and this hour; ratios age less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from parrotlet.bench import TEN_SECONDS, cpu_name

HERE = Path(__file__).parent


def start(name: str, paths: list[Path], core: int) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A system's process, once it has spoken, and what it says it runs on."""
    path = os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, str(HERE / "systems.py"), name, TEN_SECONDS],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, json.loads(line) if line else {"missing": "it could not start"}


def measure(systems: dict[str, tuple[str, list[Path]]], rounds: int, core: int) -> list[dict[str, Any]]:
    """One row a system: what it runs on, and times real time, or why it is missing."""
    running: dict[str, subprocess.Popen[str]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for label, (name, paths) in systems.items():
        process, rows[label] = start(name, paths, core)
        if "missing" not in rows[label]:
            running[label] = process
    measured: dict[str, list[dict[str, float]]] = {label: [] for label in running}
    for _ in range(rounds):
        for label, process in running.items():
            assert process.stdin is not None and process.stdout is not None
            print(file=process.stdin, flush=True)
            measured[label].append(json.loads(process.stdout.readline()))
    for label, process in running.items():
        process.communicate()
        taken = measured[label]
        rows[label] |= {
            "cpu_best": max(one["speech"] / one["cpu"] for one in taken),
            "cpu_median": median(one["speech"] / one["cpu"] for one in taken),
            "wall_median": median(one["speech"] / one["wall"] for one in taken),
            "speech_s": taken[0]["speech"],
        }
    return [{"system": label, **row} for label, row in rows.items()]


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, with ratios to the first row that could run."""
    first = next(row for row in rows if "cpu_best" in row)
    lines = [
        "| system | on | × real time, best | median | by the clock | ratio, best | ratio, median |",
        "|" + "---|" * 7,
    ]
    for row in rows:
        if "cpu_best" not in row:
            lines.append(f"| {row['system']} | missing: {row['missing']} | | | | | |")
            continue
        ratios = [f"{row[key] / first[key]:.2f}" for key in ("cpu_best", "cpu_median")]
        speeds = [f"{row[key]:.0f}" for key in ("cpu_best", "cpu_median", "wall_median")]
        lines.append(f"| {row['system']} | {row['on']} | {' | '.join(speeds)} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    systems: dict[str, tuple[str, list[Path]]] = {name: (name, []) for name in ("parrotlet onnx", "parrotlet tflite")}
    systems["hibari"] = ("hibari", [options.folder / "hibari"])
    systems["espeak-ng"] = ("espeak-ng", [])
    for folder in sorted(options.folder.glob("onnxruntime-*")):
        systems[f"parrotlet, {folder.name}"] = ("parrotlet onnx", [folder])
        systems[f"hibari, {folder.name}"] = ("hibari", [folder, options.folder / "hibari"])
    rows = measure(systems, options.rounds, options.core)
    where = {
        "cpu": cpu_name(),
        "python": sys.version.split()[0],
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "rounds": options.rounds,
    }
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({**where, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
