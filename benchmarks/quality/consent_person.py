"""Fit how a spoken consent is compared with recordings, clean and in noise and rooms.

    python benchmarks/quality/consent_person.py CORPUS

Of people of the training split with four clips or more: the first three are enrolled, up to two others are takes, all
under one condition of ``consent.py``. A logistic regression tells a person's own takes from everybody else's. It goes
into ``sdk/parrotlet/same_person.npz`` (``take_weights``, ``take_bias``), which ``same_person.py fit`` writes first.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from consent import CONDITIONS, ENROLLED, Trials, read_clips
from same_person import regression, save

from parrotlet import Parrotlet
from parrotlet.same_person import Voiceprint, comparison
from parrotlet.text import TextFrontEnd

TAKES = 2


def main() -> None:
    warnings.simplefilter("ignore")
    clips = list(read_clips(Path(sys.argv[1]), "train", TextFrontEnd()))
    trials = Trials(Parrotlet.load(), clips, Path("none"))
    table = comparison()
    rows, same = [], []
    for condition in CONDITIONS:
        enrolled: list[Voiceprint] = []
        takes: list[Voiceprint] = []
        names: tuple[list[str], list[str]] = ([], [])
        for person, own in trials.of.items():
            if len(own) <= ENROLLED:
                continue
            heard = [trials.heard(index, condition) for index in own[: ENROLLED + TAKES]]
            enrolled.append(trials.print_of(np.concatenate(heard[:ENROLLED])))
            takes += [trials.print_of(one) for one in heard[ENROLLED:]]
            names[0].append(person)
            names[1].extend([person] * len(heard[ENROLLED:]))
        features = table.features([*enrolled, *takes])[: len(enrolled), len(enrolled) :]
        rows.append(features.reshape(-1, features.shape[-1]))
        same.append((np.array(names[0])[:, None] == np.array(names[1])).reshape(-1))
        print(f"{condition}: {len(enrolled)} people, {len(takes)} takes", flush=True)
    weights, bias = regression(np.concatenate(rows), np.concatenate(same))
    save(replace(table, take_weights=weights, take_bias=bias))


if __name__ == "__main__":
    main()
