"""Bring the acoustic model's spectra to a person's, in closed form and without a transcript.

Enrollment measures how the person's speech is spread (``measure``); nothing in that depends on the acoustic model.
Before a model speaks in a voice, it says a few sentences in it (``fit_map``). A linear map of its cepstra then gives
them the mean and the covariance of the recorded ones and moves them as little as that takes: optimal transport between
two Gaussians (Dowson & Landau 1982; Olkin & Pukelsheim 1982). What is left is taken from the recording itself: every
frame goes some of the way to the nearest of some hundred exemplars of what was recorded (exemplar-based conversion,
Takashima 2012; kNN-VC, Baas 2023).

An adaptation is what the acoustic graph takes after the speaker embedding:

    [level, offset (C), matrix (C * C, row by row), share, exemplars (N * (C - 1), row by row)]

For every frame of the log-mel spectrogram that it predicts, the graph takes the cepstrum c [C], and adds the inverse
transform of ``(c @ matrix + offset)``. Then it does the same with what lies between the frame and the mean of its
nearest exemplars, by the ``share``, and once more after its refiner, because a refiner makes voices more alike. An
exemplar holds all coefficients but the first, which is how loud a frame is; see ``NEAR`` and ``WINDOWS`` for how one is
chosen. Frames quieter than ``level`` are left alone, over FADE nepers above it less and less so. All zeros change
nothing. The emphasis comes last.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from parrotlet.profile import Spectrum

Array = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

CEPSTRA, BANDS = 24, 66
"""Coefficients that the map moves, and the mel bands they are of: those below 7.6 kHz, which 16 kHz recordings hold."""
EXEMPLARS = 128
NEAR, WINDOWS = (0.25, 0.2), (5, 3)
"""An exemplar counts by exp(-d), d being this times the squared distance to the mean of so many frames: before the
refiner, and after it."""
LEVEL_BANDS = slice(5, 60)
"""Bands whose mean is a frame's level."""
EMPHASIS, EMPHASIZED = 0.2, slice(3, 50)
"""How much more contrast every voice's spectrum gets, and in which cepstral coefficients: predicted spectra are flatter
than recorded ones (a postfilter; chosen by P.808 on validation voices)."""
# Nepers below the loud frames (95th percentile): what still counts as speech, and where nothing is changed any more.
COUNTED, UNTOUCHED = 5.0, 7.0
FADE = 2.0  # nepers
# Share of the covariance's off-diagonal part that is not trusted: a recording is short.
SHRINK = 0.1
SHARE = 0.85
"""How much of the way frames go to exemplars. More is more like the person and less natural: of validation people, in
INT8 (``parrotlet-en-10``), ECAPA cosine 0.44, 0.46, 0.47 and 0.48 and P.808 3.78, 3.75, 3.73 and 3.71 at 0.7, 0.85,
0.92 and 1. Enrolled with white noise at 22 dB: P.808 3.76 at 0.7, 3.62 at 1."""
FLOOR = -9.0  # of log-mel: below is silence
MIN_FRAMES = 100
ROUNDS = 8  # of k-means; the exemplars hardly move any more
# Nepers by which a band of the recording may be weaker than speech is. Beyond, the recording lacks the band: a
# telephone passes little above 3.4 kHz, and a voice should not be brought to that. (Of fifteen full-band recordings at
# most 2.0; resampled to 8 or 11 kHz 2.4 and more.)
MISSING = 2.2


SHAPES = (EXEMPLARS, CEPSTRA - 1), (CEPSTRA,), (CEPSTRA, CEPSTRA), (BANDS,)
"""Of the parts of a ``Spectrum``."""


def preferred(likeness: float | None) -> float:
    """The likeness to speak with, when nobody asks for one: what was chosen at enrollment, or ``SHARE``."""
    return SHARE if likeness is None else likeness


def shape() -> dict[str, int]:
    """What a bundle's manifest says of its adaptations."""
    return {
        "size": size(),
        "cepstra": CEPSTRA,
        "bands": BANDS,
        "exemplars": EXEMPLARS,
    }


def sizes() -> tuple[int, int, int, int, int]:
    """Values of every part of an adaptation: level, offset, matrix, share, exemplars."""
    return 1, CEPSTRA, CEPSTRA * CEPSTRA, 1, EXEMPLARS * (CEPSTRA - 1)


def size() -> int:
    """Values of an adaptation."""
    return sum(sizes())


def cosines(n_mels: int, count: int, bands: int = BANDS) -> Matrix:
    """Orthonormal DCT-II of the lowest ``bands`` mel bands, [n_mels, count]; zero for the bands above."""
    band, order = np.arange(bands)[:, None], np.arange(count)[None]
    basis = np.zeros((n_mels, count))
    basis[:bands] = np.cos(np.pi / bands * (band + 0.5) * order) * np.sqrt(2 / bands)
    basis[:, 0] /= np.sqrt(2)
    return basis


