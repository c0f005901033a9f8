"""Speed of the page in Chromium and of the SDK, in turns on one core: python benchmarks/web/speed.py SITE RECORDING

SITE is what examples/web/build.mjs wrote; RECORDING a WAV of about ten seconds of speech. Everything is bound to one
core, the browser's other processes included. Times by the clock suffer from other work on the machine, their ratio and
the processor times hardly: × real time is given by both.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import soundfile

from parrotlet import Parrotlet
from parrotlet.bench import TEN_SECONDS

ROUNDS = 7
SHORT = "The coffee is ready."


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that prints nothing."""

    def log_message(self, *_: object) -> None:
        pass


def processor_s(root: int) -> float:
    """Processor seconds of a process and its living descendants."""
    spent = {}
    for pid in family(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        spent[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return sum(spent.values())


def resident_mb(root: int) -> float:
    """Memory of the largest of a process's descendants: the page's."""
    sizes = [0.0]
    for pid in family(root) - {root}:
        try:
            sizes.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
        except OSError:
            continue
    return max(sizes)


def family(root: int) -> set[int]:
    """A process and its living descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    chosen = {root}
    while more := {pid for pid, parent in parents.items() if parent in chosen} - chosen:
        chosen |= more
    return chosen


def main(site: str, recording: str) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    handler = functools.partial(Quiet, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = ["node", str(Path(__file__).with_name("page_speed.mjs")), f"http://127.0.0.1:{server.server_port}/"]
    page = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert page.stdin and page.stdout
    if page.stdout.readline() != "ready\n":
        sys.exit("the page did not start")

    def ask(**message: object) -> dict[str, Any]:
        assert page.stdin and page.stdout
        began = processor_s(page.pid)
        print(json.dumps(message), file=page.stdin, flush=True)
        answer: dict[str, Any] = json.loads(page.stdout.readline())
        return {**answer, "processor": processor_s(page.pid) - began}

    bird = Parrotlet.load()
    bird.warm_up()

    def by_python(text: str) -> dict[str, Any]:
        began, processor, first, samples = time.perf_counter(), time.process_time(), 0.0, 0
        for chunk in bird.speak(text, "robin"):
            first = first or time.perf_counter() - began
            samples += len(chunk.samples)
        wall, processor = time.perf_counter() - began, time.process_time() - processor
        return {"first": first, "wall": wall, "seconds": samples / bird.sample_rate, "processor": processor}

    sides = {"Chromium": lambda text: ask(command="speak", text=text), "Python": by_python}
    rows: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    firsts: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, speak in sides.items():
            firsts[side].append(speak(SHORT)["first"])
            rows[side].append(speak(TEN_SECONDS))
    for side in sides:
        wall = statistics.median(row["seconds"] / row["wall"] for row in rows[side])
        best = max(row["seconds"] / row["wall"] for row in rows[side])
        processor = statistics.median(row["seconds"] / row["processor"] for row in rows[side])
        first, least = statistics.median(firsts[side]), min(firsts[side])
        print(
            f"{side}: {wall:.1f} x real time (best {best:.1f}), {processor:.1f} by processor time; first audio "
            f"{first * 1000:.0f} ms (least {least * 1000:.0f})"
        )
    samples, rate = soundfile.read(recording, dtype="int16")
    made = [ask(command="enroll", pcm=samples.tolist(), rate=rate, name=f"v{k}") for k in range(3)]
    wall, processor = (statistics.median(one[kind] for one in made) for kind in ("wall", "processor"))
    print(
        f"Chromium: enrollment with {len(samples) / rate:.1f} s in {wall:.1f} s, {processor:.1f} s processor and scrypt"
    )
    resident = []
    for count in range(100):
        ask(command="speak", text=SHORT)
        if count in (9, 99):
            resident.append(resident_mb(page.pid))
    print(f"Chromium: the page's process after 10 and 100 sentences: {resident[0]:.0f}, {resident[1]:.0f} MB")
    page.stdin.close()
    page.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
