"""The phoneme recognizer: its labels, its damage to speech, one step of training, and its graph."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install ./compression")

from safetensors.torch import load_file  # noqa: E402

from parrotlet.bundle import DEFAULT, Bundle  # noqa: E402
from parrotlet.recognizer import MULTIPLE, Recognizer, align  # noqa: E402
from parrotlet_compression.corpus import Clip, Pack  # noqa: E402
from parrotlet_compression.models.recognizer import SOUNDS, STRIDE  # noqa: E402
from parrotlet_compression.models.recognizer import Recognizer as Model  # noqa: E402
from parrotlet_compression.models.weights import save_weights  # noqa: E402
from parrotlet_compression.recognizer_graph import add_recognizer, load_recognizer  # noqa: E402
from parrotlet_compression.train.loop import Schedule  # noqa: E402
from parrotlet_compression.train.recognizer import (  # noqa: E402
    allowed_classes,
    damaged,
    durations_of,
    recognizer_batches,
    train_recognizer,
)


def classes(row: np.ndarray) -> str:
    return "".join("-" if number == 0 else SOUNDS[number - 1] for number in np.flatnonzero(row))


def test_frames_of_marks_and_edges_may_be_of_either_sound() -> None:
    allowed = allowed_classes("ˈbi tʌ", [3, 2, 3, 3, 4, 3, 3, 3])
    found = [classes(row) for row in allowed]
    assert found[:2] == ["-", "-"]
    assert found[3:5] == ["-b", "-b"]  # the stress mark, before which there is silence
    assert found[5:11] == ["b", "b", "bi", "bi", "i", "i"]
    assert found[11:15] == ["-it"] * 4  # the space
    assert found[-1] == "-"


def test_durations_follow_from_an_alignment() -> None:
    text = "bi tʌ."
    owner = np.repeat(
        [0, SOUNDS.index("b") + 1, SOUNDS.index("i") + 1, 0, SOUNDS.index("t") + 1, SOUNDS.index("ʌ") + 1, 0], 5
    )
    posteriors = np.full((len(owner), len(SOUNDS) + 1), -8.0, np.float32)
    posteriors[np.arange(len(owner)), owner] = 0
    made = align(posteriors, text, SOUNDS)
    assert durations_of(made.start, made.end, len(owner)) == [5, 5, 5, 5, 5, 5, 0, 5]


def test_damage_keeps_the_shape_and_is_finite() -> None:
    random = np.random.default_rng(0)
    mel = np.maximum(random.normal(-5, 2, (90, 80)), -11.5).astype(np.float32)
    for _ in range(20):
        made = damaged(mel, random)
        assert made.shape == mel.shape
        assert np.isfinite(made).all()


def test_the_level_does_not_matter() -> None:
    model = Model().eval()
    mel = torch.randn(1, 60, 80, generator=torch.Generator().manual_seed(0)) - 4
    with torch.no_grad():
        quiet, loud = model(mel - 1), model(mel + 1)
    assert torch.allclose(quiet, loud, atol=0.02)
    assert torch.allclose(quiet.exp().sum(dim=-1), torch.ones(1, 60), atol=1e-4)


def test_a_bundle_gets_the_graph(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(DEFAULT, folder)
    torch.manual_seed(0)
    save_weights(Model(), tmp_path / "recognizer.safetensors", half=True)
    add_recognizer(folder, tmp_path / "recognizer.safetensors", ("onnx",))
    bundle = Bundle.load(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["recognizer"]["phonemes"] == list(SOUNDS)
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert "recognizer.onnx" in manifest["files"]
    assert set(manifest["packed"]) == {"finetune.int4", "speaker.int4"}, (
        "the recognizer that was there before had four bits"
    )
    assert (folder / "recognizer.onnx").stat().st_size < 1_500_000
    model = load_recognizer(tmp_path / "recognizer.safetensors")
    recognizer = Recognizer(bundle, bundle.session)
    random = np.random.default_rng(0)
    for frames in (1, 50, 83):
        mel = random.normal(-5, 2, (frames, 80)).astype(np.float32)
        padded = np.pad(mel, ((0, -frames % MULTIPLE), (0, 0)), mode="edge")
        with torch.no_grad():
            expected = model(torch.from_numpy(padded)[None])[0, :frames].numpy()
        assert np.abs(recognizer.frame_phonemes(mel) - expected).max() < 0.2
    assert STRIDE == MULTIPLE


@pytest.fixture
def two_clips() -> Pack:
    clips = [
        Clip(*where, 24000, 60.0, "train")
        for where in (("a", "vctk", "p1", "", 0, 120), ("b", "vctk", "p1", "", 120, 90))
    ]
    mel = np.random.default_rng(0).normal(-5, 2, (210, 80)).astype(np.float16)
    return cast(Pack, SimpleNamespace(clips=clips, mel=mel))


KNOWN = {0: ("bˈit", [20, 30, 0, 40, 20, 10]), 1: ("ʌ", [30, 40, 20])}


def test_batches_are_cut_slowed_and_damaged_with_their_classes(two_clips: Pack) -> None:
    batches = recognizer_batches(two_clips, KNOWN, seed=0, frames=100, batch=16)
    for _ in range(3):
        mels, allowed = next(batches)
        assert mels.shape == (16, 100, 80)
        assert allowed.shape == (16, 100, len(SOUNDS) + 1)
        assert torch.isfinite(mels).all()
        assert allowed.any(dim=-1).all()


def test_training_writes_what_a_release_has(two_clips: Pack, tmp_path: Path) -> None:
    train_recognizer(two_clips, KNOWN, tmp_path, Schedule(1))
    made, averaged = (load_file(tmp_path / f"{name}.safetensors") for name in ("recognizer", "model"))
    assert {weight.dtype for weight in made.values()} == {torch.float16}
    for name, weight in averaged.items():
        torch.testing.assert_close(made[name].float(), weight, rtol=1e-3, atol=1e-4)
    load_recognizer(tmp_path / "recognizer.safetensors")
