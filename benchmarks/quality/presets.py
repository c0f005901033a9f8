"""The preset voices as they are and adapted as enrolled voices are: `python benchmarks/quality/presets.py CORPUS OUT`.

CORPUS holds synthetic.zip, the recordings that the presets come from. Of every four clips of a preset one is kept as
reference. Writes speech and references to OUT, and plain.tsv and adapted.tsv for the judge.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from parrotlet import Parrotlet, VoiceProfile, adaptation
from parrotlet.enrollment import MOST_SPEECH_S
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.profile import person
from parrotlet_compression.voices import PRESETS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXTS = (
    "The morning train was late again, so we walked along the river.",
    "She keeps three old clocks on the kitchen shelf.",
    "I would rather stay at home and read a good book.",
)
EVERY = 4


def adapted(
    profile: VoiceProfile, archive: zipfile.ZipFile, clips: Sequence[dict[str, Any]], reference: Path
) -> VoiceProfile:
    """The profile with the spectrum of the clips; the first that is left out is written as the reference."""
    config, mels = MelConfig(), []
    for number, clip in enumerate(clips):
        samples, rate = soundfile.read(io.BytesIO(archive.read(f"synthetic/{clip['id']}.opus")), dtype="float32")
        samples = soxr.resample(samples, rate, config.sample_rate)
        if number % EVERY < EVERY - 1:
            mels.append(mel_spectrogram(samples, config))
        elif not reference.exists():
            soundfile.write(reference, samples, config.sample_rate)
    heard = np.concatenate(mels)[: int(MOST_SPEECH_S * config.frame_rate)]
    return replace(profile, tensors=person(profile.embedding, profile.pitch, adaptation.measure(heard)))


def main() -> None:
    corpus, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    bird, lines = Parrotlet.load(), dict[str, list[str]](plain=[], adapted=[])
    with zipfile.ZipFile(corpus / "synthetic.zip") as archive:
        rows = [json.loads(line) for line in archive.read("synthetic/metadata.jsonl").decode().splitlines()]
        for name, preset in tomllib.loads(PRESETS.read_text(encoding="utf-8")).items():
            plain, reference = bird.presets[name].profile, out / f"{name}.wav"
            clips = [row for row in rows if row["speaker"] == preset["speaker"]]
            for kind, profile in (("plain", plain), ("adapted", adapted(plain, archive, clips, reference))):
                voice = bird.voice(profile)
                for number, text in enumerate(TEXTS):
                    path = out / f"{name}-{kind}{number}.wav"
                    samples = np.concatenate([chunk.samples for chunk in bird.speak(text, voice)])
                    soundfile.write(path, samples, bird.sample_rate)
                    lines[kind].append(f"{path}\t{text}\t{reference}")
    for kind, written in lines.items():
        (out / f"{kind}.tsv").write_text("\n".join(written) + "\n")


if __name__ == "__main__":
    main()
