"""What the mark survives: how often it is found in 2 s, cut at random, and in a whole text of 10 s.

python benchmarks/mark/survival.py WORK_FOLDER [ARCHIVE.zip...] [--only NAME...]
Presets speak, and clones of people of the archives (clips, zipped); ffmpeg (with libmp3lame and libopus) does
the codecs. Other speech that is mixed in is of the archives, too: it is not marked.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import soundfile

from parrotlet import Parrotlet
from parrotlet.audio import resample
from parrotlet.errors import InputError
from parrotlet.marksearch import LIMIT, find_mark

RATE = 24000
CROPS = 3  # of each text
TEXTS = (
    "The weather was calm this morning, so we walked along the river and counted the boats that came by. Nobody said "
    "much, but everyone seemed happy enough.",
    "When the train finally arrived, the platform was full of people with heavy bags. Could you please tell me where "
    "the next station is?",
    "She opened the old book and read aloud about a king who never slept. It took him seven years to find out why, and "
    "by then it was too late.",
    "Please remember to water the plants on Thursday, feed the cat twice a day, and call me if anything strange "
    "happens while I am away.",
)


def ffmpeg(samples: np.ndarray, *options: str, container: str = "wav") -> np.ndarray:
    """Through a filter or a codec, and back."""

    def run(data: bytes, *command: str) -> bytes:
        return subprocess.run(
            ["ffmpeg", "-loglevel", "error", "-i", "-", *command, "-"], input=data, capture_output=True, check=True
        ).stdout

    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    coded = run(file.getvalue(), *options, "-f", container)
    raw = run(coded, "-f", "s16le", "-ac", "1", "-ar", str(RATE))
    return np.frombuffer(raw, "<i2").astype(np.float32) / 32768


def mixed(samples: np.ndarray, other: np.ndarray, db: float) -> np.ndarray:
    other = np.resize(other, len(samples))
    gain = np.sqrt(np.mean(samples**2) / np.mean(other**2)) * 10 ** (-db / 20)
    return (samples + gain * other).astype(np.float32)


def music(seconds: float) -> np.ndarray:
    """Chords of plucked strings with a beat: tones of many harmonics, that begin at once and die away."""
    random = np.random.default_rng(5)
    made = np.zeros(int(seconds * RATE) + RATE)
    for beat in np.arange(0, seconds, 0.25):
        at = np.arange(RATE) / RATE
        for note in random.choice([0, 3, 5, 7, 10, 12, 15], 3):
            pitch = 220 * 2 ** (note / 12)
            tone = sum(np.sin(2 * np.pi * pitch * k * at) / k for k in range(1, 12)) * np.exp(-4 * at)
            made[int(beat * RATE) : int(beat * RATE) + RATE] += tone
        hit = random.standard_normal(RATE // 10) * np.exp(-np.arange(RATE // 10) / 300)
        made[int(beat * RATE) : int(beat * RATE) + RATE // 10] += 2 * hit
    return made[: int(seconds * RATE)]


def room(samples: np.ndarray, seconds: float = 0.4) -> np.ndarray:
    """A small loudspeaker (250 to 6,000 Hz) heard from afar: an echo as strong as the direct sound, and hiss."""
    random = np.random.default_rng(7)
    at = np.arange(int(seconds * RATE))
    tail = random.standard_normal(len(at)) * 10 ** (-3 * at / len(at))
    tail[: RATE // 500] = 0
    response = tail / np.sqrt(np.sum(tail**2))
    response[0] = 1
    size = 1 << int(np.ceil(np.log2(len(samples) + len(at))))
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    band = 1 / (1 + (250 / np.maximum(frequency, 1)) ** 4) / (1 + (frequency / 6000) ** 4)
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size) * np.sqrt(band), size)[: len(samples)]
    return mixed(heard.astype(np.float32), random.standard_normal(len(heard)), 30)


def conditions(other: np.ndarray) -> Mapping[str, Callable[[np.ndarray], np.ndarray]]:
    noise = np.random.default_rng(3).standard_normal(20 * RATE)
    tune = music(20)
    return {
        "none": lambda x: x,
        "MP3 32 kbit/s": lambda x: ffmpeg(x, "-c:a", "libmp3lame", "-b:a", "32k", container="mp3"),
        "Opus 32 kbit/s": lambda x: ffmpeg(x, "-c:a", "libopus", "-b:a", "32k", container="ogg"),
        "Opus 16 kbit/s": lambda x: ffmpeg(x, "-c:a", "libopus", "-b:a", "16k", container="ogg"),
        "resampled to 16 kHz": lambda x: resample(resample(x, RATE, 16000), 16000, RATE),
        "resampled to 8 kHz": lambda x: resample(resample(x, RATE, 8000), 8000, RATE),
        "30 dB softer, 16 bits": lambda x: np.rint(x * 0.0316 * 32767).astype(np.float32) / 32767,
        "equalizer: bass -8, 1 kHz +6, treble -8 dB": lambda x: ffmpeg(
            x, "-af", "bass=g=-8:f=300,equalizer=f=1000:t=o:w=1:g=6,treble=g=-8:f=3000"
        ),
        "white noise, 20 dB": lambda x: mixed(x, noise, 20),
        "white noise, 10 dB": lambda x: mixed(x, noise, 10),
        "other speech, 10 dB": lambda x: mixed(x, other, 10),
        "music, 10 dB": lambda x: mixed(x, tune, 10),
        "2 % slower": lambda x: resample(x, 49000, 49980),
        "2 % faster": lambda x: resample(x, 50000, 49000),
        "1.3 % faster": lambda x: resample(x, 50000, 49350),
        "tempo 2 % slower": lambda x: ffmpeg(x, "-af", "atempo=0.98"),
        "tempo 2 % faster": lambda x: ffmpeg(x, "-af", "atempo=1.02"),
        "loudspeaker and room": room,
        "room, then Opus 16 kbit/s": lambda x: ffmpeg(room(x), "-c:a", "libopus", "-b:a", "16k", container="ogg"),
    }


def people(archives: list[str], count: int) -> list[np.ndarray]:
    """Recordings of 8 s or more at 24 kHz, spread over the archives."""
    found = []
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith((".opus", ".ogg")))
            for name in names[:: len(names) // count]:
                samples, rate = soundfile.read(io.BytesIO(archive.read(name)), dtype="float32")
                if len(samples) >= 8 * rate and len(found) < count * (archives.index(path) + 1):
                    found.append(resample(samples, rate, RATE))
    return found


def speech(folder: Path, archives: list[str]) -> None:
    """WAVs of presets and clones, with and without the mark."""
    bird, plain = Parrotlet.load(), Parrotlet.load(watermark=None)
    voices: dict[str, object] = dict(bird.presets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, recording in enumerate(people(archives, 6)):
            try:
                voices[f"clone{number}"] = bird.enroll((recording, RATE))
            except InputError as problem:  # a recording that is refused makes no clone
                print(f"clone{number}: {problem}")
    for number, (name, voice) in enumerate(voices.items()):
        for kind, engine in (("marked", bird), ("plain", plain)):
            chunks = engine.speak(TEXTS[number % 4], voice, seed=number)  # type: ignore[arg-type]
            soundfile.write(folder / f"{name}.{kind}.wav", np.concatenate([c.samples for c in chunks]), RATE, "FLOAT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("archives", nargs="*")
    parser.add_argument("--only", nargs="+", default=[])
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    if not list(options.folder.glob("*.marked.wav")):
        speech(options.folder, options.archives)
    files = sorted(options.folder.glob("*.marked.wav"))
    others = people(options.archives, 2)
    random = np.random.default_rng(11)
    other = np.concatenate(others) if others else random.standard_normal(RATE)
    table = {}
    print(f"{len(files)} texts | found in 2 s | z, mean (5th percentile) | found in the whole text | payload read")
    for name, change in conditions(other).items():
        if options.only and name not in options.only:
            continue
        scores, found, whole, read = [], [], [], []
        for path in files:
            heard = change(soundfile.read(path, dtype="float32")[0])
            report = find_mark(heard, RATE)
            whole.append(report.marked)
            read.append(report.payload is not None)
            for _ in range(CROPS):
                at = random.integers(0, len(heard) - 2 * RATE)
                report = find_mark(heard[at : at + 2 * RATE], RATE)
                scores.append(report.z)
                found.append(report.p <= LIMIT)
        row = [np.mean(found), np.mean(scores), np.percentile(scores, 5), np.mean(whole), np.mean(read)]
        table[name] = [round(float(one), 3) for one in row]
        print(f"{name} | {row[0]:.1%} | {row[1]:.1f} ({row[2]:.1f}) | {row[3]:.0%} | {row[4]:.0%}", flush=True)
    (options.folder / "survival.json").write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
