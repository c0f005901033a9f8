"""Pack the training archives once: no decoding and no feature extraction inside a training loop.

A pack is a directory of flat arrays and one index::

    clips.jsonl     one clip a line, see Clip
    audio24.i16     int16 samples at 24 kHz, clip after clip, each a whole number of hops
    audio16.i16     the same at 16 kHz (for speaker encoders), 200 samples a hop
    mel.f16         float16 [frames, n_mels]
    f0.f16          float16 [frames], Hz, 0 where unvoiced
    manifest.json   mel parameters, what measured f0, the sha256 of every archive read (or of the teacher that spoke)
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from tqdm import tqdm

from parrotlet import pitch
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig, mel_spectrogram

REAL_ARCHIVES = (
    "librispeech",
    "vctk",
    "commonvoice",
    "speechocean762",
    "librispeech5",
    "vits_vctk",
    "commonvoice1",
)
ARCHIVES = ("synthetic", *REAL_ARCHIVES)
EDGE_SILENCE_S = 0.1
TEACHER_FRAME = 2  # the teacher's duration unit (600 samples) in hops
ARRAYS = {"audio24.i16": 2 * 300, "audio16.i16": 2 * 200, "mel.f16": 2 * 80, "f0.f16": 2}
"""The files of a pack, with the bytes a frame takes."""

F0 = {
    "by": "parrotlet.pitch",
    "range_hz": [pitch.MIN_HZ, pitch.MAX_HZ],
    "depths": [pitch.CLEAR, pitch.ROUGH, pitch.ABOUT],
    "synthetic": "the teacher's, where it gives its durations",
}
"""What measures f0: what a device measures it with, so that the models see in training what they are given there."""

# Digital silence lies at the floor of the logarithm; left there it would dominate a loss.
SILENCE = -9.0

Samples = npt.NDArray[np.float32]


@dataclass
class Clip:
    """One recording of the pack. ``start`` and ``frames`` count hops; ``durations`` sum to ``frames``."""

    id: str
    archive: str
    speaker: str
    text: str
    start: int
    frames: int
    rate: int
    snr_db: float
    split: str
    phonemes: str = ""
    durations: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """No other clip of the pack is called so."""
        return f"{self.archive}/{self.id}"


def split_of(archive: str, speaker: str, clips_of_speaker: int) -> str:
    """Which split a speaker belongs to: whole people are held out, chosen by a hash of the name.

    Only people with at least three clips in VCTK and Common Voice, and some teacher mixtures,
    are held out, so that a reference and a target can be different recordings. A rendering of a
    VCTK voice goes where the name falls, however many clips there are: its person may be held out.
    """
    if archive == "vits_vctk" and speaker.startswith("vctk_"):
        archive, clips_of_speaker = "vctk", 3
    if archive not in ("vctk", "commonvoice", "synthetic") or not speaker or clips_of_speaker < 3:
        return "train"
    bucket = int(hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest()[:8], 16) % 100
    width = 2 if archive == "synthetic" else 9
    if bucket < width:
        return "validation"
    return "test" if bucket < 2 * width else "train"


def _trim_edges(
    samples: Samples, durations: npt.NDArray[np.int64], f0: npt.NDArray[np.float32], config: MelConfig
) -> tuple[Samples, npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Shorten the teacher's long silence at both ends to EDGE_SILENCE_S, with the durations under it."""
    keep = round(EDGE_SILENCE_S * config.frame_rate)
    frames = samples[: len(samples) // config.hop_length * config.hop_length].reshape(-1, config.hop_length)
    loud = np.flatnonzero(np.abs(frames).max(axis=1) > 0.01)
    if not len(loud):
        return samples[:0], durations * 0, f0[:0]
    first, last = max(0, int(loud[0]) - keep), min(len(frames), int(loud[-1]) + 1 + keep)
    ends = np.clip(np.cumsum(durations), first, last)
    trimmed = np.diff(ends, prepend=first)
    return frames[first:last].reshape(-1), trimmed, f0[first:last]


def measured_f0(samples: Samples) -> npt.NDArray[np.float32]:
    """f0 of samples [N] at 16 kHz at the centre of every hop of 200, Hz, 0 where unvoiced; see ``F0``."""
    longest = int(16000 / pitch.MIN_HZ)
    # Two of the longest lags are compared with as many a lag later: a frame is of their middle. The lag is some 100.
    before = longest + 50 - 100
    return pitch.estimate_f0(np.pad(samples, (before, 3 * longest)), 16000)[: len(samples) // 200]


@dataclass
class _Job:
    clip: Clip
    data: bytes
    arrays: bytes | None


def _decode(job: _Job) -> tuple[Clip, Samples, Samples, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    config = MelConfig()
    samples, rate = soundfile.read(io.BytesIO(job.data), dtype="float32")
    samples = soxr.resample(samples, rate, config.sample_rate)
    if job.arrays is not None:
        arrays = np.load(io.BytesIO(job.arrays))
        durations = arrays["dur"].astype(np.int64) * TEACHER_FRAME
        f0 = arrays["f0"].astype(np.float32)
        f0 = np.where(f0 > 40, f0, 0)
        samples = np.pad(samples, (0, max(0, int(durations.sum()) * config.hop_length - len(samples))))
        samples, durations, f0 = _trim_edges(samples, durations, f0, config)
        job.clip.durations = durations.tolist()
    else:
        samples = samples[: len(samples) // config.hop_length * config.hop_length]
    job.clip.frames = len(samples) // config.hop_length
    low = soxr.resample(samples, config.sample_rate, 16000)
    low = np.pad(low, (0, 200))[: job.clip.frames * 200]
    if job.arrays is None:
        f0 = measured_f0(low)
    return job.clip, samples, low, mel_spectrogram(samples, config), f0[: job.clip.frames]


def _synthetic_jobs(archive: zipfile.ZipFile) -> Iterator[_Job]:
    rows = [json.loads(line) for line in archive.read("synthetic/metadata.jsonl").decode().splitlines()]
    for row in rows:
        split = split_of("synthetic", row["speaker"], 3)
        clip = Clip(row["id"], "synthetic", row["speaker"], row["text"], 0, 0, 24000, 90.0, split, row["phonemes"])
        yield _Job(
            clip,
            archive.read(f"synthetic/{row['id']}.opus"),
            archive.read(f"synthetic/{row['id']}.npz"),
        )


def _real_jobs(name: str, archive: zipfile.ZipFile) -> Iterator[_Job]:
    lines = archive.read(f"{name}/metadata.tsv").decode().splitlines()
    columns = lines[0].split("\t")
    missing = {"file", "speaker", "text", "rate", "snr_db"} - set(columns)
    if missing:
        raise InputError(f"{name}/metadata.tsv has no column {', '.join(sorted(missing))}: docs/export.md lists them")
    rows = [dict(zip(columns, line.split("\t"), strict=False)) for line in lines[1:]]
    count: dict[str, int] = {}
    for row in rows:
        count[row["speaker"]] = count.get(row["speaker"], 0) + 1
    for row in rows:
        split = split_of(name, row["speaker"], count[row["speaker"]])
        clip = Clip(
            Path(row["file"]).stem,
            name,
            row["speaker"],
            row["text"],
            0,
            0,
            int(row["rate"]),
            float(row["snr_db"]),
            split,
        )
        yield _Job(clip, archive.read(row["file"]), None)


class PackWriter:
    """Writes a pack clip by clip, and goes on with one that was cut off: ``len(writer)`` clips are there already.

    A clip counts once its line in ``clips.jsonl`` is whole; anything after the last such line is cut away.
    ``finish`` writes the manifest, without which a folder is not a pack.
    """

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.path, self.clips, self.frames = out, 0, 0
        (out / "manifest.json").unlink(missing_ok=True)
        self._index = (out / "clips.jsonl").open("a+b")
        self._index.seek(0)
        whole = 0
        for line in self._index:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            self.clips, self.frames = self.clips + 1, self.frames + json.loads(line)["frames"]
        self._index.truncate(whole)
        self._arrays = {name: (out / name).open("ab") for name in ARRAYS}
        for name, file in self._arrays.items():
            file.truncate(self.frames * ARRAYS[name])

    def __len__(self) -> int:
        return self.clips

    def add(
        self, clip: Clip, audio24: Samples, audio16: Samples, mel: npt.NDArray[np.float32], f0: npt.NDArray[np.float32]
    ) -> None:
        """Write one clip: samples at 24 kHz [frames * 300] and 16 kHz [frames * 200], mel [frames, M], f0 [frames]."""
        clip.start = self.frames
        rows = {
            "audio24.i16": (np.clip(audio24, -1, 1) * 32767).astype("<i2"),
            "audio16.i16": (np.clip(audio16, -1, 1) * 32767).astype("<i2"),
            "mel.f16": mel.astype("<f2"),
            "f0.f16": f0.astype("<f2"),
        }
        for name, array in rows.items():
            self._arrays[name].write(array.tobytes())
            self._arrays[name].flush()
        self._index.write((json.dumps(asdict(clip), ensure_ascii=False) + "\n").encode())
        self._index.flush()
        self.clips, self.frames = self.clips + 1, self.frames + clip.frames

    def close(self) -> None:
        """Close the files, the pack unfinished: a later PackWriter goes on."""
        for file in (self._index, *self._arrays.values()):
            file.close()

    def finish(self, **made_from: Any) -> None:
        """Close the files and write the manifest, with what the pack was ``made_from``."""
        self.close()
        manifest = {"mel": MelConfig().as_dict(), "f0": F0, **made_from, "frames": self.frames}
        (self.path / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def _every(clip: Clip) -> bool:
    return True


def pack(
    corpus: Path,
    out: Path,
    processes: int = 2,
    archives: Sequence[str] = ARCHIVES,
    wanted: Callable[[Clip], bool] = _every,
) -> None:
    """Decode those of ``archives`` that are under ``corpus`` into the pack directory ``out``.

    wanted: which clips to keep, asked before they are decoded.
    Raises InputError when there is none, or one is not laid out as docs/export.md says.
    """
    names = [name for name in archives if (corpus / f"{name}.zip").is_file()]
    if not names:
        raise InputError(
            f"none of {', '.join(f'{name}.zip' for name in archives)} is in {corpus}: "
            "docs/export.md says what is in them"
        )
    (out / "clips.jsonl").unlink(missing_ok=True)
    sums: dict[str, str] = {}
    writer = PackWriter(out)
    with ProcessPoolExecutor(processes) as pool:
        for name in names:
            path = corpus / f"{name}.zip"
            sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            try:
                with zipfile.ZipFile(path) as archive:
                    found = _synthetic_jobs(archive) if name == "synthetic" else _real_jobs(name, archive)
                    jobs = [job for job in found if wanted(job.clip)]
            except (zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
                raise InputError(f"{path} is not laid out as docs/export.md says: {error}") from error
            for clip, *arrays in tqdm(pool.map(_decode, jobs, chunksize=16), total=len(jobs), desc=name):
                if clip.frames >= 20:
                    writer.add(clip, *arrays)
    writer.finish(archives=sums)


class Pack:
    """A packed corpus, memory-mapped; see the module docstring for the arrays."""

    def __init__(self, path: Path) -> None:
        if not (path / "manifest.json").is_file():
            raise InputError(f"{path} is not a packed corpus: run `parrotlet-compress corpus CORPUS {path}`")
        self.path = path
        self.config = MelConfig()
        manifest: dict[str, Any] = json.loads((path / "manifest.json").read_text())
        if manifest["mel"] != self.config.as_dict():
            raise InputError(f"{path} was packed with other mel parameters: pack it again")
        if manifest.get("f0") != F0:
            by = manifest.get("f0", {}).get("by", "DIO and StoneMask")
            warnings.warn(
                f"{path}: its f0 was not measured as a device measures it (but by {by}): pack it again, or the models "
                "are trained on other pitch than they are given",
                stacklevel=2,
            )
        with (path / "clips.jsonl").open() as lines:
            self.clips = [Clip(**json.loads(line)) for line in lines]
        frames = manifest["frames"]
        self.mel = np.memmap(path / "mel.f16", "<f2", "r", shape=(frames, self.config.n_mels))
        self.f0 = np.memmap(path / "f0.f16", "<f2", "r", shape=(frames,))
        self.audio24 = np.memmap(path / "audio24.i16", "<i2", "r", shape=(frames, self.config.hop_length))
        self.audio16 = np.memmap(path / "audio16.i16", "<i2", "r", shape=(frames, 200))

    def samples16(self, clip: Clip) -> Samples:
        """The clip at 16 kHz, float32 [frames * 200]."""
        part = self.audio16[clip.start : clip.start + clip.frames].reshape(-1)
        return np.asarray(part, dtype=np.float32) / np.float32(32768)

    def samples24(self, clip: Clip) -> Samples:
        """The clip at 24 kHz, float32 [frames * hop]."""
        part = self.audio24[clip.start : clip.start + clip.frames].reshape(-1)
        return np.asarray(part, dtype=np.float32) / np.float32(32768)
