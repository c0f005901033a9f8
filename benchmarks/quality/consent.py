"""How often a spoken consent is accepted, right ones and wrong ones.

    python benchmarks/quality/consent.py prepare CORPUS CACHE [SPLIT]
    python benchmarks/quality/consent.py measure CORPUS CACHE OUT.jsonl [SPLIT] [--bundle DIR] [--clones N]
    python benchmarks/quality/consent.py table OUT.jsonl

People are those of a split (validation, if none is named) of Common Voice and VCTK; ``consent_takes.py`` makes takes
and enrollments of their clips. Both are heard under one condition ("mixed": the enrollment is clean), and every other
person is tried. "brief" is a right take of a person of whom only 5 to 8 s are enrolled. Conditions are: clean, with
noise 20 and 10 dB below the speech, and from afar (a simulated room of 0.5 s, as much reverberation as direct sound,
noise 25 dB below).

Attacks: the sentence of another take; an earlier consent replayed, of which all but the random words is right (they
are exchanged for words of the list); one random word exchanged (near miss); another person who says the right
sentence; two takes of the person spliced; the take once more through the vocoder; and a clone of the person that says
the sentence.
"""

from __future__ import annotations

import argparse
import json
import pickle
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from consent_takes import (
    CONDITIONS,
    GOOD_S,
    RATE,
    Clip,
    Samples,
    Take,
    enrolled_of,
    in_condition,
    read_clips,
    sessions,
    takes_of,
)

from parrotlet import Parrotlet
from parrotlet.audio import resample
from parrotlet.consent import LIMITS, Scores, problem
from parrotlet.consent_words import WORDS
from parrotlet.enrollment import find_speech, speech_of
from parrotlet.errors import ParrotletError
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.one_take import Continuity, continuity
from parrotlet.output import open_output
from parrotlet.same_person import Voiceprint, comparison
from parrotlet.spoken_words import Sentence, WordScores, phonemes_of, score_words
from parrotlet.text import TextFrontEnd

SPEAKER_RATE = 16000
OTHERS, REPLAYS = 4, 4
"""Wrong sentences, and earlier consents, that each take is tried with."""
MICROPHONE = 5e-4
"""Noise of a microphone, root mean square, in what synthesizers make."""


