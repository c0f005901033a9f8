"""What the mark costs, against the vocoder: processor time, the least of many turns. python benchmarks/mark/cost.py"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from parrotlet import Parrotlet
from parrotlet.watermark import Marker, Watermark

TEXT = "The weather was calm this morning, so we walked along the river and counted the boats that came by."


def least(work: Callable[[], object], turns: int) -> float:
    def one() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return min(one() for _ in range(turns))


def main() -> None:
    bird = Parrotlet.load()
    made = bird.acoustics(bird.phonemize(TEXT), "robin")
    parts = list(bird.vocode(made.mel, made.f0))
    seconds = sum(map(len, parts)) / bird.sample_rate

    def mark() -> None:
        marker = Marker(Watermark(), bird.sample_rate)
        for part in parts:
            marker.push(part)
        marker.finish()

    mark()
    vocoder = least(lambda: list(bird.vocode(made.mel, made.f0)), 12) / seconds
    marker = least(mark, 60) / seconds
    print(f"numpy {np.__version__}: vocoder {vocoder * 1e3:.2f} ms a second of speech, mark {marker * 1e3:.3f} ms")
    print(f"{marker / vocoder:.1%}")


if __name__ == "__main__":
    main()
