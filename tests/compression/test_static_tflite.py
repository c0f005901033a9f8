"""Static INT8 for TFLite: every part against fp32, its lengths, chunks and durations, and what it is calibrated by."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")
pytest.importorskip("ai_edge_quantizer", reason="needs the TFLite quantizer: pip install ./compression")

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.bundle import GRAPHS, Bundle  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet_compression.calibration import Feeds, split_feeds, spoken_feeds  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.precision import quantize_bundle  # noqa: E402
from parrotlet_compression.tflite import quantize_tflite  # noqa: E402
from parrotlet_runtimes import load_session  # noqa: E402

if TYPE_CHECKING:
    from conftest import TfliteExports

PARTS = ("speaker", "acoustic_text", "acoustic_frames", "vocoder")
TEXTS = (
    "The boats went by until the sun stood high above the bridge.",
    "Please water the plants before you leave on Friday.",
    "Nobody had told him that the shop would be closed.",
)
FP32 = dict.fromkeys(GRAPHS, "fp32")


@pytest.fixture(scope="module")
def static(tflite_exports: TfliteExports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made from the command line, of a bundle without ONNX graphs: TFLite graphs speak what it is calibrated with."""
    folder = tmp_path_factory.mktemp("static")
    full = shutil.copytree(tflite_exports.full, folder / "full", ignore=shutil.ignore_patterns("*.onnx"))
    manifest = json.loads((full / "manifest.json").read_text())
    for forms in manifest["graphs"].values():
        del forms["onnx"]
    (full / "manifest.json").write_text(json.dumps(manifest))
    quantize = ["--threads", "1", "quantize", str(full), str(folder / "int8")]
    assert main([*quantize, "--tflite-activations", "static"]) == 0
    return folder / "int8"


@pytest.fixture(scope="module")
def feeds(tflite_exports: TfliteExports) -> dict[str, Sequence[Feeds]]:
    """What every part is given for sentences that are not among those of the calibration."""
    full = tflite_exports.full
    spoken = spoken_feeds(full, TEXTS)
    text, frames = split_feeds([full / "acoustic_text.tflite", full / "acoustic_frames.tflite"], spoken["acoustic"])
    return {**spoken, "acoustic_text": text, "acoustic_frames": frames}


def differences(one: Path, other: Path, given: Sequence[Feeds]) -> dict[str, float]:
    """Root mean square of the difference of every output, relative to that of ``one``."""
    sessions = [load_session(path, "tflite") for path in (one, other)]
    made: list[tuple[Mapping[str, npt.NDArray[np.float32]], ...]] = [
        tuple(session.run(feed) for session in sessions) for feed in given
    ]

    def norm(values: list[npt.NDArray[np.float32]]) -> float:
        return float(np.linalg.norm(np.concatenate([value.ravel() for value in values])))

    return {name: norm([a[name] - b[name] for a, b in made]) / norm([a[name] for a, _ in made]) for name in made[0][0]}


@pytest.mark.parametrize(
    ("part", "bounds"),
    [
        # Measured: 0.012; 0.016, 0.014, 0.006; 0.011, 0.002, 0.008; 0.016, 0.007, 0.023, 0.019.
        ("speaker", {"embedding": 0.04}),
        ("acoustic_text", {"encoded": 0.04, "condition": 0.04, "frames": 0.02}),
        ("acoustic_frames", {"mel": 0.025, "f0": 0.1, "predicted": 0.025, "features": 0.09}),
        ("vocoder", {"magnitude": 0.05, "phase": 0.02, "noise": 0.05, "f0": 0.1}),
    ],
)
def test_every_part_stays_near_fp32(
    part: str, bounds: dict[str, float], static: Path, tflite_exports: TfliteExports, feeds: dict[str, Sequence[Feeds]]
) -> None:
    assert len({next(iter(feed.values())).shape for feed in feeds[part]}) > 1 or part == "speaker"
    moved = differences(tflite_exports.full / f"{part}.tflite", static / f"{part}.tflite", feeds[part])
    assert set(moved) == set(bounds)
    for name, bound in bounds.items():
        assert 1e-4 < moved[name] < bound, (name, moved)


