"""What ``bench.py`` runs in the emulated machine: BUNDLE RUNTIME OUT. Prints a JSON line of what was counted, in order,
and the seconds of speech; writes the speech to OUT."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet import Parrotlet
from parrotlet.bundle import Bundle
from parrotlet_runtimes import Session, SessionInfo

TEXT = "Please turn off the kitchen light in ten minutes."
START, STOP = 0x7EADBEE1, 0x7EADBEE2
counted: list[str] = []


def mark(number: int) -> None:
    """Tell ``count.c``: closing a file that is not open is harmless."""
    with contextlib.suppress(OSError):
        os.close(number)


class Counted:
    """A session whose runs are counted while ``on``."""

    on = False

    def __init__(self, session: Session, graph: str) -> None:
        self.session, self.graph = session, graph

    @property
    def info(self) -> SessionInfo:
        return self.session.info

    def run(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        if not Counted.on:
            return self.session.run(feeds)
        mark(START)
        made = self.session.run(feeds)
        mark(STOP)
        counted.append(self.graph)
        return made


def main() -> None:
    path, runtime, out = sys.argv[1:]
    found = Bundle.load(path)
    bird = Parrotlet.load(path, runtime, sessions=lambda graph: Counted(found.session(graph, runtime), graph))
    voice = next(iter(bird.presets.values())).profile

    def speak() -> npt.NDArray[np.float32]:
        return np.concatenate([chunk.samples for chunk in bird.speak(TEXT, voice)])

    speech = speak()  # warms up, too
    np.save(out, speech)
    mark(START)
    speak()
    mark(STOP)
    counted.append("speak")
    mark(START)
    next(iter(bird.speak(TEXT, voice)))
    mark(STOP)
    counted.append("first audio")
    Counted.on = True
    speak()
    Counted.on = False
    mark(START)
    bird.enroll((np.concatenate([speech, speech]), bird.sample_rate))
    mark(STOP)
    counted.append("enroll")
    print(json.dumps({"counted": counted, "seconds": len(speech) / bird.sample_rate}))


if __name__ == "__main__":
    main()
