"""Export the unknown-word model: `python -m parrotlet_compression.g2p.export STATE.pt OUT_FOLDER`.

Writes `g2p.onnx` (Linear layers int8, symmetric per channel, activations quantized as they come; the rest
float32) and `g2p.json` (the two alphabets). Checks the int8 graph against torch on held-out words, and prints both
error rates.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from parrotlet_compression.g2p.cmudict import to_arpabet
from parrotlet_compression.g2p.model import LETTERS, OUTPUTS, LettersToPhonemes, encode_letters
from parrotlet_compression.g2p.train import decode, edit_distance, judge
from parrotlet_compression.g2p.words import split_words
from parrotlet_runtimes import load_session

_EXPORT_LENGTH = 13


class BestPath(nn.Module):
    """int64 `letters` [1, L] to the best output of every slot, int64 `phonemes` [1, 2 L]."""

    def __init__(self, model: LettersToPhonemes) -> None:
        super().__init__()
        self.model = model

    def forward(self, letters: Tensor) -> Tensor:
        return self.model(letters, masked=False).argmax(-1)


def load_model(state: Path) -> LettersToPhonemes:
    """The averaged weights, from `train.py`'s output or from the state it keeps while it runs."""
    saved = torch.load(state, weights_only=True)
    if "average" in saved:
        weights = saved["average"]
        saved = {name.removeprefix("module."): value for name, value in weights.items() if name.startswith("module.")}
    model = LettersToPhonemes()
    model.load_state_dict(saved)
    return model.eval()


def write_onnx(model: LettersToPhonemes, path: Path) -> None:
    """The graph with dynamic int8 Linear layers."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    example = torch.randint(1, len(LETTERS), (1, _EXPORT_LENGTH))
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        torch.onnx.export(
            BestPath(model),
            (example,),
            str(plain),
            input_names=["letters"],
            output_names=["phonemes"],
            dynamic_axes={"letters": {1: "L"}, "phonemes": {1: "S"}},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(plain, path, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--words", type=int, default=2_000, help="held-out words to check on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(arguments.state)
    graph = arguments.folder / "g2p.onnx"
    write_onnx(model, graph)
    tables = {"letters": LETTERS, "phonemes": list(OUTPUTS)}
    (arguments.folder / "g2p.json").write_text(json.dumps(tables, ensure_ascii=False) + "\n", encoding="utf-8")
    held_out = dict(random.Random(0).sample(sorted(split_words().held_out.items()), arguments.words))
    per, accuracy = judge(model, held_out)
    print(f"torch: PER {per:.2%}, words right {accuracy:.1%}")
    session = load_session(graph)
    best_path = BestPath(model.eval())
    errors = total = right = same = 0
    for word, phones in held_out.items():
        letters = np.array([encode_letters(word)], np.int64)
        said = decode(session.run({"letters": letters})["phonemes"][0].tolist())
        truth = [phone.rstrip("012") for phone in phones]
        wrong = edit_distance(to_arpabet(said), truth)
        errors, total, right = errors + wrong, total + len(truth), right + (wrong == 0)
        with torch.no_grad():
            same += said == decode(best_path(torch.from_numpy(letters))[0].tolist())
    print(f"int8:  PER {errors / total:.2%}, words right {right / len(held_out):.1%}")
    print(f"int8 and torch alike on {same / len(held_out):.1%} of words; {graph.stat().st_size} bytes")


if __name__ == "__main__":
    main()