def test_an_enrolled_voice_stays_near_fp32(
    static: Path, tflite_exports: TfliteExports, feeds: dict[str, Sequence[Feeds]], recordings: dict[str, list[Path]]
) -> None:
    """Calibration hears presets only: what an adaptation is multiplied with must not be in int8."""
    full = tflite_exports.full
    bird = Parrotlet.load(full, runtime="tflite")
    voice = bird.voice(bird.enroll(recordings["woman"]), likeness=1)
    given = [{**feed, "embedding": voice.inputs["embedding"]} for feed in feeds["acoustic"]]
    _, frames = split_feeds([full / "acoustic_text.tflite", full / "acoustic_frames.tflite"], given)
    moved = differences(full / "acoustic_frames.tflite", static / "acoustic_frames.tflite", frames)
    # Measured on another voice, as mean difference: 0.01; with the adapter in int8, 0.11.
    assert moved["mel"] < 0.04, moved


@pytest.mark.parametrize("part", PARTS)
def test_its_products_are_in_int8(part: str, static: Path) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(static / f"{part}.tflite"))
    types = {detail["index"]: detail["dtype"] for detail in interpreter.get_tensor_details()}
    products = [op for op in interpreter._get_ops_details() if op["op_name"] == "FULLY_CONNECTED"]
    inputs = [types[op["inputs"][0]] for op in products]
    assert inputs.count(np.int8) > 0.6 * len(products), inputs
    assert all(detail["dtype"] != np.int8 for detail in interpreter.get_output_details())


def test_the_manifest_says_so_and_it_is_a_third_of_fp32(static: Path, tflite_exports: TfliteExports) -> None:
    manifest = Bundle.load(static).manifest
    for forms in (manifest["graphs"][graph] for graph in GRAPHS):
        assert (forms["tflite"]["precision"], forms["tflite"]["activations"]) == ("int8", "static")
    sizes = [
        sum((folder / f"{part}.tflite").stat().st_size for part in PARTS) for folder in (tflite_exports.full, static)
    ]
    assert sizes[0] > 3.3 * sizes[1]


def test_speech_is_as_long_as_that_of_fp32(static: Path, tflite_exports: TfliteExports) -> None:
    full, small = (Parrotlet.load(folder, runtime="tflite") for folder in (tflite_exports.full, static))
    for text, preset in zip(TEXTS, full.presets.values(), strict=False):
        phonemes = full.phonemize(text)
        a, b = (bird.acoustics(phonemes, preset.profile).durations.sum() for bird in (full, small))
        # With the duration predictor's products in static INT8: 3 % shorter.
        assert abs(a - b) <= 0.012 * a


@pytest.mark.parametrize(("first", "chunk"), [(32, 432), (7, 31)])
def test_chunks_join_to_the_same_waveform(static: Path, first: int, chunk: int) -> None:
    bird = Parrotlet.load(static, runtime="tflite")
    spoken = bird.acoustics(bird.phonemize(TEXTS[0]), next(iter(bird.presets.values())).profile)
    whole = np.concatenate(list(bird.vocode(spoken.mel, spoken.f0, first=10**6)))
    parts = np.concatenate(list(bird.vocode(spoken.mel, spoken.f0, first=first, chunk=chunk)))
    assert 20 * np.log10(np.linalg.norm(parts - whole) / np.linalg.norm(whole) + 1e-12) < -60


def test_the_adaptation_is_exact_with_int8_weights_too(
    tflite_exports: TfliteExports, feeds: dict[str, Sequence[Feeds]]
) -> None:
    files = [folder / "acoustic_frames.tflite" for folder in (tflite_exports.full, tflite_exports.small)]
    # With its matrices in int8: 0.015.
    assert differences(*files, feeds["acoustic_frames"])["mel"] < 0.004


def test_silence_is_refused_before_anything_is_written(tflite_exports: TfliteExports, tmp_path: Path) -> None:
    silent = {"samples": np.zeros((1, 16000), np.float32)}, {"mel": np.full((1, 90, 80), -11.5, np.float32)}
    for given in (silent[:1], silent[1:], ()):
        with pytest.raises(InputError, match=r"silent|nothing to calibrate"):
            quantize_tflite(tmp_path / "never-read.tflite", tmp_path / "out.tflite", "static", (), given)
    spoken = {"acoustic": [{"phonemes": np.ones((1, 3), np.int64)}], "speaker": silent[:1], "vocoder": silent[1:]}
    with pytest.raises(InputError, match="silent"):
        quantize_bundle(tflite_exports.full, tmp_path / "out", FP32, "static", feeds=spoken)
    assert not list(tmp_path.iterdir())
