"""A model bundle: a directory with graphs, presets and the manifest that describes them.

The manifest carries every number a host needs (sample rate, hop, synthesis window, phoneme table), so that
no host repeats one; see docs/export.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from parrotlet.acoustic import SplitAcoustic
from parrotlet.errors import BundleError, UsageError
from parrotlet.meanwhile import Coming
from parrotlet.packed import unpacked
from parrotlet.profile import Fitted, Pitch, VoiceProfile, person
from parrotlet_runtimes import RUNTIMES, GraphError, RuntimeMissing, Session, installed, load_session
from parrotlet_runtimes.fused import whole

Sessions = Callable[[str], Session]
"""Opens a graph by its name in the manifest."""

Made = TypeVar("Made")
Data = TypeVar("Data", bytes, bytearray)

FORMAT, OLDEST = 6, 5
"""What this version writes, and the oldest it reads: from 6 on the acoustic graph may take a person's factors."""
PACKED_FORMAT = 7
"""That of bundles whose weights have four bits."""
DEFAULT = Path(__file__).parent / "bundles" / "default"
GRAPHS = ("speaker", "acoustic", "vocoder")
SPOKEN_WITH = GRAPHS[1:]
"""What speech needs; the rest is for enrollment."""
PRESET = "preset:"
"""Before the name of a preset, where a profile could be meant."""


@dataclass(frozen=True)
class Preset:
    """A voice that needs no enrollment."""

    name: str
    description: str
    profile: VoiceProfile


