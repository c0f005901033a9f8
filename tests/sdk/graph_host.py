"""A host without arithmetic: it enrolls and speaks by running the bundle's graphs, as one in another language would.

What it does beside that is to cut, to join, to compare, and one logarithm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parrotlet.bundle import Bundle
from parrotlet_runtimes import Session

Array = np.ndarray
Tensors = dict[str, Array]


class GraphHost:
    """See docs/export.md, "Enrolling and speaking by graphs"."""

    def __init__(self, bundle: Bundle, runtime: str = "onnx") -> None:
        self.bundle, self.runtime, self.manifest = bundle, runtime, bundle.manifest
        self._sessions: dict[str, Session] = {}

    def run(self, graph: str, **feeds: Array) -> dict[str, Array]:
        if graph not in self._sessions:
            self._sessions[graph] = self.bundle.session(graph, self.runtime)
        multiple = self.manifest["graphs"][graph][self.runtime].get("multiple_of")
        if multiple:
            feeds["samples"] = feeds["samples"][:, : feeds["samples"].shape[1] // multiple * multiple]
        return self._sessions[graph].run(feeds)

    def enroll(self, samples: Array) -> tuple[Tensors, dict[str, Any]]:
        """A recording [N] at 16 kHz -> the tensors of a profile, and every intermediate result."""
        seen: dict[str, Any] = {"activity": self.run("activity", samples=samples[None])}
        active = seen["activity"]["active"][0] > 0
        size = int(self.manifest["speaker"]["sample_rate"] * self.manifest["enrollment"]["frame_s"])
        speech = samples[: len(active) * size].reshape(-1, size)[active].reshape(1, -1)
        seen["speech"] = {**self.run("pitch", samples=speech), **self.run("bandwidth", samples=speech)}
        windows = self._windows(speech)
        rows = np.concatenate([self.run("speaker", samples=window[None])["embedding"] for window in windows])
        seen["mean_embedding"] = self.run("mean_embedding", embeddings=rows, seconds=np.ones(len(rows), np.float32))
        seen["resampled"] = self.run("resample", samples=speech)["resampled"]
        seen["mel"] = self.run("mel", samples=seen["resampled"])["mel"]
        seen["spectrum"] = self.run("spectrum", mel=seen["mel"])
        tensors = {
            "speaker.embedding": seen["mean_embedding"]["embedding"][0],
            "pitch.median_hz": seen["speech"]["median_hz"],
            "pitch.spread_octaves": seen["speech"]["spread_octaves"],
        }
        if seen["spectrum"]["frames"][0] >= self.manifest["adaptation"]["min_frames"]:
            for part in ("exemplars", "mean", "covariance", "band_means"):
                tensors[f"spectrum.{part}"] = seen["spectrum"][part]
        return tensors, seen

    def _windows(self, speech: Array) -> Array:
        if self.runtime == "onnx":
            return self.run("windows", samples=speech)["windows"]
        numbers = self.manifest["enrollment"]
        size = int(numbers["window_s"] * self.manifest["speaker"]["sample_rate"])
        length = speech.shape[1]
        count = max(1, round(length / size * numbers["windows_a_length"]))
        spare = max(0, length - size)
        starts = [k * spare // max(1, count - 1) for k in range(count)]
        return np.stack([np.take(speech[0], range(start, start + size), mode="wrap") for start in starts])

    def statistics(self, tensors: Tensors) -> Array:
        median, spread = (float(tensors[f"pitch.{name}"][0]) for name in ("median_hz", "spread_octaves"))
        return np.array([[math.log2(median / self.manifest["pitch"]["reference_hz"]), spread, 0]], np.float32)

    def fit(self, tensors: Tensors) -> Array:
        """The map of a profile: what the model says of the adaptation sentences, brought to the person."""
        said = [self.acoustics(phonemes, tensors)["predicted"] for phonemes in self.manifest["adaptation"]["sentences"]]
        parts = {part: tensors[f"spectrum.{part}"] for part in ("mean", "covariance", "band_means")}
        return self.run("adapt", predicted=np.concatenate(said, axis=1), **parts)["map"]

    def acoustics(self, phonemes: str, tensors: Tensors, adaptation: Array | None = None) -> dict[str, Array]:
        symbols = self.manifest["symbols"]
        if adaptation is None:
            adaptation = np.zeros(self.manifest["adaptation"]["size"], np.float32)
        made = self.run(
            "acoustic",
            phonemes=np.array([[symbols.index(symbol) for symbol in f"^{phonemes}$"]]),
            embedding=np.concatenate([tensors["speaker.embedding"], adaptation])[None],
            statistics=self.statistics(tensors),
            speed=np.ones(1, np.float32),
            pitch=np.zeros(1, np.float32),
            factors=np.zeros((1, self.manifest["finetuning"]["factors"]), np.float32),
        )
        cut = max(0, int(made["durations"][0, 0]) - self.manifest["synthesis"]["edge_frames"])
        made["durations"][0, 0] -= cut
        return {name: value if name == "durations" else value[:, cut:] for name, value in made.items()}

    def adaptation(self, fitted: Array, tensors: Tensors) -> Array:
        """What the acoustic graph takes after the embedding."""
        if not fitted.any():
            return np.zeros(self.manifest["adaptation"]["size"], np.float32)
        likeness = [np.float32(self.manifest["adaptation"]["likeness"])]
        return np.concatenate([fitted, likeness, tensors["spectrum.exemplars"].reshape(-1)])

    def render(self, mel: Array, f0: Array, white: Array) -> Array:
        """mel [1, T, M] and f0 [1, T] of an utterance -> samples [1, T * hop]."""
        spectra = self.run("vocoder", mel=mel)
        parts = {part: spectra[part] for part in ("magnitude", "phase", "noise")}
        return self.run("render", **parts, f0=f0, white=white, first=np.zeros(1, np.int64))["samples"]


def white_noise(count: int, seed: int = 1) -> Array:
    """Uniform noise of variance 1 [1, count] that every language can make: x = 1664525 x + 1013904223 mod 2^32."""
    made, x = np.empty(count), seed
    for index in range(count):
        x = (1664525 * x + 1013904223) % 2**32
        made[index] = (x / 2**32 - 0.5) * math.sqrt(12)
    return made.astype(np.float32)[None]
