"""Is a second person in a recording noticed? `python benchmarks/quality/two_people.py CORPUS [SPLIT]`.

Recordings of two people are made of the clips of every pair of people of a split: one after the other, in turns of
3 s, and both at once. Recordings of one person are its clips, alone and put together. Prints how many are refused,
warned about, and how far the seconds named are from the true change.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from people import RATE, clips

from parrotlet import Parrotlet
from parrotlet.enrollment import RecordingReport

Samples = npt.NDArray[np.float32]
LENGTH_S, TURN_S = 8, 3


def in_turns(one: Samples, two: Samples) -> Samples:
    size = TURN_S * RATE
    turns = range(0, min(len(one), len(two)) - size + 1, size)
    return np.concatenate([part for at in turns for part in (one[at : at + size], two[at : at + size])])


def main() -> None:
    bird = Parrotlet.load()
    people: dict[str, list[Samples]] = defaultdict(list)
    for clip in clips(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "validation"):
        people[clip.person].append(0.1 * clip.samples / clip.samples.std())
    rows: dict[str, list[RecordingReport]] = defaultdict(list)
    errors: list[float] = []

    def tried(kind: str, samples: Samples) -> RecordingReport:
        report, _ = bird.examine((samples, RATE), kind)
        rows[kind].append(report)
        return report

    for own in people.values():
        for clip in own:
            if bird.examine((clip, RATE))[0].speech_s >= 5:
                tried("one person, one clip", clip)
        joined = np.concatenate(own)
        for start in range(0, len(joined) - 6 * RATE, LENGTH_S * 2 * RATE):
            tried("one person, clips put together", joined[start : start + LENGTH_S * 2 * RATE])
    for first, second in combinations(people.values(), 2):
        one, two = (np.concatenate(own)[: LENGTH_S * RATE] for own in (first, second))
        size = min(len(one), len(two))
        report = tried("two, one after the other", np.concatenate([one, two]))
        if report.other_voice:
            change = len(one) / RATE
            errors.append(min(abs(edge - change) for span in report.other_voice for edge in span))
        tried("two, 3 s after 8 s", np.concatenate([one, two[: TURN_S * RATE]]))
        tried("two, in turns of 3 s", in_turns(one, two))
        tried("two, at once", one[:size] + two[:size])
    print("recordings                        number  refused  warned")
    for kind, reports in rows.items():
        usable = [report for report in reports if report.problem is None or report.other_voice]
        refused = np.mean([report.problem is not None for report in usable])
        warned = np.mean([bool(report.other_voice) and report.problem is None for report in usable])
        print(f"{kind:<32}  {len(usable):6}  {refused:7.1%}  {warned:6.1%}")
    print(f"change named to within {np.median(errors):.2f} s (median), {np.percentile(errors, 90):.2f} s (90 %)")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