class Prompts(NamedTuple):
    """Sentences in a bundle's language: what a demonstration says, what a person is asked to read aloud, and what else
    they may read."""

    demo: str
    read_aloud: tuple[str, ...]
    read_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """What the manifest fixes.

    hop_length, n_fft: samples at ``sample_rate``; n_fft is the synthesis window of the vocoder.
    acoustic_context, vocoder_context: frames on each side that a mel frame depends on, and one of the vocoder.
    symbols: the phoneme table, id = position.
    architecture: which speech model the graphs are of; see ``parrotlet.speech_model``.
    language: as BCP 47 writes it. front_end: which makes phonemes of its texts; see ``parrotlet.text``.
    """

    path: Path
    name: str
    sample_rate: int
    hop_length: int
    n_fft: int
    n_mels: int
    acoustic_context: int
    vocoder_context: int
    speaker_rate: int
    same_speaker: float
    symbols: tuple[str, ...]
    architecture: str
    language: str
    front_end: str
    manifest: dict[str, Any]

    @classmethod
    def load(cls, path: Path | str | None = None) -> Bundle:
        """Read and check a bundle's manifest (the default bundle if no path is given).

        Raises BundleError when it is missing, damaged or of a newer format.
        """
        folder = Path(path) if path is not None else DEFAULT
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            if manifest["format"] > PACKED_FORMAT:
                raise BundleError(
                    f"{folder} is of bundle format {manifest['format']}, this version reads {PACKED_FORMAT}: "
                    "upgrade parrotlet"
                )
            if manifest["format"] < OLDEST:
                raise BundleError(
                    f"{folder} is of bundle format {manifest['format']}, "
                    f"this version reads {OLDEST} to {PACKED_FORMAT}: export it again"
                )
            return cls(
                path=folder,
                name=manifest["name"],
                sample_rate=manifest["mel"]["sample_rate"],
                hop_length=manifest["mel"]["hop_length"],
                n_fft=manifest["synthesis"]["n_fft"],
                n_mels=manifest["mel"]["n_mels"],
                acoustic_context=manifest["synthesis"].get("acoustic_context", 0),
                vocoder_context=manifest["synthesis"]["context"],
                speaker_rate=manifest["speaker"]["sample_rate"],
                same_speaker=manifest["speaker"]["same_speaker"],
                symbols=tuple(manifest["symbols"]),
                architecture=manifest.get("architecture", "fastspeech-nsf/1"),
                language=manifest.get("language", "en-US"),
                front_end=manifest.get("front_end", "en/1"),
                manifest=manifest,
            )
        except OSError as error:
            raise BundleError(
                f"no bundle at {folder}: give a folder with manifest.json, or none for the default"
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{folder}/manifest.json is damaged ({error}): export the bundle again") from error

    @property
    def speaker_model(self) -> str:
        """sha256 of the speaker encoder's weights, which a profile belongs to."""
        return str(self.manifest["speaker"]["weights_sha256"])

    @property
    def model_sha256(self) -> str:
        """sha256 of the weights that speak, in every precision and runtime the same (the vocoder's are in it from the
        weights after parrotlet-en-11 on)."""
        return str(self.manifest["speaker"]["model_sha256"])

    @property
    def consent_policy(self) -> str:
        """Which profiles may speak with this bundle: "off" (all), "machine" or "always"; see docs/consent.md."""
        return str(self.manifest.get("policy", {}).get("require_consent", "off"))

    @property
    def sha256(self) -> str:
        """Of the manifest, which holds the sha256 of every other file."""
        return hashlib.sha256((self.path / "manifest.json").read_bytes()).hexdigest()

    @property
    def prompts(self) -> Prompts:
        """Raises BundleError where the bundle has none."""
        try:
            prompts = self.manifest["prompts"]
            aloud, more = prompts["read_aloud"], prompts.get("read_on", ())
            return Prompts(str(prompts["demo"]), tuple(map(str, aloud)), tuple(map(str, more)))
        except (KeyError, TypeError) as error:
            raise BundleError(
                f"bundle {self.name} has no sentences to read aloud: "
                "add them with `parrotlet-compress signal-graphs BUNDLE`"
            ) from error

    def read(self, file: str) -> bytes:
        """A file of the bundle, checked against its sha256. Raises BundleError when it differs."""
        return self._checked(file, Path.read_bytes)

    def _checked(self, file: str, reading: Callable[[Path], Data]) -> Data:
        try:
            data = reading(self.path / file)
        except OSError as error:
            raise BundleError(f"{self.path / file} cannot be read: export or install the bundle again") from error
        if hashlib.sha256(data).hexdigest() != self.manifest["files"].get(file):
            raise BundleError(f"{self.path / file} is not the file in the manifest: install the bundle again")
        return data

    def graph_files(self, runtime: str) -> tuple[str, ...]:
        """Files of the graphs that a runtime reads."""
        entries = [graph[runtime] for graph in self.manifest["graphs"].values() if runtime in graph]
        return tuple(part["file"] for entry in entries for part in entry.get("parts", [entry]))

    def has(self, runtime: str) -> bool:
        """Whether the graphs of a runtime are here: the default bundle's for LiteRT come in a wheel of their own."""
        files = self.graph_files(runtime)
        return bool(files) and all((self.path / file).is_file() for file in files)

    @property
    def runtime(self) -> str:
        """The first runtime that is installed and that there are graphs for; the first at all if there is none."""
        return next((name for name in RUNTIMES if installed(name) and self.has(name)), next(iter(RUNTIMES)))

    def session(self, graph: str, runtime: str = "onnx", threads: int = 1, device: str = "cpu") -> Session:
        """Load one of ``GRAPHS`` on a runtime and device; see ``parrotlet_runtimes.load_session``.

        Raises BundleError, UsageError (unknown runtime or device, bad thread count).
        """
        if runtime not in RUNTIMES:
            raise UsageError(f"unknown runtime {runtime!r}: choose one of {', '.join(RUNTIMES)}")
        entry = self.manifest["graphs"][graph].get(runtime)
        if entry is None:
            raise BundleError(
                f"bundle {self.name} has no {graph} graph for {runtime}: "
                "make one with `parrotlet-compress export --formats onnx,tflite`, or use another runtime"
            )
        if not self.has(runtime):
            raise BundleError(
                f"the graphs of bundle {self.name} for {runtime} are not in {self.path}: "
                f"pip install ./runtimes/{runtime} in the repository, or use another runtime"
            )
        try:
            sessions = [self._part(part, runtime, threads, device) for part in entry.get("parts", [entry])]
            return sessions[0] if len(sessions) == 1 else SplitAcoustic(*sessions)
        except ValueError as error:
            raise UsageError(str(error)) from error
        except (RuntimeMissing, GraphError) as error:
            raise BundleError(str(error)) from error

    def _graph(self, entry: Mapping[str, Any]) -> bytes:
        """A graph's file, with the weights that it shares with another one. Raises BundleError."""
        data, borrows = self._unpacked(entry["file"]), entry.get("borrows")
        return data if borrows is None else joined(data, self._unpacked(borrows["from"]), borrows["pieces"])

    def _unpacked(self, file: str) -> bytes:
        data, packed = self.read(file), self.manifest.get("packed", {})
        return unpacked(data, packed[file]) if file in packed else data

    def _part(self, part: dict[str, Any], runtime: str, threads: int, device: str) -> Session:
        fused = part.get("fused")
        # Other devices have other nodes, and a graph may have been made anew since.
        current = fused and device == "cpu" and fused["of"] == self.manifest["files"][part["file"]]
        if fused and current and (self.path / fused["file"]).is_file():
            model = whole(self.read(fused["file"]), self._checked(part["file"], _buffer), *fused["weights"])
            return load_session(model, runtime, threads, fused=True)
        return load_session(self._graph(part), runtime, threads, part.get("fold_int8", False), device)

    def presets(self) -> dict[str, Preset]:
        """The preset voices by name."""
        return {name: self._preset(name, row) for name, row in json.loads(self.read("presets.json")).items()}

    def _preset(self, name: str, row: dict[str, Any]) -> Preset:
        statistics = row["statistics"]
        pitch = Pitch(statistics["pitch_median_hz"], statistics["pitch_spread"])
        profile = VoiceProfile(
            person(row["embedding"], pitch), self.speaker_model, self.name, created=self.manifest["created"]
        )
        fitted = Fitted(None, statistics.get("loudness_lufs"))
        return Preset(name, row["description"], profile.with_fitted(self.model_sha256, fitted))


def _buffer(path: Path) -> bytearray:
    """A file, to be changed in memory."""
    data = bytearray(path.stat().st_size)
    with path.open("rb", buffering=0) as file:
        file.readinto(data)
    return data


def joined(data: bytes, lender: bytes, pieces: Sequence[Sequence[int]]) -> bytes:
    """A graph whose file lacks what another file holds. pieces: [at, offset, length], where to insert what of it."""
    made, done = [], 0
    for at, offset, length in pieces:
        made += [data[done:at], lender[offset : offset + length]]
        done = at
    return b"".join([*made, data[done:]])


class Opening:
    """The sessions of a bundle, opened when they are asked for; those named ``ahead`` in threads from now on."""

    def __init__(self, bundle: Bundle, runtime: str, threads: int, device: str, ahead: Iterable[str] = ()) -> None:
        self._open = partial(bundle.session, runtime=runtime, threads=threads, device=device)
        self._coming = {graph: Coming(partial(self._open, graph)) for graph in ahead}

    def __call__(self, graph: str) -> Session:
        coming = self._coming.pop(graph, None)
        return self._open(graph) if coming is None else coming.get()


def run(session: Session, **feeds: npt.NDArray[np.generic]) -> dict[str, npt.NDArray[np.float32]]:
    """Run a graph. Raises BundleError when it fails."""
    return in_bundle(lambda: session.run(feeds))


def in_bundle(running: Callable[[], Made]) -> Made:
    """What running a graph gives. Raises BundleError when it fails."""
    try:
        return running()
    except GraphError as error:
        raise BundleError(f"{error}: run `parrotlet doctor`") from error
