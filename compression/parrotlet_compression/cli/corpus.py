"""Commands that prepare data: corpus, speaker-embeddings, align, export-mels, presets and text."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from .. import voices
from ..corpus import Pack, pack
from ..export_mels import export_mels
from ..files import read_array
from ..g2p.data import write_text_data
from ..models.aligner import Aligner
from ..models.weights import load_weights
from ..recognizer_graph import load_recognizer
from ..train.aligner import align_corpus
from ..train.recognizer import align_clips
from .common import Commands, aligned

# The share of every archive's clips that is kept, best alignment first: most of the rest have wrong transcripts.
ALIGNED = {"vctk": 0.95, "librispeech": 0.9, "commonvoice": 0.9, "speechocean762": 0.5}


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    for add in (_add_corpus, _add_embeddings, _add_align, _add_mels, _add_presets, _add_text):
        add(commands)


def _add_corpus(commands: Commands) -> None:
    command = commands.add(
        "corpus", lambda o: pack(o.corpus, o.pack, o.threads), "decode the training archives into a pack"
    )
    command.add_argument("corpus", type=Path, help="folder with the archives")
    command.add_argument("pack", type=Path, help="folder to write")


def _add_embeddings(commands: Commands) -> None:
    command = commands.add(
        "speaker-embeddings", _embed, "embed every clip of a pack, by the teacher or by our speaker encoder"
    )
    command.add_argument("pack", type=Path)
    command.add_argument("out", type=Path, help="embeddings, .npy")
    command.add_argument("--weights", type=Path, help="our encoder's weights (else GE2E, the teacher)")
    commands.rename("embed", command)


def _add_align(commands: Commands) -> None:
    command = commands.add("align", _align, "find the phoneme durations of the real recordings")
    command.add_argument("pack", type=Path)
    command.add_argument("weights", type=Path, help="the aligner's weights")
    command.add_argument(
        "--recognizer", action="store_true", help="the weights are the recognizer's, to train it again"
    )
    command.add_argument("out", type=Path, help="alignments, .json")


def _add_mels(commands: Commands) -> None:
    command = commands.add(
        "export-mels", _export_mels, "write the acoustic model's mels of the corpus, to train the vocoder on"
    )
    command.add_argument("pack", type=Path)
    command.add_argument("students", type=Path, help="folder with the weights")
    command.add_argument("out", type=Path, help="mels, .f16")
    command.add_argument("--alignments", type=Path, help="from `align`")
    command.add_argument("--bare", action="store_true", help="neither refined nor emphasized, for the refiner")
    commands.rename("predict", command)


def _add_presets(commands: Commands) -> None:
    command = commands.add("presets", _presets, "make the preset voices from the embeddings of a pack")
    command.add_argument("pack", type=Path)
    command.add_argument("embeddings", type=Path)
    command.add_argument("out", type=Path, help="presets.json")


def _add_text(commands: Commands) -> None:
    command = commands.add("text", _text, "write the front end's lexicon, rules and unknown-word graphs")
    command.add_argument("out", type=Path, help="folder; the shipped files are in sdk/parrotlet/text/en/data")
    command.add_argument("--parts", default="lexicon,rules,g2p", help="which of them, with commas between")
    command.add_argument("--weights", type=Path, default=Path("compression/checkpoints/g2p.safetensors"))
    command.add_argument("--formats", default="onnx,tflite", help="of the unknown-word model")
    command.add_argument("--judge-words", type=int, default=1_000, metavar="N", help="held-out words; 0 for none")


def _embed(options: argparse.Namespace) -> None:
    corpus = Pack(options.pack)
    made = voices.student_embeddings(corpus, options.weights) if options.weights else voices.teacher_embeddings(corpus)
    np.save(options.out, made)
    threshold, error = voices.same_speaker_threshold(corpus, made)
    if math.isnan(error):
        print(f"{options.out}: too few held-out people in this pack for an equal error rate")
        return
    print(f"{options.out}: equal error rate {error:.3f} on held-out people, at cosine {threshold:.3f}")


def _align(options: argparse.Namespace) -> None:
    if options.recognizer:
        align_clips(Pack(options.pack), load_recognizer(options.weights), options.out)
        return
    model = Aligner()
    load_weights(model, options.weights)
    align_corpus(Pack(options.pack), model, ALIGNED, options.out)


def _export_mels(options: argparse.Namespace) -> None:
    print(f"{options.out}: {export_mels(aligned(options), options.students, options.out, options.bare)} clips")


def _presets(options: argparse.Namespace) -> None:
    embeddings = read_array(options.embeddings, "make it with `parrotlet-compress speaker-embeddings`")
    made = voices.make_presets(Pack(options.pack), embeddings)
    voices.save_json(made, options.out)
    print(f"{options.out}: {', '.join(made)}")


def _text(options: argparse.Namespace) -> None:
    parts, formats = tuple(options.parts.split(",")), tuple(options.formats.split(","))
    for line in write_text_data(options.out, parts, options.weights, formats, options.judge_words):
        print(line, flush=True)
