"""What ``bench.py`` runs in the emulated machine: BUNDLE RUNTIME OUT. Prints a JSON line of what was counted, in order,
and the seconds of speech; writes the speech to OUT."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet import Parrotlet
from parrotlet.bundle import Bundle
from parrotlet_runtimes import Session, SessionInfo

TEXT = "Please turn off the kitchen light in ten minutes."
START, STOP = 0x7EADBEE1, 0x7EADBEE2
counted: list[str] = []


@contextlib.contextmanager
def counting(what: str) -> Iterator[None]:
    """Have ``count.c`` count what is done inside: closing a file that is not open harms nothing, and tells it."""
    with contextlib.suppress(OSError):
        os.close(START)
    yield
    with contextlib.suppress(OSError):
        os.close(STOP)
    counted.append(what)


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
        with counting(self.graph):
            return self.session.run(feeds)


def main() -> None:
    path, runtime, out = sys.argv[1:]
    found = Bundle.load(path)
    bird = Parrotlet.load(path, runtime, sessions=lambda graph: Counted(found.session(graph, runtime), graph))
    voice = next(iter(bird.presets.values())).profile

    def speak() -> npt.NDArray[np.float32]:
        return np.concatenate([chunk.samples for chunk in bird.speak(TEXT, voice)])

    speech = speak()  # warms up, too
    np.save(out, speech)
    with counting("speak"):
        speak()
    with counting("first audio"):
        next(iter(bird.speak(TEXT, voice)))
    Counted.on = True
    speak()
    Counted.on = False
    with counting("enroll"):
        bird.enroll((np.concatenate([speech, speech]), bird.sample_rate))
    print(json.dumps({"counted": counted, "seconds": len(speech) / bird.sample_rate}))


if __name__ == "__main__":
    main()
