"""Fit how a spoken consent is compared with recordings, clean and in noise and rooms.

    python benchmarks/quality/consent_person.py measure CORPUS CACHE
    python benchmarks/quality/consent_person.py fit CACHE

People of the training split: of the place that most of their clips are from, the last are joined to up to two takes
of some nine seconds, and what is left is the enrollment, as ``consent_takes.py`` has them. ``measure`` keeps what is
compared of both, under every condition, in CACHE. ``fit`` tells a person's own takes from everybody else's by a
logistic regression, which goes into ``sdk/parrotlet/same_person.npz`` (``take_weights``, ``take_bias``);
``same_person.py fit`` writes that file first. It prints what the fit does with people it has not seen (five folds).
"""

from __future__ import annotations

import argparse
import pickle
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from consent import Trials
from consent_takes import CONDITIONS, Clip, Samples, enrolled_of, in_condition, read_clips, sessions
from same_person import Array, regression, save

from parrotlet import Parrotlet
from parrotlet.output import open_output
from parrotlet.same_person import Comparison, Voiceprint, comparison

ARCHIVES = ("commonvoice", "vctk", "librispeech5")
CLIPS, TAKES = 8, 2
TAKE_S = (5.5, 7.0)
"""Seconds that a take has at least, and after which no further clip is joined."""
FOLDS = 5


@dataclass(frozen=True)
class Person:
    """What is compared of one person under one condition."""

    name: str
    condition: str
    enrolled: Voiceprint
    takes: list[Voiceprint]


def divided(clips: Sequence[Clip], session: Sequence[int]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Clips of one place to enroll, and those of takes; nothing where there are too few."""
    rest, takes = list(session), list[tuple[int, ...]]()
    while len(takes) < TAKES:
        take: list[int] = []
        while rest and sum(clips[n].seconds for n in take) < TAKE_S[1]:
            take.append(rest.pop())
        if sum(clips[n].seconds for n in take) < TAKE_S[0] or not enrolled_of(clips, rest):
            rest += take
            break
        takes.append(tuple(take))
    return (enrolled_of(clips, sorted(rest)), takes) if takes else ((), [])


def measure(corpus: Path, cache: Path) -> None:
    clips = list(read_clips(corpus, "train", CLIPS, ARCHIVES))
    trials = Trials(Parrotlet.load(), clips, Path("none"))
    found: list[Person] = pickle.loads(cache.read_bytes()) if cache.is_file() else []
    known = {one.name for one in found}
    # Any part of them is of all archives.
    for count, name in enumerate(np.random.default_rng(0).permutation(sorted(trials.of))):
        longest = max(sessions(clips, trials.of[name]), key=lambda own: sum(clips[n].seconds for n in own))
        enrolled, takes = divided(clips, longest)
        if not takes or name in known:
            continue
        for condition in CONDITIONS:
            prints = [trials.print_of(_said(clips, take, condition)) for take in takes]
            found.append(Person(str(name), condition, trials.enrolled(enrolled, condition), prints))
        if len(found) % 40 == 0:
            _write(cache, found)
            print(f"{count}/{len(trials.of)}", flush=True)
    _write(cache, found)


def _said(clips: Sequence[Clip], take: tuple[int, ...], condition: str) -> Samples:
    random = np.random.default_rng((*take, CONDITIONS.index(condition)))
    return in_condition(np.concatenate([clips[number].samples for number in take]), condition, random)


def _write(cache: Path, found: list[Person]) -> None:
    with open_output(cache) as file:
        pickle.dump(found, file)


def pairs(table: Comparison, people: Sequence[Person]) -> tuple[Array, np.ndarray]:
    """Features of every take with every enrollment under its condition, [N, F], and whether it is one person."""
    features, same = [], []
    for condition in CONDITIONS:
        group = [one for one in people if one.condition == condition]
        if not group:
            continue
        takes = [take for one in group for take in one.takes]
        names = np.array([one.name for one in group for _ in one.takes])
        made = table.features([*(one.enrolled for one in group), *takes])[: len(group), len(group) :]
        features.append(made.reshape(-1, made.shape[-1]))
        same.append((np.array([one.name for one in group])[:, None] == names).reshape(-1))
    return np.concatenate(features), np.concatenate(same)


def fit(cache: Path) -> None:
    people: list[Person] = pickle.loads(cache.read_bytes())
    table = comparison()
    names = sorted({one.name for one in people})
    fold = {name: number % FOLDS for number, name in enumerate(np.random.default_rng(0).permutation(names))}
    scores: dict[str, list[tuple[Array, np.ndarray]]] = defaultdict(list)
    for part in range(FOLDS):
        weights, bias = regression(*pairs(table, [one for one in people if fold[one.name] != part]))
        for condition in CONDITIONS:
            held = [one for one in people if fold[one.name] == part and one.condition == condition]
            for kind, chosen in (("fitted", (weights, bias)), ("as it was", (table.take_weights, table.take_bias))):
                features, same = pairs(table, held)
                scores[f"{condition} {kind}"].append((features @ chosen[0] + chosen[1], same))
    print(f"{len(names)} people")
    for kind, parts in scores.items():
        odds, same = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
        limit = float(np.quantile(odds[~same], 1 - 0.0045))
        print(f"{kind}: limit {limit:.1f}, passes {(odds[same] >= limit).mean():.1%} of {same.sum()} takes")
    weights, bias = regression(*pairs(table, people))
    save(replace(table, take_weights=weights, take_bias=bias))


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    measured = commands.add_parser("measure")
    measured.add_argument("corpus", type=Path)
    measured.add_argument("cache", type=Path)
    commands.add_parser("fit").add_argument("cache", type=Path)
    options = parser.parse_args()
    if options.command == "measure":
        measure(options.corpus, options.cache)
    else:
        fit(options.cache)


if __name__ == "__main__":
    main()
