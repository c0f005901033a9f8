"""Which phoneme is spoken in each frame of a recording, without a trained aligner: by comparison with speech of ours.

The text is spoken by the engine in the recorded person's own voice, where all durations are known, and brought to the
recording by dynamic time warping (Sakoe & Chiba 1978) of cepstra. Every word boundary may be a pause.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from parrotlet import Parrotlet, VoiceProfile

Array = npt.NDArray[np.float32]

CEPSTRA = 20
DELTAS = 0.7  # how much a change of the cepstra counts against the cepstra themselves
FASTEST = 3  # spoken frames passed in one recorded frame, at most
STAY, SKIP = 0.3, 0.3
"""Penalties of standing still in the spoken frames, and of each frame left out: a recording is hardly ever as even."""
QUIET_PERCENTILE = 3


def cepstra(mel: Array) -> Array:
    """Log-mel frames [T, M] as cepstra with their changes [T, 2 C], each of mean 0 and variance 1 over the frames."""
    bands = mel.shape[1]
    basis = np.cos(np.pi / bands * (np.arange(bands) + 0.5)[:, None] * np.arange(CEPSTRA)[None])
    made = mel @ basis.astype(np.float32)
    padded = np.pad(made, ((2, 2), (0, 0)), mode="edge")
    delta = padded[3:-1] - padded[1:-3] + 2 * (padded[4:] - padded[:-4])
    # The higher a cepstrum, the less it tells: weigh as their spread over sounds falls.
    weights = 1 / (1 + np.arange(CEPSTRA) / 8)
    weights[0] = 1.5
    parts = [(x - x.mean(axis=0)) / (x.std(axis=0) + 1e-3) * weights * gain for x, gain in ((made, 1), (delta, DELTAS))]
    return np.concatenate(parts, axis=1).astype(np.float32)


def warp(recorded: Array, spoken: Array, skippable: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each recorded frame [T, C] the spoken one [S, C] that it is; never back, from the first to the last.

    skippable [S]: frames that may be left out at no price, and stood still in as long as one likes.
    """
    cost = (
        (recorded**2).sum(axis=1)[:, None] + (spoken**2).sum(axis=1)[None] - 2 * recorded @ spoken.T
    ) / recorded.shape[1]
    frames, states = cost.shape
    skip = np.where(skippable, 0.0, SKIP)
    stay = np.where(skippable, 0.0, STAY)
    passed = np.concatenate([[0.0], np.cumsum(skip)])
    score = np.full(states, np.inf)
    score[0] = cost[0, 0]
    came = np.zeros((frames, states), np.int8)
    for t in range(1, frames):
        best, step_of = score + stay, np.zeros(states, np.int8)
        for step in range(1, FASTEST + 2):
            entered = np.full(states, np.inf)
            # From state s - step to s: those between are left out.
            entered[step:] = score[:-step] + passed[step:-1] - passed[1 : states - step + 1]
            better = entered < best
            best, step_of = np.where(better, entered, best), np.where(better, step, step_of).astype(np.int8)
        score, came[t] = best + cost[t], step_of
    path = np.zeros(frames, np.int64)
    path[-1] = states - 1
    for t in range(frames - 1, 0, -1):
        path[t - 1] = path[t] - came[t, path[t]]
    return path


def durations_by_warping(
    bird: Parrotlet, phonemes: str, profile: VoiceProfile, mel: Array, bands: int
) -> tuple[list[int], float]:
    """Durations [L + 2] of phonemes, with start and end, in a recording's mel [T, M] (of which ``bands`` hold
    something), and what the path costs a frame."""
    acoustics = bird.acoustics(phonemes, profile)
    spoken, symbol = acoustics.mel[:, :bands], np.repeat(np.arange(len(phonemes) + 2), acoustics.durations)
    features, heard = cepstra(spoken), cepstra(mel[:, :bands])
    level = mel[:, :bands].mean(axis=1)
    silence = heard[level <= np.percentile(level, QUIET_PERCENTILE)].mean(axis=0)
    rows, owner, skippable = [], [], []
    for number, text in enumerate(("^", *phonemes, "$")):
        frames = features[symbol == number]
        rows += [*frames, *([silence] if text == " " else [])]
        owner += [number] * (len(frames) + (text == " "))
        skippable += [False] * len(frames) + [True] * (text == " ")
    if sum(not free for free in skippable) > FASTEST * len(heard):
        raise ValueError("the recording is too short for the text")
    path = warp(heard, np.array(rows, np.float32), np.array(skippable))
    durations = np.bincount(np.array(owner)[path], minlength=len(phonemes) + 2)
    cost = float(((heard - np.array(rows, np.float32)[path]) ** 2).mean())
    return durations.tolist(), cost
