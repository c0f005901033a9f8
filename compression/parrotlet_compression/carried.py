"""A pack of speech small enough to travel to a machine that is lent for a while: without audio, its spectra coded.

    python -m parrotlet_compression.carried carry PACK FOLDER [STEP]
    python -m parrotlet_compression.carried unpack FOLDER PACK

What ``unpack`` writes is a pack to train from, whose audio is silence (files with holes): for models that read spectra
and f0 alone.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parrotlet.adaptation import BANDS

from .coded_mel import STEP, decode, encode
from .corpus import ARRAYS, SILENCE, Pack

LOWEST_HZ, STEPS_AN_OCTAVE = 50.0, 60
"""Of coded f0: 20 cents a step, up to 930 Hz."""
WIDE, NARROW = "mel_wide.xz", "mel_narrow.xz"
"""Clips of 24 kHz with all bands, and of 16 kHz with those below 7.6 kHz."""
PLAIN = "clips.jsonl", "manifest.json"


def coded_f0(f0: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """f0 [T] in Hz as one byte a frame; 0 stays 0, which is unvoiced."""
    place = 1 + np.round(np.log2(np.maximum(f0, LOWEST_HZ) / LOWEST_HZ) * STEPS_AN_OCTAVE)
    return np.where(f0 > 0, np.clip(place, 1, 255), 0).astype(np.uint8)


def decoded_f0(coded: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The inverse of ``coded_f0``, within 10 cents."""
    hz = LOWEST_HZ * 2 ** ((coded.astype(np.float32) - 1) / STEPS_AN_OCTAVE)
    return np.where(coded > 0, hz, 0).astype(np.float32)


def carry(pack: Path, out: Path, step: float = STEP) -> int:
    """Code a pack into ``out``. Returns its bytes. Raises InputError where ``pack`` is none."""
    source = Pack(pack)
    out.mkdir(parents=True, exist_ok=True)
    for name in PLAIN:
        (out / name).write_bytes((pack / name).read_bytes())
    for name, wide in ((WIDE, True), (NARROW, False)):
        clips = [clip for clip in source.clips if (clip.rate >= 24000) == wide]
        mels = [
            np.maximum(source.mel[clip.start : clip.start + clip.frames].astype(np.float32), np.float32(SILENCE))
            for clip in clips
        ]
        (out / name).write_bytes(encode(mels, source.config.n_mels if wide else BANDS, step))
    f0 = coded_f0(np.asarray(source.f0, np.float32))
    (out / "f0.xz").write_bytes(lzma.compress(f0.tobytes(), preset=9))
    return sum(path.stat().st_size for path in out.iterdir())


def unpack(carried: Path, out: Path) -> None:
    """Write the pack that ``carry`` coded. Raises InputError where a coded file is damaged."""
    out.mkdir(parents=True, exist_ok=True)
    (out / PLAIN[0]).write_bytes((carried / PLAIN[0]).read_bytes())
    f0 = decoded_f0(np.frombuffer(lzma.decompress((carried / "f0.xz").read_bytes()), np.uint8))
    f0.astype("<f2").tofile(out / "f0.f16")
    for name, size in ARRAYS.items():
        if name != "f0.f16":
            with (out / name).open("wb") as file:
                file.truncate(size * len(f0))
    (out / PLAIN[1]).write_bytes((carried / PLAIN[1]).read_bytes())
    pack = Pack(out)
    mel = np.memmap(out / "mel.f16", "<f2", "r+", shape=pack.mel.shape)
    coded = {wide: decode((carried / name).read_bytes()) for name, wide in ((WIDE, True), (NARROW, False))}
    for clip in pack.clips:
        made = next(coded[clip.rate >= 24000])
        span = slice(clip.start, clip.start + clip.frames)
        mel[span] = SILENCE
        mel[span, : made.shape[1]] = made
    mel.flush()


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    command, first, second, *step = arguments
    if command == "carry":
        print(f"{carry(Path(first), Path(second), *map(float, step)) / 1e6:.1f} MB")
    elif command == "unpack":
        unpack(Path(first), Path(second))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
