"""Export the unknown-word model as ONNX and TFLite, both INT8, and judge the graphs on held-out words."""

from __future__ import annotations

import json
import random
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from parrotlet.text.en.unknown import UnknownWords
from parrotlet_compression.g2p.cmudict import to_arpabet
from parrotlet_compression.g2p.model import LETTERS, OUTPUTS, LettersToPhonemes, decode, encode_letters
from parrotlet_compression.g2p.words import edit_distance
from parrotlet_compression.models.weights import load_weights
from parrotlet_compression.tflite import export_tflite, quantize_tflite

FORMATS = ("onnx", "tflite")
_LENGTHS = (13, 17)


class BestPath(nn.Module):
    """`letters` [1, L] to the best output of every slot, `phonemes` [1, 2 L]."""

    def __init__(self, model: LettersToPhonemes) -> None:
        super().__init__()
        self.model = model

    def forward(self, letters: Tensor) -> Tensor:
        return self.model(letters, masked=False).argmax(-1)


def load_model(weights: Path) -> LettersToPhonemes:
    """The model with trained weights (safetensors). Raises InputError for a file that does not fit."""
    model = LettersToPhonemes()
    load_weights(model, weights)
    return model.eval()


def write_graphs(weights: Path, folder: Path, formats: tuple[str, ...] = FORMATS) -> None:
    """`g2p.onnx`, `g2p.tflite` (those of `formats`) and `g2p.json`, the two alphabets, in `folder`."""
    model = BestPath(load_model(weights)).eval()
    if "onnx" in formats:
        _write_onnx(model, folder / "g2p.onnx")
    if "tflite" in formats:
        _write_tflite(model, folder / "g2p.tflite")
    tables = {"letters": LETTERS, "phonemes": list(OUTPUTS)}
    (folder / "g2p.json").write_text(json.dumps(tables, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_onnx(model: BestPath, path: Path) -> None:
    """Linear layers int8, symmetric per channel, activations quantized as they come; the rest float32."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter that writes dynamic lengths well
        plain = Path(folder) / "plain.onnx"
        torch.onnx.export(
            model,
            (_example(_LENGTHS[0])["letters"].long(),),
            str(plain),
            input_names=["letters"],
            output_names=["phonemes"],
            dynamic_axes={"letters": {1: "L"}, "phonemes": {1: "S"}},
            opset_version=17,
            dynamo=False,
        )
        # Unsigned: small products need no speed, and hosts without our sessions get the same on every processor.
        quantize_dynamic(
            plain,
            path,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QUInt8,
            extra_options={"WeightSymmetric": True},
        )


def _write_tflite(model: BestPath, path: Path) -> None:
    """Weights int8 per channel, unpacked when the graph is loaded: right on ai-edge-litert and on tflite-runtime."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.tflite"
        export_tflite(model, _example, ("phonemes",), _LENGTHS, plain)
        quantize_tflite(plain, path)


def _example(length: int) -> dict[str, Tensor]:
    return {"letters": torch.arange(length, dtype=torch.int32).remainder(len(LETTERS)).add(1)[None]}


@dataclass(frozen=True)
class Score:
    """On held-out words, in ARPAbet without stress: `per` phoneme error rate, `right` share of words."""

    name: str
    per: float
    right: float


def judge(say: Callable[[str], str], words: Mapping[str, list[str]], name: str) -> Score:
    """Score what `say` makes of CMUdict's words, against their first pronunciation."""
    errors = total = right = 0
    for word, phones in words.items():
        truth = [phone.rstrip("012") for phone in phones]
        wrong = edit_distance(to_arpabet(say(word)), truth)
        errors, total, right = errors + wrong, total + len(truth), right + (wrong == 0)
    return Score(name, errors / total, right / len(words))


def judge_graphs(
    weights: Path, folder: Path, formats: tuple[str, ...], held_out: Mapping[str, list[str]]
) -> list[Score]:
    """The weights in torch, then every graph of `folder`, on the same words."""
    model = BestPath(load_model(weights)).eval()

    @torch.no_grad()
    def by_torch(word: str) -> str:
        return decode(model(torch.tensor([encode_letters(word)]))[0].tolist())

    scores = [judge(by_torch, held_out, "torch float32")]
    return scores + [judge(UnknownWords(folder, runtime), held_out, f"{runtime} int8") for runtime in formats]


def some_of(words: Mapping[str, list[str]], count: int) -> dict[str, list[str]]:
    """`count` of the words, the same ones every time; all of them for 0."""
    return dict(random.Random(0).sample(sorted(words.items()), count) if count else words)
