"""A teacher compressed as it is: the graphs, the host's loop, the stop rule in INT8, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

import onnx  # noqa: E402
import soundfile  # noqa: E402
from onnx import helper  # noqa: E402
from tiny_teachers import TINY, tiny_generator  # noqa: E402

from parrotlet.errors import InputError  # noqa: E402
from parrotlet.mel import MelConfig, mel_spectrogram  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.compressed_teacher import CompressedTeacher, StackSpeed, measure_student, measure_teacher  # noqa: E402
from parrotlet_compression.corpus import Pack  # noqa: E402
from parrotlet_compression.evaluate import SENTENCES  # noqa: E402
from parrotlet_compression.models.weights import save_weights  # noqa: E402
from parrotlet_compression.quantize_teacher import calibration_mels, compress_teacher  # noqa: E402
from parrotlet_compression.teacher_graphs import require_operators  # noqa: E402
from parrotlet_compression.teachers.hifigan import Generator  # noqa: E402
from parrotlet_compression.teachers.tacotron2 import Tacotron2  # noqa: E402
from parrotlet_compression.teachers.tacotron2_layers import Tacotron2Config  # noqa: E402

IDS = [1, 20, 30, 25, 41, 33, 22, 12, 40, 2]
VOICE = np.random.default_rng(0).standard_normal(TINY["speaker"]).astype(np.float32)


def stopping_teacher() -> Tacotron2:
    """A tiny teacher whose stop probability climbs to 0.5 after some forty steps, slowly: the hard case.

    Stop logits come out of the decoder's state; its last unit is made an integrator of small steps.
    """
    torch.manual_seed(0)
    model = Tacotron2(Tacotron2Config(**TINY)).eval()
    rnn, gate = model.decoder.decoder_rnn, model.decoder.gate_layer.linear_layer
    unit, width = TINY["decoder_rnn"] - 1, TINY["decoder_rnn"]
    with torch.no_grad():
        for number, bias in enumerate((-3.0, 20.0, 0.5, 20.0)):  # input, forget, cell and output gates
            row = number * width + unit
            rnn.weight_hh[row] = 0
            rnn.weight_ih[row] = 0
            rnn.bias_ih[row], rnn.bias_hh[row] = bias, 0
        gate.weight *= 0.1
        gate.weight[0, unit] = 12.0
        gate.bias.fill_(-8.5)
    return model


@pytest.fixture(scope="module")
def teachers() -> tuple[Tacotron2, Generator]:
    model = stopping_teacher()
    torch.manual_seed(1)
    generator = tiny_generator().eval()
    for parameter in generator.parameters():  # at its initial size nothing would come out
        parameter.data *= 3
    return model, generator


@pytest.fixture(scope="module")
def folders(
    teachers: tuple[Tacotron2, Generator], packed: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("teachers")
    mels = calibration_mels(Pack(packed), MelConfig(), count=4, frames=80)
    rows, _ = compress_teacher(*teachers, out / "fp32", "fp32")
    for row in rows:
        assert row.largest < 1e-3 * max(1.0, row.scale), row
    rows, static = compress_teacher(*teachers, out / "int8", "int8", mels)
    assert {graph: result.floating for graph, result in static.items()} == {"postnet": (), "vocoder": ()}
    assert {row.graph for row in rows if row.precision == "int8"} == {"encoder", "decoder", "postnet", "vocoder"}
    return {"fp32": out / "fp32", "int8": out / "int8"}


def test_fp32_graphs_speak_as_torch_does(teachers: tuple[Tacotron2, Generator], folders: dict[str, Path]) -> None:
    expected = teachers[0].speak(IDS, VOICE, max_steps=80)
    compressed = CompressedTeacher(folders["fp32"])
    spoken = compressed.speak(IDS, VOICE, max_steps=80)
    assert expected.stopped and spoken.stopped
    assert 20 < len(expected.stop) < 70
    assert np.abs(spoken.mel - expected.mel).max() < 1e-3
    assert np.abs(spoken.alignment - expected.alignment).max() < 1e-4
    samples = compressed.vocode(spoken.mel)
    assert np.abs(samples - teachers[1].vocode(spoken.mel)).max() < 1e-4


def test_int8_stops_where_fp32_does(folders: dict[str, Path]) -> None:
    full, small = (CompressedTeacher(folders[name]) for name in ("fp32", "int8"))
    for seed in range(4):
        a, b = (teacher.speak(IDS, VOICE, seed, max_steps=80) for teacher in (full, small))
        assert a.stopped and b.stopped
        assert abs(len(a.stop) - len(b.stop)) <= 1, seed
        both = min(len(a.stop), len(b.stop))
        # Not in steps of an int8 scale: as fine as in float.
        assert len(set(np.round(b.stop, 6))) > 0.8 * len(b.stop)
        assert np.abs(a.stop[:both] - b.stop[:both]).max() < 0.1


def test_int8_is_smaller_and_near(
    teachers: tuple[Tacotron2, Generator], folders: dict[str, Path], packed: Path
) -> None:
    mel = calibration_mels(Pack(packed), MelConfig(), count=3, frames=60)[1]
    full, small = (CompressedTeacher(folders[name]) for name in ("fp32", "int8"))
    a, b = full.vocode(mel), small.vocode(mel)
    assert np.sqrt(np.mean((a - b) ** 2)) < 0.3 * np.sqrt(np.mean(a**2))
    operators = {node.op_type for node in onnx.load(folders["int8"] / "encoder.onnx").graph.node}
    assert {"DynamicQuantizeLSTM", "DequantizeLinear"} <= operators
    decoder = onnx.load(folders["int8"] / "decoder.onnx").graph
    assert "MatMulInteger" in {node.op_type for node in decoder.node}


def test_a_bound_leaves_what_is_heard_in_float(
    teachers: tuple[Tacotron2, Generator], folders: dict[str, Path], packed: Path, tmp_path: Path
) -> None:
    mels = calibration_mels(Pack(packed), MelConfig(), count=4, frames=80)
    _, static = compress_teacher(None, teachers[1], tmp_path / "out", "int8", mels, bound=0.01)
    result = static["vocoder"]
    assert 0 < len(result.floating) < len(result.sweep)
    assert result.floating == tuple(row.node for row in result.sweep[: len(result.floating)])
    assert not any("conv_pre" in row.node or "conv_post" in row.node for row in result.sweep)
    assert json.loads((tmp_path / "out" / "teacher.json").read_text())["in_float"] == {"vocoder": list(result.floating)}

    def moved(folder: Path) -> float:
        expected, made = (
            np.concatenate([mel_spectrogram(CompressedTeacher(one).vocode(mel), MelConfig()) for mel in mels])
            for one in (folders["fp32"], folder)
        )
        return float(np.linalg.norm(made - expected) / np.linalg.norm(expected))

    assert moved(tmp_path / "out") < 0.8 * moved(folders["int8"])


def test_a_cell_is_measured(folders: dict[str, Path], packed: Path) -> None:
    mels = calibration_mels(Pack(packed), MelConfig(), count=2, frames=24)
    sentences = ["Good morning.", "Good evening."]
    cell = measure_teacher(folders["int8"], sentences, mels, MelConfig(), VOICE[None])
    assert cell.precision == "int8"
    assert 0 < cell.real_time < min(cell.acoustic_real_time, cell.vocoder_real_time)
    student = measure_student(None, ["Good morning."])
    assert 5 < student.megabytes < 20
    assert isinstance(student, StackSpeed)


def test_silent_calibration_is_refused_before_any_work(teachers: tuple[Tacotron2, Generator], tmp_path: Path) -> None:
    silence = [np.full((50, 80), -11.5, np.float32)] * 3
    for mels in ([], silence):
        with pytest.raises(InputError, match="calibration data is silent"):
            compress_teacher(*teachers, tmp_path / "out", "int8", mels)
    with pytest.raises(InputError, match="nothing to compress"):
        compress_teacher(None, None, tmp_path / "out")
    with pytest.raises(InputError, match="int4"):
        compress_teacher(*teachers, tmp_path / "out", "int4")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="compress-teacher"):
        CompressedTeacher(tmp_path)


def test_an_operator_that_the_runtime_lacks_is_named(tmp_path: Path) -> None:
    tensor = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    for domain, name in (("", "Erfinv"), ("acme", "Relu")):
        node = helper.make_node(name, ["x"], ["y"], name="odd", domain=domain)
        graph = helper.make_graph([node], "g", [tensor], [out])
        onnx.save(helper.make_model(graph), tmp_path / "g.onnx")
        with pytest.raises(InputError, match=f"no operator .*{name}.*'odd'"):
            require_operators(tmp_path / "g.onnx")


def test_from_the_command_line(teachers: tuple[Tacotron2, Generator], packed: Path, tmp_path: Path) -> None:
    save_weights(teachers[0], tmp_path / "tacotron2.safetensors")
    np.save(tmp_path / "voices.npy", VOICE[None])
    run = ["--threads", "1", "compress-teacher", str(tmp_path / "out")]
    run += ["--tacotron2", str(tmp_path / "tacotron2.safetensors"), "--voices", str(tmp_path / "voices.npy")]
    assert main([*run, "--calibrate", str(packed)]) == 0
    assert CompressedTeacher(tmp_path / "out").speak(IDS, VOICE).stopped
    assert main([*run[:4], "--hifigan", str(tmp_path / "none")]) == 3


def test_a_teacher_reads_the_test_sentences(teachers: tuple[Tacotron2, Generator], tmp_path: Path) -> None:
    save_weights(teachers[0], tmp_path / "tacotron2.safetensors")
    np.save(tmp_path / "voices.npy", VOICE[None])
    run = ["--threads", "1", "evaluate-teacher", str(tmp_path / "tacotron2.safetensors"), str(tmp_path / "speech")]
    assert main([*run, "--voices", str(tmp_path / "voices.npy")]) == 0
    rows = [line.split("\t") for line in (tmp_path / "speech" / "teacher.tsv").read_text().splitlines()]
    assert [text for _, text in rows] == list(SENTENCES)
    for path, _ in rows:
        samples, rate = soundfile.read(path)
        assert rate == 24000
        assert 0.5 < len(samples) / rate < 60
    assert main(run) == 3  # without a voice
