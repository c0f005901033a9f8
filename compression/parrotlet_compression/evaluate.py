"""Speak a list of sentences in preset and cloned voices, for the judge to score.

The judge is a program of its own (Whisper, ECAPA-TDNN, DNSMOS); this writes the WAVs and the manifests it
reads, and runs it when it is given. Cloned voices are people of the pack's held-out splits; the reference
recordings for likeness are never the ones enrolled.
"""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import soundfile

from parrotlet import Parrotlet, write_wav
from parrotlet.engine import SYNTHETIC
from parrotlet.errors import InputError, ParrotletError

from .corpus import Clip, Pack

SENTENCES = (
    "Good morning, the coffee is ready and the windows are open.",
    "Please turn off the kitchen light in ten minutes.",
    "The weather tomorrow will be cloudy with a little rain in the evening.",
    "I put the keys on the table next to the blue notebook.",
    "Your next meeting starts at half past three on the second floor.",
    "She walked slowly along the beach and watched the boats come in.",
    "Do you want me to play the same music as yesterday?",
    "The old bridge was closed because the river had risen overnight.",
    "We bought fresh bread, two bottles of milk and a bag of apples.",
    "Remember to water the plants before you leave on Friday.",
)
"""Test sentences, ours: none is in the corpus."""


def held_out_people(pack: Pack, split: str, count: int) -> dict[str, list[Clip]]:
    """People of a held-out split with their clips, longest first; at least two clips each."""
    clips: dict[str, list[Clip]] = defaultdict(list)
    for clip in pack.clips:
        if clip.split == split and clip.archive != "synthetic" and clip.speaker and clip.snr_db >= 20:
            clips[clip.speaker].append(clip)
    usable = {s: sorted(c, key=lambda c: -c.frames) for s, c in sorted(clips.items()) if len(c) >= 2}
    usable = {s: c for s, c in usable.items() if c[0].frames * 0.0125 >= 4}
    # Alternate between archives, so that few people still means several microphones.
    vctk = [s for s in usable if s.startswith("vctk")]
    rest = [s for s in usable if not s.startswith("vctk")]
    order = [s for pair in zip(vctk, rest, strict=False) for s in pair]
    order += [s for s in usable if s not in order]
    return {speaker: usable[speaker] for speaker in order[:count]}


def write_test_speech(
    bird: Parrotlet, pack: Pack, out: Path, split: str, people: int = 10, sentences: int = 4
) -> dict[str, Path]:
    """Write WAVs and judge manifests ``presets.tsv`` and ``clones.tsv`` (and ``people.json``) under ``out``."""
    out.mkdir(parents=True, exist_ok=True)

    def speak(name: str, number: int, profile: Any) -> Path:
        path = out / f"{name}_{number}.wav"
        write_wav(path, bird.speak(SENTENCES[number], profile), bird.sample_rate, SYNTHETIC)
        return path

    rows = []
    for index, preset in enumerate(bird.presets.values()):
        for k in range(sentences):
            number = (index * 3 + k) % len(SENTENCES)
            rows.append(f"{speak(preset.name, number, preset.profile)}\t{SENTENCES[number]}")
    (out / "presets.tsv").write_text("\n".join(rows) + "\n")
    rows, enrolled = [], {}
    for index, (speaker, clips) in enumerate(held_out_people(pack, split, people).items()):
        samples = [pack.samples24(clip) for clip in clips[:4]]
        try:
            profile = bird.enroll((samples[0], pack.config.sample_rate))
        except ParrotletError as error:
            print(f"{speaker}: {error}")
            continue
        references = []
        for k, other in enumerate(samples[1:]):
            reference = out / f"{speaker}_reference{k}.wav"
            soundfile.write(reference, other, pack.config.sample_rate)
            references.append(str(reference))
        enrolled[speaker] = references
        for k in range(sentences):
            number = (index * 3 + k) % len(SENTENCES)
            rows.append(f"{speak(speaker, number, profile)}\t{SENTENCES[number]}\t{','.join(references)}")
    (out / "clones.tsv").write_text("\n".join(rows) + "\n")
    (out / "people.json").write_text(json.dumps(enrolled))
    return {"presets": out / "presets.tsv", "clones": out / "clones.tsv"}


def judged(python: str, judge: Path, manifest: Path) -> dict[str, float]:
    """Run the judge on a manifest and return its summary. Raises InputError when it fails."""
    run = subprocess.run([python, str(judge), "score", str(manifest)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise InputError(f"{judge} failed: {run.stderr.strip().splitlines()[-1]}: run its `setup` first")
    summary: dict[str, float] = json.loads(run.stdout.strip().splitlines()[-1])
    return summary
