"""Distillation by recipe: a teacher speaks, what it said becomes a pack, and a student is trained on the pack.

Sequence-level distillation (Kim 2016; for speech, FastSpeech, Ren 2019): the student learns the teacher's output,
not the data the teacher learned from. The teacher needs a text list only ("data-free"); a vocoder teacher can
also render the mel spectrograms of a pack. The recipes in ``recipes/`` say what every entry means.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from tqdm import tqdm

from parrotlet import Parrotlet
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.output import open_output
from parrotlet.text import TextFrontEnd

from .calibration import require_speech
from .corpus import Clip, Pack, PackWriter, measured_f0
from .symbols import phoneme_ids
from .teachers.durations import durations_from_alignment
from .teachers.ge2e import resemblyzer_weights
from .teachers.hifigan import read_hifigan
from .teachers.tacotron2 import Tacotron2, Tacotron2Speech
from .teachers.tacotron2_checkpoint import read_tacotron2
from .teachers.tacotron2_layers import Array
from .teachers.text import encoder_of, symbol_ids, texts_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GRAPHS = ("acoustic", "vocoder", "speaker")
# An utterance is left out when its attention passed over more than this share of the phonemes.
SKIPPED = 0.15
SPEAKERS = 32  # a batch of train/speaker.py holds as many different ones
Vocode = Callable[[Array], Array]
Prepare = Callable[[str, Path, Path, Mapping[str, Any]], Callable[[], None]]


@dataclass(frozen=True)
class Recipe:
    """A distillation as its TOML file describes it; ``path`` is the file, to which relative paths refer.

    graph: which student. teacher, source, student: the tables of the file.
    """

    path: Path
    graph: str
    pack: Path
    teacher: dict[str, Any]
    source: dict[str, Any]
    student: dict[str, Any]

    @staticmethod
    def read(path: Path) -> Recipe:
        """Raises InputError when the file is missing, no TOML, or lacks an entry, which it names."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"there is no recipe {path}: begin with one of parrotlet_compression/recipes") from error
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{path} is not TOML: {error}") from error
        for entry in ("graph", "pack", "teacher", "source", "student"):
            if entry not in values:
                raise InputError(f"{path} has no {entry!r}")
        unknown = set(values) - {"graph", "pack", "teacher", "source", "student"}
        if unknown:
            raise InputError(f"{path} has an entry {sorted(unknown)[0]!r}, which means nothing")
        if values["graph"] not in GRAPHS:
            raise InputError(f"{path}: graph = {values['graph']!r}: choose {', '.join(GRAPHS)}")
        recipe = Recipe(path, values["graph"], Path(), values["teacher"], values["source"], values["student"])
        for entry in ("out", "steps"):
            if entry not in recipe.student:
                raise InputError(f"{path}: [student] has no {entry!r}")
        return Recipe(path, recipe.graph, recipe.file(values["pack"]), recipe.teacher, recipe.source, recipe.student)

    def file(self, value: str) -> Path:
        """A path of the recipe."""
        return self.path.parent / value

    def existing(self, table: Mapping[str, Any], entry: str) -> Path:
        """A file or folder that must be there. Raises InputError naming the entry when it is not."""
        if entry not in table:
            raise InputError(f"{self.path} lacks the entry {entry!r}")
        found = self.file(table[entry])
        if not found.exists():
            raise InputError(f"{self.path}: {entry} = {table[entry]!r}: there is no {found}")
        return found


@dataclass(frozen=True)
class TeacherUtterance:
    """An utterance of a teacher: samples [N] at ``rate``; mel [T, M] where it has our mel config, else None."""

    id: str
    speaker: str
    text: str
    phonemes: str
    durations: list[int]
    samples: Array
    rate: int
    mel: Array | None


def distill(path: Path, prepare: Prepare) -> Path:
    """Run a recipe, or go on where it stopped; returns the student's folder.

    prepare: takes model, pack, folder and options as `parrotlet-compress train` does, refuses unknown options, and
    returns the function that trains. All files of the recipe are checked before the teacher speaks.
    """
    recipe = Recipe.read(path)
    options = dict(recipe.student)
    out = recipe.file(options.pop("out"))
    for entry in ("from", "alignments", "critic"):
        if entry in options:
            options[entry] = str(recipe.existing(options, entry))
    pack_path = recipe.pack
    if recipe.graph == "speaker":
        options["embeddings"] = str(out / "teacher.npy")
        resemblyzer_weights()
        if "pack" in recipe.source:
            pack_path = recipe.existing(recipe.source, "pack")
    train = prepare(recipe.graph, pack_path, out, options)
    if pack_path == recipe.pack and not (pack_path / "manifest.json").is_file():
        speak(recipe)
    pack = Pack(pack_path)
    out.mkdir(parents=True, exist_ok=True)
    if recipe.graph == "speaker":
        _require_speakers({clip.speaker for clip in pack.clips if clip.speaker and clip.split == "train"}, path)
        _write_targets(pack, out / "teacher.npy")
    if recipe.graph == "acoustic" and "alignments" not in options and not any(clip.durations for clip in pack.clips):
        raise InputError(
            f"the teacher reads characters, so {pack_path} has no phoneme durations: run `parrotlet-compress align "
            f"{pack_path} ALIGNER alignments.json` and name alignments in [student] of {path}"
        )
    train()
    return out


