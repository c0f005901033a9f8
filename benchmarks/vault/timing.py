"""Times the passphrase's key derivation, and saving and loading beside it.

    python benchmarks/vault/timing.py [--json]

The store is timed on the given directory (fsync costs what that disk costs) and in memory.
Medians of wall time; also CPU time, which other work on the machine does not stretch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "vault"))

from vault_forge import DATA_KEY, MemoryKey, make_profile

from parrotlet.vault import Passphrase, ProfileStore


def measure(work: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median milliseconds of one call: wall and CPU, and the best wall time."""
    wall, cpu = [], []
    for _ in range(repeats):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - started) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return {
        "wall_ms": round(statistics.median(wall), 3),
        "cpu_ms": round(statistics.median(cpu), 3),
        "best_wall_ms": round(min(wall), 3),
    }


def store_times(directory: str | None) -> dict[str, dict[str, float]]:
    """Saving and loading a profile of 256 values under a key that costs nothing to derive."""
    profile = make_profile(1, 256)
    with tempfile.TemporaryDirectory(dir=directory) as place:
        store = ProfileStore.open(Path(place) / "store", MemoryKey())
        store.save("me", profile)
        return {
            "save": measure(lambda: store.save("me", profile, replace=True), 200),
            "load": measure(lambda: store.load("me"), 200),
            "list": measure(store.list, 200),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--directory", help="where to put the store on disk; by default the temporary directory")
    arguments = parser.parse_args()
    found = {}
    for log_n in (15, 16, 17, 18):
        key = Passphrase("a passphrase", log_n=log_n)
        stanza = key.wrap(bytearray(DATA_KEY))
        found[f"scrypt 2^{log_n}"] = measure(lambda k=key, s=stanza: k.unwrap(s), 3)  # type: ignore[misc]
    for place, directory in (("disk", arguments.directory), ("memory", "/dev/shm")):
        for name, times in store_times(directory).items():
            found[f"{name} ({place})"] = times
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    for name, times in found.items():
        print(f"{name:<16}" + "".join(f"  {label} {value:>9.3f}" for label, value in times.items()))


if __name__ == "__main__":
    main()
