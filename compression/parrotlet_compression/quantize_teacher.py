"""Compress a teacher without a student: ONNX graphs in fp32 or INT8, and a host's loop around them.

Tacotron 2 becomes three graphs: ``encoder``, ``decoder`` (one step, with explicit state) and ``postnet``. The host runs
the loop, the dropout of the pre-net and the stop rule (``CompressedTeacher``). HiFi-GAN becomes ``vocoder``. In INT8
the matrix products and LSTMs are dynamic (one scale a call). The convolutions of the post-net and of HiFi-GAN are
static, with scales from calibration. The stop layer and the attention's energies stay in float, because the stop rule
is a threshold on one number (see ``KEEP_FLOAT``).
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import soxr
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from parrotlet.errors import InputError
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.text import TextFrontEnd

from .calibration import require_speech
from .compressed_teacher import teacher_session
from .corpus import Pack
from .graph import export_onnx
from .parity import Parity, parity
from .quantize import SIGNED, quantize_int8, store_fp16
from .static import CONVOLUTIONS, StaticResult, View, quantize_within
from .teacher_graphs import hifigan_graph, require_operators, tacotron2_graphs
from .teachers.hifigan import Generator
from .teachers.tacotron2 import Tacotron2
from .teachers.tacotron2_layers import Array
from .teachers.text import symbol_ids

TEACHER_PRECISIONS = ("int8", "fp32")
KEEP_FLOAT = ("gate_layer", "attention_layer/v/")
"""Layers of the decoder that stay in float: rounding of the stop logit moves the end of an utterance, and rounding of
the energies moves the alignment. Together they are a thousandth of the weights."""
KEEP_VOCODER = ("conv_pre", "conv_post")
# Frames of every calibration mel that the sweep uses: it renders them once for every convolution.
SWEEP_FRAMES = 60


def calibration_mels(pack: Pack, config: MelConfig, count: int = 12, frames: int = 240) -> list[Array]:
    """Mel spectrograms [T, M], after ``config``, of clips spread over the training part of a pack.

    Raises InputError when they are silent.
    """
    clips = [clip for clip in pack.clips if clip.split == "train"]
    mels = []
    for clip in clips[:: max(1, len(clips) // count)][:count]:
        samples = soxr.resample(pack.samples24(clip), pack.config.sample_rate, config.sample_rate)
        mels.append(mel_spectrogram(samples, config)[:frames])
    require_speech(mels)
    return mels


def generated_mels(model: Tacotron2, texts: Sequence[str], voices: Array | None, frames: int = 240) -> list[Array]:
    """What the teacher itself says of ``texts``, at most ``frames`` frames each, to calibrate with when there are no
    recordings; voices [V, E], taken in turn. Raises InputError when the teacher only makes silence."""
    front_end = TextFrontEnd()
    mels = []
    for number, text in enumerate(texts):
        ids, _ = symbol_ids(model.config.symbols, text, front_end)
        voice = None if voices is None else voices[number % len(voices)]
        mels.append(model.speak(ids, voice, max_steps=max(1, frames // model.config.frames_per_step)).mel)
    require_speech(mels)
    return mels


def quantize_convolutions(
    source: Path,
    target: Path,
    mels: Sequence[Array],
    keep: Sequence[str],
    bound: float | None = None,
    view: View | None = None,
) -> StaticResult:
    """Static INT8 (QDQ, U8U8, weights per channel) of the convolutions of an fp32 graph with one input, a mel.

    mels [T, M]: what the scales are chosen by. keep: convolutions whose weights' names begin so stay in float, and with
    a ``bound`` as many more as it takes; see ``quantize_within``, for ``view`` too.
    """
    (name,) = (tensor.name for tensor in onnx.load(source).graph.input)
    feeds, judge = ([{name: part[None].astype(np.float32)} for part in parts] for parts in (mels, map(_middle, mels)))
    limit = math.inf if bound is None else bound
    result = quantize_within(source, target, feeds, limit, CONVOLUTIONS, keep, judge=judge, view=view)
    store_fp16(target, target)
    return result


def _middle(mel: Array) -> Array:
    start = max(0, len(mel) - SWEEP_FRAMES) // 2
    return mel[start : start + SWEEP_FRAMES]


def _quantize_products(source: Path, target: Path, keep: Sequence[str]) -> None:
    """Dynamic INT8 of LSTMs and matrix products; convolution and embedding weights stored as int8."""
    prepared, recurrent = target.with_suffix(".prepared"), target.with_suffix(".recurrent")
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        kept = [node for node in onnx.load(prepared).graph.node if any(part in node.name for part in keep)]
        quantize_dynamic(
            str(prepared),
            str(recurrent),
            op_types_to_quantize=["LSTM", "MatMul", "Gemm"],
            # onnxruntime splits every Gemm before it looks at this list, and names the product so.
            nodes_to_exclude=[name for node in kept for name in (node.name, f"{node.name}_MatMul")],
            per_channel=True,
            **SIGNED,
        )
        quantize_int8(recurrent, target, dynamic=False, keep=tuple(node.input[1] for node in kept))
    finally:
        prepared.unlink(missing_ok=True)
        recurrent.unlink(missing_ok=True)


def compress_teacher(
    tacotron2: Tacotron2 | None,
    hifigan: Generator | None,
    out: Path,
    precision: str = "int8",
    mels: Sequence[Array] = (),
    bound: float | None = None,
) -> tuple[list[Parity], dict[str, StaticResult]]:
    """Write the graphs of one or both teachers to ``out``; returns how far each is from torch, and what the static
    graphs left in float.

    mels: log-mels [T, M] to calibrate INT8 with, of speech, after the teacher's own mel config.
    bound: leave as many convolutions of the post-net and the vocoder in float as it takes for the log-mel they make not
    to move by more than this part of its root mean square (None: all in INT8 but ``KEEP_VOCODER``, and no sweep). Noise
    is heard where speech is quiet, which a difference of samples would not weigh.
    Raises InputError before any work when they are missing or silent, and when a graph has an operator that
    onnxruntime lacks.
    """
    if precision not in TEACHER_PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: choose {' or '.join(TEACHER_PRECISIONS)}")
    if tacotron2 is None and hifigan is None:
        raise InputError("there is nothing to compress: give a Tacotron 2, a HiFi-GAN, or both")
    if precision == "int8":
        require_speech(mels)
    graphs = [] if tacotron2 is None else tacotron2_graphs(tacotron2)
    graphs += [] if hifigan is None else [hifigan_graph(hifigan)]
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for graph in graphs:
        export_onnx(graph, part / f"{graph.name}.onnx")
        require_operators(part / f"{graph.name}.onnx")
    rows = []
    results: dict[str, StaticResult] = {}
    for graph in graphs:
        path = part / f"{graph.name}.onnx"
        rows += parity(graph, teacher_session(path, "fp32"), "fp32")
        if precision == "int8":
            full = path.rename(path.with_suffix(".fp32"))
            if graph.name in ("encoder", "decoder"):
                _quantize_products(full, path, KEEP_FLOAT)
            elif graph.name == "postnet":
                assert tacotron2 is not None
                c = tacotron2.config
                coarse = [(mel - c.mel_offset) / c.mel_scale for mel in mels]
                results[graph.name] = quantize_convolutions(full, path, coarse, (), bound)
            else:
                assert hifigan is not None
                view = _log_mel(hifigan.config.mel)
                results[graph.name] = quantize_convolutions(full, path, mels, KEEP_VOCODER, bound, view)
            full.unlink()
            rows += parity(graph, teacher_session(path, "int8"), "int8")
    manifest = {
        "precision": precision,
        "tacotron2": None if tacotron2 is None else asdict(tacotron2.config),
        "hifigan": None if hifigan is None else hifigan.config.as_dict(),
        "in_float": {graph: result.floating for graph, result in results.items()},
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(part.glob("*.onnx"))},
    }
    (part / "teacher.json").write_text(json.dumps(manifest, indent=1) + "\n")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return rows, results


def _log_mel(config: MelConfig) -> View:
    return lambda made: {"mel": mel_spectrogram(made["samples"][0], config)}
