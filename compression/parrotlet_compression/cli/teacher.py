"""Commands for teachers: distill, compress-teacher and evaluate-teacher."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from parrotlet import Parrotlet
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig

from ..compressed_teacher import measure_student, measure_teacher
from ..corpus import Pack
from ..distill import distill
from ..evaluate import SENTENCES, judged
from ..quantize_teacher import TEACHER_PRECISIONS, calibration_mels, compress_teacher, generated_mels
from ..teachers.hifigan import read_hifigan
from ..teachers.speech import write_teacher_speech
from ..teachers.tacotron2_checkpoint import read_tacotron2
from .common import Commands, print_static, teacher_voices
from .train import add_train


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    for add in (_add_distill, _add_compress, _add_evaluate):
        add(commands)


def _add_distill(commands: Commands) -> None:
    command = commands.add("distill", _distill, "let a teacher speak and train a student on what it said")
    command.add_argument("recipe", type=Path, help=".toml; examples are in parrotlet_compression/recipes")


def _add_compress(commands: Commands) -> None:
    command = commands.add("compress-teacher", _compress_teacher, "quantize a teacher as it is, without a student")
    command.add_argument("out", type=Path, help="folder for the graphs")
    command.add_argument("--tacotron2", type=Path, help="checkpoint, NVIDIA's layout or ours")
    command.add_argument("--hifigan", type=Path, help="generator, jik876's layout or ours; config.json beside it")
    command.add_argument("--voices", type=Path, help="embeddings [V, E] for a multi-speaker Tacotron 2, .npy")
    command.add_argument(
        "--calibrate", type=Path, metavar="PACK", help="recordings to calibrate with (else its own speech)"
    )
    command.add_argument("--precision", choices=TEACHER_PRECISIONS, default="int8")
    command.add_argument(
        "--bound",
        type=float,
        metavar="X",
        help="leave convolutions of post-net and vocoder in float until no log-mel (the vocoder's: of its samples) "
        "moves by more than this part of its root mean square (else only the vocoder's first and last stay in float)",
    )
    command.add_argument("--measure", action="store_true", help="time it against fp32 and against the default bundle")


def _add_evaluate(commands: Commands) -> None:
    command = commands.add(
        "evaluate-teacher", _evaluate_teacher, "let a Tacotron 2 speak the test sentences; score them"
    )
    command.add_argument("tacotron2", type=Path)
    command.add_argument("out", type=Path)
    command.add_argument("--voices", type=Path, help="embeddings [V, E], .npy")
    command.add_argument("--hifigan", type=Path, help="its vocoder (else that of the default bundle)")
    command.add_argument("--judge", type=Path, help="judge.py")
    command.add_argument("--judge-python", default=sys.executable)


def _distill(options: argparse.Namespace) -> None:
    trainer = argparse.ArgumentParser(prog="parrotlet-compress")
    add_train(Commands(trainer))

    def prepare(model: str, pack: Path, out: Path, entries: Mapping[str, Any]) -> Callable[[], None]:
        flags = [f"--{name}" if value is True else f"--{name}={value}" for name, value in entries.items()]
        try:
            parsed = trainer.parse_args(["train", model, str(pack), str(out), *flags])
        except SystemExit as error:  # argparse has said which
            raise InputError(f"{options.recipe}: [student] holds what `train {model}` does not take") from error
        return lambda: parsed.run(parsed)

    print(distill(options.recipe, prepare))


def _compress_teacher(options: argparse.Namespace) -> None:
    tacotron2 = options.tacotron2 and read_tacotron2(options.tacotron2)
    hifigan = options.hifigan and read_hifigan(options.hifigan)
    voices = teacher_voices(options.voices)
    config = hifigan.config.mel if hifigan else MelConfig()
    if options.calibrate:
        mels = calibration_mels(Pack(options.calibrate), config)
    elif tacotron2:
        mels = generated_mels(tacotron2, SENTENCES, voices)
    else:
        raise InputError("a vocoder is calibrated with recordings: give --calibrate PACK")
    rows, results = compress_teacher(tacotron2, hifigan, options.out, options.precision, mels, options.bound)
    for row in rows:
        print(f"{row.graph:<9} {row.precision:<5} {row.output:<10} largest {row.largest:.2e}  mean {row.mean:.2e}")
    print_static(results)
    if options.measure:
        full = options.out.with_name(options.out.name + "-fp32")
        compress_teacher(tacotron2, hifigan, full, "fp32")
        cells = [measure_teacher(folder, SENTENCES, mels[:4], config, voices) for folder in (full, options.out)]
        for cell in [*cells, measure_student(None, SENTENCES[:4])]:
            print(cell)


def _evaluate_teacher(options: argparse.Namespace) -> None:
    model = read_tacotron2(options.tacotron2)
    if options.hifigan:
        generator = read_hifigan(options.hifigan)
        vocode, rate = generator.vocode, generator.config.mel.sample_rate
    else:
        bird = Parrotlet.load()
        vocode, rate = (lambda mel: np.concatenate(list(bird.vocode(mel)))), bird.sample_rate
    symbols, voices = model.config.symbols, teacher_voices(options.voices)
    manifest, unstopped = write_teacher_speech(model.speak, symbols, voices, vocode, rate, SENTENCES, options.out)
    print(f"{manifest}: {len(SENTENCES)} sentences, {unstopped} without a stop token")
    if options.judge:
        print(json.dumps(judged(options.judge_python, options.judge, manifest)))
