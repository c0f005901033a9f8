"""Is every clone most like its own person? Run with the judge's Python on what `parrotlet-compress evaluate` wrote.

    JUDGE_PYTHON benchmarks/quality/rank.py path/to/judge.py SPEECH_FOLDER

Prints the matrix of ECAPA cosines (clone, averaged over its sentences, against every person's other
recordings), then one JSON line: how many clones are nearest to their own person.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np


def main(judge_file: str, folder: str) -> None:
    spec = importlib.util.spec_from_file_location("judge", judge_file)
    assert spec is not None
    assert spec.loader is not None
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    references = json.loads((Path(folder) / "people.json").read_text())
    people = list(references)
    clones = [[str(path) for path in sorted(Path(folder).glob(f"{name}_[0-9].wav"))] for name in people]
    asked = np.stack([judge.embed(references[name]) for name in people])
    single = [np.stack([judge.embed([path]) for path in paths]) for paths in clones]
    means = np.stack([e.mean(axis=0) / np.linalg.norm(e.mean(axis=0)) for e in single])
    matrix = means @ asked.T
    print(np.array2string(matrix, precision=2, suppress_small=True))
    own = np.diag(matrix)
    rows = np.concatenate([(e @ asked.T).argmax(axis=1) == index for index, e in enumerate(single)])
    others = (matrix.sum() - own.sum()) / (matrix.size - len(own))
    result = {
        "people": len(people),
        "nearest_to_own_person": int((matrix.argmax(axis=1) == np.arange(len(people))).sum()),
        "single_sentences_nearest": round(float(rows.mean()), 3),
        "own_cosine": round(float(own.mean()), 3),
        "other_cosine": round(float(others), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:3])