def _require_speakers(speakers: set[str], path: Path) -> None:
    if len(speakers) < SPEAKERS:
        raise InputError(f"{path}: a speaker encoder learns from {SPEAKERS} voices or more, not from {len(speakers)}")


def _write_targets(pack: Pack, path: Path) -> None:
    from .voices import teacher_embeddings

    if not path.is_file():
        with open_output(path) as file:
            np.save(file, teacher_embeddings(pack))


def speak(recipe: Recipe) -> None:
    """Let the recipe's teacher speak and write the pack. An interrupted call is resumed."""
    total, utterances = _utterances(recipe)
    writer = PackWriter(recipe.pack)
    done = _last_id(writer)
    dropped = 0
    config = MelConfig()
    for number, make in enumerate(tqdm(utterances, total=total, desc="teacher")):
        if number < done:
            continue
        said = make()
        if said is None:
            dropped += 1
            continue
        _write(writer, number, said, config)
    minutes = writer.frames / config.frame_rate / 60
    print(f"{recipe.pack}: {len(writer)} utterances, {minutes:.1f} minutes; {dropped} left out")
    if not len(writer):
        writer.close()
        raise InputError(f"{recipe.path}: nothing that the teacher said was usable: it is not trained far enough")
    names = [
        recipe.existing(recipe.teacher, name) for name in ("tacotron2", "hifigan", "vocoder") if name in recipe.teacher
    ]
    sums = {name.name: hashlib.sha256(name.read_bytes()).hexdigest() for name in names if name.is_file()}
    writer.finish(teacher=sums)


def _last_id(writer: PackWriter) -> int:
    """How many utterances are done: one more than the number of the last one written."""
    lines = (writer.path / "clips.jsonl").read_text().splitlines()
    return int(json.loads(lines[-1])["id"]) + 1 if lines else 0


def _write(writer: PackWriter, number: int, said: TeacherUtterance, config: MelConfig) -> None:
    samples = soxr.resample(said.samples, said.rate, config.sample_rate).astype(np.float32)
    frames = sum(said.durations) or len(samples) // config.hop_length
    frames = len(said.mel) if said.mel is not None else frames
    samples = np.pad(samples, (0, max(0, frames * config.hop_length - len(samples))))[: frames * config.hop_length]
    low = np.pad(soxr.resample(samples, config.sample_rate, 16000), (0, 200))[: frames * 200]
    mel = said.mel if said.mel is not None else mel_spectrogram(samples, config)
    clip = Clip(
        f"{number:06}", "synthetic", said.speaker, said.text, 0, frames, said.rate, 90.0, "train", said.phonemes,
        said.durations,
    )  # fmt: skip
    writer.add(clip, samples, low, mel, measured_f0(low))


def _utterances(recipe: Recipe) -> tuple[int, Iterator[Callable[[], TeacherUtterance | None]]]:
    """The number of utterances, and a function for each, which returns None where it is not usable."""
    vocode, mel_config = _vocoder(recipe)
    if "pack" in recipe.source:
        if recipe.graph != "vocoder":
            raise InputError(f"{recipe.path}: [source] pack is for a HiFi-GAN teacher; an acoustic teacher reads texts")
        return _rendered(recipe, vocode, mel_config)
    return _spoken(recipe, vocode, mel_config)


def _vocoder(recipe: Recipe) -> tuple[Vocode, MelConfig]:
    """The vocoder of the teacher's mels, HiFi-GAN or that of a bundle, and its mel config."""
    if "hifigan" in recipe.teacher:
        config = recipe.existing(recipe.teacher, "config") if "config" in recipe.teacher else None
        model = read_hifigan(recipe.existing(recipe.teacher, "hifigan"), config)
        return model.vocode, model.config.mel
    if recipe.graph == "vocoder":
        raise InputError(f"{recipe.path}: [teacher] of a vocoder needs 'hifigan'")
    bird = Parrotlet.load(recipe.existing(recipe.teacher, "bundle") if "bundle" in recipe.teacher else None)

    def vocode(mel: Array) -> Array:
        # f0 None: the vocoder's own estimate.
        return np.concatenate(list(bird.vocode(mel)))

    return vocode, MelConfig()


