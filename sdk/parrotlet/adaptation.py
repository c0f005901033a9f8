"""Bring the acoustic model's spectra to a person's, at enrollment, in closed form and without a transcript.

The model says a few sentences in the new voice. A linear map of its cepstra then gives them the mean and the covariance
of the recorded ones and moves them as little as that takes: optimal transport between two Gaussians (Dowson & Landau
1982; Olkin & Pukelsheim 1982). An adaptation is what the acoustic graph takes after the speaker embedding:

    [level, offset (C), matrix (C * C, row by row)]

For every frame of the log-mel spectrogram that it predicts, the graph takes the cepstrum c [C], and adds the inverse
transform of ``(c @ matrix + offset)``; frames quieter than ``level`` are left alone, over FADE nepers above it less and
less so. All zeros change nothing. The graph's refiner comes after it, and after that the emphasis.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

CEPSTRA, BANDS = 24, 66
"""Coefficients that are moved, and the mel bands they are of: those below 7.6 kHz, which 16 kHz recordings hold."""
LEVEL_BANDS = slice(5, 60)
"""Bands whose mean is a frame's level."""
EMPHASIS, EMPHASIZED = 0.2, slice(3, 50)
"""How much more contrast every voice's spectrum gets, and in which cepstral coefficients: predicted spectra are flatter
than recorded ones (a postfilter; chosen by P.808 on validation voices)."""
SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It's easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
)
"""What the model says to be measured (Harvard sentences; IEEE 1969)."""

# Nepers below the loud frames (95th percentile): what still counts as speech, and where nothing is changed any more.
COUNTED, UNTOUCHED = 5.0, 7.0
FADE = 2.0  # nepers
# Share of the covariance's off-diagonal part that is not trusted: a recording is short.
SHRINK = 0.1
# How much of the way a voice is moved. Less copies less of the microphone and gives less likeness: on validation
# people, GE2E cosine 0.54 and P.808 3.77 at 0.75, against 0.55 and 3.73.
STRENGTH = 1.0
FLOOR = -9.0  # of log-mel: below is silence
MIN_FRAMES = 100
# Nepers by which a band of the recording may be weaker than speech is. Beyond, the recording lacks the band: a
# telephone passes little above 3.4 kHz, and a voice should not be brought to that. (Of fifteen full-band recordings at
# most 2.0; resampled to 8 or 11 kHz 2.4 and more.)
MISSING = 2.2


def size(cepstra: int = CEPSTRA) -> int:
    """Values of an adaptation."""
    return 1 + cepstra + cepstra * cepstra


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


def fit(spoken: Array, heard: Array, parameters: Mapping[str, float], strength: float = STRENGTH) -> Array:
    """The adaptation that brings speech like ``spoken`` to speech like ``heard``, log-mel [T, M] each: float32 [A].

    spoken: as the acoustic graph predicted it. heard: measured on the recording. parameters: the manifest's
    ``adaptation``. strength: 1 goes all the way.
    All zeros when there is too little speech in either, or when the recording lacks some of the spectrum.
    """
    cepstra, bands = int(parameters["cepstra"]), int(parameters["bands"])
    basis = cosines(heard.shape[1], cepstra, bands)
    loud, loud_heard = (_speech(np.maximum(mel, FLOOR)) for mel in (spoken, heard))
    weaker = (loud.mean(axis=0) - loud_heard.mean(axis=0))[:bands]
    if min(len(loud), len(loud_heard)) < MIN_FRAMES or (weaker - weaker.mean()).max() > MISSING:
        return np.zeros(size(cepstra), np.float32)
    made, wanted = loud @ basis, loud_heard @ basis
    transport = _transport(_covariance(made), _covariance(wanted))
    shift = wanted.mean(axis=0) - made.mean(axis=0)
    shift[0] = 0.0  # how loud a recording is is not the voice
    shift, matrix = strength * shift, strength * (transport - np.eye(cepstra))  # symmetric
    level = np.percentile(_level(spoken), 95) - UNTOUCHED
    return np.concatenate([[level], shift - made.mean(axis=0) @ matrix, matrix.reshape(-1)]).astype(np.float32)


def _level(mel: npt.NDArray[np.floating]) -> Matrix:
    return np.asarray(mel[:, LEVEL_BANDS].mean(axis=1), dtype=np.float64)


def _speech(mel: npt.NDArray[np.floating]) -> Matrix:
    level = _level(mel)
    return np.asarray(mel[level > np.percentile(level, 95) - COUNTED], dtype=np.float64)


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
