"""The ``parrotlet-compress`` command: pack the corpus, train, align, export, evaluate."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from parrotlet import Parrotlet
from parrotlet.errors import InputError, ParrotletError

from . import voices
from .corpus import Pack, pack
from .evaluate import judged, write_test_speech
from .export import export_bundle
from .models.aligner import Aligner
from .train.acoustic import AlignedClips, train_acoustic
from .train.aligner import align_corpus, train_aligner
from .train.likeness import train_likeness
from .train.loop import Schedule, load_weights
from .train.speaker import train_speaker
from .train.vocoder import train_vocoder

ALIGNED = ("vctk", "librispeech", "commonvoice")
SHARES = {"synthetic": 0.5, "vctk": 0.25, "librispeech": 0.12, "commonvoice": 0.13}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors are one line on stderr."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    try:
        options.run(options)
    except ParrotletError as error:
        print(f"parrotlet-compress: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        torch.set_flush_denormal(False)
    return 0


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
    train.add_argument("model", choices=["speaker", "aligner", "likeness", "acoustic", "vocoder"])
    train.add_argument("pack", type=Path)
    train.add_argument("out", type=Path, help="folder for checkpoints and curves")
    train.add_argument("--steps", type=int, required=True)
    train.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    train.add_argument("--from", dest="start", type=Path, help="weights to begin with")
    train.add_argument("--embeddings", type=Path, help="from `embed` (speaker: the teacher's; acoustic: any)")
    train.add_argument("--critic", type=Path, help="the likeness model's weights, for the acoustic model")
    train.add_argument("--alignments", type=Path, help="from `align`: real voices for the acoustic model")

    align = add("align", _align, "find the phoneme durations of the real recordings")
    align.add_argument("pack", type=Path)
    align.add_argument("weights", type=Path, help="the aligner's weights")
    align.add_argument("out", type=Path, help="alignments, .json")

    export = add("export", _export, "write a bundle and print how far each graph is from torch")
    export.add_argument("checkpoints", type=Path, help="speaker, acoustic and vocoder .safetensors")
    export.add_argument("out", type=Path, help="bundle folder")
    export.add_argument("--presets", type=Path, required=True, help="presets.json of another bundle, or from `presets`")
    export.add_argument("--name", default="parrotlet-en-1")
    export.add_argument("--precision", choices=["int8", "fp32"], default="int8")
    export.add_argument("--same-speaker", type=float, default=0.6)

    presets = add("presets", _presets, "make the preset voices from the embeddings of a pack")
    presets.add_argument("pack", type=Path)
    presets.add_argument("embeddings", type=Path)
    presets.add_argument("out", type=Path, help="presets.json")

    evaluate = add("evaluate", _evaluate, "speak test sentences in presets and held-out people; score them")
    evaluate.add_argument("pack", type=Path)
    evaluate.add_argument("out", type=Path)
    evaluate.add_argument("--bundle", type=Path)
    evaluate.add_argument("--split", choices=["validation", "test"], default="validation")
    evaluate.add_argument("--people", type=int, default=10)
    evaluate.add_argument("--judge", type=Path, help="judge.py")
    evaluate.add_argument("--judge-python", default=sys.executable)
    return parser


def _embed(options: argparse.Namespace) -> None:
    corpus = Pack(options.pack)
    made = voices.student_embeddings(corpus, options.weights) if options.weights else voices.teacher_embeddings(corpus)
    np.save(options.out, made)
    threshold, error = voices.same_speaker_threshold(corpus, made)
    print(f"{options.out}: equal error rate {error:.3f} on held-out people, at cosine {threshold:.3f}")


def _embeddings(options: argparse.Namespace) -> np.ndarray:
    if options.embeddings is None or not options.embeddings.is_file():
        raise InputError(f"training {options.model} needs --embeddings: make them with `parrotlet-compress embed`")
    return np.asarray(np.load(options.embeddings))


def _train(options: argparse.Namespace) -> None:
    schedule = Schedule(options.steps, options.rate)
    if options.model == "speaker":
        train_speaker(options.pack, _embeddings(options), options.out, schedule)
    elif options.model == "likeness":
        train_likeness(options.pack, _embeddings(options), options.out, schedule)
    elif options.model == "aligner":
        train_aligner(options.pack, options.out, schedule)
    elif options.model == "vocoder":
        train_vocoder(options.pack, options.out, schedule, options.start)
    else:
        corpus = Pack(options.pack)
        durations = {i: clip.durations for i, clip in enumerate(corpus.clips) if clip.durations}
        phonemes = {i: corpus.clips[i].phonemes for i in durations}
        shares = {"synthetic": 1.0}
        if options.alignments:
            for index, (text, frames) in json.loads(options.alignments.read_text()).items():
                durations[int(index)], phonemes[int(index)] = frames, text
            shares = SHARES
        clips = AlignedClips(corpus, _embeddings(options), durations, phonemes, shares)
        train_acoustic(clips, options.out, schedule, options.start, options.critic)


def _align(options: argparse.Namespace) -> None:
    model = Aligner()
    load_weights(model, options.weights)
    align_corpus(Pack(options.pack), model, ALIGNED, options.out)


def _presets(options: argparse.Namespace) -> None:
    made = voices.make_presets(Pack(options.pack), np.load(options.embeddings))
    voices.save_json(made, options.out)
    print(f"{options.out}: {', '.join(made)}")


def _export(options: argparse.Namespace) -> None:
    rows = export_bundle(
        options.checkpoints,
        json.loads(options.presets.read_text()),
        options.out,
        options.name,
        options.precision,
        options.same_speaker,
    )
    for row in rows:
        print(
            f"{row.graph:<9} {row.precision:<5} {row.output:<10} "
            f"largest {row.largest:.2e}  mean {row.mean:.2e}  rms of the output {row.scale:.2e}"
        )


def _evaluate(options: argparse.Namespace) -> None:
    bird = Parrotlet.load(options.bundle)
    manifests = write_test_speech(bird, Pack(options.pack), options.out, options.split, options.people)
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
