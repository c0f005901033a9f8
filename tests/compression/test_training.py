"""From archives to weights on a miniature corpus: every training loop runs, resumes, and learns."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet.errors import InputError  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.corpus import Pack, pack, split_of  # noqa: E402
from parrotlet_compression.export import load_students  # noqa: E402
from parrotlet_compression.predict import predict_mels  # noqa: E402
from parrotlet_compression.train.acoustic import AlignedClips, warped  # noqa: E402
from parrotlet_compression.train.loop import Schedule, load_weights, train  # noqa: E402
from parrotlet_compression.train.refiner import Enrollments  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"


def test_a_pack_holds_every_clip_with_durations_that_fit(packed: Path) -> None:
    corpus = Pack(packed)
    assert len(corpus.clips) == 12 + 8
    for clip in corpus.clips:
        if clip.archive == "synthetic":
            assert sum(clip.durations) == clip.frames
            assert len(clip.durations) == len(clip.phonemes) + 2
        f0 = corpus.f0[clip.start : clip.start + clip.frames]
        assert 0.2 < (f0 > 0).mean() < 1
    assert corpus.samples24(corpus.clips[0]).shape == (corpus.clips[0].frames * 300,)
    assert corpus.samples16(corpus.clips[0]).shape == (corpus.clips[0].frames * 200,)


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"synthetic\.zip"):
        pack(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="parrotlet-compress corpus"):
        Pack(tmp_path)


def test_whole_people_are_held_out() -> None:
    splits = {split_of("vctk", f"vctk_p{n}", 10) for n in range(200, 380)}
    assert splits == {"train", "validation", "test"}
    assert split_of("librispeech", "ls_1", 1) == "train"


def test_training_learns_resumes_and_stops_where_it_should(tmp_path: Path) -> None:
    torch.manual_seed(0)
    target = torch.randn(4, 1)

    def run(model: torch.nn.Module, steps: int) -> list[float]:
        seen: list[float] = []

        def batches():
            while True:
                yield torch.randn(32, 4)

        def loss(batch: torch.Tensor) -> dict[str, torch.Tensor]:
            error = (model(batch) - batch @ target).square().mean()
            seen.append(float(error.detach()))
            return {"error": error}

        train(model, batches(), loss, tmp_path, Schedule(steps, rate=0.05, warmup=1, average=0.5))
        return seen

    first = run(torch.nn.Linear(4, 1), 60)
    second = run(torch.nn.Linear(4, 1), 100)
    assert len(first) == 60
    assert len(second) == 40
    assert second[0] < first[0] / 10
    restored = torch.nn.Linear(4, 1)
    load_weights(restored, tmp_path / "model.safetensors")
    assert torch.allclose(restored.weight.T, target, atol=0.1)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    from parrotlet_compression.train.loop import save_weights

    save_weights(torch.nn.Linear(3, 1), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="another model"):
        load_weights(torch.nn.Linear(4, 1), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="no weights"):
        load_weights(torch.nn.Linear(4, 1), tmp_path / "b.safetensors")


def test_every_model_trains_from_the_command_line(packed: Path, tmp_path: Path) -> None:
    run = ["--threads", "2"]
    embeddings = tmp_path / "embeddings.npy"
    random = np.random.default_rng(0).random((len(Pack(packed).clips), 256)).astype(np.float32)
    np.save(embeddings, random / np.linalg.norm(random, axis=1, keepdims=True))
    common = ["--steps", "2"]
    assert main([*run, "train", "aligner", str(packed), str(tmp_path / "aligner"), *common]) == 0
    weights = tmp_path / "aligner" / "model.safetensors"
    assert main([*run, "align", str(packed), str(weights), str(tmp_path / "alignments.json")]) == 0
    alignments = json.loads((tmp_path / "alignments.json").read_text())
    corpus = Pack(packed)
    assert alignments
    for index, (phonemes, durations) in alignments.items():
        assert sum(durations) == corpus.clips[int(index)].frames
        assert len(durations) == len(phonemes) + 2
    voices = ["--embeddings", str(embeddings)]
    more = ["--alignments", str(tmp_path / "alignments.json")]
    assert main([*run, "train", "likeness", str(packed), str(tmp_path / "likeness"), *common, *voices]) == 0
    more += ["--from", str(CHECKPOINTS), "--critic", str(tmp_path / "likeness" / "model.safetensors")]
    joint = tmp_path / "acoustic"
    assert main([*run, "train", "acoustic", str(packed), str(joint), *common, *more]) == 0
    bare = tmp_path / "bare.f16"
    assert main([*run, "predict", str(packed), str(CHECKPOINTS), str(bare), *more[:2], "--bare"]) == 0
    listening = voices if find_spec("resemblyzer") else []
    refiner = ["--from", str(CHECKPOINTS), *more[:2], *listening, "--predicted", str(bare)]
    assert main([*run, "train", "refiner", str(packed), str(tmp_path / "refiner"), *common, *refiner]) == 0
    refined = ["--from", str(tmp_path / "refiner"), *refiner[2:]]
    (tmp_path / "refiner" / "speaker.safetensors").write_bytes((CHECKPOINTS / "speaker.safetensors").read_bytes())
    (tmp_path / "refiner" / "vocoder.safetensors").write_bytes((CHECKPOINTS / "vocoder.safetensors").read_bytes())
    assert main([*run, "train", "refiner", str(packed), str(tmp_path / "again"), *common, *refined]) == 0
    (joint / "vocoder.safetensors").write_bytes((CHECKPOINTS / "vocoder.safetensors").read_bytes())
    mels = tmp_path / "predicted.f16"
    assert main([*run, "predict", str(packed), str(joint), str(mels), *more[:2]]) == 0
    adversarial = ["--adversarial", "--predicted", str(mels)]
    assert main([*run, "train", "vocoder", str(packed), str(tmp_path / "vocoder"), *common, *adversarial]) == 0
    assert main([*run, "train", "acoustic", str(packed), str(tmp_path / "x"), *common]) == 3
    assert main([*run, "train", "refiner", str(packed), str(tmp_path / "x"), *common, *refiner[:2]]) == 3


@pytest.mark.parametrize("alone", [False, True])
def test_a_voice_is_heard_elsewhere_than_in_what_is_to_be_spoken(packed: Path, alone: bool) -> None:
    """Or the refiner would learn to copy."""
    corpus = Pack(packed)
    durations = {i: clip.durations for i, clip in enumerate(corpus.clips) if clip.durations}
    phonemes = {i: corpus.clips[i].phonemes for i in durations}
    clips = AlignedClips(corpus, durations, phonemes, {"synthetic": 1.0}, split="train")
    speaker, _, _ = load_students(CHECKPOINTS)
    index = next(i for i, name in clips.speaker.items() if len(clips.clips_of[name]) > 1 and clips.frames(i) > 250)
    if alone:
        clips.clips_of[clips.speaker[index]] = [index]
    cut = slice(20, 100)

    def adapted(changed: slice) -> npt.NDArray[np.float32]:
        corpus.mel = np.array(Pack(packed).mel)
        frames = corpus.mel[clips.span[index]][changed]
        frames[:] = np.random.default_rng(1).normal(-4, 1, frames.shape)
        enrollments = Enrollments(clips, speaker, np.asarray(Pack(packed).mel))
        return enrollments.of(index, cut, np.random.default_rng(0))[1]

    assert adapted(cut).any()
    assert np.array_equal(adapted(cut), adapted(slice(0, 0)))
    assert np.array_equal(adapted(slice(120, 200)), adapted(cut)) is not alone


def test_predicted_mels_are_like_the_measured_ones(packed: Path, tmp_path: Path) -> None:
    corpus = Pack(packed)
    durations = {i: clip.durations for i, clip in enumerate(corpus.clips) if clip.durations}
    phonemes = {i: corpus.clips[i].phonemes for i in durations}
    clips = AlignedClips(corpus, durations, phonemes, {"synthetic": 1.0}, split="train")
    count = predict_mels(clips, CHECKPOINTS, tmp_path / "predicted.f16")
    assert count == len(clips.groups["synthetic"]) > 0
    made = np.memmap(tmp_path / "predicted.f16", "<f2", "r", shape=corpus.mel.shape)
    clip = corpus.clips[clips.groups["synthetic"][0]]
    inside = slice(clip.start, clip.start + clip.frames)
    speech = corpus.mel[inside].astype(np.float32)
    loud = speech > -6
    distance = np.abs(made[inside].astype(np.float32) - speech)[loud].mean()
    assert distance < np.abs(np.roll(speech, 40, axis=0) - speech)[loud].mean() * 0.6
    other = next(c for c in corpus.clips if c.archive != "synthetic")
    assert np.isnan(made[other.start : other.start + other.frames].astype(np.float32)).all()


def test_warping_moves_frequencies_and_keeps_time() -> None:
    centres = np.linspace(0, 12000, 80)
    mel = np.exp(-(((centres[None] - 3000) / 300) ** 2)).repeat(5, axis=0).astype(np.float32)
    moved = warped(mel, 1.1, centres)
    assert moved.shape == mel.shape
    assert abs(centres[moved[0].argmax()] - 3300) < 100
    assert np.allclose(warped(mel, 1.0, centres), mel, atol=1e-5)


def test_a_companion_is_resumed_with_the_model(tmp_path: Path) -> None:
    class Counter:
        steps = 0

        def state_dict(self) -> dict[str, int]:
            return {"steps": self.steps}

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.steps = state["steps"]

    def run(steps: int) -> int:
        counter, model = Counter(), torch.nn.Linear(2, 1)

        def loss(batch: torch.Tensor) -> dict[str, torch.Tensor]:
            counter.steps += 1
            return {"error": model(batch).square().mean()}

        batches = iter(lambda: torch.randn(4, 2), None)
        train(model, batches, loss, tmp_path, Schedule(steps), companion=counter)
        return counter.steps

    assert run(5) == 5
    assert run(8) == 8
