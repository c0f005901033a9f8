"""How often a spoken consent is accepted, right ones and wrong ones.

    python benchmarks/quality/consent.py measure CORPUS OUT.jsonl [SPLIT] [--bundle DIR] [--clones N]
    python benchmarks/quality/consent.py table OUT.jsonl

People are those of a split (validation, if none is named) of Common Voice and VCTK. A clip is the take; its own text is
the sentence that was shown, and up to four of its words with five sounds or more are the random ones. Up to three other
clips of the person are the enrollment. Takes are heard clean, with noise 20 and 10 dB below the speech, and from afar
(a simulated room of 0.5 s, as much reverberation as direct sound, noise 25 dB below).

Attacks: the sentence of another clip (a replay of another take, too); one random word exchanged for a word of the list
(near miss); another person who says the right sentence; two takes of the person spliced; the take once more through
the vocoder; and a clone of the person that says the sentence.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import fftconvolve

from parrotlet import Parrotlet
from parrotlet.audio import resample
from parrotlet.consent import LIMITS, Scores, measure, problem
from parrotlet.consent_words import WORDS
from parrotlet.enrollment import find_speech, speech_of
from parrotlet.errors import ParrotletError
from parrotlet.one_take import Continuity
from parrotlet.spoken_words import Sentence, WordScores, phonemes_of
from parrotlet.text import TextFrontEnd
from parrotlet_compression.corpus import split_of

Samples = npt.NDArray[np.float32]

RATE, SPEAKER_RATE = 24000, 16000
CONDITIONS = ("clean", "noise20", "noise10", "far")
LEAST_SOUNDS, MOST_WORDS, LEAST_WORDS, ENROLLED = 5, 4, 2, 3
OTHERS = 6
"""Wrong sentences and other people that each take is tried with."""
PEOPLE_CLIPS = 12


@dataclass(frozen=True)
class Clip:
    archive: str
    person: str
    text: str
    words: tuple[str, ...]
    samples: Samples


def read_clips(corpus: Path, split: str, text: TextFrontEnd) -> Iterator[Clip]:
    """The clips of a split's people that can stand for a consent, and all others of theirs (without words)."""
    for archive in ("commonvoice", "vctk"):
        with zipfile.ZipFile(corpus / f"{archive}.zip") as file:
            lines = [line.split("\t") for line in file.read(f"{archive}/metadata.tsv").decode().splitlines()]
            rows = [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]
            count = Counter(row["speaker"] for row in rows)
            taken: Counter[str] = Counter()
            for row in rows:
                person = row["speaker"]
                if not person or split_of(archive, person, count[person]) != split or taken[person] >= PEOPLE_CLIPS:
                    continue
                taken[person] += 1
                data, rate = soundfile.read(io.BytesIO(file.read(row["file"])), dtype="float32")
                yield Clip(archive, person, row["text"], random_words(row["text"], text), resample(data, rate, RATE))


def random_words(sentence: str, text: TextFrontEnd) -> tuple[str, ...]:
    """The words of a text that stand for random ones: the last four of those that are long enough and there once."""
    if not sentence.strip():
        return ()
    made = Sentence.of(sentence, text)
    count = Counter(word.lower() for word, _, _ in made.words)
    long = [
        word
        for word, first, last in made.words
        if count[word.lower()] == 1 and word.isalpha() and sounds(made.phonemes[first:last]) >= LEAST_SOUNDS
    ]
    return tuple(long[-MOST_WORDS:]) if len(long) >= LEAST_WORDS else ()


def sounds(phonemes: str) -> int:
    """How many phonemes there are that sound."""
    return sum(symbol.isalpha() and symbol not in "ˈˌ" for symbol in phonemes)


