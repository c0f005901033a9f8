"""Mel spectrograms in few bytes: what comes back, and what is refused."""

from __future__ import annotations

import lzma

import numpy as np
import pytest

from parrotlet.errors import InputError
from parrotlet_compression.coded_mel import STEP, decode, encode


def speech_like(frames: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    slow = np.repeat(random.standard_normal((frames // 10 + 1, 80)), 10, axis=0)[:frames]
    return (-9 + 6 * random.random() + slow).astype(np.float32)


@pytest.mark.parametrize("bands", [66, 80])
def test_spectrograms_of_any_length_come_back(bands: int) -> None:
    given = [speech_like(frames, frames) for frames in (1, 8, 77, 160)]
    coded = encode(given, bands)
    got = list(decode(coded))
    assert [mel.shape for mel in got] == [(len(mel), bands) for mel in given]
    error = np.concatenate([a - b[:, :bands] for a, b in zip(got, given, strict=True)])
    assert float(np.sqrt((error**2).mean())) < STEP / 2
    assert len(coded) < sum(mel.nbytes for mel in given) / 4


def test_silence_and_loud_frames_are_not_clipped() -> None:
    given = np.concatenate([np.full((400, 66), -9.0), np.full((40, 66), 4.0)]).astype(np.float32)
    (got,) = decode(encode([given], 66))
    assert float(np.abs(got - given).max()) < STEP


def test_a_finer_step_costs_bytes_and_is_nearer() -> None:
    given = [speech_like(400, 3)]
    coarse, fine = encode(given, 66), encode(given, 66, 0.2)
    assert len(fine) > len(coarse)
    errors = [float(np.abs(next(iter(decode(code))) - given[0][:, :66]).mean()) for code in (coarse, fine)]
    assert errors[1] < errors[0]


def test_nothing_is_coded_as_nothing() -> None:
    assert list(decode(encode([], 66))) == []


@pytest.mark.parametrize("damaged", [b"", b"speech", lzma.compress(b"{}\n"), lzma.compress(b'{"bands": 1}\n12')])
def test_other_files_are_refused(damaged: bytes) -> None:
    with pytest.raises(InputError, match="coded mel"):
        list(decode(damaged))


def test_a_file_cut_short_is_refused() -> None:
    text, _, body = lzma.decompress(encode([speech_like(80, 1)], 66)).partition(b"\n")
    with pytest.raises(InputError, match="cut short"):
        list(decode(lzma.compress(text + b"\n" + body[: len(body) - 2 * 8 * 66])))
