"""Speak a list of sentences in preset and cloned voices, for the judge to score.

The judge is a separate program (Whisper, ECAPA-TDNN, DNSMOS). This module writes the WAVs and manifests that it reads,
and runs it. Cloned voices are people of the pack's held-out splits. References for likeness are never the recordings
that were enrolled.
"""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from parrotlet import Parrotlet, write_wav
from parrotlet.audio import SYNTHETIC
from parrotlet.errors import InputError, ParrotletError

from .corpus import Clip, Pack
from .export import load_students
from .export_mels import predicted_mel
from .train.aligned_clips import AlignedClips

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
    bird: Parrotlet, pack: Pack | None, out: Path, split: str, people: int = 10, sentences: int = 4, presets: int = 99
) -> dict[str, Path]:
    """Write WAVs and judge manifests ``presets.tsv`` and ``clones.tsv`` (and ``people.json``) under ``out``.

    Where the bundle learns, ``heard.tsv`` and ``guided.tsv`` hold the same people, fine-tuned by what is heard in their
    recording and with its text.
    presets, people: how many voices of each. Without a pack there are no people.
    """
    out.mkdir(parents=True, exist_ok=True)

    def speak(name: str, number: int, profile: Any) -> Path:
        path = out / f"{name}_{number}.wav"
        write_wav(path, bird.speak(SENTENCES[number], profile), bird.sample_rate, SYNTHETIC)
        return path

    def say(name: str, index: int, profile: Any, *references: str) -> list[str]:
        """Some sentences in a voice, as rows for the judge. index: of the voice, so that voices say different ones."""
        numbers = [(index * 3 + k) % len(SENTENCES) for k in range(sentences)]
        return ["\t".join((str(speak(name, number, profile)), SENTENCES[number], *references)) for number in numbers]

    lists: dict[str, list[str]] = {"presets": []}
    for index, preset in enumerate(list(bird.presets.values())[:presets]):
        lists["presets"] += say(preset.name, index, preset.profile)
    if pack is not None:
        enrolled = {}
        lists |= {"clones": []} | ({"heard": [], "guided": []} if bird.learns_from_texts else {})
        for index, (speaker, clips) in enumerate(held_out_people(pack, split, people).items()):
            samples = [pack.samples24(clip) for clip in clips[:4]]
            recording = samples[0], pack.config.sample_rate
            try:
                profile = bird.enroll(recording)
            except ParrotletError as error:
                print(f"{speaker}: {error}")
                continue
            references = []
            for k, other in enumerate(samples[1:]):
                reference = out / f"{speaker}_reference{k}.wav"
                soundfile.write(reference, other, pack.config.sample_rate)
                references.append(str(reference))
            enrolled[speaker] = references
            lists["clones"] += say(speaker, index, profile, ",".join(references))
            learned: dict[str, dict[str, Any]] = {
                "heard": {"fine_tune": True},
                "guided": {"texts": clips[0].text.lower()},
            }
            for way, given in learned.items() if bird.learns_from_texts else ():
                tuned = profile
                try:
                    tuned = bird.enroll(recording, **given)
                except ParrotletError as error:
                    print(f"{speaker}: {error}")
                lists[way] += say(f"{speaker}_{way}", index, tuned, ",".join(references))
        (out / "people.json").write_text(json.dumps(enrolled))
    for name, rows in lists.items():
        (out / f"{name}.tsv").write_text("\n".join(rows) + "\n")
    return {name: out / f"{name}.tsv" for name in lists}


def write_parts(
    bird: Parrotlet, clips: AlignedClips, students: Path, out: Path, split: str, people: int = 10, each: int = 2
) -> dict[str, Path]:
    """The same sentences from every part of the stack, each with another recording of the person as reference.

    ``recording``: the people themselves. ``vocoder``: copy synthesis. ``acoustic``: the acoustic model in torch with
    the true durations and pitch, then the vocoder. ``whole``: enrolled from the reference and spoken by the bundle.
    And the first three for held-out synthetic voices, which are free of noise. Returns one manifest for each.
    """
    out.mkdir(parents=True, exist_ok=True)
    speaker, synthesizer, _ = load_students(students)
    pack = clips.pack
    number = {(clip.archive, clip.id): i for i, clip in enumerate(pack.clips)}
    rows: dict[str, list[str]] = defaultdict(list)

    def put(kind: str, name: str, samples: npt.NDArray[np.float32], text: str, reference: str) -> None:
        path = out / f"{kind}_{name}.wav"
        soundfile.write(path, samples, pack.config.sample_rate)
        rows[kind].append(f"{path}\t{text}\t{reference}")

    def say(kind: str, name: str, clip: Clip, reference: Clip, reference_path: str) -> None:
        index = number[clip.archive, clip.id]
        f0 = pack.f0[clip.start : clip.start + clip.frames].astype(np.float32)
        measured = pack.mel[clip.start : clip.start + clip.frames].astype(np.float32)
        put(f"{kind}recording", name, pack.samples24(clip), clip.text, reference_path)
        put(f"{kind}vocoder", name, np.concatenate(list(bird.vocode(measured, f0))), clip.text, reference_path)
        if index in clips.durations:
            f0 = pack.f0[clips.span[index]].astype(np.float32)
            made = predicted_mel(speaker, synthesizer, clips, index, reference, clean=True)
            put(f"{kind}acoustic", name, np.concatenate(list(bird.vocode(made, f0))), clip.text, reference_path)

    for person, theirs in held_out_people(pack, split, people).items():
        reference = out / f"{person}_reference.wav"
        soundfile.write(reference, pack.samples24(theirs[0]), pack.config.sample_rate)
        try:
            profile = bird.enroll((pack.samples24(theirs[0]), pack.config.sample_rate))
        except ParrotletError as error:
            print(f"{person}: {error}")
            continue
        for k, clip in enumerate([c for c in theirs[1:] if c.text][:each]):
            say("", f"{person}_{k}", clip, theirs[0], str(reference))
            spoken = np.concatenate([chunk.samples for chunk in bird.speak(clip.text, profile)])
            put("whole", f"{person}_{k}", spoken, clip.text, str(reference))
    synthetic = [c for c in pack.clips if c.archive == "synthetic" and c.split == split][: people * each]
    for k, clip in enumerate(synthetic):
        say("synthetic_", str(k), clip, clip, "")
    for kind, lines in rows.items():
        (out / f"{kind}.tsv").write_text("\n".join(lines) + "\n")
    return {kind: out / f"{kind}.tsv" for kind in rows}


def judged(python: str, judge: Path, manifest: Path) -> dict[str, float]:
    """Run the judge on a manifest and return its summary. Raises InputError when it fails."""
    run = subprocess.run([python, str(judge), "score", str(manifest)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise InputError(f"{judge} failed: {run.stderr.strip().splitlines()[-1]}: run its `setup` first")
    summary: dict[str, float] = json.loads(run.stdout.strip().splitlines()[-1])
    return summary
