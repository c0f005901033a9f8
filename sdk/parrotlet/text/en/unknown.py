"""The unknown-word model at run time: letters in, phonemes out. Graph and training: docs/text.md."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import numpy as np

from parrotlet.text.en.phonemes import promote
from parrotlet.text.en.spelling import by_rule
from parrotlet_runtimes import RUNTIMES, Session, installed, load_session

_RUNTIMES = ("onnx", "tflite")


class UnknownWords:
    """Says any word of the letters a to z, `'` and `-`. The graph is loaded at the first word.

    `folder` holds `g2p.onnx` or `g2p.tflite` (integers: `letters` [1, L] to `phonemes` [1, 2 L]) and `g2p.json`
    (the two alphabets). `runtime`: "onnx" or "tflite"; else the first of them that is installed.
    """

    def __init__(self, folder: Path, runtime: str | None = None) -> None:
        self._folder = folder
        self._runtime = runtime

    @cached_property
    def _alphabets(self) -> tuple[dict[str, int], list[str]]:
        tables = json.loads((self._folder / "g2p.json").read_text(encoding="utf-8"))
        return {letter: code for code, letter in enumerate(tables["letters"], 1)}, tables["phonemes"]

    @cached_property
    def _session(self) -> Session:
        runtime = self._runtime or next(filter(installed, _RUNTIMES), _RUNTIMES[0])
        return load_session(self._folder / f"g2p{RUNTIMES[runtime].suffix}", runtime)

    def __call__(self, word: str) -> str:
        """Phonemes with at least one stressed vowel; letter-to-sound rules if the model stays silent."""
        codes, symbols = self._alphabets
        letters = [codes[letter] for letter in word.lower() if letter in codes]
        if not letters:
            return ""
        best = self._session.run({"letters": np.array([letters])})["phonemes"][0].tolist()
        kept = [code for at, code in enumerate(best) if code and (at == 0 or best[at - 1] != code)]
        return promote("".join(symbols[code] for code in kept)) or by_rule(word)
