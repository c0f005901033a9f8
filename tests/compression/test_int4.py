"""Weights in four bits: what is unpacked is what was chosen, and a bundle of them speaks and learns as the INT8 one."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from parrotlet import Parrotlet
from parrotlet.adaptation import is_speech
from parrotlet.bundle import DEFAULT
from parrotlet.errors import BundleError
from parrotlet.packed import unpacked
from parrotlet_compression.cli import main
from parrotlet_compression.int4 import CLIPPED, four_bits, packed_graph

ROOT = Path(__file__).parents[2]
READ = "Please read a few more sentences so that the device can learn how you sound today."


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("int4") / "bundle"
    assert main(["int4", str(DEFAULT), str(out)]) == 0
    return out


def restored(values: np.ndarray, group: int) -> np.ndarray:
    """What a host makes of a matrix's four bits."""
    data = b"".join(part.tobytes() for part in four_bits(values, group))
    return np.frombuffer(unpacked(data, {"graph": 0, "pieces": [[0, *values.shape, group]]}), np.int8).reshape(
        values.shape
    )


@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 48, 64]), st.integers(1, 127))
@settings(deadline=None, max_examples=30)
def test_no_weight_is_further_away_than_its_group_allows(seed: int, group: int, most: int) -> None:
    values = np.random.default_rng(seed).integers(-most, most + 1, (group * 3, 5)).astype(np.int8)
    rows = values.reshape(-1, group, 5).astype(float)
    step = (np.maximum(rows.max(1), 0) - np.minimum(rows.min(1), 0)) / 15
    error = np.abs(restored(values, group).reshape(rows.shape) - rows)
    # At the ends of a range that is clipped, and as far as its zero point is rounded.
    assert np.all(error <= (0.5 + 15 * (1 - min(CLIPPED)) + 0.5) * step[:, None] + 1)
    assert np.square(error).mean() <= np.square(step).mean() / 12 * 1.5 + 0.5


def test_a_file_holds_the_same_graph_with_other_weights() -> None:
    graph = (DEFAULT / "vocoder.onnx").read_bytes()
    data, packing = packed_graph(graph)
    assert len(data) < 0.65 * len(graph) and packed_graph(graph) == (data, packing)
    before, after = (onnx.load_from_string(one).graph for one in (graph, unpacked(data, packing)))
    assert [node.SerializeToString() for node in after.node] == [node.SerializeToString() for node in before.node]
    changed = 0
    for old, new in zip(before.initializer, after.initializer, strict=True):
        a, b = (numpy_helper.to_array(one) for one in (old, new))
        assert (old.name, a.dtype, a.shape) == (new.name, b.dtype, b.shape)
        if not np.array_equal(a, b):
            changed += 1
            noise = np.square(a.astype(float) - b).sum() / np.square(a.astype(float)).sum()
            assert a.dtype == np.int8 and noise < 0.02
    assert changed == len(packing["pieces"]) == 21
    # All but the last two: the pieces before them are the same.
    _, fewer = packed_graph(graph, last=2)
    assert fewer["pieces"] == packing["pieces"][:-2]


def test_a_damaged_file_is_refused(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "damaged")
    path = tmp_path / "damaged" / "vocoder.int4"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError, match=r"vocoder\.int4"):
        next(iter(Parrotlet.load(tmp_path / "damaged").speak("Yes.", "robin")))


