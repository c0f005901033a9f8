"""Speed of the shipped bundle; run with ``pytest benchmarks/test_engine.py``.

Every figure is also given as a ratio to the length of the audio (× real time), in ``extra_info``. Times are of
the processor, not of the clock, so that other programs on the machine change them little.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from parrotlet import Parrotlet
from parrotlet.bench import SHORT, TEN_SECONDS

pytest.importorskip("pytest_benchmark", reason="needs pytest-benchmark: pip install '.[bench]'")
pytestmark = pytest.mark.benchmark(timer=time.process_time)


@pytest.fixture(scope="module")
def bird() -> Parrotlet:
    return Parrotlet.load()


def test_ten_second_sentence(benchmark, bird: Parrotlet) -> None:
    voice = next(iter(bird.presets.values())).profile
    chunks = benchmark(lambda: list(bird.speak(TEN_SECONDS, voice)))
    seconds = sum(chunk.seconds for chunk in chunks)
    benchmark.extra_info["times_real_time"] = seconds / benchmark.stats["median"]


def test_first_audio(benchmark, bird: Parrotlet) -> None:
    voice = next(iter(bird.presets.values())).profile
    benchmark(lambda: next(iter(bird.speak(SHORT, voice))))


def test_enrollment_of_ten_seconds(benchmark, bird: Parrotlet) -> None:
    voice = next(iter(bird.presets.values())).profile
    samples = np.concatenate([chunk.samples for chunk in bird.speak(TEN_SECONDS, voice)])
    benchmark(lambda: bird.enroll((samples, bird.sample_rate)))
    benchmark.extra_info["times_real_time"] = len(samples) / bird.sample_rate / benchmark.stats["median"]


def test_enrollment_of_ten_seconds_with_their_text(benchmark, bird: Parrotlet) -> None:
    voice = next(iter(bird.presets.values())).profile
    samples = np.concatenate([chunk.samples for chunk in bird.speak(TEN_SECONDS, voice)])
    benchmark.pedantic(lambda: bird.enroll((samples, bird.sample_rate), texts=TEN_SECONDS), rounds=3)
    benchmark.extra_info["times_real_time"] = len(samples) / bird.sample_rate / benchmark.stats["median"]


def test_load(benchmark) -> None:
    benchmark.pedantic(Parrotlet.load, rounds=5)