def in_condition(samples: Samples, condition: str, random: np.random.Generator) -> Samples:
    """A take as it sounds under a condition."""
    if condition == "clean":
        return samples
    down = {"noise20": 20, "noise10": 10, "far": 25}[condition]
    if condition == "far":
        time = np.arange(int(0.5 * RATE)) / RATE
        tail = random.standard_normal(len(time)) * 10 ** (-3 * time / 0.5)
        tail[: int(0.003 * RATE)] = 0
        tail *= 1 / np.sqrt((tail**2).sum())
        tail[0] = 1
        samples = fftconvolve(samples, tail)[: len(samples)].astype(np.float32)
    white = np.fft.rfft(random.standard_normal(len(samples) + RATE))
    noise = np.fft.irfft(white / np.sqrt(np.arange(len(white)) + 30))[: len(samples)]
    active, _ = find_speech(samples, RATE)
    level = np.sqrt(np.mean(speech_of(samples, active, RATE) ** 2)) if active.any() else np.sqrt(np.mean(samples**2))
    noise *= level * 10 ** (-down / 20) / np.sqrt(np.mean(noise**2))
    made = samples + noise.astype(np.float32)
    return np.asarray(made / max(1.0, float(np.abs(made).max())), np.float32)


class Trials:
    """Scores of takes; what was measured of a recording is kept."""

    def __init__(self, bird: Parrotlet, clips: list[Clip]) -> None:
        self.bird, self.text, self.clips = bird, TextFrontEnd(), clips
        self.enroller = bird._enroller
        self.rivals = phonemes_of(WORDS, self.text)
        self.of: dict[str, list[int]] = defaultdict(list)
        for index, clip in enumerate(clips):
            self.of[clip.person].append(index)
        self._enrolled: dict[tuple[int, ...], Any] = {}

    def speech(self, samples: Samples) -> Samples:
        low = resample(samples, RATE, SPEAKER_RATE)
        return speech_of(low, find_speech(low, SPEAKER_RATE)[0], SPEAKER_RATE)

    def enrolled(self, person: str, but: int) -> Any:
        """Speech and embedding of up to ENROLLED clips of a person, without one."""
        chosen = tuple([i for i in self.of[person] if i != but][:ENROLLED])
        if chosen not in self._enrolled:
            speech = np.concatenate([self.speech(self.clips[i].samples) for i in chosen])
            self._enrolled[chosen] = speech, self.enroller.speaker_embedding(speech)
        return self._enrolled[chosen]

    def score(self, samples: Samples, sentence: str, words: tuple[str, ...], person: float) -> dict[str, Any]:
        """One row. A text that does not fit into the take is scored as the worst."""
        mel = self.enroller.log_mel(samples, RATE)
        try:
            made = measure(
                self.enroller.recognizer, self.text, mel, samples, RATE, sentence, words, person, self.rivals
            )
        except ParrotletError:
            return {"sentence": -9.0, "word": -9.0, "margin": -99.0, "person": person, **EMPTY}
        return {
            "sentence": made.words.sentence,
            "word": made.words.worst_word,
            "margin": made.words.worst_margin,
            "person": person,
            **vars(made.take),
        }

    def rows(self, clones: int) -> Iterator[dict[str, Any]]:
        random = np.random.default_rng(0)
        takes = [i for i, clip in enumerate(self.clips) if clip.words and len(self.of[clip.person]) >= 2]
        for count, index in enumerate(takes):
            clip = self.clips[index]
            for condition in CONDITIONS:
                heard = in_condition(clip.samples, condition, random)
                common = {"condition": condition, "archive": clip.archive, "of": clip.person}
                speech = self.speech(heard)
                embedding = self.enroller.speaker_embedding(speech)
                person = self.enroller.same_person(speech, embedding, *self.enrolled(clip.person, index))
                right = self.score(heard, clip.text, clip.words, person)
                yield {"kind": "right", **common, **right}
                for other in random.choice(takes, OTHERS, replace=False):
                    wrong = self.clips[other]
                    if wrong.text != clip.text:
                        yield {"kind": "sentence", **common, **self.score(heard, wrong.text, wrong.words, person)}
                yield {"kind": "near", **common, **self.near(clip, heard, person, random)}
                for other in random.choice(sorted(self.of), OTHERS, replace=False):
                    if other != clip.person:
                        score = self.enroller.same_person(speech, embedding, *self.enrolled(other, index))
                        yield {"kind": "person", **common, **right, "person": score}
                if condition == "clean":
                    yield from self.spliced(index, common, random)
                    yield from self.made(index, common, person, count < clones)

    def near(self, clip: Clip, heard: Samples, person: float, random: np.random.Generator) -> dict[str, Any]:
        """The take against its own sentence with one random word exchanged."""
        at = int(random.integers(len(clip.words)))
        new = str(random.choice(WORDS))
        words = (*clip.words[:at], new, *clip.words[at + 1 :])
        return self.score(heard, clip.text.replace(clip.words[at], new), words, person)

    def spliced(self, index: int, common: dict[str, Any], random: np.random.Generator) -> Iterator[dict[str, Any]]:
        """The second half of another clip of the person, level matched, in place of the take's own."""
        clip = self.clips[index]
        other = self.clips[int(random.choice([i for i in self.of[clip.person] if i != index]))].samples
        first, second = clip.samples[: len(clip.samples) // 2], other[len(other) // 2 :]
        fade = np.linspace(0, 1, 240, dtype=np.float32)
        seam = first[-240:] * (1 - fade) + second[:240] * fade
        made = np.concatenate([first[:-240], seam, second[240:]])
        yield {"kind": "splice", **common, **self.score(made, clip.text, clip.words, 9.0)}

    def made(self, index: int, common: dict[str, Any], person: float, clone: bool) -> Iterator[dict[str, Any]]:
        clip = self.clips[index]
        if not clone:
            return
        forms = {"vocoder": np.concatenate(list(self.bird.vocode(self.enroller.log_mel(clip.samples, RATE))))}
        chosen = [i for i in self.of[clip.person] if i != index][:ENROLLED]
        try:
            profile = self.bird.enroll([(self.clips[i].samples, RATE) for i in chosen])
            forms["clone"] = np.concatenate([c.samples for c in self.bird.speak(clip.text, profile)])
        except ParrotletError:
            pass
        for kind, samples in forms.items():
            speech = self.speech(samples)
            score = self.enroller.same_person(
                speech, self.enroller.speaker_embedding(speech), *self.enrolled(clip.person, index)
            )
            yield {"kind": kind, **common, **self.score(samples, clip.text, clip.words, score)}


EMPTY = vars(Continuity(0.0, 0.0, 0.0, 1.0))


def refused_by(row: dict[str, Any]) -> str | None:
    """Which check refuses a row, as ``parrotlet.consent.problem`` does."""
    take = Continuity(row["background_db"], row["speech_db"], row["dead_s"], row["bandwidth_ratio"])
    scores = Scores(WordScores(row["sentence"], (row["word"],), (row["margin"],)), row["person"], take)
    words = replace(scores, person=99.0)
    if problem(replace(words, words=WordScores(0, (0,), (9,))), ("",)):
        return "take"
    return "words" if problem(words, ("",)) else "person" if problem(scores, ("",)) else None


def table(path: Path) -> None:
    """Print the shares that are accepted, and by which check the others are refused."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["kind"], row["condition"]].append(row)
        groups[row["kind"], "all"].append(row)
    print(
        f"{LIMITS}\n{'kind':<9} {'condition':<9} {'trials':>6} {'people':>6} accepted  refused by take, words, person"
    )
    for (kind, condition), group in groups.items():
        by = Counter(refused_by(row) for row in group)
        n = len(group)
        shares = "  ".join(f"{by[check] / n:6.1%}" for check in ("take", "words", "person"))
        people = len({row["of"] for row in group})
        print(f"{kind:<9} {condition:<9} {n:>6} {people:>6} {by[None] / n:8.2%}  {shares}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    measured = commands.add_parser("measure")
    measured.add_argument("corpus", type=Path)
    measured.add_argument("out", type=Path)
    measured.add_argument("split", nargs="?", default="validation")
    measured.add_argument("--bundle", type=Path)
    measured.add_argument("--clones", type=int, default=40)
    commands.add_parser("table").add_argument("out", type=Path)
    options = parser.parse_args()
    if options.command == "measure":
        warnings.simplefilter("ignore")
        clips = list(read_clips(options.corpus, options.split, TextFrontEnd()))
        with options.out.open("w") as file:
            for row in Trials(Parrotlet.load(options.bundle), clips).rows(options.clones):
                file.write(json.dumps(row) + "\n")
                file.flush()
    table(options.out)


if __name__ == "__main__":
    main()