def test_javascript_unpacks_the_same(small: Path, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("needs Node: https://nodejs.org")
    packed = json.loads((small / "manifest.json").read_text())["packed"]
    assert set(packed) == {path.name for path in small.glob("*.int4")}
    program = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ createHash }} from "node:crypto";
        import {{ unpacked }} from {json.dumps(str(ROOT / "examples/web/bundle.js"))};
        const packed = {json.dumps(packed)};
        const sums = {{}};
        for (const [file, one] of Object.entries(packed)) {{
          const whole = unpacked(new Uint8Array(readFileSync({json.dumps(str(small))} + "/" + file)), one);
          sums[file] = createHash("sha256").update(whole).digest("hex");
        }}
        console.log(JSON.stringify(sums));
    """
    (tmp_path / "program.mjs").write_text(program)
    run = subprocess.run(["node", tmp_path / "program.mjs"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        file: hashlib.sha256(unpacked((small / file).read_bytes(), one)).hexdigest() for file, one in packed.items()
    }


def test_a_bundle_is_smaller_and_whole(small: Path) -> None:
    sizes = {folder: sum(path.stat().st_size for path in folder.iterdir()) for folder in (DEFAULT, small)}
    onnx_only = sizes[DEFAULT] - sum(path.stat().st_size for path in DEFAULT.glob("*.tflite"))
    assert sizes[small] < 0.72 * onnx_only  # where recognizer, speaker encoder and judge have four bits already
    manifest = json.loads((small / "manifest.json").read_text())
    assert set(manifest["files"]) == {path.name for path in small.iterdir()} - {"manifest.json"}
    assert not any("tflite" in graph or "fused" in json.dumps(graph) for graph in manifest["graphs"].values())


def test_it_speaks_as_the_whole_one_does(small: Path, bird: Parrotlet) -> None:
    other = Parrotlet.load(small)
    phonemes, preset = bird.phonemize(READ), next(iter(bird.presets.values()))
    ours, theirs = (one.acoustics(phonemes, preset.profile) for one in (bird, other))
    assert np.abs(ours.durations - theirs.durations).max() <= 2  # frames of 12.5 ms, rounded
    assert abs(ours.durations.sum() - theirs.durations.sum()) <= 0.02 * ours.durations.sum()
    bands = [made.mel[is_speech(made.mel)].mean(axis=0) for made in (ours, theirs)]
    assert 0 < np.abs(bands[0] - bands[1]).mean() < 0.1  # nepers, where half of that is 0.4 dB
    assert sum(len(chunk.samples) for chunk in other.speak(READ, preset.profile)) > 3 * other.sample_rate


def test_it_enrolls_the_same_person_and_learns(
    small: Path, tmp_path: Path, bird: Parrotlet, recordings: dict[str, list[Path]]
) -> None:
    other = Parrotlet.load(small)
    ours, theirs = (one.enroll(recordings["woman"]) for one in (bird, other))
    assert float(ours.embedding @ theirs.embedding) > 0.99
    brief = tmp_path / "brief"
    shutil.copytree(small, brief)
    manifest = json.loads((brief / "manifest.json").read_text())
    manifest["finetuning"]["steps"] = 3  # whether it learns, not how well
    (brief / "manifest.json").write_text(json.dumps(manifest))
    learned = Parrotlet.load(brief).enroll(recordings["woman"][1], texts=READ)
    assert learned.is_fine_tuned
    for one in (bird, other):  # the weights are the same but for their rounding, and so what was learned goes on
        assert sum(len(chunk.samples) for chunk in one.speak("Good morning.", learned)) > 0.5 * one.sample_rate


def test_of_some_graphs_alone(small: Path, tmp_path: Path, bird: Parrotlet) -> None:
    """All else stays, byte for byte; what had four bits before has the same in a bundle for phones."""
    out, before = tmp_path / "bundle", json.loads((DEFAULT / "manifest.json").read_text())
    assert main(["int4", str(DEFAULT), str(out), "--graphs", "vocoder"]) == 0
    made, phones = (json.loads((folder / "manifest.json").read_text()) for folder in (out, small))
    kept = set(before["files"]) & set(made["files"])
    assert set(before["files"]) - kept == {"vocoder.onnx"}
    assert set(made["files"]) - kept == {"vocoder.int4"}
    assert all(before["files"][name] == made["files"][name] for name in kept)
    assert made["files"]["vocoder.int4"] == phones["files"]["vocoder.int4"]
    assert all(made["packed"][name] == phones["packed"][name] == one for name, one in before.get("packed", {}).items())
    assert "tflite" in made["graphs"]["acoustic"]
    assert (
        sum(len(chunk.samples) for chunk in Parrotlet.load(out).speak("Good morning.", "robin")) > bird.sample_rate / 2
    )


def test_what_cannot_be_written_is_named(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["int4", str(tmp_path), str(tmp_path / "out")]) == 3
    assert "no manifest.json" in capsys.readouterr().err
    before = {path.name: path.stat().st_mtime_ns for path in small.iterdir()}
    assert main(["int4", str(DEFAULT), str(small)]) == 3
    assert "exists" in capsys.readouterr().err
    assert main(["int4", str(DEFAULT), str(tmp_path / "twice"), "--graphs", "speech"]) == 3
    assert "no ONNX graph 'speech'" in capsys.readouterr().err
    assert main(["int4", str(DEFAULT), str(tmp_path / "twice"), "--graphs", "mel"]) == 3
    assert "no int8 matrices in mel" in capsys.readouterr().err
    weights = str(ROOT / "compression" / "checkpoints" / "recognizer.safetensors")
    for command, *rest in (
        ["compact"],
        ["fuse"],
        ["signal-graphs"],
        ["recognizer-graph", weights],
        ["int4", str(tmp_path / "twice")],
    ):
        assert main([command, str(small), *rest]) == 3
        assert "weights of four bits: give the INT8 bundle" in capsys.readouterr().err
    assert {path.name: path.stat().st_mtime_ns for path in small.iterdir()} == before
    assert list(tmp_path.iterdir()) == []