class Trials:
    """Scores of takes. What does not depend on the recognizer is kept in a file."""

    def __init__(self, bird: Parrotlet, clips: list[Clip], cache: Path) -> None:
        self.bird, self.text, self.clips, self.cache = bird, TextFrontEnd(), clips, cache
        self.enroller = bird._enroller
        self.rivals = phonemes_of(WORDS, self.text)
        self.of: dict[str, list[int]] = defaultdict(list)
        for index, clip in enumerate(clips):
            self.of[clip.person].append(index)
        self.takes = takes_of(clips, self.text)
        self.known: dict[Any, Any] = pickle.loads(cache.read_bytes()) if cache.is_file() else {}

    def prepare(self) -> None:
        """Measure who speaks the takes and the enrollments, and keep that."""
        for count, take in enumerate(self.takes):
            for condition in CONDITIONS:
                self.enrolled(take.enrolled, condition)
                self.of_take(take, condition, self.said(take, condition))
            self.save()
            print(f"{count + 1}/{len(self.takes)}", flush=True)
        for enrolled in self.others().values():
            for condition in CONDITIONS:
                self.enrolled(enrolled, condition)
        self.save()

    def others(self) -> dict[str, tuple[int, ...]]:
        """With what each person is enrolled whom others try to be: clips of the place that most are from."""
        longest = {name: max(sessions(self.clips, own), key=len) for name, own in self.of.items()}
        found = {name: enrolled_of(self.clips, session) for name, session in longest.items()}
        return {name: enrolled for name, enrolled in found.items() if enrolled}

    def save(self) -> None:
        with open_output(self.cache) as file:
            pickle.dump(self.known, file)

    def seconds(self, take: Take) -> float:
        """Of its enrollment."""
        return sum(self.clips[index].seconds for index in take.enrolled)

    def heard(self, index: int, condition: str) -> Samples:
        """A clip under a condition, for an enrollment."""
        random = np.random.default_rng((index, CONDITIONS.index(condition)))
        return in_condition(self.clips[index].samples, condition, random)

    def joined(self, take: Take) -> Samples:
        return np.concatenate([self.clips[index].samples for index in take.clips])

    def said(self, take: Take, condition: str) -> Samples:
        """A take under a condition: in one room, with one noise."""
        random = np.random.default_rng((*take.clips, CONDITIONS.index(condition)))
        return in_condition(self.joined(take), condition, random)

    def print_of(self, samples: Samples) -> Voiceprint:
        low = resample(samples, RATE, SPEAKER_RATE)
        speech = speech_of(low, find_speech(low, SPEAKER_RATE)[0], SPEAKER_RATE)
        return self.enroller.print_of(speech, self.enroller.speaker_embedding(speech))

    def of_take(self, take: Take, condition: str, samples: Samples) -> Voiceprint:
        key = "take", take.clips, condition
        if key not in self.known:
            self.known[key] = self.print_of(samples)
        found: Voiceprint = self.known[key]
        return found

    def enrolled(self, clips: tuple[int, ...], condition: str) -> Voiceprint:
        """Of clips together under a condition."""
        key = "enrolled", clips, condition
        if key not in self.known:
            self.known[key] = self.print_of(np.concatenate([self.heard(index, condition) for index in clips]))
        found: Voiceprint = self.known[key]
        return found

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

    def rows(self, clones: int, first: int = 0) -> Iterator[dict[str, Any]]:
        """All rows of the takes from one on. clones: of how many takes the slow attacks are made."""
        others = self.others()
        for count, take in enumerate(self.takes[first:], first):
            random = np.random.default_rng(count)
            for condition in CONDITIONS:
                samples = self.said(take, condition)
                print_, whole = self.of_take(take, condition, samples), continuity(samples, RATE)
                posteriors = self.posteriors(samples)
                common = {"condition": condition, "archive": take.archive, "of": take.person, "take": count}
                person = same(print_, self.enrolled(take.enrolled, condition))
                right = self.score(posteriors, take.text, take.words, person, whole)
                yield {"kind": "right" if self.seconds(take) >= GOOD_S else "brief", **common, **right}
                for number in random.choice(len(self.takes), min(OTHERS, len(self.takes)), replace=False):
                    wrong = self.takes[number]
                    if not set(wrong.clips) & set(take.clips):
                        scores = self.score(posteriors, wrong.text, wrong.words, person, whole)
                        yield {"kind": "sentence", **common, **scores}
                near = [int(random.integers(len(take.words)))]
                yield {"kind": "near", **common, **self.other(take, near, posteriors, person, whole, random)}
                for _ in range(REPLAYS):
                    every = list(range(len(take.words)))
                    yield {"kind": "replay", **common, **self.other(take, every, posteriors, person, whole, random)}
                for name, clips in others.items():
                    if name != take.person:
                        yield {
                            "kind": "person",
                            **common,
                            **right,
                            "person": same(print_, self.enrolled(clips, condition)),
                        }
                if condition != "clean":  # recordings from elsewhere, a take in the room
                    yield {
                        "kind": "mixed",
                        **common,
                        **right,
                        "person": same(print_, self.enrolled(take.enrolled, "clean")),
                    }
            attacks = [*self.spliced(take, random), *(self.made(take) if count < clones else ())]
            yield from ({**row, "take": count} for row in attacks)

    def other(
        self,
        take: Take,
        places: list[int],
        posteriors: Samples,
        person: float,
        whole: Continuity,
        random: np.random.Generator,
    ) -> dict[str, Any]:
        """The take against its own sentence with some of the random words exchanged for words of the list."""
        words, text = list(take.words), take.text
        for place, new in zip(places, random.choice(WORDS, len(places), replace=False), strict=True):
            text = re.sub(rf"\b{re.escape(words[place])}\b", str(new), text)
            words[place] = str(new)
        return self.score(posteriors, text, tuple(words), person, whole)

    def spliced(self, take: Take, random: np.random.Generator) -> Iterator[dict[str, Any]]:
        """The second half of another take of the person in place of the take's own, crossfaded over 10 ms.

        Words and person count as right: an attacker has cut the pieces so that they are.
        """
        different = [t for t in self.takes if t.person == take.person and not set(t.clips) & set(take.clips)]
        if not different:
            return
        own, other = self.joined(take), self.joined(different[int(random.integers(len(different)))])
        first, second = own[: len(own) // 2], other[len(other) // 2 :]
        fade = np.linspace(0, 1, RATE // 100, dtype=np.float32)
        seam = first[-len(fade) :] * (1 - fade) + second[: len(fade)] * fade
        whole = continuity(np.concatenate([first[: -len(fade)], seam, second[len(fade) :]]), RATE)
        right = {"sentence": 0.0, "margins": [9.0], "person": 99.0}
        common = {"kind": "splice", "condition": "clean", "archive": take.archive, "of": take.person}
        yield {**common, **right, **vars(whole)}

    def made(self, take: Take) -> Iterator[dict[str, Any]]:
        """The take through the vocoder, and its text by a clone of the person."""
        forms = {"vocoder": np.concatenate(list(self.bird.vocode(mel_spectrogram(self.joined(take), MelConfig()))))}
        try:
            profile = self.bird.enroll([(self.clips[i].samples, RATE) for i in take.enrolled])
            forms["clone"] = np.concatenate([c.samples for c in self.bird.speak(take.text, profile)])
        except ParrotletError:  # recordings that do not enroll
            pass
        for kind, made in forms.items():
            # What is played into a microphone has its noise, and no digital silence.
            noise = MICROPHONE * np.random.default_rng(0).standard_normal(len(made), np.float32)
            samples = np.asarray(made + noise, np.float32)
            score = same(self.print_of(samples), self.enrolled(take.enrolled, "clean"))
            row = self.score(self.posteriors(samples), take.text, take.words, score, continuity(samples, RATE))
            yield {"kind": kind, "condition": "clean", "archive": take.archive, "of": take.person, **row}


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
    measured.add_argument("out", type=Path, help="is gone on with, if it is there")
    measured.add_argument("split", nargs="?", default="validation")
    measured.add_argument("--bundle", type=Path)
    measured.add_argument("--clones", type=int, default=40)
    prepared = commands.add_parser("prepare")
    prepared.add_argument("corpus", type=Path)
    prepared.add_argument("cache", type=Path)
    prepared.add_argument("split", nargs="?", default="validation")
    commands.add_parser("table").add_argument("out", type=Path)
    options = parser.parse_args()
    if options.command == "prepare":
        warnings.simplefilter("ignore")
        Trials(Parrotlet.load(), list(read_clips(options.corpus, options.split)), options.cache).prepare()
        return
    if options.command == "measure":
        warnings.simplefilter("ignore")
        clips = list(read_clips(options.corpus, options.split))
        known = options.out.read_text().splitlines() if options.out.is_file() else []
        first = max((json.loads(line)["take"] for line in known), default=0)  # it may be cut short: once more
        options.out.write_text("".join(f"{line}\n" for line in known if json.loads(line)["take"] < first))
        with options.out.open("a") as file:
            for row in Trials(Parrotlet.load(options.bundle), clips, options.cache).rows(options.clones, first):
                file.write(json.dumps(row) + "\n")
                file.flush()
    table(options.out)


if __name__ == "__main__":
    main()
