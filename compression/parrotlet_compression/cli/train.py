"""Commands that train: train and average-weights."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from parrotlet.bundle import Bundle
from parrotlet.errors import InputError
from parrotlet.factors import Settings
from parrotlet.finetuning import Material

from ..average_weights import write_average
from ..corpus import Pack
from ..export import DIRECTIONS, JUDGE, load_students
from ..models.weights import load_tensors, save_weights
from ..teachers.hifigan import HifiGanConfig
from ..train.acoustic import train_acoustic
from ..train.aligner import train_aligner
from ..train.directions import common, directions, people_of
from ..train.enrolled import train_enrolled
from ..train.hifigan import train_hifigan
from ..train.joint import Plan, train_joint
from ..train.judge import train_judge
from ..train.judge_part import write_part
from ..train.judge_pieces import write_pieces, write_recordings
from ..train.judge_start import write_start
from ..train.likeness import train_likeness
from ..train.loop import Schedule
from ..train.prepared_clips import write_dataset
from ..train.recognizer import train_recognizer
from ..train.refiner import train_refiner
from ..train.speaker import train_speaker
from ..train.tacotron2 import SIZES, GuidedClips, sized_config, train_tacotron2
from ..train.vocoder import train_vocoder
from .common import LEAST_RATING, Commands, aligned, durations, embeddings, rated

MODELS = [
    "speaker",
    "aligner",
    "recognizer",
    "likeness",
    "judge",
    "acoustic",
    "refiner",
    "joint",
    "vocoder",
    "tacotron2",
    "hifigan",
]


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    add_train(commands)
    _add_average(commands)
    found = commands.add("directions", _directions, "find in which directions a person's recordings change the refiner")
    found.add_argument("pack", type=Path)
    found.add_argument("bundle", type=Path, help="an ONNX bundle of CHECKPOINTS, to enroll people with")
    found.add_argument("checkpoints", type=Path, help="folder of the weights; directions.safetensors is written there")

    found = commands.add("judge-pieces", _judge_pieces, "write what `train judge` learns from")
    found.add_argument("pack", type=Path)
    found.add_argument("bundle", type=Path, help="an ONNX bundle of CHECKPOINTS, to enroll people with")
    found.add_argument("checkpoints", type=Path, help="folder of the weights; a judge among them leads")
    found.add_argument("out", type=Path, help="folder for a file of each person; those that are there are kept")
    found.add_argument("--seed", type=int, default=0, metavar="N", help="of other pieces (%(default)s)")
    found.add_argument("--without", default="", metavar="NAMES", help="people to leave out, with commas between")

    found = commands.add("judge-start", _judge_start, "write the judge that `train judge` begins with, out of CAM++")
    found.add_argument("pieces", type=Path, help="the OUT of `judge-pieces`")
    found.add_argument("checkpoints", type=Path, help="folder of the vocoder")
    found.add_argument("out", type=Path, help="folder for judge.safetensors")

    found = commands.add("judge-part", _judge_part, "make the judge small that `train judge` made of `judge-start`'s")
    found.add_argument("whole", type=Path, help="its judge.safetensors")
    found.add_argument("pieces", type=Path, help="the OUT of `judge-pieces`")
    found.add_argument("out", type=Path, help="folder for judge.safetensors, which `train judge --from` takes")

    found = commands.add("common", _common, "find what the factors of all people have in common")
    found.add_argument("pack", type=Path)
    found.add_argument("bundle", type=Path, help="an ONNX bundle of CHECKPOINTS and of their directions")
    found.add_argument(
        "checkpoints", type=Path, help="folder of the weights; directions.safetensors is completed there"
    )


def add_train(commands: Commands) -> None:
    """Add ``train`` alone: a recipe of the distiller holds its options."""
    command = commands.add("train", _train, "train one model, or go on where it stopped")
    command.add_argument("model", choices=MODELS)
    command.add_argument("pack", type=Path, help="judge: the OUT of `judge-pieces`")
    command.add_argument("out", type=Path, help="folder for checkpoints and curves")
    command.add_argument("--steps", type=int)
    command.add_argument(
        "--minutes", type=float, help="joint: how long to train, in place of --steps; recognizer, judge: at most"
    )
    command.add_argument("--rate", type=float, help="learning rate (1e-3; joint: 6e-4)")
    command.add_argument(
        "--from", dest="start", type=Path, help="weights to begin with (acoustic: the folder of speaker and acoustic)"
    )
    command.add_argument("--embeddings", type=Path, help="from `speaker-embeddings`: the teacher's")
    command.add_argument("--critic", type=Path, help="the likeness model's weights, for the acoustic model")
    command.add_argument(
        "--alignments",
        type=Path,
        help="from `align`: real voices, for acoustic model, refiner, joint, aligner, recognizer",
    )
    command.add_argument(
        "--ratings",
        type=Path,
        help='acoustic, refiner, joint (when it prepares): {"ARCHIVE/ID": number} of clips, .json, e.g. from '
        "benchmarks/quality/rate.py; learn from those only that are rated --least or better",
    )
    command.add_argument("--least", type=float, default=LEAST_RATING, metavar="X", help="see --ratings (%(default)s)")
    command.add_argument("--aligner", type=Path, help="refiner, joint: the aligner's weights, to listen for the words")
    command.add_argument("--adversarial", action="store_true", help="vocoder, acoustic: also against a discriminator")
    command.add_argument(
        "--enrolled", action="store_true", help="acoustic: voices as enrolled; the speaker encoder does not learn"
    )
    command.add_argument(
        "--predicted", type=Path, help="vocoder, refiner: mels of the acoustic model, from `export-mels`"
    )
    command.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="joint: where to train")
    command.add_argument("--batch", type=int, default=Plan.batch, metavar="N", help="joint: clips a step")
    command.add_argument("--seed", type=int, default=Plan.seed, metavar="N", help="joint: of another run, for a mean")
    command.add_argument(
        "--text-side", action="store_true", help="joint: phoneme encoder, durations and pitch learn too"
    )
    command.add_argument(
        "--prepare-only", action="store_true", help="joint: write OUT/resident, all that another machine needs of PACK"
    )
    command.add_argument("--generator", choices=["V1", "V2", "V3"], default="V2", help="hifigan: its size")
    command.add_argument("--size", choices=list(SIZES), default="small", help="tacotron2: its size")


def _add_average(commands: Commands) -> None:
    command = commands.add(
        "average-weights",
        _average,
        "average the acoustic weights of two trained folders, one trained on from the other",
    )
    command.add_argument("first", type=Path, help="folder with all students")
    command.add_argument("second", type=Path, help="folder with acoustic.safetensors, e.g. the OUT of `train joint`")
    command.add_argument("out", type=Path, help="folder to write all students to")
    command.add_argument("--share", type=float, default=0.5, help="of the second (%(default)s)")
    command.add_argument(
        "--part", type=_part, action="append", default=[], metavar="PART=SHARE", help="of weights that begin so"
    )
    commands.rename("mean", command)


def _train(options: argparse.Namespace) -> None:
    if options.model == "joint":
        _train_joint(options)
        return
    if options.steps is None:
        raise InputError(f"training {options.model} needs --steps: --minutes is for `train joint`")
    TRAINERS[options.model](options, Schedule(options.steps, options.rate or Schedule.rate))


def _train_speaker(options: argparse.Namespace, schedule: Schedule) -> None:
    train_speaker(options.pack, embeddings(options), options.out, schedule)


def _train_likeness(options: argparse.Namespace, schedule: Schedule) -> None:
    train_likeness(options.pack, embeddings(options), options.out, schedule)


def _train_aligner(options: argparse.Namespace, schedule: Schedule) -> None:
    train_aligner(aligned(options), options.out, schedule)


def _train_recognizer(options: argparse.Namespace, schedule: Schedule) -> None:
    corpus = Pack(options.pack)
    train_recognizer(corpus, durations(options, corpus), options.out, _limited(options, schedule), options.start)


def _train_judge(options: argparse.Namespace, schedule: Schedule) -> None:
    if options.start is None:
        raise InputError("a judge begins with the OUT of `judge-part`: --from OUT/judge.safetensors")
    train_judge(options.pack, options.out, _limited(options, schedule), options.start)


def _limited(options: argparse.Namespace, schedule: Schedule) -> Schedule:
    return replace(schedule, seconds=60 * options.minutes) if options.minutes else schedule


def _train_vocoder(options: argparse.Namespace, schedule: Schedule) -> None:
    train_vocoder(options.pack, options.out, schedule, options.start, options.adversarial, options.predicted)


def _train_tacotron2(options: argparse.Namespace, schedule: Schedule) -> None:
    guided = GuidedClips(Pack(options.pack), embeddings(options))
    config = sized_config(options.size, guided.embeddings.shape[1])
    train_tacotron2(guided, options.out, schedule, options.start, config)


def _train_hifigan(options: argparse.Namespace, schedule: Schedule) -> None:
    train_hifigan(Pack(options.pack), options.out, schedule, HifiGanConfig.ours(options.generator))


def _train_acoustic(options: argparse.Namespace, schedule: Schedule) -> None:
    _require_start(options)
    clips = rated(options)
    if options.enrolled:
        train_enrolled(clips, options.out, schedule, options.start)
    else:
        train_acoustic(clips, options.out, schedule, options.start, options.critic, options.adversarial)


def _train_refiner(options: argparse.Namespace, schedule: Schedule) -> None:
    _require_start(options)
    clips = rated(options)
    if options.predicted is None or not options.predicted.is_file():
        raise InputError("training the refiner needs --predicted: make it with `parrotlet-compress export-mels --bare`")
    heard = embeddings(options) if options.embeddings else None
    train_refiner(clips, options.out, schedule, options.start, options.predicted, heard, options.aligner)


def _require_start(options: argparse.Namespace) -> None:
    if options.start is None:
        raise InputError(
            "training the acoustic model needs --from FOLDER with speaker.safetensors, e.g. compression/checkpoints"
        )


TRAINERS: dict[str, Callable[[argparse.Namespace, Schedule], None]] = {
    "speaker": _train_speaker,
    "aligner": _train_aligner,
    "recognizer": _train_recognizer,
    "likeness": _train_likeness,
    "judge": _train_judge,
    "acoustic": _train_acoustic,
    "refiner": _train_refiner,
    "vocoder": _train_vocoder,
    "tacotron2": _train_tacotron2,
    "hifigan": _train_hifigan,
}


def _train_joint(options: argparse.Namespace) -> None:
    if not options.prepare_only and (options.steps is None) == (options.minutes is None):
        raise InputError("say how long to train: give either --steps or --minutes")
    if options.start is None:
        raise InputError("training joint needs --from FOLDER with all students, e.g. compression/checkpoints")
    if not options.prepare_only and options.aligner is None:
        raise InputError("training joint needs --aligner: its weights, from `parrotlet-compress train aligner`")
    if options.seed < 0:
        raise InputError(f"--seed {options.seed} is below 0: give 0, 1, 2, ...")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "torch finds no GPU here: leave out --device cuda, or give --prepare-only and carry OUT to one that has it"
        )
    dataset = options.out / "resident"
    if not dataset.is_dir():
        speaker, _, _ = load_students(options.start)
        write_dataset(rated(options), speaker, embeddings(options).mean(axis=0), dataset)
    if options.prepare_only:
        print(f"{dataset}: carry it to where `train joint PACK OUT` is to run; PACK is not needed there")
        return
    plan = Plan(options.steps, options.minutes, options.rate or Plan.rate, batch=options.batch, seed=options.seed)
    train_joint(
        options.out,
        options.start,
        options.aligner,
        plan,
        torch.device(options.device),
        options.text_side,
        processes=options.threads,
    )


def _part(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not PART=SHARE, e.g. refiner=0.5") from error


def _average(options: argparse.Namespace) -> None:
    write_average(options.first, options.second, options.out, options.share, dict(options.part))
    print(options.out)


def _directions(options: argparse.Namespace) -> None:
    synthesizer = load_students(options.checkpoints)[1].requires_grad_(False)
    found = directions(synthesizer, _settings(options.bundle), _people(options))
    _save({f"product{number}": one for number, one in enumerate(found)}, options.checkpoints)


def _judge_pieces(options: argparse.Namespace) -> None:
    settings = _settings(options.bundle)
    pack = Pack(options.pack)
    without = options.without.split(",")
    write_recordings(pack, options.out, options.seed, without)
    write_pieces(pack, options.bundle, settings, options.checkpoints, options.out, options.seed, without)


def _judge_start(options: argparse.Namespace) -> None:
    write_start(options.pieces, options.checkpoints, options.out)
    print(options.out / JUDGE)


def _judge_part(options: argparse.Namespace) -> None:
    write_part(options.whole, options.pieces, options.out)
    print(options.out / JUDGE)


def _common(options: argparse.Namespace) -> None:
    synthesizer, settings = load_students(options.checkpoints)[1], _settings(options.bundle)
    step = Bundle.load(options.bundle).session("finetune", "onnx")
    found = common(synthesizer, step, settings, _people(options))
    _save({**load_tensors(options.checkpoints / DIRECTIONS), "common": found}, options.checkpoints)


def _people(options: argparse.Namespace) -> Iterator[Material]:
    return (material for _, material in tqdm(people_of(Pack(options.pack), options.bundle), unit="person"))


def _settings(bundle: Path) -> Settings:
    settings = Settings.of(Bundle.load(bundle))
    if settings is None:
        raise InputError(f"{bundle} takes no factors: export it with `parrotlet-compress export`")
    return settings


def _save(directions: dict[str, torch.Tensor], checkpoints: Path) -> None:
    module = torch.nn.Module()
    for name, tensor in directions.items():
        module.register_buffer(name, tensor)
    save_weights(module, checkpoints / DIRECTIONS, half=True)
