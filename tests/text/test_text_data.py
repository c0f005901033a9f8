"""The data files: what `parrotlet-compress text` writes, and that the three forms of the model say the same."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from parrotlet.text import TextFrontEnd
from parrotlet.text.en.unknown import UnknownWords
from parrotlet_runtimes import installed, load_session

ROOT = Path(__file__).parents[2]
DATA = ROOT / "sdk/parrotlet/text/en/data"
WEIGHTS = ROOT / "compression/checkpoints/g2p.safetensors"
WORDS = (
    "glorping snarfed xylotopia blenches brillig outgrabe zyzzyva qat o'mallory tchaikovskyesque a bb mxyzptlk "
    "supercalifragilisticexpialidocious wintermute hodgepodgery quidditch smorgasbordian vexillology floccinaucinihil "
    "antidisestablishment ragnarokian mithrandir cthulhu nyarlathotep schrodinger llanfairpwll"
).split()


def test_the_data_fit_on_a_phone() -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 4_000_000


def test_tflite_says_what_onnx_says() -> None:
    if not installed("tflite"):
        pytest.skip("no TFLite runtime: pip install ./runtimes/tflite")
    onnx, tflite = UnknownWords(DATA, "onnx"), UnknownWords(DATA, "tflite")
    # Both hold the same INT8 weights; ONNX quantizes the activations too, so a close call may go the other way.
    same = sum(onnx(word) == tflite(word) for word in WORDS)
    assert same >= 0.85 * len(WORDS)


def test_tflite_is_what_was_trained() -> None:
    """Weights are all that is quantized in the TFLite graph, so it says what torch says with them unpacked."""
    if not installed("tflite"):
        pytest.skip("no TFLite runtime: pip install ./runtimes/tflite")
    torch = pytest.importorskip("torch")
    export = pytest.importorskip("parrotlet_compression.g2p.export")
    model = export.BestPath(export.load_model(WEIGHTS)).eval()
    session = load_session(DATA / "g2p.tflite", "tflite")
    slots = same = 0
    for word in WORDS:
        letters = np.array([export.encode_letters(word)])
        with torch.no_grad():
            best = model(torch.from_numpy(letters))[0].numpy()
        said = session.run({"letters": letters})["phonemes"][0]
        assert said.shape == best.shape == (2 * letters.shape[1],)
        slots, same = slots + len(best), same + int((said == best).sum())
    assert same >= 0.99 * slots


def test_a_front_end_uses_the_runtime_it_is_told() -> None:
    if not installed("tflite"):
        pytest.skip("no TFLite runtime: pip install ./runtimes/tflite")
    assert TextFrontEnd(runtime="tflite").phonemize("A glorping snarf.").startswith("ɐ ɡlˈɔɹpɪŋ")


def test_command_writes_the_shipped_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli = pytest.importorskip("parrotlet_compression.cli")
    made = ["text", str(tmp_path), "--parts", "g2p,rules", "--formats", "onnx", "--judge-words", "0"]
    assert cli.main([*made, "--weights", str(WEIGHTS)]) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["g2p.json", "g2p.onnx", "rules.bin"]
    assert (tmp_path / "g2p.json").read_bytes() == (DATA / "g2p.json").read_bytes()
    again, shipped = UnknownWords(tmp_path, "onnx"), UnknownWords(DATA, "onnx")
    assert [again(word) for word in WORDS] == [shipped(word) for word in WORDS]
    assert "rules.bin" in capsys.readouterr().out


def test_command_refuses_what_it_cannot_make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli = pytest.importorskip("parrotlet_compression.cli")
    assert cli.main(["text", str(tmp_path), "--parts", "lexikon"]) != 0
    assert "choose from lexicon, rules, g2p" in capsys.readouterr().err
    assert cli.main(["text", str(tmp_path), "--formats", "tflight"]) != 0
    assert "choose from onnx, tflite" in capsys.readouterr().err
    assert cli.main(["text", str(tmp_path), "--parts", "g2p", "--weights", str(tmp_path / "none")]) != 0
    assert "no weights" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_rules_are_read_as_documented(tmp_path: Path) -> None:
    export = pytest.importorskip("parrotlet_compression.g2p.export_rules")
    export.write_rules(tmp_path / "rules.bin")
    data = (tmp_path / "rules.bin").read_bytes()
    magic, version, zero, size = struct.unpack_from("<4sHHI", data)
    text = zlib.decompress(data[12:])
    assert (magic, version, zero, size) == (b"PRUL", 1, 0, len(text))
    rules = json.loads(text)
    assert [rule["name"] for rule in rules["normalizer"]["rules"]][:3] == ["inline", "email", "url"]
    assert rules["normalizer"]["tables"]["currencies"]["£"] == ["pound", "pounds", "penny", "pence"]


def test_patterns_for_other_hosts() -> None:
    export = pytest.importorskip("parrotlet_compression.g2p.export_rules")
    assert export.ecmascript(r"[\w.-]+\Z") == r"[\p{L}\p{N}_.-]+$"
    assert export.ecmascript("a\\ b\\'") == "a b'"
    with pytest.raises(ValueError, match="counterpart"):
        export.ecmascript(r"\Aa")