def emphasis(n_mels: int, amount: float = EMPHASIS, bands: int = BANDS) -> Matrix:
    """Symmetric matrix [n_mels, n_mels] by which log-mel frames get more contrast."""
    part = cosines(n_mels, EMPHASIZED.stop, bands)[:, EMPHASIZED]
    return np.asarray(np.eye(n_mels) + amount * part @ part.T)


def measure(heard: Array) -> Spectrum | None:
    """How speech is spread: log-mel frames [T, M] of a recording to what a profile keeps of them.

    None when there is too little speech in it.
    """
    heard = np.maximum(heard, FLOOR)
    loud = _speech(heard)
    if len(loud) < MIN_FRAMES:
        return None
    rows = loud @ cosines(heard.shape[1], CEPSTRA)
    kept = _exemplars(rows[:, 1:], EXEMPLARS), rows.mean(axis=0), _covariance(rows), loud.mean(axis=0)[:BANDS]
    return Spectrum(*(np.asarray(part, np.float32) for part in kept))


def fit_map(spoken: Array, spectrum: Spectrum) -> Array:
    """The linear part of the adaptation that brings speech like ``spoken`` [T, M], as the acoustic graph predicted it,
    to a person's: float32 [1 + C + C * C], level, offset and matrix.

    It goes all the way: on validation people, three quarters of it gave GE2E cosine 0.54 and P.808 3.77, against 0.55
    and 3.73. A spectrum that has exemplars alone gives a level, and a map that changes nothing.
    All zeros when there is too little speech in ``spoken``, or when the recording lacks some of the spectrum.
    """
    spoken = np.maximum(spoken, FLOOR)
    loud = _speech(spoken)
    none = np.zeros(1 + CEPSTRA + CEPSTRA * CEPSTRA, np.float32)
    if len(loud) < MIN_FRAMES:
        return none
    level = np.percentile(_level(spoken), 95) - UNTOUCHED
    if spectrum.mean is None or spectrum.covariance is None or spectrum.band_means is None:
        none[0] = level
        return none
    weaker = loud.mean(axis=0)[:BANDS] - spectrum.band_means
    if (weaker - weaker.mean()).max() > MISSING:
        return none
    made = loud @ cosines(spoken.shape[1], CEPSTRA)
    transport = _transport(_covariance(made), spectrum.covariance.astype(np.float64))
    shift = spectrum.mean - made.mean(axis=0)
    shift[0] = 0.0  # how loud a recording is is not the voice
    matrix = transport - np.eye(CEPSTRA)  # symmetric
    offset = shift - made.mean(axis=0) @ matrix
    return np.concatenate([[level], offset, matrix.reshape(-1)]).astype(np.float32)


def assemble(fitted: Array, exemplars: Array, likeness: float) -> Array:
    """The adaptation [A] as the acoustic graph takes it. likeness: how much of the way frames go to exemplars."""
    if not fitted.any():
        return np.zeros(size(), np.float32)
    return np.concatenate([fitted, [likeness], exemplars.reshape(-1)]).astype(np.float32)


def fit(spoken: Array, heard: Array, share: float = SHARE) -> Array:
    """The adaptation [A] from log-mel frames [T, M] of the model and of a recording, as training needs it."""
    spectrum = measure(heard)
    if spectrum is None:
        return np.zeros(size(), np.float32)
    return assemble(fit_map(spoken, spectrum), spectrum.exemplars, share)


def _exemplars(rows: Matrix, count: int) -> Matrix:
    """The centres of ``count`` groups of rows (k-means, Lloyd 1982): no single frame is kept, nor their order."""
    centres = rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]
    for _ in range(ROUNDS):
        nearest = (2 * rows @ centres.T - (centres**2).sum(axis=1)).argmax(axis=1)
        member = np.zeros((count, len(rows)))
        member[nearest, np.arange(len(rows))] = 1
        sizes = member.sum(axis=1, keepdims=True)
        centres = np.where(sizes > 0, member @ rows / np.maximum(sizes, 1), centres)
    return np.asarray(centres[np.argsort(centres[:, 0], kind="stable")])


def _level(mel: npt.NDArray[np.floating]) -> Matrix:
    return np.asarray(mel[:, LEVEL_BANDS].mean(axis=1), dtype=np.float64)


def is_speech(mel: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Which of the log-mel frames [T, M] are loud enough to count as speech: [T]."""
    level = _level(mel)
    return np.asarray(level > np.percentile(level, 95) - COUNTED)


def _speech(mel: npt.NDArray[np.floating]) -> Matrix:
    return np.asarray(mel[is_speech(mel)], dtype=np.float64)


def _covariance(rows: Matrix) -> Matrix:
    covariance = np.cov(rows, rowvar=False, bias=True)
    return (1 - SHRINK) * covariance + SHRINK * np.diag(np.diag(covariance))


def _root(matrix: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 1e-8))) @ vectors.T)


def _transport(source: Matrix, target: Matrix) -> Matrix:
    """The symmetric A with A source A = target."""
    root = _root(source)
    inverse = np.linalg.inv(root)
    return np.asarray(inverse @ _root(root @ target @ root) @ inverse)
