"""What does fitting a few parameters to one person bring? See docs/experiments/034-fitting-to-one-person.md.

    python benchmarks/quality/one_person.py pack CORPUS FOLDER
    python benchmarks/quality/one_person.py prepare FOLDER
    python benchmarks/quality/one_person.py fit FOLDER NAME --part conditions --loss slow --seconds 30
    python benchmarks/quality/one_person.py speak FOLDER OUT --take plain recording NAME NAME@0.5 ...
    JUDGE_PYTHON benchmarks/quality/flow.py judge JUDGE.py OUT NAME ... --words

``fit`` writes what it learned of every person to FOLDER/NAME. ``speak`` says held-out sentences with the shipped
model's own durations and pitch, all through the shipped vocoder. ``plain`` is the shipped model in floating point.
``NAME@0.5`` goes half of the way to the fitted weights. The enrollment is that of the fit.
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
HELD_HZ = 7600.0
ALIGNED_S = 30.0  # of the enrollment in whose voice the text is spoken for alignment
RATE = {"conditions": 1e-2, "low_rank": 4e-3, "refiner": 3e-4, "decoder": 3e-4}


def _pack(options: argparse.Namespace) -> None:
    from parrotlet_compression.corpus import Clip, pack

    seen: dict[tuple[str, str], int] = defaultdict(int)

    def wanted(clip: Clip) -> bool:
        seen[clip.archive, clip.speaker] += 1
        few = clip.archive != "librispeech5" or seen[clip.archive, clip.speaker] <= CLIPS
        return clip.speaker in (*READERS, *VALIDATION) and few

    archives = ["librispeech", "librispeech5", "vctk", "commonvoice"]
    pack(options.corpus, options.folder / "pack", archives=archives, wanted=wanted)


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


def _prepare(options: argparse.Namespace) -> None:
    from parrotlet import Parrotlet
    from parrotlet_compression.corpus import Pack
    from parrotlet_compression.warping import durations_by_warping

    pack, bird = Pack(options.folder / "pack"), Parrotlet.load()
    readings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    others: dict[str, int] = {}
    for number, clip in enumerate(pack.clips):
        if clip.archive == "librispeech":
            others[clip.speaker] = number
        else:
            readings[clip.speaker].append((number, clip.frames / pack.config.frame_rate))
    people: dict[str, Any] = {}
    alignments: dict[int, tuple[str, list[int], float]] = {}
    for name in (*READERS, *VALIDATION):
        uses = _uses(readings[name], SPOKEN if name in READERS else 3, REFERENCES if name in READERS else 2)
        profile = bird.enroll(enrolled(pack, uses["enroll"], ALIGNED_S))
        for number in [*uses["spoken"], *uses["enroll"]]:
            clip = pack.clips[number]
            mel = pack.mel[clip.start : clip.start + clip.frames].astype(np.float32)
            phonemes = bird.phonemize(clip.text.lower())
            try:
                durations, cost = durations_by_warping(bird, phonemes, profile, mel, 66)
            except ValueError as error:
                print(f"{clip.id}: {error}")
                continue
            alignments[number] = phonemes, durations, cost
        median = float(np.median([f for n in uses["enroll"] for f in _voiced(pack, n)]))
        people[name] = {**uses, "other_book": others.get(name, uses["reference"][0]), "median_hz": round(median)}
        print(name, {use: len(v) for use, v in uses.items()}, round(median), flush=True)
    (options.folder / "people.json").write_text(json.dumps(people, indent=1))
    (options.folder / "alignments.json").write_text(json.dumps(alignments))


def _voiced(pack: Any, number: int) -> Any:
    clip = pack.clips[number]
    f0 = pack.f0[clip.start : clip.start + clip.frames].astype(np.float32)
    return f0[f0 > 0]


def enrolled(pack: Any, numbers: list[int], seconds: float) -> list[tuple[Any, int]]:
    """The first ``seconds`` of clips, as ``enroll`` takes them."""
    recordings, left = [], int(seconds * 24000)
    for number in numbers:
        samples = pack.samples24(pack.clips[number])[:left]
        left -= len(samples)
        if len(samples) > 24000:
            recordings.append((samples, 24000))
        if left <= 0:
            break
    return recordings


class Bench:
    """The shipped model, the people of a prepared folder, and their sentences."""

    def __init__(self, folder: Path) -> None:
        import torch

        from parrotlet import Parrotlet
        from parrotlet_compression.corpus import Pack
        from parrotlet_compression.export import load_students
        from parrotlet_compression.train.aligned_clips import band_centres
        from parrotlet_compression.train.one_person import tail_state

        self.pack, self.bird = Pack(folder / "pack"), Parrotlet.load()
        self.people = json.loads((folder / "people.json").read_text())
        self.alignments = {int(n): row for n, row in json.loads((folder / "alignments.json").read_text()).items()}
        _, self.synthesizer, _ = load_students(Path(__file__).parents[2] / "compression" / "checkpoints")
        self.synthesizer.requires_grad_(False)
        self.start = tail_state(self.synthesizer)
        self.bands = torch.from_numpy((band_centres(self.pack) <= HELD_HZ).astype(np.float32))
        self.profiles: dict[tuple[str, float], Any] = {}

    def profile(self, name: str, seconds: float) -> Any:
        key = name, seconds
        if key not in self.profiles:
            recordings = enrolled(self.pack, self.people[name]["enroll"], seconds)
            self.profiles[key] = self.bird.voice(self.bird.enroll(recordings))
        return self.profiles[key]

    def voice(self, name: str, seconds: float) -> Any:
        from parrotlet_compression.train.one_person import Voice

        return Voice.of(self.profile(name, seconds).inputs, self.synthesizer.acoustic.config.embedding)

    def recorded(self, number: int) -> Any:
        """A clip with its own timing and pitch."""
        from parrotlet_compression.corpus import SILENCE
        from parrotlet_compression.symbols import phoneme_ids
        from parrotlet_compression.train.one_person import Line

        clip = self.pack.clips[number]
        span = slice(clip.start, clip.start + clip.frames)
        mel = np.maximum(self.pack.mel[span].astype(np.float32), SILENCE)
        phonemes, durations, _ = self.alignments[number]
        return Line(phoneme_ids(phonemes), durations, self.pack.f0[span].astype(np.float32), mel)

    def lines(self, name: str, seconds: float) -> list[Any]:
        """The aligned clips of the first ``seconds`` of an enrollment, cut where it ends."""
        from dataclasses import replace

        lines, left = [], int(seconds * self.pack.config.frame_rate)
        for number in self.people[name]["enroll"]:
            if left < 80:
                break
            if number not in self.alignments:
                continue
            line = self.recorded(number)
            if len(line.f0) > left:
                ends = np.minimum(np.cumsum(line.durations), left)
                cut = np.diff(ends, prepend=0).tolist()
                line = replace(line, durations=cut, f0=line.f0[:left], mel=line.mel[:left])
            lines.append(line)
            left -= len(line.f0)
        return lines

    def apart(self, name: str, seconds: float) -> float:
        """Mean distance of the slow spectrum of held-out clips at their own timing and pitch, nepers of cepstra."""
        import torch

        from parrotlet_compression.train.one_person import PersonLoss, encoded_rows, spectrum

        loss, voice, found = PersonLoss("slow", len(self.bands), self.bands), self.voice(name, seconds), []
        for number in self.people[name]["spoken"]:
            if number not in self.alignments:
                continue
            line = self.recorded(number)
            rows = encoded_rows(self.synthesizer, line, voice)
            with torch.no_grad():
                made = spectrum(self.synthesizer, rows, torch.from_numpy(line.f0)[None], voice)
            found.append(float(loss.slow((made - torch.from_numpy(line.mel)[None]) * self.bands).abs().mean()))
        return float(np.mean(found))

    def spoken(self, name: str, number: int, seconds: float) -> Any:
        """Samples at 24 kHz of a held-out sentence, with the shipped model's own durations and pitch."""
        import torch

        from parrotlet_compression.symbols import phoneme_ids
        from parrotlet_compression.train.one_person import Line, encoded_rows, spectrum

        phonemes = self.bird.phonemize(self.pack.clips[number].text.lower())
        planned = self.bird.acoustics(phonemes, self.profile(name, seconds))
        line, voice = Line(phoneme_ids(phonemes), planned.durations.tolist(), planned.f0), self.voice(name, seconds)
        with torch.no_grad():
            made = spectrum(
                self.synthesizer, encoded_rows(self.synthesizer, line, voice), torch.from_numpy(line.f0)[None], voice
            )
            mel = (made @ self.synthesizer.emphasis)[0].numpy()
        return np.concatenate(list(self.bird.vocode(mel, planned.f0)))


