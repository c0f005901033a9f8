"""The ``parrotlet-compress`` command: pack the corpus, train, align, export, evaluate."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from parrotlet import Parrotlet
from parrotlet.bundle import DEFAULT
from parrotlet.cli.streams import reported
from parrotlet.errors import InputError
from parrotlet.mel import MelConfig

from . import voices
from .corpus import Pack, pack
from .direct import PRECISIONS as TEACHER_PRECISIONS
from .direct import calibration_mels, compress_teacher, generated_mels, measure_student, measure_teacher
from .distill import distill
from .evaluate import SENTENCES, judged, write_parts, write_test_speech
from .export import SAME_SPEAKER, export_bundle, load_students
from .files import read_array, read_credits, read_object
from .g2p.data import write_text_data
from .mean import write_mean
from .models.aligner import Aligner
from .models.weights import load_weights
from .precision import PRECISIONS, SHIPPED_TFLITE, describe_result, parse_precision, quantize_bundle
from .predict import predict_mels
from .report import JUDGED_STACKS, LITERT_STACKS, STACKS, write_report
from .signal_graphs import add_signal_graphs
from .static import ERROR_BOUND, StaticResult
from .teachers.hifigan import HifiGanConfig, read_hifigan
from .teachers.speech import write_teacher_speech
from .teachers.tacotron2 import read_tacotron2
from .tflite import ACTIVATIONS
from .train.acoustic import AlignedClips, train_acoustic
from .train.aligner import align_corpus, train_aligner
from .train.enrolled import train_enrolled
from .train.hifigan import train_hifigan
from .train.joint import Plan, train_joint
from .train.likeness import train_likeness
from .train.loop import Schedule
from .train.refiner import train_refiner
from .train.resident import prepare
from .train.speaker import train_speaker
from .train.tacotron2 import SIZES, GuidedClips, sized_config, train_tacotron2
from .train.vocoder import train_vocoder

# The share of every archive's clips that is kept, best alignment first: the rest is mostly wrong transcripts.
ALIGNED = {"vctk": 0.95, "librispeech": 0.9, "commonvoice": 0.9, "speechocean762": 0.5}
SHARES = {"synthetic": 0.42, "vctk": 0.22, "librispeech": 0.13, "commonvoice": 0.15, "speechocean762": 0.08}

LEAST_RATING = 3.75  # of P.808: half of the aligned clips are better


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors are one line on stderr."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    try:
        return reported("parrotlet-compress", lambda: options.run(options))
    finally:
        torch.set_flush_denormal(False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="parrotlet-compress", description="Train, quantize and export the models.")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    corpus = add("corpus", lambda o: pack(o.corpus, o.pack), "decode the training archives into a pack")
    corpus.add_argument("corpus", type=Path, help="folder with the archives")
    corpus.add_argument("pack", type=Path, help="folder to write")

    embed = add("embed", _embed, "embed every clip of a pack, by the teacher or by our speaker encoder")
    embed.add_argument("pack", type=Path)
    embed.add_argument("out", type=Path, help="embeddings, .npy")
    embed.add_argument("--weights", type=Path, help="our encoder's weights (else GE2E, the teacher)")

    train = add("train", _train, "train one model, or go on where it stopped")
    models = ["speaker", "aligner", "likeness", "acoustic", "refiner", "joint", "vocoder", "tacotron2", "hifigan"]
    train.add_argument("model", choices=models)
    train.add_argument("pack", type=Path)
    train.add_argument("out", type=Path, help="folder for checkpoints and curves")
    train.add_argument("--steps", type=int)
    train.add_argument("--minutes", type=float, help="joint: how long to train, in place of --steps")
    train.add_argument("--rate", type=float, help="learning rate (1e-3; joint: 6e-4)")
    train.add_argument(
        "--from", dest="start", type=Path, help="weights to begin with (acoustic: the folder of speaker and acoustic)"
    )
    train.add_argument("--embeddings", type=Path, help="from `embed`: the teacher's")
    train.add_argument("--critic", type=Path, help="the likeness model's weights, for the acoustic model")
    train.add_argument(
        "--alignments", type=Path, help="from `align`: real voices, for acoustic model, refiner, joint, aligner"
    )
    train.add_argument(
        "--ratings",
        type=Path,
        help='acoustic, refiner, joint (when it prepares): {"ARCHIVE/ID": number} of clips, .json, e.g. from '
        "benchmarks/quality/rate.py; learn from those only that are rated --least or better",
    )
    train.add_argument("--least", type=float, default=LEAST_RATING, metavar="X", help="see --ratings (%(default)s)")
    train.add_argument("--aligner", type=Path, help="refiner, joint: the aligner's weights, to listen for the words")
    train.add_argument("--adversarial", action="store_true", help="vocoder, acoustic: also against a discriminator")
    train.add_argument(
        "--enrolled", action="store_true", help="acoustic: voices as enrolled; the speaker encoder does not learn"
    )
    train.add_argument("--predicted", type=Path, help="vocoder, refiner: mels of the acoustic model, from `predict`")
    train.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="joint: where to train")
    train.add_argument("--batch", type=int, default=Plan.batch, metavar="N", help="joint: clips a step")
    train.add_argument("--seed", type=int, default=Plan.seed, metavar="N", help="joint: of another run, for a mean")
    train.add_argument("--text-side", action="store_true", help="joint: phoneme encoder, durations and pitch learn too")
    train.add_argument(
        "--prepare-only", action="store_true", help="joint: write OUT/resident, all that another machine needs of PACK"
    )
    train.add_argument("--generator", choices=["V1", "V2", "V3"], default="V2", help="hifigan: its size")
    train.add_argument("--size", choices=list(SIZES), default="small", help="tacotron2: its size")

    mean = add("mean", _mean, "average the acoustic weights of two trained folders, one trained on from the other")
    mean.add_argument("first", type=Path, help="folder with all students")
    mean.add_argument("second", type=Path, help="folder with acoustic.safetensors, e.g. the OUT of `train joint`")
    mean.add_argument("out", type=Path, help="folder to write all students to")
    mean.add_argument("--share", type=float, default=0.5, help="of the second (%(default)s)")
    mean.add_argument(
        "--part", type=_part, action="append", default=[], metavar="PART=SHARE", help="of weights that begin so"
    )

    align = add("align", _align, "find the phoneme durations of the real recordings")
    align.add_argument("pack", type=Path)
    align.add_argument("weights", type=Path, help="the aligner's weights")
    align.add_argument("out", type=Path, help="alignments, .json")

    predict = add("predict", _predict, "make the acoustic model's mels of the corpus, to train the vocoder on")
    predict.add_argument("pack", type=Path)
    predict.add_argument("students", type=Path, help="folder with the weights")
    predict.add_argument("out", type=Path, help="mels, .f16")
    predict.add_argument("--alignments", type=Path, help="from `align`")
    predict.add_argument("--bare", action="store_true", help="neither refined nor emphasized, for the refiner")

    precision = f"int8 (the tested mixture), {', '.join(PRECISIONS)}, or of some graphs: vocoder=static,acoustic=fp16"
    activations = (
        "static, which ships: products in int8 with fixed scales, calibrated like static ONNX graphs: a bundle needs "
        "preset voices. float32: only weights are int8, twice as fast in tflite-runtime 2.14. int8: products too, each "
        "input scaled on the fly, for ai-edge-litert only (tflite-runtime 2.14 refuses such graphs)"
    )
    export = add("export", _export, "write a bundle and print how far each graph is from torch")
    export.add_argument("checkpoints", type=Path, help="speaker, acoustic and vocoder .safetensors")
    export.add_argument("out", type=Path, help="bundle folder")
    export.add_argument("--presets", type=Path, required=True, help="presets.json of another bundle, or from `presets`")
    export.add_argument("--name", required=True, help="of the bundle; a profile says by it which one it needs")
    export.add_argument(
        "--credits", type=Path, metavar="F", help="licence and training_data of the weights, .toml or .json"
    )
    export.add_argument("--precision", default="int8", metavar="P", help=precision)
    export.add_argument(
        "--calibrate", type=Path, metavar="PACK", help="recordings for static INT8 (else its own speech)"
    )
    export.add_argument("--formats", default="onnx", metavar="onnx,tflite", help="one or both, in one bundle")
    export.add_argument("--tflite-activations", choices=ACTIVATIONS, default=SHIPPED_TFLITE, help=activations)
    export.add_argument("--fp32", type=Path, metavar="DIR", help="also write the fp32 bundle, to compare with")
    export.add_argument(
        "--same-speaker", type=float, default=SAME_SPEAKER, metavar="X", help="least cosine of one person's recordings"
    )

    signal = add("signal-graphs", _signal_graphs, "write the graphs without weights, for enrollment, into a bundle")
    signal.add_argument("bundle", type=Path, help="bundle folder")

    quantize = add("quantize", _quantize, "write an fp32 bundle in other precisions, each graph in its own")
    quantize.add_argument("bundle", type=Path, help="fp32 bundle, from `export --fp32`")
    quantize.add_argument("out", type=Path, help="bundle folder")
    quantize.add_argument("--precision", default="int8", metavar="P", help=precision)
    quantize.add_argument("--tflite-activations", choices=ACTIVATIONS, default=SHIPPED_TFLITE, help=activations)
    quantize.add_argument(
        "--calibrate", type=Path, metavar="PACK", help="recordings for static INT8 (else its own speech)"
    )
    quantize.add_argument(
        "--bound",
        type=float,
        default=ERROR_BOUND,
        metavar="X",
        help="static: leave layers in float until no output moves by more than this part of its root mean square",
    )

    report = add("report", _report, "measure every graph, runtime and precision, and write the table")
    report.add_argument("out", type=Path, help="Markdown; the shipped one is docs/quantization.md")
    report.add_argument("--checkpoints", type=Path, default=Path("compression/checkpoints"))
    report.add_argument("--presets", type=Path, help="presets.json (else that of the default bundle)")
    report.add_argument("--pack", type=Path, help="recordings of held-out people to clone (else preset voices)")
    report.add_argument("--judge", type=Path, help="judge.py")
    report.add_argument(
        "--stacks",
        default=",".join(JUDGED_STACKS),
        metavar="NAMES",
        help=f"whole stacks to judge: of {', '.join((*STACKS, *LITERT_STACKS))}",
    )
    report.add_argument("--judge-python", default=sys.executable)

    recipe = add("distill", _distill, "let a teacher speak and train a student on what it said")
    recipe.add_argument("recipe", type=Path, help=".toml; examples are in parrotlet_compression/recipes")

    teacher = add("compress-teacher", _compress_teacher, "quantize a teacher as it is, without a student")
    teacher.add_argument("out", type=Path, help="folder for the graphs")
    teacher.add_argument("--tacotron2", type=Path, help="checkpoint, NVIDIA's layout or ours")
    teacher.add_argument("--hifigan", type=Path, help="generator, jik876's layout or ours; config.json beside it")
    teacher.add_argument("--voices", type=Path, help="embeddings [V, E] for a multi-speaker Tacotron 2, .npy")
    teacher.add_argument(
        "--calibrate", type=Path, metavar="PACK", help="recordings to calibrate with (else its own speech)"
    )
    teacher.add_argument("--precision", choices=TEACHER_PRECISIONS, default="int8")
    teacher.add_argument(
        "--bound",
        type=float,
        metavar="X",
        help="leave convolutions of post-net and vocoder in float until no log-mel (the vocoder's: of its samples) "
        "moves by more than this part of its root mean square (else only the vocoder's first and last stay in float)",
    )
    teacher.add_argument("--measure", action="store_true", help="time it against fp32 and against the default bundle")

    listen = add("evaluate-teacher", _evaluate_teacher, "let a Tacotron 2 speak the test sentences; score them")
    listen.add_argument("tacotron2", type=Path)
    listen.add_argument("out", type=Path)
    listen.add_argument("--voices", type=Path, help="embeddings [V, E], .npy")
    listen.add_argument("--hifigan", type=Path, help="its vocoder (else that of the default bundle)")
    listen.add_argument("--judge", type=Path, help="judge.py")
    listen.add_argument("--judge-python", default=sys.executable)

    presets = add("presets", _presets, "make the preset voices from the embeddings of a pack")
    presets.add_argument("pack", type=Path)
    presets.add_argument("embeddings", type=Path)
    presets.add_argument("out", type=Path, help="presets.json")

    text = add("text", _text, "write the front end's lexicon, rules and unknown-word graphs")
    text.add_argument("out", type=Path, help="folder; the shipped files are in sdk/parrotlet/text/data")
    text.add_argument("--parts", default="lexicon,rules,g2p", help="which of them, with commas between")
    text.add_argument("--weights", type=Path, default=Path("compression/checkpoints/g2p.safetensors"))
    text.add_argument("--formats", default="onnx,tflite", help="of the unknown-word model")
    text.add_argument("--judge-words", type=int, default=1_000, metavar="N", help="held-out words; 0 for none")

    evaluate = add("evaluate", _evaluate, "speak test sentences in presets and held-out people; score them")
    evaluate.add_argument("pack", type=Path)
    evaluate.add_argument("out", type=Path)
    evaluate.add_argument("--bundle", type=Path)
    evaluate.add_argument("--split", choices=["validation", "test"], default="validation")
    evaluate.add_argument("--people", type=int, default=10)
    evaluate.add_argument("--judge", type=Path, help="judge.py")
    evaluate.add_argument("--students", type=Path, help="weights in torch: also measure every part by itself")
    evaluate.add_argument("--alignments", type=Path, help="from `align`, for the acoustic model by itself")
    evaluate.add_argument("--judge-python", default=sys.executable)
    return parser


def _embed(options: argparse.Namespace) -> None:
    corpus = Pack(options.pack)
    made = voices.student_embeddings(corpus, options.weights) if options.weights else voices.teacher_embeddings(corpus)
    np.save(options.out, made)
    threshold, error = voices.same_speaker_threshold(corpus, made)
    if math.isnan(error):
        print(f"{options.out}: too few held-out people in this pack for an equal error rate")
        return
    print(f"{options.out}: equal error rate {error:.3f} on held-out people, at cosine {threshold:.3f}")


def _embeddings(options: argparse.Namespace) -> np.ndarray:
    if options.embeddings is None or not options.embeddings.is_file():
        raise InputError(f"training {options.model} needs --embeddings: make them with `parrotlet-compress embed`")
    return read_array(options.embeddings, "make it with `parrotlet-compress embed`")


def _train(options: argparse.Namespace) -> None:
    if options.model == "joint":
        _train_joint(options)
        return
    if options.steps is None:
        raise InputError(f"training {options.model} needs --steps: --minutes is for `train joint`")
    schedule = Schedule(options.steps, options.rate or Schedule.rate)
    if options.model == "speaker":
        train_speaker(options.pack, _embeddings(options), options.out, schedule)
    elif options.model == "likeness":
        train_likeness(options.pack, _embeddings(options), options.out, schedule)
    elif options.model == "aligner":
        train_aligner(_aligned(options), options.out, schedule)
    elif options.model == "vocoder":
        train_vocoder(options.pack, options.out, schedule, options.start, options.adversarial, options.predicted)
    elif options.model == "tacotron2":
        guided = GuidedClips(Pack(options.pack), _embeddings(options))
        config = sized_config(options.size, guided.embeddings.shape[1])
        train_tacotron2(guided, options.out, schedule, options.start, config)
    elif options.model == "hifigan":
        train_hifigan(Pack(options.pack), options.out, schedule, HifiGanConfig.ours(options.generator))
    else:
        if options.start is None:
            raise InputError(
                "training the acoustic model needs --from FOLDER with speaker.safetensors, e.g. compression/checkpoints"
            )
        clips = _rated(options)
        if options.model == "refiner":
            if options.predicted is None or not options.predicted.is_file():
                raise InputError(
                    "training the refiner needs --predicted: make it with `parrotlet-compress predict --bare`"
                )
            heard = _embeddings(options) if options.embeddings else None
            train_refiner(clips, options.out, schedule, options.start, options.predicted, heard, options.aligner)
            return
        if options.enrolled:
            train_enrolled(clips, options.out, schedule, options.start)
            return
        train_acoustic(clips, options.out, schedule, options.start, options.critic, options.adversarial)


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
    resident = options.out / "resident"
    if not resident.is_dir():
        speaker, _, _ = load_students(options.start)
        prepare(_rated(options), speaker, _embeddings(options).mean(axis=0), resident)
    if options.prepare_only:
        print(f"{resident}: carry it to where `train joint PACK OUT` is to run; PACK is not needed there")
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


def _aligned(options: argparse.Namespace) -> AlignedClips:
    corpus = Pack(options.pack)
    durations = {i: clip.durations for i, clip in enumerate(corpus.clips) if clip.durations}
    phonemes = {i: corpus.clips[i].phonemes for i in durations}
    shares = {"synthetic": 1.0}
    if options.alignments:
        for index, (text, frames) in read_object(options.alignments, "make it with `parrotlet-compress align`").items():
            durations[int(index)], phonemes[int(index)] = frames, text
        shares = SHARES
    return AlignedClips(corpus, durations, phonemes, shares)


def _rated(options: argparse.Namespace) -> AlignedClips:
    """The clips to learn from: of those aligned, where there are ratings, the ones rated well."""
    clips = _aligned(options)
    if options.ratings is None:
        return clips
    advice = 'give ratings, {"ARCHIVE/ID": number}: make them with benchmarks/quality/rate.py'
    try:
        ratings = {name: float(rating) for name, rating in read_object(options.ratings, advice).items()}
    except (ValueError, TypeError) as error:
        raise InputError(f"{options.ratings} holds no ratings: {advice}") from error
    clips.keep(lambda clip: ratings.get(clip.name, -math.inf) >= options.least)
    if not any(clips.groups.values()):
        raise InputError(
            f"no clip of {options.pack} is rated {options.least:g} or better in {options.ratings}: "
            "give a lower --least, or rate this pack"
        )
    return clips


def _predict(options: argparse.Namespace) -> None:
    print(f"{options.out}: {predict_mels(_aligned(options), options.students, options.out, options.bare)} clips")


def _distill(options: argparse.Namespace) -> None:
    def prepare(model: str, pack: Path, out: Path, entries: Mapping[str, Any]) -> Callable[[], None]:
        flags = [f"--{name}" if value is True else f"--{name}={value}" for name, value in entries.items()]
        try:
            parsed = _parser().parse_args(["train", model, str(pack), str(out), *flags])
        except SystemExit as error:  # argparse has said which
            raise InputError(f"{options.recipe}: [student] holds what `train {model}` does not take") from error
        return lambda: _train(parsed)

    print(distill(options.recipe, prepare))


def _voices(path: Path | None) -> npt.NDArray[np.float32] | None:
    return None if path is None else read_array(path, "give embeddings [V, E] as .npy")


def _compress_teacher(options: argparse.Namespace) -> None:
    tacotron2 = options.tacotron2 and read_tacotron2(options.tacotron2)
    hifigan = options.hifigan and read_hifigan(options.hifigan)
    voices = _voices(options.voices)
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
    _print_static(results)
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
    symbols, voices = model.config.symbols, _voices(options.voices)
    manifest, unstopped = write_teacher_speech(model.speak, symbols, voices, vocode, rate, SENTENCES, options.out)
    print(f"{manifest}: {len(SENTENCES)} sentences, {unstopped} without a stop token")
    if options.judge:
        print(json.dumps(judged(options.judge_python, options.judge, manifest)))


def _part(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not PART=SHARE, e.g. refiner=0.5") from error


def _mean(options: argparse.Namespace) -> None:
    write_mean(options.first, options.second, options.out, options.share, dict(options.part))
    print(options.out)


def _align(options: argparse.Namespace) -> None:
    model = Aligner()
    load_weights(model, options.weights)
    align_corpus(Pack(options.pack), model, ALIGNED, options.out)


def _presets(options: argparse.Namespace) -> None:
    embeddings = read_array(options.embeddings, "make it with `parrotlet-compress embed`")
    made = voices.make_presets(Pack(options.pack), embeddings)
    voices.save_json(made, options.out)
    print(f"{options.out}: {', '.join(made)}")


def _read_presets(path: Path) -> dict[str, Any]:
    return read_object(path, "make it with `parrotlet-compress presets`, or take that of another bundle")


def _export(options: argparse.Namespace) -> None:
    rows = export_bundle(
        options.checkpoints,
        _read_presets(options.presets),
        options.out,
        options.name,
        options.precision,
        options.same_speaker,
        options.formats.split(","),
        options.tflite_activations,
        options.fp32,
        options.calibrate,
        read_credits(options.credits) if options.credits else None,
    )
    for row in rows:
        print(
            f"{row.graph:<9} {row.runtime:<6} {row.precision:<5} {row.output:<10} "
            f"largest {row.largest:.2e}  mean {row.mean:.2e}  rms of the output {row.scale:.2e}"
        )


def _signal_graphs(options: argparse.Namespace) -> None:
    if not (options.bundle / "manifest.json").is_file():
        raise InputError(f"{options.bundle} has no manifest.json: give the folder of a bundle")
    add_signal_graphs(options.bundle)


def _quantize(options: argparse.Namespace) -> None:
    results = quantize_bundle(
        options.bundle,
        options.out,
        parse_precision(options.precision),
        options.tflite_activations,
        options.calibrate,
        options.bound,
    )
    _print_static(results)


def _print_static(results: Mapping[str, StaticResult]) -> None:
    for graph, result in results.items():
        print(describe_result(graph, result))
        for row in result.sweep:
            print(f"  {row.node:<40} alone {row.error:.4f}{' in float' if row.node in result.floating else ''}")


def _report(options: argparse.Namespace) -> None:
    presets = _read_presets(options.presets or DEFAULT / "presets.json")
    judge = (options.judge, options.judge_python, options.stacks.split(","))
    write_report(options.out, options.checkpoints, presets, options.pack, *judge)
    print(options.out)


def _text(options: argparse.Namespace) -> None:
    parts, formats = tuple(options.parts.split(",")), tuple(options.formats.split(","))
    for line in write_text_data(options.out, parts, options.weights, formats, options.judge_words):
        print(line, flush=True)


def _evaluate(options: argparse.Namespace) -> None:
    bird = Parrotlet.load(options.bundle)
    manifests = write_test_speech(bird, Pack(options.pack), options.out, options.split, options.people)
    if options.students:
        parts = write_parts(
            bird, _aligned(options), options.students, options.out / "parts", options.split, options.people
        )
        manifests |= parts
    for name, manifest in manifests.items():
        if options.judge:
            print(
                json.dumps(
                    {
                        "set": name,
                        "split": options.split,
                        **judged(options.judge_python, options.judge, manifest),
                    }
                )
            )
        else:
            print(manifest)


if __name__ == "__main__":
    sys.exit(main())
