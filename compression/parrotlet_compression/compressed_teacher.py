"""A compressed teacher that speaks, the host's loop around its graphs, and how fast it is."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from parrotlet import Parrotlet
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig
from parrotlet.text import TextFrontEnd
from parrotlet_runtimes import GraphError, Session, load_session

from .teachers.tacotron2 import STOP, Tacotron2Speech, run_decoder
from .teachers.tacotron2_decoder import DecoderState
from .teachers.tacotron2_layers import Array, Tacotron2Config
from .teachers.text import symbol_ids


def teacher_session(path: Path, precision: str) -> Session:
    """Open one graph of a teacher on onnxruntime. Raises InputError when it cannot be loaded."""
    try:
        # Convolutions of the encoder are stored as int8 and unpacked at load; the static graphs compute in it.
        return load_session(path, "onnx", 1, fold_int8=precision == "int8" and path.stem in ("encoder", "decoder"))
    except GraphError as error:
        raise InputError(f"{path.name}: {error}") from error


class CompressedTeacher:
    """A folder of ``compress_teacher``, ready to speak. ``speak`` needs the three graphs of Tacotron 2, ``vocode``
    the vocoder. Raises InputError when the folder is not one."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "teacher.json").is_file():
            raise InputError(
                f"{folder} holds no compressed teacher: make one with `parrotlet-compress compress-teacher`"
            )
        manifest = json.loads((folder / "teacher.json").read_text())
        self.precision: str = manifest["precision"]
        self.config = None if manifest["tacotron2"] is None else Tacotron2Config(**manifest["tacotron2"])
        self.sample_rate: int | None = None if manifest["hifigan"] is None else manifest["hifigan"]["sampling_rate"]
        self.bytes = sum((folder / name).stat().st_size for name in manifest["files"])
        self._sessions = {name[:-5]: teacher_session(folder / name, self.precision) for name in manifest["files"]}

    def speak(
        self,
        symbols: Sequence[int],
        speaker: Array | None = None,
        seed: int | None = 0,
        max_steps: int | None = None,
        stop: float = STOP,
    ) -> Tacotron2Speech:
        """As ``Tacotron2.speak``: the same seed gives the same dropout. stop: the probability that ends it."""
        if self.config is None:
            raise InputError("this compressed teacher has no Tacotron 2")
        feeds: dict[str, npt.NDArray[Any]] = {"symbols": np.array([symbols], np.int64)}
        if self.config.speaker:
            if speaker is None:
                raise InputError("this Tacotron 2 speaks in the voice of an embedding: pass one")
            feeds["speaker"] = speaker[None]
        read = self._sessions["encoder"].run(feeds)
        c, length = self.config, len(symbols)
        sizes = (c.attention_rnn, c.attention_rnn, c.decoder_rnn, c.decoder_rnn, length, length, c.memory)
        state = {name: np.zeros((1, n), np.float32) for name, n in zip(DecoderState._fields, sizes, strict=True)}

        def step(frames: Array, keep: Array) -> tuple[Array, float, Array]:
            out = self._sessions["decoder"].run({"frames": frames, "keep": keep, **read, **state})
            state.update({name: out[f"next_{name}"] for name in state})
            return out["made"], float(out["stop"][0, 0]), out["next_weights"][0]

        coarse, stops, alignment, stopped = run_decoder(self.config, step, seed, max_steps or c.longest(length), stop)
        mel = self._sessions["postnet"].run({"coarse": coarse[None]})["mel"][0]
        return Tacotron2Speech(mel, stops, alignment, stopped)

    def vocode(self, mel: Array) -> Array:
        """Log-mel [T, M] -> samples [T * hop]."""
        if self.sample_rate is None:
            raise InputError("this compressed teacher has no vocoder")
        return np.asarray(self._sessions["vocoder"].run({"mel": mel[None]})["samples"][0])


@dataclass(frozen=True)
class StackSpeed:
    """Size and speed of one form of a stack. real_time: seconds of audio a CPU second, on one thread."""

    stack: str
    precision: str
    megabytes: float
    acoustic_real_time: float
    vocoder_real_time: float

    @property
    def real_time(self) -> float:
        """Of both in a row."""
        return 1 / (1 / self.acoustic_real_time + 1 / self.vocoder_real_time)


def measure_teacher(
    folder: Path, texts: Sequence[str], mels: Sequence[Array], config: MelConfig, voices: Array | None = None
) -> StackSpeed:
    """Time a compressed teacher: its Tacotron 2 on ``texts``, its vocoder on ``mels`` [T, M].

    Tacotron 2 makes as many frames of a text as a mel has, whatever its stop token says, so that an uncertain
    one is timed on the same work.
    """
    teacher = CompressedTeacher(folder)
    acoustic = vocoder = float("inf")
    hop_s = config.hop_length / config.sample_rate
    if teacher.config is not None:
        front_end, r = TextFrontEnd(), teacher.config.frames_per_step
        ids = [symbol_ids(teacher.config.symbols, text, front_end)[0] for text in texts]
        work = [(one, max(1, len(mel) // r)) for one, mel in zip(ids, mels, strict=False)]
        voice = None if voices is None else voices[0]
        seconds = _cpu_seconds(lambda: [teacher.speak(one, voice, 0, steps, stop=2.0) for one, steps in work])
        acoustic = sum(steps for _, steps in work) * r * hop_s / seconds
    if teacher.sample_rate is not None:
        vocoder = sum(map(len, mels)) * hop_s / _cpu_seconds(lambda: [teacher.vocode(mel) for mel in mels])
    return StackSpeed("teacher", teacher.precision, teacher.bytes / 1e6, acoustic, vocoder)


def measure_student(bundle: Path | None, sentences: Sequence[str]) -> StackSpeed:
    """Time a bundle's acoustic graph and vocoder (the default one if ``bundle`` is None) on one thread."""
    bird = Parrotlet.load(bundle, threads=1)
    profile = next(iter(bird.presets.values())).profile
    phonemes = [bird.phonemize(sentence) for sentence in sentences]
    made = [bird.acoustics(text, profile) for text in phonemes]
    seconds = sum(len(spoken.mel) for spoken in made) * MelConfig().hop_length / bird.sample_rate
    acoustic = seconds / _cpu_seconds(lambda: [bird.acoustics(text, profile) for text in phonemes])
    vocoder = seconds / _cpu_seconds(lambda: [list(bird.vocode(spoken.mel, spoken.f0)) for spoken in made])
    files = [bird.bundle.manifest["graphs"][graph]["onnx"] for graph in ("acoustic", "vocoder")]
    pieces = [piece["file"] for entry in files for piece in entry.get("parts", [entry])]
    size = sum((bird.bundle.path / file).stat().st_size for file in pieces)
    precision = files[0]["precision"]
    return StackSpeed("student", precision, size / 1e6, acoustic, vocoder)


def _cpu_seconds(work: Any, repeat: int = 2) -> float:
    """The least CPU time of ``repeat`` runs after a first one."""
    work()
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best
