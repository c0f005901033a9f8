"""The graphs without weights against the numpy code: size, largest difference, processor time on one thread.

    python benchmarks/runtimes/signal_graphs.py

For a recording of a preset voice of about 13 s in a quiet room, and the same words spoken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from parrotlet import Parrotlet, adaptation
from parrotlet.audio import resample
from parrotlet.bundle import run
from parrotlet.enrollment import bandwidth, find_speech, judge
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.pitch import estimate_f0
from parrotlet.rendering import Renderer

ROUNDS = 7
SENTENCES = (
    "The quick brown fox jumps over the lazy dog while the sun is shining on the river.",
    "Please read a few more sentences so that the device can learn how you sound today.",
)


class _Given:
    def __init__(self, white: np.ndarray) -> None:
        self.white, self.at = white, 0

    def standard_normal(self, count: int, dtype: object) -> np.ndarray:
        self.at += count
        return self.white[self.at - count : self.at]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the least milliseconds of processor time it took."""
    least = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        made = work()
        least = min(least, time.process_time() - start)
    return made, least * 1e3


def _relative(made: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(made - wanted).max() / np.abs(wanted).max())


def main() -> None:
    bird = Parrotlet.load()
    bundle = bird.bundle

    def row(graph: str, work: Callable[[], Any], far: Callable[[Any, dict[str, Any]], str], **feeds: np.ndarray) -> Any:
        session = bundle.session(graph)
        wanted, numpy_ms = _timed(work)
        made, graph_ms = _timed(lambda: session.run(feeds))
        sizes = [(bundle.path / f"{graph}.{kind}").stat().st_size / 1e3 for kind in ("onnx", "tflite")]
        _, lite_ms = _timed(in_tflite(graph, feeds))
        print(
            f"| `{graph}` | {sizes[0]:.0f} / {sizes[1]:.0f} kB | {far(wanted, made)} "
            f"| {graph_ms:.1f} / {lite_ms:.1f} / {numpy_ms:.1f} ms |"
        )
        return wanted

    def in_tflite(graph: str, feeds: dict[str, np.ndarray]) -> Callable[[], Any]:
        multiple = bundle.manifest["graphs"][graph]["tflite"].get("multiple_of")
        typed = {name: value.astype(np.int32) if value.dtype == np.int64 else value for name, value in feeds.items()}
        if multiple:
            typed["samples"] = typed["samples"][:, : typed["samples"].shape[1] // multiple * multiple]
        session = bundle.session(graph, "tflite")
        session.run(typed)  # makes room for this length
        return lambda: session.run(typed)

    random = np.random.default_rng(0)
    said = [np.pad(chunk.samples, 2000) for text in SENTENCES for chunk in bird.speak(text, "robin")]
    recording = np.concatenate(said)
    recording = (recording + 0.0005 * random.standard_normal(len(recording))).astype(np.float32)
    samples = resample(recording, 24000, 16000)
    _, speech, _ = judge("recording", samples, 16000)
    print(f"{len(samples) / 16000:.1f} s, {len(speech) / 16000:.1f} s of speech\n")
    print("| graph | size, ONNX / TFLite | largest difference, ONNX | time, ONNX / TFLite / numpy |\n|---|---|---|---|")

    def levels(wanted: Any, made: dict[str, Any]) -> str:
        active, level = wanted
        differ = int(((made["active"][0] > 0) != active).sum())
        return f"{np.abs(made['level'][0] - level).max():.0e} dB; activity in {differ} of {len(active)}"

    def hertz(wanted: Any, made: dict[str, Any]) -> str:
        f0, own = wanted, made["f0"][0]
        both = (f0 > 0) & (own > 0)
        differ = int(((f0 > 0) != (own > 0)).sum())
        return f"{np.abs(f0 - own)[both].max():.0e} Hz; voicing in {differ} of {len(f0)}"

    row("activity", lambda: find_speech(samples, 16000), levels, samples=samples[None])
    row("pitch", lambda: estimate_f0(speech, 16000), hertz, samples=speech[None])
    row(
        "bandwidth",
        lambda: bandwidth(speech, 16000),
        lambda wanted, made: f"{abs(made['bandwidth_hz'][0] - wanted):.0f} Hz",
        samples=speech[None],
    )

    def decibels(wanted: Any, made: dict[str, Any]) -> str:
        own = next(iter(made.values()))[0]
        return f"{10 * np.log10(np.mean((own - wanted) ** 2) / np.mean(wanted**2)):.0f} dB"

    up = row("resample", lambda: resample(speech, 16000, 24000), decibels, samples=speech[None])
    config = MelConfig()
    row(
        "mel",
        lambda: mel_spectrogram(recording, config),
        lambda wanted, made: f"{np.abs(made['mel'][0] - wanted).max():.0e}",
        samples=recording[None],
    )
    mel = mel_spectrogram(up, config)

    def parts(wanted: Any, made: dict[str, Any]) -> str:
        return f"{max(_relative(made[name], value) for name, value in wanted._asdict().items()):.0e} of the largest"

    spectrum = row("spectrum", lambda: adaptation.measure(mel), parts, mel=mel[None])
    phonemes = bird.bundle.manifest["adaptation"]["sentences"]
    spoken = np.concatenate([bird.acoustics(sentence, "kite").predicted for sentence in phonemes])

    def fitted(wanted: Any, made: dict[str, Any]) -> str:
        cuts = (slice(0, 1), slice(1, 25), slice(25, None))
        return f"{max(_relative(made['map'][cut], wanted[cut]) for cut in cuts):.0e} of the largest"

    measured = {name: value for name, value in spectrum._asdict().items() if name != "exemplars"}
    row("adapt", lambda: adaptation.fit_map(spoken, spectrum), fitted, predicted=spoken[None], **measured)

    acoustics = bird.acoustics(bird.phonemize(" ".join(SENTENCES)), "robin")
    spectra = run(bundle.session("vocoder"), mel=acoustics.mel[None])
    filters = {name: spectra[name] for name in ("magnitude", "phase", "noise")}
    white = random.standard_normal(len(acoustics.f0) * bundle.hop_length, dtype=np.float32)

    def rendered() -> np.ndarray:
        generator: Any = _Given(white)
        renderer = Renderer(acoustics.f0, bundle.hop_length, bundle.n_fft, bundle.sample_rate, generator)
        return np.concatenate([renderer.push(*(value[0] for value in filters.values())), renderer.finish()])

    first = np.zeros(1, np.int64)
    row("render", rendered, decibels, **filters, f0=acoustics.f0[None], white=white[None], first=first)
    print(f"\n`render`: {len(white) / bundle.sample_rate:.1f} s of speech")


if __name__ == "__main__":
    main()