def _rendered(
    recipe: Recipe, vocode: Vocode, config: MelConfig
) -> tuple[int, Iterator[Callable[[], TeacherUtterance | None]]]:
    """Copy synthesis of clips of a pack: the vocoder student learns to sound like the teacher."""
    corpus = Pack(recipe.existing(recipe.source, "pack"))
    clips = [c for c in corpus.clips if c.split == "train" and c.snr_db >= 25 and c.frames > 80]
    # Clips from all over the pack, so that a few minutes hold many voices.
    wanted = float(recipe.source.get("minutes", 60)) * 60 * corpus.config.frame_rate
    order = np.random.default_rng(0).permutation(len(clips))
    chosen = order[: int(np.searchsorted(np.cumsum([clips[i].frames for i in order]), wanted)) + 1]
    if not len(chosen):
        raise InputError(f"{corpus.path} has no clean training clip")

    def mel_of(clip: Clip) -> Array:
        samples = soxr.resample(corpus.samples24(clip), corpus.config.sample_rate, config.sample_rate)
        return mel_spectrogram(samples.astype(np.float32), config)

    require_speech([mel_of(clips[i]) for i in chosen[:4]])

    def make(clip: Clip) -> TeacherUtterance:
        samples = vocode(mel_of(clip))
        return TeacherUtterance(clip.id, clip.speaker, clip.text, "", [], samples, config.sample_rate, None)

    return len(chosen), ((lambda clip=clips[i]: make(clip)) for i in chosen)


def _spoken(
    recipe: Recipe, vocode: Vocode, config: MelConfig
) -> tuple[int, Iterator[Callable[[], TeacherUtterance | None]]]:
    """A text list spoken by Tacotron 2 in every voice."""
    teacher = read_tacotron2(recipe.existing(recipe.teacher, "tacotron2"))
    encoder_of(teacher.config.symbols)
    if teacher.config.n_mels != config.n_mels:
        raise InputError(f"Tacotron 2 makes {teacher.config.n_mels} mel bands, its vocoder reads {config.n_mels}")
    texts = texts_of(recipe.existing(recipe.source, "texts").read_text(encoding="utf-8").splitlines())
    if not texts:
        raise InputError(f"{recipe.path}: the text list is empty")
    voices: list[Array | None] = [None]
    if teacher.config.speaker:
        table = np.load(recipe.existing(recipe.source, "voices")).astype(np.float32)
        if table.ndim != 2 or table.shape[1] != teacher.config.speaker:
            raise InputError(f"{recipe.path}: voices must be [voices, {teacher.config.speaker}], not {table.shape}")
        voices = list(table)
    if recipe.graph == "speaker":
        _require_speakers({str(number) for number in range(len(voices))}, recipe.path)
    per_text = min(int(recipe.source.get("voices_per_text", 1)), len(voices))
    front_end = TextFrontEnd()

    def make(text: str, which: int) -> TeacherUtterance | None:
        ids, phonemes = symbol_ids(teacher.config.symbols, text, front_end)
        spoken = teacher.speak(ids, voices[which], seed=zlib.crc32(text.encode()))
        return _utterance(teacher, spoken, text, ids, phonemes, which, vocode, config)

    jobs = [(text, (k * per_text + j) % len(voices)) for k, text in enumerate(texts) for j in range(per_text)]
    return len(jobs), ((lambda text=text, which=which: make(text, which)) for text, which in jobs)


def _utterance(
    teacher: Tacotron2,
    spoken: Tacotron2Speech,
    text: str,
    ids: list[int],
    phonemes: str,
    which: int,
    vocode: Vocode,
    config: MelConfig,
) -> TeacherUtterance | None:
    durations: list[int] = []
    if not spoken.stopped or len(spoken.mel) < len(ids):
        return None
    counted = durations_from_alignment(spoken.alignment, teacher.config.frames_per_step)
    sounding = [n for n, symbol in zip(counted, _sounds(ids, phonemes), strict=True) if symbol.isalpha()]
    if sounding and np.mean([n == 0 for n in sounding]) > SKIPPED:
        return None
    ours = MelConfig()
    if phonemes:
        # Ends of phonemes are rounded to our frames, so that the sum is right at any two rates.
        ratio = config.hop_length / config.sample_rate * ours.frame_rate
        ends = np.rint(np.cumsum(counted) * ratio).astype(int)
        durations = np.diff(ends, prepend=0).tolist()
        assert len(durations) == len(phoneme_ids(phonemes))
    mel = spoken.mel if config == ours else None
    samples = vocode(spoken.mel)
    return TeacherUtterance("", f"voice{which}", text, phonemes, durations, samples, config.sample_rate, mel)


def _sounds(ids: list[int], phonemes: str) -> list[str]:
    """One character for each symbol: phonemes with the two tokens around them, or letters throughout."""
    return ["^", *phonemes, "$"] if phonemes else ["a"] * len(ids)
