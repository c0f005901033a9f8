"""A pack that travels: what of it arrives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soxr")

from parrotlet.errors import InputError
from parrotlet_compression.carried import WIDE, carry, coded_f0, decoded_f0, unpack
from parrotlet_compression.corpus import SILENCE, Clip, Pack, PackWriter


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    random, writer = np.random.default_rng(0), PackWriter(tmp_path / "pack")
    for number, (rate, frames) in enumerate(((24000, 100), (16000, 60), (24000, 33))):
        clip = Clip(str(number), "vctk", "p1", "hello", 0, frames, rate, 40.0, "train")
        mel = -5 + np.repeat(random.standard_normal((frames // 10 + 1, 80)), 10, axis=0)[:frames]
        f0 = np.where(random.random(frames) < 0.5, random.uniform(60, 500, frames), 0)
        writer.add(clip, np.zeros(frames * 300), np.zeros(frames * 200), mel.astype(np.float32), f0.astype(np.float32))
    writer.finish()
    return tmp_path / "pack"


def test_a_pack_arrives_with_its_spectra_and_pitch(packed: Path, tmp_path: Path) -> None:
    assert carry(packed, tmp_path / "carried", 0.4) < sum(path.stat().st_size for path in packed.iterdir()) / 5
    unpack(tmp_path / "carried", tmp_path / "arrived")
    before, after = Pack(packed), Pack(tmp_path / "arrived")
    assert after.clips == before.clips
    assert ((after.f0 > 0) == (before.f0 > 0)).all()
    for clip in before.clips:
        span = slice(clip.start, clip.start + clip.frames)
        bands = 80 if clip.rate >= 24000 else 66
        error = after.mel[span, :bands].astype(np.float32) - before.mel[span, :bands].astype(np.float32)
        assert float(np.sqrt((error**2).mean())) < 0.2
        assert (after.mel[span, bands:] == np.float16(SILENCE)).all()
    assert not after.samples24(after.clips[0]).any()


def test_pitch_is_kept_within_ten_cents() -> None:
    f0 = np.geomspace(60, 900, 200).astype(np.float32)
    cents = 1200 * np.abs(np.log2(decoded_f0(coded_f0(f0)) / f0))
    assert float(cents.max()) <= 10.1
    assert (decoded_f0(coded_f0(np.zeros(3, np.float32))) == 0).all()


def test_a_damaged_file_is_refused(packed: Path, tmp_path: Path) -> None:
    carry(packed, tmp_path / "carried")
    (tmp_path / "carried" / WIDE).write_bytes(b"nothing")
    with pytest.raises(InputError, match="coded mel"):
        unpack(tmp_path / "carried", tmp_path / "arrived")
