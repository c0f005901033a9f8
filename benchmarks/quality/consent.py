"""How often a spoken consent is accepted, right ones and wrong ones.

    python benchmarks/quality/consent.py prepare CORPUS CACHE [SPLIT]
    python benchmarks/quality/consent.py measure CORPUS CACHE OUT.jsonl [SPLIT] [--bundle DIR] [--clones N]
    python benchmarks/quality/consent.py table OUT.jsonl

People are those of a split (validation, if none is named) of Common Voice and VCTK. A clip is the take; its own text is
the sentence that was shown, and up to four of its words with five sounds or more are the random ones. Up to three other
clips of the person under the same condition are the enrollment ("mixed": clean ones), and every other person is tried.
Takes are heard clean, with noise 20 and 10 dB below the speech, and from afar (a simulated room of 0.5 s, as much
reverberation as direct sound, noise 25 dB below).

Attacks: the sentence of another clip; an earlier consent replayed, of which all but the random words is right (they
are exchanged for words of the list); one random word exchanged (near miss); another person who says the right
sentence; two takes of the person spliced; the take once more through the vocoder; and a clone of the person that says
the sentence.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import re
import warnings
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import fftconvolve

from parrotlet import Parrotlet
from parrotlet.audio import resample
from parrotlet.consent import LIMITS, Scores, problem
from parrotlet.consent_words import WORDS
from parrotlet.enrollment import find_speech, speech_of
from parrotlet.errors import ParrotletError
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.one_take import Continuity, continuity
from parrotlet.same_person import Voiceprint, comparison
from parrotlet.spoken_words import Sentence, WordScores, phonemes_of, score_words
from parrotlet.text import TextFrontEnd
from parrotlet_compression.corpus import split_of

Samples = npt.NDArray[np.float32]

RATE, SPEAKER_RATE = 24000, 16000
CONDITIONS = ("clean", "noise20", "noise10", "far")
LEAST_SOUNDS, MOST_WORDS, LEAST_WORDS, ENROLLED = 5, 4, 2, 3
OTHERS, REPLAYS = 4, 3
"""Wrong sentences, and earlier consents, that each take is tried with."""
PEOPLE_CLIPS = 6


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
    """Scores of takes. What does not depend on the recognizer is kept in a file."""

    def __init__(self, bird: Parrotlet, clips: list[Clip], cache: Path) -> None:
        self.bird, self.text, self.clips, self.cache = bird, TextFrontEnd(), clips, cache
        self.enroller = bird._enroller
        self.rivals = phonemes_of(WORDS, self.text)
        self.of: dict[str, list[int]] = defaultdict(list)
        for index, clip in enumerate(clips):
            self.of[clip.person].append(index)
        usable = [i for i, clip in enumerate(clips) if clip.words and len(self.of[clip.person]) >= 2]
        # The first of every person, then the second, ...: a part of them is of many people.
        number: Counter[str] = Counter()
        rank = {}
        for i in usable:
            rank[i] = number[clips[i].person]
            number[clips[i].person] += 1
        self.takes = sorted(usable, key=lambda i: (rank[i], i))
        self.known: dict[Any, Any] = pickle.loads(cache.read_bytes()) if cache.is_file() else {}

    def prepare(self, most: int) -> None:
        """Measure persons and at most so many takes, and keep that."""
        for count, index in enumerate(self.takes[:most]):
            for condition in CONDITIONS:
                self.enrolled(self.clips[index].person, index, condition)
                self.enrolled(self.clips[index].person, -1, condition)
                self.of_take(index, condition, self.heard(index, condition))
            self.save()
            print(f"{count + 1}/{min(most, len(self.takes))}", flush=True)

    def save(self) -> None:
        part = self.cache.with_suffix(".part")
        part.write_bytes(pickle.dumps(self.known))
        part.replace(self.cache)

    def heard(self, index: int, condition: str) -> Samples:
        random = np.random.default_rng((index, CONDITIONS.index(condition)))
        return in_condition(self.clips[index].samples, condition, random)

    def print_of(self, samples: Samples) -> Voiceprint:
        low = resample(samples, RATE, SPEAKER_RATE)
        speech = speech_of(low, find_speech(low, SPEAKER_RATE)[0], SPEAKER_RATE)
        return self.enroller.print_of(speech, self.enroller.speaker_embedding(speech))

    def of_take(self, index: int, condition: str, samples: Samples) -> Voiceprint:
        key = index, condition
        if key not in self.known:
            self.known[key] = self.print_of(samples)
        found: Voiceprint = self.known[key]
        return found

    def enrolled(self, person: str, but: int, condition: str) -> Voiceprint:
        """Of up to ENROLLED clips of a person together, without one, under a condition."""
        key = self.enrolled_key(person, but, condition)
        if key not in self.known:
            self.known[key] = self.print_of(np.concatenate([self.heard(i, condition) for i in key[1:]]))
        found: Voiceprint = self.known[key]
        return found

    def enrolled_key(self, person: str, but: int, condition: str) -> tuple[Any, ...]:
        return (condition, *[i for i in self.of[person] if i != but][:ENROLLED])

    def score(
        self, posteriors: Samples, sentence: str, words: tuple[str, ...], person: float, take: Continuity
    ) -> dict[str, Any]:
        """One row. A text that does not fit into the take is scored as the worst."""
        common = {"person": person, **vars(take)}
        try:
            made = score_words(
                self.enroller.recognizer, posteriors, Sentence.of(sentence, self.text), words, self.rivals
            )
        except ParrotletError:
            return {"sentence": -9.0, "margins": [-9.0], **common}
        return {"sentence": made.sentence, "margins": made.margins, **common}

    def posteriors(self, samples: Samples) -> Samples:
        return self.enroller.recognizer.frame_phonemes(mel_spectrogram(samples, MelConfig()))

    def rows(self, clones: int) -> Iterator[dict[str, Any]]:
        random = np.random.default_rng(0)
        last = CONDITIONS[-1]
        takes = [i for i in self.takes if self.enrolled_key(self.clips[i].person, i, last) in self.known]
        enrolled = [name for name in sorted(self.of) if self.enrolled_key(name, -1, last) in self.known]
        for count, index in enumerate(takes):
            clip = self.clips[index]
            for condition in CONDITIONS:
                samples = self.heard(index, condition)
                print_, take = self.of_take(index, condition, samples), continuity(samples, RATE)
                posteriors = self.posteriors(samples)
                common = {"condition": condition, "archive": clip.archive, "of": clip.person}
                person = same(print_, self.enrolled(clip.person, index, condition))
                right = self.score(posteriors, clip.text, clip.words, person, take)
                yield {"kind": "right", **common, **right}
                for other in random.choice(takes, min(OTHERS, len(takes)), replace=False):
                    wrong = self.clips[other]
                    if wrong.text != clip.text:
                        yield {
                            "kind": "sentence",
                            **common,
                            **self.score(posteriors, wrong.text, wrong.words, person, take),
                        }
                near = [int(random.integers(len(clip.words)))]
                yield {"kind": "near", **common, **self.other(clip, near, posteriors, person, take, random)}
                for _ in range(REPLAYS):
                    every = list(range(len(clip.words)))
                    yield {"kind": "replay", **common, **self.other(clip, every, posteriors, person, take, random)}
                for name in enrolled:
                    if name != clip.person:
                        score = same(print_, self.enrolled(name, -1, condition))
                        yield {"kind": "person", **common, **right, "person": score}
                if condition != "clean":  # recordings from elsewhere, a take in the room
                    score = same(print_, self.enrolled(clip.person, index, "clean"))
                    yield {"kind": "mixed", **common, **right, "person": score}
            yield from self.spliced(index, random)
            if count < clones:
                yield from self.made(index)

    def other(
        self,
        clip: Clip,
        places: list[int],
        posteriors: Samples,
        person: float,
        take: Continuity,
        random: np.random.Generator,
    ) -> dict[str, Any]:
        """The take against its own sentence with some of the random words exchanged for words of the list."""
        words, text = list(clip.words), clip.text
        for place, new in zip(places, random.choice(WORDS, len(places), replace=False), strict=True):
            text = re.sub(rf"\b{re.escape(words[place])}\b", str(new), text)
            words[place] = str(new)
        return self.score(posteriors, text, tuple(words), person, take)

    def spliced(self, index: int, random: np.random.Generator) -> Iterator[dict[str, Any]]:
        """The second half of another clip of the person in place of the take's own, crossfaded over 10 ms.

        Words and person count as right: an attacker has cut the pieces so that they are.
        """
        clip = self.clips[index]
        other = self.clips[int(random.choice([i for i in self.of[clip.person] if i != index]))].samples
        first, second = clip.samples[: len(clip.samples) // 2], other[len(other) // 2 :]
        fade = np.linspace(0, 1, RATE // 100, dtype=np.float32)
        seam = first[-len(fade) :] * (1 - fade) + second[: len(fade)] * fade
        take = continuity(np.concatenate([first[: -len(fade)], seam, second[len(fade) :]]), RATE)
        right = {"sentence": 0.0, "margins": [9.0], "person": 99.0}
        common = {"kind": "splice", "condition": "clean", "archive": clip.archive, "of": clip.person}
        yield {**common, **right, **vars(take)}

    def made(self, index: int) -> Iterator[dict[str, Any]]:
        """The take through the vocoder, and its text by a clone of the person."""
        clip = self.clips[index]
        forms = {"vocoder": np.concatenate(list(self.bird.vocode(mel_spectrogram(clip.samples, MelConfig()))))}
        chosen = [i for i in self.of[clip.person] if i != index][:ENROLLED]
        try:
            profile = self.bird.enroll([(self.clips[i].samples, RATE) for i in chosen])
            forms["clone"] = np.concatenate([c.samples for c in self.bird.speak(clip.text, profile)])
        except ParrotletError:  # recordings that do not enroll
            pass
        for kind, samples in forms.items():
            score = same(self.print_of(samples), self.enrolled(clip.person, index, "clean"))
            row = self.score(self.posteriors(samples), clip.text, clip.words, score, continuity(samples, RATE))
            yield {"kind": kind, "condition": "clean", "archive": clip.archive, "of": clip.person, **row}


def same(first: Voiceprint, second: Voiceprint) -> float:
    """Log odds that a take and recordings are of one person."""
    return comparison().take_odds(first, second)


TAKE = [field.name for field in fields(Continuity)]


def refused_by(row: dict[str, Any]) -> str | None:
    """Which check refuses a row, as ``parrotlet.consent.problem`` does."""
    take = Continuity(**{name: row[name] for name in TAKE})
    margins = tuple(row["margins"])
    names = ("",) * len(margins)
    scores = Scores(WordScores(row["sentence"], margins, margins), row["person"], take)
    words = replace(scores, person=99.0)
    if problem(replace(words, words=WordScores(0, (0,), (9,))), ("",)):
        return "take"
    return "words" if problem(words, names) else "person" if problem(scores, names) else None


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
    measured.add_argument("cache", type=Path)
    measured.add_argument("out", type=Path)
    measured.add_argument("split", nargs="?", default="validation")
    measured.add_argument("--bundle", type=Path)
    measured.add_argument("--clones", type=int, default=40)
    prepared = commands.add_parser("prepare")
    prepared.add_argument("corpus", type=Path)
    prepared.add_argument("cache", type=Path)
    prepared.add_argument("split", nargs="?", default="validation")
    prepared.add_argument("--takes", type=int, default=1000)
    commands.add_parser("table").add_argument("out", type=Path)
    options = parser.parse_args()
    if options.command == "prepare":
        warnings.simplefilter("ignore")
        clips = list(read_clips(options.corpus, options.split, TextFrontEnd()))
        Trials(Parrotlet.load(), clips, options.cache).prepare(options.takes)
        return
    if options.command == "measure":
        warnings.simplefilter("ignore")
        clips = list(read_clips(options.corpus, options.split, TextFrontEnd()))
        with options.out.open("w") as file:
            for row in Trials(Parrotlet.load(options.bundle), clips, options.cache).rows(options.clones):
                file.write(json.dumps(row) + "\n")
                file.flush()
    table(options.out)


if __name__ == "__main__":
    main()
