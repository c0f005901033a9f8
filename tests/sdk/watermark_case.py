"""What tests/vectors/watermark-v1.json says: python tests/sdk/watermark_case.py writes it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from parrotlet.watermark import Marker, Watermark

PATH = Path(__file__).parent.parent / "vectors/watermark-v1.json"
RATE, COUNT, EVERY = 24000, 30000, 101
MARKS = ({"integrator": 0, "key": None}, {"integrator": 1234567, "key": "00112233445566778899aabbccddeeff"})


def noise() -> np.ndarray:
    """x = 1664525 x + 1013904223 mod 2^32 from x = 1 on; samples (x / 2^32 - 0.5) / 4."""
    value, made = 1, np.empty(COUNT)
    for at in range(COUNT):
        value = (1664525 * value + 1013904223) % 2**32
        made[at] = (value / 2**32 - 0.5) / 4
    return made.astype(np.float32)


def mark(case: dict[str, Any]) -> Watermark:
    return Watermark(case["integrator"], case["key"] and bytes.fromhex(case["key"]))


def made(case: dict[str, Any], start: int) -> dict[str, Any]:
    marker = Marker(mark(case), RATE, start)
    samples = np.concatenate([marker.push(noise()), marker.finish()])
    pattern = np.packbits(mark(case).pattern().reshape(-1) < 0).tobytes()
    return {"pattern_sha256": hashlib.sha256(pattern).hexdigest(), "samples": np.round(samples[::EVERY], 7).tolist()}


def main() -> None:
    value = {
        "input": noise.__doc__,
        "rate": RATE,
        "count": COUNT,
        "every": EVERY,
        "tolerance": 1e-5,
        "pattern_sha256": "of the chips, slot by slot, eight in a byte, the first highest, 1 for a chip of -1",
        "cases": [{**case, "start": start, **made(case, start)} for case, start in zip(MARKS, (0, 77777), strict=True)],
    }
    PATH.write_text(json.dumps(value).replace('{"integrator', '\n{"integrator') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