def _fit(options: argparse.Namespace) -> None:
    import torch
    from safetensors.torch import save_file

    from parrotlet_compression.train.one_person import PersonLoss, Pieces, blend, fit, tail_state

    torch.set_num_threads(options.threads)
    bench, out = Bench(options.folder), options.folder / options.name
    out.mkdir(exist_ok=True)
    settings = {"part": options.part, "loss": options.loss, "seconds": options.seconds, "steps": options.steps}
    (out / "settings.json").write_text(json.dumps(settings))
    for name in options.people:
        blend(bench.synthesizer, bench.start, {}, 0)
        voice, before = bench.voice(name, options.seconds), bench.apart(name, options.seconds)
        pieces = Pieces(bench.synthesizer, bench.lines(name, options.seconds), voice)
        loss = PersonLoss(options.loss, len(bench.bands), bench.bands, options.keep, options.moments)
        rate, began = options.rate or RATE[options.part], time.process_time()
        losses = list(fit(bench.synthesizer, pieces, voice, options.part, loss, options.steps, rate))
        took, end = time.process_time() - began, tail_state(bench.synthesizer)
        changed = {key: value for key, value in end.items() if not torch.equal(value, bench.start[key])}
        save_file(changed, out / f"{name}.safetensors")
        first, last = np.mean(losses[:10]), np.mean(losses[-20:])
        after = bench.apart(name, options.seconds)
        print(f"{name}: loss {first:.3f} to {last:.3f}, held out {before:.4f} to {after:.4f}, {took:.0f} s", flush=True)


