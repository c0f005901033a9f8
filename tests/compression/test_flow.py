"""Flow matching: what is masked is not learned, a prompt is never the target, and the graphs say what torch says."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet.errors import InputError  # noqa: E402
from parrotlet_compression.corpus import Pack  # noqa: E402
from parrotlet_compression.models.flow import (  # noqa: E402
    PROMPT,
    TEXT,
    VOICE,
    Context,
    FlowConfig,
    FlowModel,
    classifier_free_guidance,
    conditional_flow_matching_loss,
    prior_loss,
    sample,
)
from parrotlet_compression.models.weights import load_weights  # noqa: E402
from parrotlet_compression.train.aligned_clips import AlignedClips  # noqa: E402
from parrotlet_compression.train.flow import (  # noqa: E402
    FlowBatch,
    Person,
    batches,
    context_of,
    flow_losses,
    normalization,
    recorded_bands,
    shown_at_random,
    train_flow,
)
from parrotlet_compression.train.loop import Schedule  # noqa: E402

TINY = FlowConfig(
    embedding=16,
    condition=16,
    text_width=16,
    text_layers=1,
    width=32,
    context_layers=2,
    layers=2,
    kernel=3,
    prompt_layers=1,
    heads=2,
    attend_every=1,
)
ALL = (1.0, 1.0, 1.0)


@pytest.fixture
def model() -> FlowModel:
    """Tiny, and with a head that does something: an untrained one gives zeros."""
    torch.manual_seed(0)
    made = FlowModel(TINY)
    torch.nn.init.normal_(made.head.weight, std=0.2)
    return made.eval()


def _batch(cuts: int = 3, frames: int = 16, seed: int = 0) -> FlowBatch:
    random = torch.Generator().manual_seed(seed)
    bands = torch.ones(cuts, 80)
    bands[0, 66:] = 0
    return FlowBatch(
        phonemes=torch.randint(1, 60, (cuts, 6), generator=random),
        durations=torch.tensor([[3, 4, 0, 5, 4, 4]]).repeat(cuts, 1),
        times=torch.arange(frames)[None].repeat(cuts, 1) + 2,
        f0=torch.rand(cuts, frames, generator=random) * 200 + 80,
        mel=torch.randn(cuts, frames, 80, generator=random) * 2 - 5,
        bands=bands,
        embedding=torch.nn.functional.normalize(torch.randn(cuts, 16, generator=random), dim=1),
        prompt=torch.randn(cuts, 12, 80, generator=random) * 2 - 5,
        valid=torch.ones(cuts, 12),
        clips=torch.arange(cuts),
        prompts=torch.arange(cuts)[:, None] + 1,
    )


def _people(packed: Path) -> tuple[AlignedClips, list[Person]]:
    pack = Pack(packed)
    durations = {i: clip.durations for i, clip in enumerate(pack.clips) if clip.durations}
    clips = AlignedClips(pack, durations, {i: pack.clips[i].phonemes for i in durations}, {})
    random = np.random.default_rng(0)
    names = sorted({pack.clips[i].speaker for i in durations})
    return clips, [
        Person(name, random.standard_normal(16).astype(np.float32), [i for i in durations if clips.speaker[i] == name])
        for name in names
    ]


def _context(model: FlowModel, batch: FlowBatch, shown: tuple[float, float, float] = ALL) -> Context:
    return context_of(model, batch, torch.tensor([shown]).repeat(len(batch.mel), 1))


def test_shapes(model: FlowModel) -> None:
    batch = _batch()
    context = _context(model, batch)
    assert context.hidden.shape == (3, 8, 32)
    assert context.prior.shape == (3, 16, 80)
    assert context.keys.shape == (3, 3, 32)
    x = torch.randn(3, 16, 80)
    assert model.velocity(x, torch.rand(3), batch.bands, context).shape == x.shape
    assert torch.allclose(model.restored(model.normalized(batch.mel)), batch.mel, atol=1e-5)
    assert torch.equal(model.unpatched(model.patched(x)), x)


def test_bands_that_were_not_recorded_are_neither_seen_nor_learned(model: FlowModel) -> None:
    batch, time, noise = _batch(), torch.tensor([0.2, 0.5, 0.8]), torch.randn(3, 16, 80)
    other = batch.mel.clone()
    other[0, :, 66:] += 7

    def losses(mel: torch.Tensor) -> tuple[float, float]:
        context, mel = _context(model, batch), model.normalized(mel)
        flow = conditional_flow_matching_loss(model, mel, batch.bands, context, time, noise)
        return float(flow.detach()), float(prior_loss(context, mel, batch.bands).detach())

    assert losses(other) == losses(batch.mel)
    other[0, :, 65] += 7
    assert losses(other) != losses(batch.mel)
    held = recorded_bands(np.array([100.0, 7000.0, 7900.0, 11000.0]), 16000)
    assert held.tolist() == [1, 1, 0, 0]
    # Nor does a prompt tell of them.
    heard = replace_prompt(batch, 66)
    assert torch.equal(_context(model, heard).hidden, _context(model, batch).hidden)
    assert not torch.equal(_context(model, replace_prompt(batch, 65)).hidden, _context(model, batch).hidden)


def replace_prompt(batch: FlowBatch, band: int) -> FlowBatch:
    """The batch with the prompt of its first cut changed in one band."""
    prompt = batch.prompt.clone()
    prompt[0, :, band] += 3
    return batch._replace(prompt=prompt)


def test_what_is_not_shown_changes_nothing(model: FlowModel) -> None:
    batch = _batch()
    other = _batch(seed=1)
    changes = {
        VOICE: batch._replace(embedding=other.embedding),
        PROMPT: batch._replace(prompt=other.prompt),
        TEXT: batch._replace(phonemes=other.phonemes),
    }
    for column, changed in changes.items():
        hidden = [1.0, 1.0, 1.0]
        hidden[column] = 0.0
        for shown, same in ((ALL, False), (tuple(hidden), True)):
            before, after = _context(model, batch, shown), _context(model, changed, shown)
            assert torch.allclose(before.hidden, after.hidden, atol=1e-6) == same
    # Frames of a prompt that are not there are not heard.
    short = batch._replace(valid=torch.cat([torch.ones(3, 8), torch.zeros(3, 4)], dim=1))
    longer = short._replace(prompt=torch.cat([batch.prompt[:, :8], other.prompt[:, 8:]], dim=1))
    assert torch.equal(_context(model, short).hidden, _context(model, longer).hidden)


def test_how_often_something_is_not_shown() -> None:
    torch.manual_seed(0)
    shown = shown_at_random(4000, torch.device("cpu"))
    assert ((shown == 0) | (shown == 1)).all()
    hidden = 1 - shown.mean(dim=0)
    assert hidden[VOICE] == pytest.approx(0.19, abs=0.03)
    assert hidden[PROMPT] == pytest.approx(0.27, abs=0.03)
    assert hidden[TEXT] == pytest.approx(0.19, abs=0.03)
    assert (shown.sum(dim=1) == 0).float().mean() == pytest.approx(0.11, abs=0.03)
    assert not shown[shown[:, VOICE] == 0, PROMPT].any()


def test_a_prompt_is_never_the_target(packed: Path) -> None:
    clips, people = _people(packed)
    of = {n: person.name for person in people for n in person.clips}
    seen = 0
    for batch in islice(batches(clips, people, 8, 64, seed=0), 20):
        for target, prompts in zip(batch.clips.tolist(), batch.prompts.tolist(), strict=True):
            used = [n for n in prompts if n >= 0]
            seen += len(used)
            assert used
            assert target not in used
            assert {of[n] for n in used} == {of[target]}
    assert seen > 8 * 20  # sometimes two
    alone = replace(people[0], clips=people[0].clips[:1])
    with pytest.raises(InputError, match="two clips"):
        next(batches(clips, [alone], 2, 64, seed=0))


def test_a_cut_has_the_phonemes_of_its_frames(packed: Path) -> None:
    clips, people = _people(packed)
    model = FlowModel(TINY)
    batch = next(batches(clips, people, 8, 64, seed=0))
    # With embeddings that name the symbol and no text encoder, every row tells which one was chosen.
    model.text = torch.nn.Identity()
    model.text.forward = lambda x, mask: x
    with torch.no_grad():
        model.embed.weight[:] = torch.arange(64)[:, None]
    rows, _ = model.rows(batch.phonemes, batch.durations, batch.times)
    for k, number in enumerate(batch.clips.tolist()):
        mel = np.maximum(clips.pack.mel[clips.span[number]].astype(np.float32), -9)
        found = [s for s in range(len(mel) - 63) if np.array_equal(mel[s : s + 64], batch.mel[k].numpy())]
        whole = np.repeat(clips.ids[number], clips.durations[number])
        assert any(np.array_equal(whole[s : s + 64], rows[k, :, 0].detach().numpy().astype(int)) for s in found)


def test_normalization_is_of_the_bands_that_are_held(packed: Path) -> None:
    clips, people = _people(packed)
    mean, spread = normalization(clips, people)
    frames = [np.maximum(clips.pack.mel[clips.span[n]].astype(np.float32), -9) for p in people for n in p.clips]
    full = recorded_bands(clips.centres, 24000) > 0
    assert np.allclose(mean[full], np.concatenate(frames).mean(axis=0)[full], atol=1e-3)
    assert np.allclose(spread[full], np.concatenate(frames).std(axis=0)[full], atol=1e-2)
    for person in people:
        for number in person.clips:
            clips.pack.clips[number].rate = 16000
    narrow = recorded_bands(clips.centres, 16000) == 0
    assert np.all(normalization(clips, people)[1][narrow] == 1)


def test_guidance_and_sampling() -> None:
    near, far = torch.tensor([2.0]), torch.tensor([1.0])
    assert classifier_free_guidance(near, far, 1.0) == 2
    assert classifier_free_guidance(near, far, 2.0) == 3

    class Straight(torch.nn.Module):
        """The exact velocity to one target, whatever the noise."""

        def velocity(self, x: torch.Tensor, time: torch.Tensor, bands: torch.Tensor, context: float) -> torch.Tensor:
            return (context - x) / (1 - time[:, None, None])

    noise = torch.randn(2, 4, 80)
    for steps, midpoint in ((1, False), (4, False), (3, True)):
        made = sample(Straight(), 5.0, torch.ones(2, 80), noise, steps, midpoint=midpoint)
        assert torch.allclose(made, torch.full_like(made, 5.0), atol=1e-4)
    guided = sample(Straight(), 5.0, torch.ones(2, 80), noise, 1, unconditional=3.0, weight=2.0)
    assert torch.allclose(guided, torch.full_like(guided, 7.0), atol=1e-4)


def test_steps_on_a_fixed_batch_lower_the_loss() -> None:
    torch.manual_seed(0)
    model, batch = FlowModel(TINY), _batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    def loss() -> torch.Tensor:
        torch.manual_seed(1)  # the same times, noise and drops
        return torch.stack(list(flow_losses(model, batch).values())).sum()

    first = loss()
    for _ in range(12):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss() < 0.9 * first
    assert all(p.grad is not None for p in model.parameters())


def test_training_runs_and_resumes(packed: Path, tmp_path: Path) -> None:
    clips, people = _people(packed)
    for steps in (2, 4):
        train_flow(clips, people, tmp_path, Schedule(steps, warmup=1), TINY, cuts=2, frames=32)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["step"] == 4
    restored = FlowModel(TINY)
    load_weights(restored, tmp_path / "model.safetensors")
    assert np.allclose(restored.mean, normalization(clips, people)[0], atol=1e-6)


def test_the_graphs_say_what_torch_says(model: FlowModel, tmp_path: Path) -> None:
    """Exported at one length and run at another: nothing of a length is baked in."""

    class ContextGraph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(self.model.context(*given))

    class VelocityGraph(ContextGraph):
        def forward(self, x: torch.Tensor, time: torch.Tensor, bands: torch.Tensor, *context: torch.Tensor):
            return self.model.velocity(x, time, bands, Context(*context))

    def given(frames: int, prompt: int) -> dict[str, torch.Tensor]:
        batch = _batch(1, frames, seed=frames)
        return {
            "phonemes": batch.phonemes,
            "durations": batch.durations,
            "times": batch.times,
            "f0": batch.f0,
            "embedding": batch.embedding,
            "prompt": torch.randn(1, prompt, 80),
            "valid": torch.ones(1, prompt),
            "shown": torch.tensor([ALL]),
        }

    def export(
        graph: torch.nn.Module, feeds: dict[str, torch.Tensor], outputs: list[str], axes: dict[str, dict]
    ) -> Path:
        path = tmp_path / f"{outputs[0]}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph.eval(),
                tuple(feeds.values()),
                str(path),
                input_names=list(feeds),
                output_names=outputs,
                dynamic_axes=axes,
                opset_version=17,
                dynamo=False,
            )
        return path

    def run(path: Path, feeds: dict[str, torch.Tensor]) -> list[np.ndarray]:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        known = {entry.name for entry in session.get_inputs()}
        return session.run(None, {name: value.numpy() for name, value in feeds.items() if name in known})

    names = list(Context._fields)
    moving = {name: {1: f"{name}_length"} for name in ("phonemes", "durations", "times", "f0", "prompt", "valid")}
    lengths = {name: {1: f"{name}_length"} for name in ("hidden", "prior", "keys", "heard")}
    first = export(ContextGraph(), given(16, 12), names, {**moving, **lengths})
    feeds = given(22, 20)
    with torch.no_grad():
        expected = model.context(*feeds.values())
    for made, wanted in zip(run(first, feeds), expected, strict=True):
        assert np.allclose(made, wanted.numpy(), atol=1e-4)

    def step(frames: int, context: Context) -> dict[str, torch.Tensor]:
        x = torch.randn(1, frames, 80)
        return {"x": x, "time": torch.tensor([0.3]), "bands": torch.ones(1, 80), **context._asdict()}

    with torch.no_grad():
        small = step(16, model.context(*given(16, 12).values()))
    second = export(VelocityGraph(), small, ["velocity"], {"x": {1: "frames"}, "velocity": {1: "frames"}, **lengths})
    large = step(22, expected)
    with torch.no_grad():
        wanted = model.velocity(large["x"], large["time"], large["bands"], expected)
    assert np.allclose(run(second, large)[0], wanted.numpy(), atol=1e-4)
