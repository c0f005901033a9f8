"""What a narrow-band recording gives a voice: how like its person it is, and the table that completes its spectrum.

    python benchmarks/quality/narrow_band.py speak CORPUS FOLDER [SPLIT]
    python benchmarks/quality/narrow_band.py fit CORPUS

``speak`` enrolls the people of a split (validation, if none is named) from one recording at full band and resampled to
11 and 8 kHz, and lets each say two sentences with and without the adaptation. It prints the cosine to the person's
other recordings by GE2E (the wheel of Resemblyzer), and writes FOLDER/NAME.tsv for a judge. ``fit`` writes
``sdk/parrotlet/narrow_band.npz`` from people of the training split.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from people import RATE, clips

from parrotlet import Parrotlet, VoiceProfile
from parrotlet.adaptation import BANDS, COUNTED, FLOOR, LEVEL_BANDS
from parrotlet.audio import resample, write_wav
from parrotlet.engine import SYNTHETIC
from parrotlet.enrollment import FRAME_S, MIN_SPEECH_S, bandwidth, find_speech
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.narrow_band import TABLE, recording_level
from parrotlet.recording import read_recording
from parrotlet_compression.teachers.ge2e import GE2E, ge2e_embeddings

Samples = npt.NDArray[np.float32]
FULL_BAND_HZ = 7500
FRAMES = 40  # of a recording
SENTENCES = ("The birds left the lake before the first snow.", "She asked him to bring a chair from the kitchen.")


def fit(corpus: Path) -> None:
    """Mean and covariance of frames of speech, every recording counting alike."""
    config, random = MelConfig(), np.random.default_rng(0)
    rows = []
    for clip in clips(corpus, "train", ("vctk", "commonvoice", "librispeech5"), every=10):
        size = int(FRAME_S * RATE)
        active, _ = find_speech(clip.samples, RATE)
        speech = clip.samples[: len(active) * size].reshape(-1, size)[active].reshape(-1)
        if bandwidth(speech, RATE) < FULL_BAND_HZ:
            continue
        mel = np.maximum(mel_spectrogram(resample(speech, RATE, config.sample_rate), config), FLOOR)
        level = mel[:, LEVEL_BANDS].mean(axis=1)
        loud = mel[level > np.percentile(level, 95) - COUNTED, :BANDS]
        rows.append(random.permutation(loud)[:FRAMES] - recording_level(mel))
    frames = np.concatenate(rows).astype(np.float64)
    print(f"{len(frames)} frames of {len(rows)} recordings")
    np.savez_compressed(
        TABLE, mean=frames.mean(axis=0).astype(np.float32), covariance=np.cov(frames, rowvar=False).astype(np.float32)
    )


def speak(corpus: Path, folder: Path, split: str) -> None:
    bird, ear = Parrotlet.load(), GE2E()
    people: dict[str, list[Samples]] = defaultdict(list)
    for clip in clips(corpus, split):
        people[clip.person].append(clip.samples)
    folder.mkdir(parents=True)
    manifests: dict[str, list[str]] = defaultdict(list)
    rows: dict[str, list[float]] = defaultdict(list)

    def said(name: str, person: str, profile: VoiceProfile, heard: npt.NDArray[np.float32]) -> None:
        for number, text in enumerate(SENTENCES):
            path = folder / f"{name}-{person}-{number}.wav"
            write_wav(path, bird.speak(text, profile), bird.sample_rate, SYNTHETIC)
            references = ",".join(str(folder / f"{person}-{k}.wav") for k in range(len(heard)))
            manifests[name].append(f"{path}\t{text}\t{references}")
            samples, _ = read_recording(path, RATE)
            rows[name].append(float((ge2e_embeddings([samples], ear) @ heard.T).mean()))

    for person, own in people.items():
        own.sort(key=len, reverse=True)
        if len(own) < 2 or bird.examine((own[0], RATE))[0].speech_s < MIN_SPEECH_S:
            continue
        heard = ge2e_embeddings(own[1:4], ear)
        for number, samples in enumerate(own[1:4]):
            soundfile.write(folder / f"{person}-{number}.wav", samples, RATE)
        for rate in (RATE, 11025, 8000):
            profile = bird.enroll((resample(own[0], RATE, rate), rate))
            embedding = profile.embedding[: bird.bundle.manifest["speaker"]["embedding"]]
            said(f"{rate}-plain", person, replace(profile, embedding=bird.bundle.unadapted(embedding)), heard)
            said(f"{rate}-adapted", person, profile, heard)
    for name, values in rows.items():
        (folder / f"{name}.tsv").write_text("\n".join(manifests[name]) + "\n")
        low = np.percentile(values, 10)
        print(f"{name:<14} {np.mean(values):.3f} mean, {low:.3f} 10th percentile, {len(values)} sentences")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1] == "fit":
        fit(Path(sys.argv[2]))
    else:
        speak(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "validation")
