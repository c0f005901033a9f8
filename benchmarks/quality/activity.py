"""Our speech activity against silero-vad's, frame by frame: `python benchmarks/quality/activity.py CORPUS SILERO`.

CORPUS holds vctk.zip and librispeech.zip. SILERO is the ONNX file of the wheel `silero-vad`. Each track is two clips of
one person between seconds of silence. Labels are the clean track's: frames within 40 dB of its loud ones, gaps of up to
0.1 s closed. They are by energy, which favors ours on clean tracks; all conditions share them.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import soundfile
import soxr

from parrotlet.enrollment import FRAME_S, find_speech

RATE, FRAME = 16000, int(16000 * FRAME_S)
TRACKS = 24
Samples = npt.NDArray[np.float32]
Frames = npt.NDArray[np.bool_]


def tracks(corpus: Path) -> list[Samples]:
    """Two clips each of ``TRACKS`` people, at -20 dBFS."""
    random, made = np.random.default_rng(0), []
    for name in ("vctk", "librispeech5"):
        with zipfile.ZipFile(corpus / f"{name}.zip") as archive:
            lines = archive.read(f"{name}/metadata.tsv").decode().splitlines()
            columns = lines[0].split("\t")
            files: dict[str, list[str]] = {}
            for line in lines[1:]:
                row = dict(zip(columns, line.split("\t"), strict=False))
                files.setdefault(row["speaker"], []).append(row["file"])
            people = sorted(person for person, own in files.items() if len(own) > 1)
            for index in random.permutation(len(people))[: TRACKS // 2]:
                parts = [np.zeros(RATE, np.float32)]
                for file in files[people[index]][:2]:
                    samples, rate = soundfile.read(io.BytesIO(archive.read(file)), dtype="float32")
                    samples = soxr.resample(samples, rate, RATE)[: 5 * RATE]
                    parts += [0.1 * samples / np.sqrt(np.mean(samples**2)), np.zeros(RATE, np.float32)]
                track = np.concatenate(parts)
                made.append((track + 1e-5 * random.standard_normal(len(track))).astype(np.float32))
    return made


def levels(samples: Samples) -> npt.NDArray[np.float64]:
    rows = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    return 10 * np.log10(np.maximum(np.mean(rows**2, axis=1), 1e-12))


def labels(clean: Samples) -> Frames:
    level = levels(clean)
    loud = level > np.percentile(level, 97) - 40
    width = 2
    opened = np.convolve(loud, np.ones(2 * width + 1), "same") > 0
    return np.convolve(~opened, np.ones(2 * width + 1), "same") == 0


def at(noise: Samples, speech: Samples, decibels: float) -> Samples:
    """The noise so much below the speech (over its labeled frames)."""
    active = labels(speech)
    power = np.mean(10 ** (levels(speech)[active] / 10))
    return (noise * np.sqrt(power / np.mean(noise**2) / 10 ** (decibels / 10))).astype(np.float32)


def pink(length: int, random: np.random.Generator) -> Samples:
    spectrum = np.fft.rfft(random.standard_normal(length))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 20)), length).astype(np.float32)


def music(length: int, random: np.random.Generator) -> Samples:
    """Chords of plucked harmonics, four a second, with a beat of noise."""
    time = np.arange(RATE) / RATE
    sound = np.zeros(length + RATE)
    for start in range(0, length, RATE // 4):
        root = 110 * 2 ** (random.integers(0, 24) / 12)
        chord = sum(
            np.sin(2 * np.pi * root * ratio * k * time) / k * np.exp(-3 * k**0.5 * time)
            for ratio in (1, 1.26, 1.5)
            for k in range(1, 9)
        )
        beat = 0.5 * random.standard_normal(RATE) * np.exp(-40 * time)
        sound[start : start + RATE] += chord + beat
    return sound[:length].astype(np.float32)


def room(samples: Samples, random: np.random.Generator, seconds: float = 0.6) -> Samples:
    """Exponentially decaying noise as an impulse response, the direct sound 6 dB above all of it."""
    time = np.arange(int(seconds * RATE)) / RATE
    tail = random.standard_normal(len(time)) * np.exp(-6.9 * time / seconds)
    tail[: RATE // 200] = 0
    response = 0.5 * tail / np.sqrt(np.sum(tail**2))
    response[0] = 1
    size = 1 << (len(samples) + len(response)).bit_length()
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)].astype(
        np.float32
    )


def silero(path: Path) -> Callable[[Samples], Frames]:
    """Which frames silero-vad finds active: probability above 0.5 of the 32 ms that a frame's middle lies in."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)

    def active(samples: Samples) -> Frames:
        state, context = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32)
        found = []
        for start in range(0, len(samples), 512):
            part = np.pad(samples[start : start + 512], (0, max(0, start + 512 - len(samples))))
            given = {"input": np.concatenate([context, part])[None], "state": state, "sr": np.array(RATE, np.int64)}
            out, state = session.run(None, given)
            context = part[-64:]
            found.append(out[0, 0] > 0.5)
        middle = (np.arange(len(samples) // FRAME) + 0.5) * FRAME / 512
        return np.array(found)[middle.astype(int)]

    return active


def main() -> None:
    random, clean = np.random.default_rng(1), tracks(Path(sys.argv[1]))
    theirs = silero(Path(sys.argv[2]))
    conditions: dict[str, Callable[[int], tuple[Samples, Frames]]] = {
        "clean": lambda k: (clean[k], labels(clean[k])),
        "pink noise 20 dB": lambda k: (clean[k] + at(pink(len(clean[k]), random), clean[k], 20), labels(clean[k])),
        "pink noise 10 dB": lambda k: (clean[k] + at(pink(len(clean[k]), random), clean[k], 10), labels(clean[k])),
        "room of 0.6 s": lambda k: (room(clean[k], random), labels(clean[k])),
        "room, noise 20 dB": lambda k: (
            room(clean[k], random) + at(pink(len(clean[k]), random), clean[k], 20),
            labels(clean[k]),
        ),
        "music 15 dB": lambda k: (clean[k] + at(music(len(clean[k]), random), clean[k], 15), labels(clean[k])),
        "music 5 dB": lambda k: (clean[k] + at(music(len(clean[k]), random), clean[k], 5), labels(clean[k])),
        "second talker in the pauses, 10 dB": lambda k: second(clean[k], clean[k - 1]),
    }
    print("| condition | ours: F1, miss, false alarm | silero-vad: F1, miss, false alarm |\n| --- | --- | --- |")
    for name, make in conditions.items():
        counts = np.zeros((2, 4))
        for k in range(len(clean)):
            samples, wanted = make(k)
            for row, found in enumerate((find_speech(samples, RATE)[0], theirs(samples))):
                counts[row] += (
                    (found & wanted).sum(),
                    (~found & wanted).sum(),
                    (found & ~wanted).sum(),
                    (~wanted).sum(),
                )
        cells = []
        for hit, missed, alarm, quiet in counts:
            f1 = 2 * hit / (2 * hit + missed + alarm)
            cells.append(f"{f1:.3f}, {missed / (hit + missed):.1%}, {alarm / quiet:.1%}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def second(one: Samples, other: Samples) -> tuple[Samples, Frames]:
    """Another person, 10 dB below, half a second later: both are speech."""
    length = min(len(one), len(other))
    moved = np.concatenate([np.zeros(RATE // 2, np.float32), other])[:length]
    quieter = moved * np.float32(10**-0.5)
    return one[:length] + quieter, labels(one[:length]) | labels(moved)


if __name__ == "__main__":
    main()
