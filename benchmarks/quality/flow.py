"""Can a flow of mel spectrograms sound like people that it knows? See docs/experiments/001-flow-matching-ten-people.md.

    python benchmarks/quality/flow.py pack CORPUS FOLDER
    python benchmarks/quality/flow.py prepare FOLDER
    python benchmarks/quality/flow.py train FOLDER RUN --steps 6000
    python benchmarks/quality/flow.py speak FOLDER RUN OUT --take NAME=SETTINGS ...
    JUDGE_PYTHON benchmarks/quality/flow.py judge JUDGE.py OUT NAME ...

``pack`` decodes the ten readers. ``prepare`` chooses what is held out of each, aligns all that is not a reference, and
embeds the people. ``speak`` writes the held-out sentences with the recordings' durations and pitch, by the flow and by
what it is to be compared with, and ``judge`` scores them against two references: held-out clips of the same reading,
and a clip of another book.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from commands import Commands

HIGH = ("ls_1088", "ls_118", "ls_1970", "ls_4680", "ls_6272")
LOW = ("ls_2136", "ls_3242", "ls_3664", "ls_460", "ls_6848")
MISLABELED = ("ls_118",)  # whose clip in librispeech.zip is of somebody else
SPOKEN, REFERENCES, PROMPTS = 4, 3, 3  # clips of each person that are held out
SPOKEN_S, HELD_S = (3.0, 10.0), (4.0, 17.0)
EMBEDDED_S = 60.0
WORST_ALIGNED = 0.03  # the share of clips that is left out
HELD_HZ = 7600.0


def _pack(options: argparse.Namespace) -> None:
    from parrotlet_compression.corpus import pack

    readers = {*HIGH, *LOW}
    archives = ["librispeech", "librispeech5"]
    pack(options.corpus, options.folder / "pack", archives=archives, wanted=lambda clip: clip.speaker in readers)


def _held_out(clips: list[tuple[int, float]]) -> dict[str, list[int]]:
    """clips: numbers and seconds, in the order of reading -> numbers of those to speak, to compare with, to be shown,
    spread over the reading, and of the rest."""
    chosen: dict[str, list[int]] = {}
    free = list(clips)
    for use, count, (low, high) in (
        ("spoken", SPOKEN, SPOKEN_S),
        ("reference", REFERENCES, HELD_S),
        ("prompt", PROMPTS, HELD_S),
    ):
        fit = [number for number, seconds in free if low <= seconds <= high]
        # Each use begins elsewhere, so that they do not lie side by side.
        places = (np.arange(count) + 0.2 + 0.25 * len(chosen)) * len(fit) / count
        chosen[use] = [fit[int(place)] for place in places]
        free = [(number, seconds) for number, seconds in free if number not in chosen[use]]
    return {**chosen, "train": [number for number, _ in free]}


def _prepare(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from parrotlet import Parrotlet
    from parrotlet_compression.corpus import Pack
    from parrotlet_compression.warping import durations_by_warping

    pack, bird = Pack(options.folder / "pack"), Parrotlet.load()
    bands = 66
    readings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    others: dict[str, int] = {}
    for number, clip in enumerate(pack.clips):
        if clip.archive == "librispeech5":
            readings[clip.speaker].append((number, clip.frames / pack.config.frame_rate))
        else:
            others[clip.speaker] = number
    people: dict[str, Any] = {}
    alignments: dict[int, tuple[str, list[int]]] = {}
    embeddings, costs = {}, {}
    for name in (*HIGH, *LOW):
        uses = _held_out(readings[name])
        speech = np.concatenate([pack.samples16(pack.clips[n]) for n in uses["train"]])
        speech = speech[: int(EMBEDDED_S * 16000)]
        embeddings[name] = bird.speaker_embedding(speech)
        profile = bird.enroll((speech, 16000))
        for number in tqdm([*uses["spoken"], *uses["train"]], desc=name):
            clip = pack.clips[number]
            mel = pack.mel[clip.start : clip.start + clip.frames].astype(np.float32)
            phonemes = bird.phonemize(clip.text.lower())
            try:
                durations, costs[number] = durations_by_warping(bird, phonemes, profile, mel, bands)
            except ValueError as error:
                print(f"{clip.id}: {error}")
                continue
            alignments[number] = phonemes, durations
        people[name] = {**uses, "other_book": others[name]}
    limit = np.quantile(list(costs.values()), 1 - WORST_ALIGNED)
    for person in people.values():
        person["train"] = [n for n in person["train"] if costs.get(n, np.inf) <= limit]
    print(f"cost a frame: median {np.median(list(costs.values())):.3f}, limit {limit:.3f}")
    (options.folder / "people.json").write_text(json.dumps(people, indent=1))
    (options.folder / "alignments.json").write_text(json.dumps(alignments))
    np.savez(options.folder / "embeddings.npz", **embeddings)


def _loaded(folder: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The aligned clips, the people's uses of them, and the people as they are trained on."""
    from parrotlet_compression.corpus import Pack
    from parrotlet_compression.train.aligned_clips import AlignedClips
    from parrotlet_compression.train.flow import Person

    rows = {int(number): row for number, row in json.loads((folder / "alignments.json").read_text()).items()}
    clips = AlignedClips(
        Pack(folder / "pack"), {n: row[1] for n, row in rows.items()}, {n: row[0] for n, row in rows.items()}, {}
    )
    uses = json.loads((folder / "people.json").read_text())
    embeddings = np.load(folder / "embeddings.npz")
    return clips, uses, {name: Person(name, embeddings[name], use["train"]) for name, use in uses.items()}