def _speak(options: argparse.Namespace) -> None:
    import soundfile
    import torch
    from safetensors.torch import load_file

    from parrotlet_compression.train.one_person import blend

    torch.set_num_threads(options.threads)
    bench = Bench(options.folder)
    options.out.mkdir(parents=True, exist_ok=True)

    def written(samples: Any, label: str) -> str:
        path = options.out / f"{label}.wav"
        soundfile.write(path, samples, 24000)
        return str(path)

    references = {}
    for name in options.people:
        use = bench.people[name]
        same = [
            written(bench.pack.samples24(bench.pack.clips[n]), f"reference_{name}_{k}")
            for k, n in enumerate(use["reference"])
        ]
        other = written(bench.pack.samples24(bench.pack.clips[use["other_book"]]), f"other_{name}")
        sex = "high" if use["median_hz"] > 160 else "low"
        references[name] = {"same": ",".join(same), "other": other, "sex": sex}
    (options.out / "references.json").write_text(json.dumps(references, indent=1))
    for take in options.take:
        fitted, _, share = take.partition("@")
        seconds = options.seconds
        if fitted not in ("plain", "recording"):
            seconds = json.loads((options.folder / fitted / "settings.json").read_text())["seconds"]
        label, rows = take.replace("@", "_"), []
        if fitted == "plain":
            label = f"plain_{seconds:.0f}"
        for name in options.people:
            end = {} if fitted in ("plain", "recording") else load_file(options.folder / fitted / f"{name}.safetensors")
            blend(bench.synthesizer, bench.start, end, float(share or 1))
            for number in bench.people[name]["spoken"]:
                clip = bench.pack.clips[number]
                recording = fitted == "recording"
                samples = bench.pack.samples24(clip) if recording else bench.spoken(name, number, seconds)
                rows.append(f"{written(samples, f'{label}_{name}_{number}')}\t{clip.text}\t{references[name]['same']}")
        (options.out / f"{label}.tsv").write_text("\n".join(rows) + "\n")
        print(label, len(rows), flush=True)


def main() -> None:
    commands = Commands(__doc__)
    commands.add(_pack, "corpus", "folder")
    commands.add(_prepare, "folder")
    fit = commands.add(_fit, "folder")
    fit.add_argument("name")
    fit.add_argument("--part", choices=list(RATE), required=True)
    fit.add_argument("--loss", choices=["plain", "slow"], default="slow")
    fit.add_argument("--steps", type=int, default=60)
    fit.add_argument("--rate", type=float)
    fit.add_argument("--keep", type=float, default=1.0, help="weight of what should not change")
    fit.add_argument("--moments", type=float, default=0.5, help="weight of mean and spread of the cepstra")
    speak = commands.add(_speak, "folder", "out")
    speak.add_argument("--take", nargs="+", required=True)
    for each in (fit, speak):
        each.add_argument("--seconds", type=float, default=30.0, help="of the enrollment")
        each.add_argument("--people", nargs="+", default=list(READERS))
        each.add_argument("--threads", type=int, default=1)
    commands.run()


if __name__ == "__main__":
    main()
