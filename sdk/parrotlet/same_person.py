"""Are two recordings of one person? More than the cosine of their speaker embeddings is asked.

The speaker encoder is small, and what it misses the speech itself tells: mean, spread and correlations of its cepstra,
and its pitch. Distances of each, within-class normalized (Hatch 2006), and how far from everybody both recordings lie
are joined by a logistic regression into the log of the odds that it is one person.

The table beside this module (``same_person.npz``) is fitted on people of the training split by
``benchmarks/quality/same_person.py fit``, and ``consent_person.py`` beside it. It belongs to one speaker encoder; with
another, the cosine alone decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parrotlet.adaptation import cosines

Array = npt.NDArray[np.float64]

TABLE = Path(__file__).with_suffix(".npz")
REFUSED, DOUBTED = -1.0, 2.25
"""Log odds below which a recording is refused, and those below which a warning is given. Of sets of two and of three
clips of one person 0.1 and 0.0 % are refused on validation people, 1.2 and 1.9 % on people of the test split
(docs/experiments/027-one-person-or-two.md)."""
CEPSTRA, CORRELATED = 24, 12
KINDS = ("means", "spreads", "correlations", "pitch")
_FLOOR, _COUNTED_NEPERS, _LEVEL_BANDS = -9.0, 5.0, slice(5, 60)


@dataclass(frozen=True)
class Voiceprint:
    """What is compared of a recording: vectors of fixed length, and how many seconds of speech they are from.

    means, spreads: of the cepstra, [23] and [24]; correlations: of the lowest twelve, [66]; pitch: median and 20th and
    80th percentile of log2 f0, [3].
    """

    seconds: float
    embedding: Array
    means: Array
    spreads: Array
    correlations: Array
    pitch: Array


def voiceprint(
    seconds: float, embedding: npt.ArrayLike, mel: npt.NDArray[np.float32], f0: npt.NDArray[np.float32]
) -> Voiceprint:
    """Of the speech of one recording: its length, speaker embedding, log-mel [T, M] and f0 in Hz, 0 where unvoiced."""
    mel = np.maximum(mel, _FLOOR)
    level = mel[:, _LEVEL_BANDS].mean(axis=1)
    loud = mel[level > np.percentile(level, 95) - _COUNTED_NEPERS].astype(np.float64)
    cepstra = loud @ cosines(mel.shape[1], CEPSTRA)
    return from_moments(seconds, embedding, cepstra.mean(axis=0), np.cov(cepstra, rowvar=False), np.log2(f0[f0 > 0]))


def from_moments(
    seconds: float, embedding: npt.ArrayLike, mean: Array, covariance: Array, octaves: Array
) -> Voiceprint:
    """From mean [24] and covariance [24, 24] of the cepstra, and log2 f0 of the voiced frames."""
    variance = np.diag(covariance)
    correlation = covariance / np.sqrt(np.outer(variance, variance) + 1e-8)
    pitch = np.percentile(octaves, (50, 20, 80)) if len(octaves) else np.zeros(3)
    return Voiceprint(
        seconds,
        np.asarray(embedding, dtype=np.float64),
        mean[1:],
        np.log(variance + 1e-4),
        correlation[np.triu_indices(CORRELATED, 1)],
        pitch,
    )


@dataclass(frozen=True)
class Comparison:
    """The fitted table. For each of KINDS: the mean over people, and the inverse of the covariance of one person's
    recordings (within) and of all people's (total). weights, bias: of the regression. take_weights, take_bias: of one
    that was fitted in noise and rooms too, and compares a spoken consent with recordings."""

    encoder: str
    means: dict[str, Array]
    within: dict[str, Array]
    total: dict[str, Array]
    weights: Array
    bias: float
    take_weights: Array
    take_bias: float

    @classmethod
    def load(cls, path: Path = TABLE) -> Comparison:
        with np.load(path) as table:
            parts = {
                part: {kind: table[f"{part}_{kind}"].astype(np.float64) for kind in KINDS}
                for part in ("means", "within", "total")
            }
            return cls(
                str(table["encoder"]),
                **parts,
                weights=table["weights"].astype(np.float64),
                bias=float(table["bias"]),
                take_weights=table["take_weights"].astype(np.float64),
                take_bias=float(table["take_bias"]),
            )

    def features(self, prints: Sequence[Voiceprint]) -> Array:
        """What the regression sees of every pair: [N, N, F]."""
        embeddings = np.array([one.embedding for one in prints])
        brief = np.array([1 / max(one.seconds, 0.5) for one in prints])
        found = [embeddings @ embeddings.T]
        for kind in KINDS:
            rows = np.array([getattr(one, kind) for one in prints])
            moved = rows @ self.within[kind]
            products = moved @ rows.T
            own = np.diag(products)
            distance = np.maximum(own[:, None] + own - 2 * products, 0) / rows.shape[1] / 2
            centered = rows - self.means[kind]
            rare = np.log(((centered @ self.total[kind]) * centered).sum(axis=1) / rows.shape[1] + 0.1)
            found += [np.log(distance + 0.02), rare[:, None] + rare]
        return np.stack([*found, brief[:, None] + brief], axis=-1)

    def log_odds(self, prints: Sequence[Voiceprint]) -> Array:
        """That two recordings are of one person, for every pair: [N, N]."""
        return np.asarray(self.features(prints) @ self.weights + self.bias)

    def take_odds(self, take: Voiceprint, enrolled: Voiceprint) -> float:
        """Log odds that a spoken consent is of the person of the recordings, whatever the noise and the room."""
        return float(self.features([take, enrolled])[0, 1] @ self.take_weights + self.take_bias)


@cache
def comparison() -> Comparison:
    """The table that is shipped."""
    return Comparison.load()


def likeness_to_the_rest(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """How like every recording is to all others, from the scores of pairs [N, N]: their mean, [N]."""
    others = ~np.eye(len(scores), dtype=bool)
    return np.asarray(np.where(others, scores, 0).sum(axis=1) / (len(scores) - 1))


@dataclass(frozen=True)
class Odd:
    """The recording that is least like the others, and whether it is certainly of another person."""

    index: int
    sure: bool


def odd_one(prints: Sequence[Voiceprint], encoder: str, narrow: bool, same_speaker: float) -> Odd | None:
    """The recording that is perhaps not of the person of the others; None if all are of one.

    encoder: sha256 of the speaker encoder's weights. narrow: whether a recording lacks some of the spectrum, which the
    joint score would take for a likeness. With either, the cosine decides, which has to be ``same_speaker``.
    """
    table = comparison()
    if narrow or encoder != table.encoder:
        embeddings = np.array([one.embedding for one in prints])
        pairs, refused, doubted = embeddings @ embeddings.T, same_speaker, same_speaker
    else:
        pairs, refused, doubted = table.log_odds(prints), REFUSED, DOUBTED
    likeness = likeness_to_the_rest(pairs)
    if likeness.min() >= doubted:
        return None
    return Odd(int(likeness.argmin()), bool(likeness.min() < refused))
