"""What does fine-tuning bring, with the text of the recordings and without? Enroll people by the SDK alone, and speak.

    python benchmarks/quality/guided.py pack CORPUS FOLDER
    python benchmarks/quality/guided.py speak FOLDER OUT --seconds 10 30 --people vctk_p360 vctk_p245
    JUDGE_PYTHON benchmarks/quality/flow.py judge JUDGE.py OUT plain_30 heard_30 guided_30 --words

OUT gets a list for the judge of every length, not fine-tuned (plain), by what is heard, and by the text (guided), and
one of the recordings.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from commands import Commands

READERS = ("ls_118", "ls_1867", "ls_2416", "ls_3526", "ls_163", "ls_332")
VALIDATION = ("vctk_p360", "vctk_p245", "cv13_0174", "cv13_0160")
CLIPS = 32  # of each reading, from its start
SPOKEN, REFERENCES = 6, 3
HELD_S = (3.0, 10.0), (4.0, 17.0)


def _pack(options: argparse.Namespace) -> None:
    from parrotlet_compression.corpus import Clip, Pack
    from parrotlet_compression.corpus import pack as packed

    seen: dict[tuple[str, str], int] = defaultdict(int)

    def wanted(clip: Clip) -> bool:
        seen[clip.archive, clip.speaker] += 1
        few = clip.archive != "librispeech5" or seen[clip.archive, clip.speaker] <= CLIPS
        return clip.speaker in (*READERS, *VALIDATION) and few

    archives = ["librispeech", "librispeech5", "vctk", "commonvoice"]
    packed(options.corpus, options.folder / "pack", archives=archives, wanted=wanted)

    pack, readings, others = Pack(options.folder / "pack"), defaultdict(list), {}
    for number, clip in enumerate(pack.clips):
        if clip.archive == "librispeech":
            others[clip.speaker] = number
        else:
            readings[clip.speaker].append((number, clip.frames / pack.config.frame_rate))
    people: dict[str, Any] = {}
    for name in (*READERS, *VALIDATION):
        uses = _uses(readings[name], SPOKEN if name in READERS else 3, REFERENCES if name in READERS else 2)
        voiced = np.concatenate([_voiced(pack, number) for number in uses["enroll"]])
        other = others.get(name, uses["reference"][0])
        people[name] = {**uses, "other_book": other, "median_hz": round(float(np.median(voiced)))}
    (options.folder / "people.json").write_text(json.dumps(people, indent=1))


def _voiced(pack: Any, number: int) -> Any:
    clip = pack.clips[number]
    f0 = pack.f0[clip.start : clip.start + clip.frames].astype(np.float32)
    return f0[f0 > 0]


def _uses(clips: list[tuple[int, float]], spoken: int, references: int) -> dict[str, list[int]]:
    """clips: numbers and seconds, in the order of reading -> numbers of those to speak, to compare with, to enroll."""
    chosen: dict[str, list[int]] = {}
    free = list(clips)
    for use, count, (low, high) in (("spoken", spoken, HELD_S[0]), ("reference", references, HELD_S[1])):
        fit = [number for number, seconds in free if low <= seconds <= high]
        places = (np.arange(count) + 0.2 + 0.25 * len(chosen)) * len(fit) / count
        chosen[use] = sorted({fit[int(place)] for place in places})
        free = [(number, seconds) for number, seconds in free if number not in chosen[use]]
    return {**chosen, "enroll": [number for number, _ in free]}


def _enrolled(pack: Any, numbers: list[int], seconds: float) -> tuple[list[tuple[Any, int]], list[str]]:
    """The first whole clips of about so many seconds, as ``enroll`` takes them, and their texts."""
    recordings, texts, left = [], [], seconds
    for number in numbers:
        clip = pack.clips[number]
        length = clip.frames / pack.config.frame_rate
        if recordings and length > 1.5 * left:
            continue
        recordings.append((pack.samples24(clip), pack.config.sample_rate))
        texts.append(clip.text.lower())
        left -= length
        if left < 1:
            break
    return recordings, texts


def _noisy(samples: Any, snr_db: float) -> Any:
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
    return samples + noise * float(np.sqrt(np.mean(samples**2)) * 10 ** (-snr_db / 20))


def _reference(out: Path, pack: Any, name: str, use: dict[str, Any]) -> dict[str, str]:
    """What the judge compares a person's clones with, written to ``out``."""
    import soundfile

    paths = [out / f"reference_{name}_{k}.wav" for k in range(len(use["reference"]))]
    other = out / f"other_{name}.wav"
    for path, number in zip([*paths, other], [*use["reference"], use["other_book"]], strict=True):
        soundfile.write(path, pack.samples24(pack.clips[number]), 24000)
    return {"same": ",".join(map(str, paths)), "other": str(other), "sex": "high" if use["median_hz"] > 160 else "low"}


def _speak(options: argparse.Namespace) -> None:
    import soundfile

    from parrotlet import Parrotlet
    from parrotlet_compression.corpus import Pack

    pack, bird = Pack(options.folder / "pack"), Parrotlet.load(options.bundle)
    people = json.loads((options.folder / "people.json").read_text())
    options.out.mkdir(parents=True, exist_ok=True)
    lists: dict[str, list[str]] = {}

    def add(label: str, name: str, number: int, samples: Any) -> None:
        path = options.out / f"{label}_{name}_{number}.wav"
        soundfile.write(path, samples, 24000)
        text = pack.clips[number].text
        lists.setdefault(label, []).append(f"{path}\t{text}\t{references[name]['same']}\n")

    references: dict[str, dict[str, str]] = {}
    for name in options.people or people:
        use = people[name]
        references[name] = _reference(options.out, pack, name, use)
        for number in use["spoken"]:
            add("recording", name, number, pack.samples24(pack.clips[number]))
        for seconds in options.seconds:
            recordings, texts = _enrolled(pack, use["enroll"], seconds)
            if options.snr_db is not None:
                recordings = [(_noisy(samples, options.snr_db), rate) for samples, rate in recordings]
            for label, given, by_ear in (("plain", None, False), ("heard", None, True), ("guided", texts, False)):
                began = time.process_time()
                profile = bird.enroll(recordings, texts=given, fine_tune=by_ear)
                took = time.process_time() - began
                print(f"{name}, {seconds:g} s, {label}: {len(recordings)} recordings, {took:.1f} s", flush=True)
                for number in use["spoken"]:
                    chunks = bird.speak(pack.clips[number].text.lower(), profile)
                    made = np.concatenate([chunk.samples for chunk in chunks])
                    add(f"{label}_{seconds:g}{options.tag}", name, number, made)
    (options.out / "references.json").write_text(json.dumps(references, indent=1))
    for label, lines in lists.items():
        (options.out / f"{label}.tsv").write_text("".join(lines))


def main() -> None:
    commands = Commands(__doc__)
    commands.add(_pack, "corpus", "folder")
    speak = commands.add(_speak, "folder", "out")
    speak.add_argument("--bundle", type=Path)
    speak.add_argument("--seconds", type=float, nargs="+", default=[30.0], help="of the enrollment")
    speak.add_argument("--people", nargs="+", help="of the folder; all of them otherwise")
    speak.add_argument("--snr-db", type=float, help="white noise under what is enrolled, so far below it")
    speak.add_argument("--tag", default="", help="after the names of the lists")
    commands.run()


if __name__ == "__main__":
    main()