def _train(options: argparse.Namespace) -> None:
    import torch

    from parrotlet_compression.train.flow import train_flow
    from parrotlet_compression.train.loop import Schedule

    torch.set_num_threads(options.threads)
    clips, _, people = _loaded(options.folder)
    chosen = [person for name, person in people.items() if not options.people or name in options.people]
    schedule = Schedule(options.steps, options.rate, save_every_s=options.save_every, seconds=options.seconds)
    train_flow(clips, chosen, options.run, schedule, device=options.device)


def _settings(text: str) -> dict[str, str]:
    """``steps:8,weight:1.5`` as a dict."""
    return dict(part.split(":", 1) for part in text.split(",") if part)


class Speaker:
    """Speaks held-out clips of a prepared folder, with their own durations and pitch."""

    def __init__(self, folder: Path, run: Path | None) -> None:
        import torch

        from parrotlet import Parrotlet
        from parrotlet_compression.export import load_students
        from parrotlet_compression.models.flow import FlowModel
        from parrotlet_compression.models.weights import load_weights
        from parrotlet_compression.train.flow import floored

        self.clips, self.uses, self.people = _loaded(folder)
        self.pack, self.bird = self.clips.pack, Parrotlet.load()
        self.model = FlowModel().eval()
        if run is not None:
            load_weights(self.model, run / "model.safetensors")
        self.students = load_students(Path(__file__).parents[2] / "compression" / "checkpoints")
        self.bands = torch.from_numpy((self.clips.centres <= HELD_HZ).astype(np.float32))[None]
        self.floored = floored
        known = [n for use in self.uses.values() for n in use["train"]]
        # What no 16 kHz recording holds is the same in every frame: no judge hears it.
        self.above = np.mean([floored(self.pack.mel[self.clips.span[n]]).mean(axis=0) for n in known], axis=0)
        self.profiles: dict[str, Any] = {}

    def clip_mel(self, number: int) -> Any:
        clip = self.pack.clips[number]
        return self.floored(self.pack.mel[clip.start : clip.start + clip.frames])

    def f0(self, number: int) -> Any:
        return self.pack.f0[self.clips.span[number]].astype(np.float32)

    def filled(self, mel: Any) -> Any:
        """A mel spectrogram with a constant in the bands that no 16 kHz recording holds."""
        return np.where(self.bands.numpy() > 0, mel, self.above).astype(np.float32)

    def profile(self, name: str) -> Any:
        """Enrolled from the clips that the flow is shown as its prompt."""
        if name not in self.profiles:
            recordings = [(self.pack.samples24(self.pack.clips[n]), 24000) for n in self.uses[name]["prompt"]]
            self.profiles[name] = self.bird.enroll(recordings)
        return self.profiles[name]

    def vocoded(self, mel: Any, number: int) -> Any:
        return np.concatenate(list(self.bird.vocode(mel, self.f0(number))))

    def shipped(self, name: str, number: int) -> Any:
        """The shipped acoustic model with its whole adaptation, at the recording's durations and pitch."""
        import torch

        from parrotlet_compression.models.acoustic import REFERENCE_HZ

        _, made, _ = self.students
        voice = self.bird.voice(self.profile(name))
        size = made.acoustic.config.embedding
        whole = torch.from_numpy(voice.inputs["embedding"])
        embedding, adapted = whole[:, :size], whole[:, size:]
        statistics = torch.from_numpy(voice.inputs["statistics"])
        recording = torch.zeros(1, 2)
        f0 = torch.from_numpy(self.f0(number))[None]
        voiced = (f0 > 0).float()
        relative = (torch.log2(f0.clamp_min(1) / REFERENCE_HZ) - statistics[:, :1]) * voiced
        with torch.no_grad():
            condition = made.acoustic.voice(embedding, statistics, recording)
            encoded, _, _ = made.acoustic.encode(torch.tensor([self.clips.ids[number]]), condition)
            durations = torch.tensor([self.clips.durations[number]])
            rows, mask = made.acoustic.aligned(encoded, durations, f0.shape[1])
            features, predicted = made.acoustic.decode(rows, mask, condition, relative, voiced, statistics[:, :1])
            refining = made.refiner.voice(embedding, statistics, recording)
            mel = made.refiner(made.adapter(predicted, adapted), features, f0, refining)
            return (made.adapter_after(mel, adapted) @ made.emphasis)[0].numpy()

    def prompt(self, name: str, frames: int) -> tuple[Any, Any]:
        """The first ``frames`` of every prompt clip: mel [1, P, M] and valid [1, P]."""
        import torch

        parts = [self.clip_mel(n)[:frames] for n in self.uses[name]["prompt"]]
        unit = self.model.config.prompt_patch
        mel = np.concatenate([part[: len(part) // unit * unit] for part in parts])
        prompt = self.model.normalized(torch.from_numpy(mel)[None]) * self.bands[:, None]
        return prompt, torch.ones(prompt.shape[:2])

    def drawn(self, name: str, number: int, settings: dict[str, str]) -> Any:
        """A mel spectrogram of the flow. Settings: steps, weight (of guidance), away (what is not shown to the other
        side of it: voice or all), noise (its scale), midpoint, prompt (frames of each clip; 0 for none), as (the person
        whose voice it is), mean (1: the model's mean spectrum in place of a draw), seed."""
        import torch

        from parrotlet_compression.models.flow import sample

        name = settings.get("as", name)
        patch, frames = self.model.config.patch, self.clips.frames(number)
        whole = -(-frames // patch) * patch
        durations = torch.tensor([self.clips.durations[number]])
        durations[0, -1] += whole - frames
        f0 = torch.from_numpy(np.pad(self.f0(number), (0, whole - frames)))[None]
        kept = int(settings.get("prompt", 86))
        prompt, valid = self.prompt(name, kept or 64)
        embedding = torch.from_numpy(self.people[name].embedding)[None]
        given = (
            torch.tensor([self.clips.ids[number]]),
            durations,
            torch.arange(whole)[None],
            f0,
            embedding,
            prompt,
            valid,
        )
        voice, text = float(settings.get("voice", 1)), 0.0 if settings.get("away") == "all" else 1.0
        with torch.no_grad():
            context = self.model.context(*given, torch.tensor([[voice, float(kept > 0), 1.0]]))
            if settings.get("mean"):
                made = context.prior
            else:
                unconditional = self.model.context(*given, torch.tensor([[0.0, 0.0, text]]))
                generator = torch.Generator().manual_seed(1000 * int(settings.get("seed", 0)) + number)
                noise = torch.randn(1, whole, self.model.config.n_mels, generator=generator)
                made = sample(
                    self.model,
                    context,
                    self.bands,
                    noise * float(settings.get("noise", 1)),
                    int(settings.get("steps", 8)),
                    unconditional,
                    float(settings.get("weight", 1)),
                    bool(settings.get("midpoint")),
                )
            return self.filled(self.model.restored(made)[0, :frames].numpy())

    def take(self, kind: str, name: str, number: int, settings: dict[str, str]) -> Any:
        """Samples at 24 kHz of one way to speak a clip."""
        clip = self.pack.clips[number]
        if kind == "recording":
            return self.pack.samples24(clip)
        if kind == "copy":
            return self.vocoded(self.filled(self.floored(self.pack.mel[self.clips.span[number]])), number)
        if kind == "clone":
            spoken = self.bird.speak(clip.text.lower(), self.profile(name))
            return np.concatenate([chunk.samples for chunk in spoken])
        if kind == "shipped":
            return self.vocoded(self.filled(self.shipped(name, number)), number)
        if kind == "flow":
            return self.vocoded(self.drawn(name, number, settings), number)
        raise SystemExit(f"no way to speak is called {kind}")


def _speak(options: argparse.Namespace) -> None:
    import soundfile
    import torch

    torch.set_num_threads(options.threads)
    speaker = Speaker(options.folder, options.run)
    options.out.mkdir(parents=True, exist_ok=True)

    def written(samples: Any, label: str) -> str:
        path = options.out / f"{label}.wav"
        soundfile.write(path, samples, 24000)
        return str(path)

    references: dict[str, dict[str, str]] = {}
    for name, use in speaker.uses.items():
        same = [
            written(speaker.pack.samples24(speaker.pack.clips[n]), f"reference_{name}_{k}")
            for k, n in enumerate(use["reference"])
        ]
        other = written(speaker.pack.samples24(speaker.pack.clips[use["other_book"]]), f"other_{name}")
        references[name] = {"same": ",".join(same), "other": other, "sex": "high" if name in HIGH else "low"}
    (options.out / "references.json").write_text(json.dumps(references, indent=1))
    for take in options.take:
        label, _, text = take.partition("=")
        kind, _, settings = text.partition(",")
        rows = []
        for name, use in speaker.uses.items():
            for number in sorted(set(use["train"][:SPOKEN] if options.trained else use["spoken"])):
                samples = speaker.take(kind or label, name, number, _settings(settings))
                wav = written(samples, f"{label}_{name}_{number}")
                rows.append(f"{wav}\t{speaker.pack.clips[number].text}\t{references[name]['same']}")
        (options.out / f"{label}.tsv").write_text("\n".join(rows) + "\n")
        print(label, len(rows), flush=True)


def _judge(options: argparse.Namespace) -> None:
    import importlib.util

    import jiwer
    import onnxruntime
    from rate import NETWORK, p808
    from whisper_normalizer.english import EnglishTextNormalizer

    spec = importlib.util.spec_from_file_location("judge", options.judge)
    judge: Any = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(judge)  # type: ignore[union-attr]
    network, normal = onnxruntime.InferenceSession(NETWORK), EnglishTextNormalizer()
    references = json.loads((options.out / "references.json").read_text())
    heard = {
        name: [judge.embed(row["same"].split(",")), judge.embed([row["other"]])] for name, row in references.items()
    }
    for label in options.names:
        scores: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        said, understood = [], []
        for line in (options.out / f"{label}.tsv").read_text().splitlines():
            wav, text, _ = line.split("\t")
            name = next(name for name in references if f"_{name}_" in wav)
            embedding = judge.embed([wav])
            scores[name].append((*(float(embedding @ other) for other in heard[name]), p808(network, judge.load(wav))))
            if options.words:
                said.append(normal(text))
                understood.append(normal(judge.transcribe(wav)) or "-")

        def told(names: list[str], scores: dict[str, list[tuple[float, float, float]]] = scores) -> dict[str, float]:
            same, _, mos = np.array([row for name in names for row in scores[name]]).T
            other = np.array([row[1] for name in names if name not in MISLABELED for row in scores[name]])
            parts = {"same": same.mean(), "same_p10": np.percentile(same, 10), "p808": mos.mean()}
            if len(other):
                parts |= {"other": other.mean(), "other_p10": np.percentile(other, 10)}
            return {key: round(float(value), 3) for key, value in parts.items()}

        result: dict[str, Any] = {"name": label, "n": sum(map(len, scores.values())), **told(list(references))}
        if options.words:
            result["wer"] = round(jiwer.wer(said, understood), 4)
        result |= {sex: told([n for n, row in references.items() if row["sex"] == sex]) for sex in ("high", "low")}
        result["people"] = {name: told([name]) for name in references}
        (options.out / f"{label}.json").write_text(json.dumps(result, indent=1))
        people = {name: (row["same"], row.get("other")) for name, row in result["people"].items()}
        print(json.dumps({**result, "people": people}), flush=True)


def main() -> None:
    commands = Commands(__doc__)
    commands.add(_pack, "corpus", "folder")
    commands.add(_prepare, "folder")
    train = commands.add(_train, "folder", "run")
    train.add_argument("--steps", type=int, default=6000)
    train.add_argument("--seconds", type=float, default=math.inf, help="stop by then, the rate falling towards it")
    train.add_argument("--rate", type=float, default=1e-3)
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--save-every", type=float, default=180.0, help="seconds")
    train.add_argument("--device", default="cpu")
    train.add_argument("--people", nargs="*", help="these only")
    speak = commands.add(_speak, "folder", "run", "out")
    speak.add_argument("--take", nargs="+", required=True, help="recording, copy, clone, shipped, NAME=flow,steps:8,…")
    speak.add_argument("--trained", action="store_true", help="say sentences of the training, not held-out ones")
    speak.add_argument("--threads", type=int, default=1)
    judge = commands.add(_judge, "judge", "out")
    judge.add_argument("names", nargs="+")
    judge.add_argument("--words", action="store_true", help="recognize them too, which takes most of the time")
    commands.run()


if __name__ == "__main__":
    main()
