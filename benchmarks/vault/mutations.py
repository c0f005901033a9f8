"""Damages profile files in many ways and asserts that the store opens none of them.

    python benchmarks/vault/mutations.py [--files 100000] [--seed 1]

Each file is written to disk and loaded as a user would load it. Counts the outcomes; ends with
exit code 1 if a damaged file opened or anything but a documented error came out.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "vault"))

from make_vectors import PATH, WITH_KEY_FILE, header_for
from vault_forge import MemoryKey, full_profile, make_profile
from vault_mutations import mutated

from parrotlet.errors import ProfileExpired, ProfileFormatError, UnlockError
from parrotlet.vault import Passphrase, ProfileStore
from parrotlet.vault.envelope import seal_profile


def originals() -> list[bytes]:
    """Good files, small and of the size a device writes, and the vectors that fail for one reason."""
    full, real = full_profile(), make_profile(4, 256)
    both = [MemoryKey(), Passphrase("x", log_n=10)]
    good = [seal_profile(header_for(full, uses=7), full, both), seal_profile(header_for(real), real, [MemoryKey()])]
    vectors = json.loads(PATH.read_text(encoding="ascii"))
    files = [base64.b64decode(v["file"]) for v in vectors if v["key"] == WITH_KEY_FILE]
    # the good files come up as often as all vectors together
    return [file for file in files if len(file) < 4000] + good * (len(files) // 2)


def outcome(store: ProfileStore, file: bytes) -> str:
    """What loading the file as a profile comes to."""
    path = store.path / "me.voice"
    path.write_bytes(file)
    path.chmod(0o600)
    try:
        store.load("me")
    except ProfileFormatError as error:
        return "newer format" if "newer format" in str(error) else "refused: not a profile"
    except UnlockError:
        return "refused: wrong key or changed"
    except ProfileExpired:
        return "opened: expired"
    return "opened"


def main() -> int:
    """Run, print the counts, and say whether the bar is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    files = originals()
    unchanged = set(files)
    counts: Counter[str] = Counter()
    bad = 0
    started = time.perf_counter()
    place = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as directory:
        store = ProfileStore.open(Path(directory) / "store", MemoryKey())
        while counts.total() < arguments.files:
            file = mutated(generator, files)
            if file in unchanged:
                continue
            try:
                found = outcome(store, file)
            except Exception as error:  # this is what is being looked for
                found = f"CRASH {type(error).__name__}"
            counts[found] += 1
            if found.startswith(("opened", "CRASH")):
                bad += 1
                print(found, base64.b64encode(file).decode(), file=sys.stderr)
    for name, count in counts.most_common():
        print(f"{count:>8}  {name}")
    print(f"{counts.total():>8}  damaged files in {time.perf_counter() - started:.0f} s; {bad} opened or crashed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
