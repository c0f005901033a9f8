"""Acoustic model and vocoder on every runtime, one thread: python benchmarks/runtimes/compare.py [BUNDLE ...]

Prints × real time and the time relative to the first bundle on onnxruntime. Time is processor time of this
process, and rounds of all candidates alternate, so that other work on the machine favours none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from parrotlet import Parrotlet
from parrotlet.bench import TEN_SECONDS
from parrotlet.bundle import Bundle
from parrotlet.errors import BundleError

ROUNDS = 15


def candidates(paths: list[str | None]) -> dict[str, Parrotlet]:
    """One engine for every bundle and every runtime it has a form for that is installed here."""
    found = {}
    for path in paths:
        bundle = Bundle.load(path)
        for runtime in ("onnx", "tflite"):
            try:
                bird = Parrotlet(bundle, runtime=runtime, threads=1)
                info = bird.session_info["acoustic"]
            except BundleError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            entry = bundle.manifest["graphs"]["vocoder"][runtime]
            form = entry["precision"] + {"int8": " dynamic", "static": " static"}.get(entry.get("activations"), "")
            found[f"{bundle.path.name}: {info.runtime} {info.version}, {form}"] = bird
    return found


def processor_seconds(work: Callable[[Parrotlet], object], bird: Parrotlet) -> float:
    started = time.process_time()
    work(bird)
    return time.process_time() - started


def main() -> None:
    birds = candidates(sys.argv[1:] or [None])
    first = next(iter(birds.values()))
    voice = next(iter(first.presets.values())).profile
    phonemes = first.phonemize(TEN_SECONDS)
    spectrum = first.acoustics(phonemes, voice)
    seconds = len(spectrum.mel) * first.bundle.hop_length / first.sample_rate
    speech = np.concatenate(list(first.vocode(spectrum.mel, spectrum.f0)))[: 4 * first.bundle.speaker_rate]
    stages: dict[str, tuple[float, Callable[[Parrotlet], object]]] = {
        "acoustic": (seconds, lambda bird: bird.acoustics(phonemes, voice)),
        "vocoder": (seconds, lambda bird: list(bird.vocode(spectrum.mel, spectrum.f0))),
        "speaker": (4.0, lambda bird: bird.speaker_embedding(speech)),
    }
    for stage, (length, work) in stages.items():
        took: dict[str, list[float]] = {name: [] for name in birds}
        for _ in range(ROUNDS):
            for name, bird in birds.items():
                took[name].append(processor_seconds(work, bird))
        base = np.median(next(iter(took.values())))
        for name, rounds in took.items():
            median = float(np.median(rounds[1:]))
            print(f"{stage:<9} {name:<60} {length / median:7.1f} x real time  {median / base:5.2f} of the first")


if __name__ == "__main__":
    main()
