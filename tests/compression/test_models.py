"""The student models: shapes, the properties that hosts rely on, and both definitions of the rendering."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from torch import Tensor  # noqa: E402

from parrotlet import adaptation  # noqa: E402
from parrotlet.mel import MelConfig, mel_filterbank, mel_spectrogram  # noqa: E402
from parrotlet.rendering import Renderer  # noqa: E402
from parrotlet.rendering import pulse_train as host_pulse_train  # noqa: E402
from parrotlet.text import PHONEMES  # noqa: E402
from parrotlet_compression.models.acoustic import AcousticConfig, AcousticModel, length_regulate  # noqa: E402
from parrotlet_compression.models.adapter import Adapter, AdapterAfter  # noqa: E402
from parrotlet_compression.models.aligner import Aligner, align  # noqa: E402
from parrotlet_compression.models.discriminator import SpectrumDiscriminator  # noqa: E402
from parrotlet_compression.models.refiner import HarmonicCombs, Refiner, RefinerConfig  # noqa: E402
from parrotlet_compression.models.speaker import SpeakerEncoder  # noqa: E402
from parrotlet_compression.models.synthesizer import SPREAD, WIDENED, Synthesizer, widened  # noqa: E402
from parrotlet_compression.models.vocoder import Vocoder, VocoderConfig, pulse_train, render  # noqa: E402
from parrotlet_compression.symbols import SYMBOLS, phoneme_ids  # noqa: E402


def test_a_tone_lands_in_its_mel_band() -> None:
    config = MelConfig()
    tone = np.sin(2 * np.pi * 1000 * np.arange(24000) / 24000).astype(np.float32)
    mel = mel_spectrogram(tone, config)
    assert mel.shape == (80, config.n_mels)
    bank = mel_filterbank(config.sample_rate, config.n_fft, config.n_mels, config.f_min, config.f_max)
    peak_hz = bank.argmax(axis=1)[mel[40].argmax()] * config.sample_rate / config.n_fft
    assert abs(peak_hz - 1000) < 40
    assert mel.min() >= np.log(config.log_floor) - 1e-5


def test_every_phoneme_of_the_front_end_is_in_the_table() -> None:
    assert set(PHONEMES) <= set(SYMBOLS)
    assert len(set(SYMBOLS)) == len(SYMBOLS)
    assert phoneme_ids("a")[0] == 1 if "a" in SYMBOLS else True


def test_the_length_regulator_repeats_each_phoneme_for_its_duration() -> None:
    encoded = torch.arange(8.0).reshape(1, 4, 2)
    durations = torch.tensor([[2, 0, 3, 1]])
    rows, position = length_regulate(encoded, durations, 6)
    assert rows[0, :, 0].tolist() == [0, 0, 4, 4, 4, 6]
    assert position[0, :, 0].tolist() == pytest.approx([0.25, 0.75, 1 / 6, 0.5, 5 / 6, 0.5])


def small_acoustic() -> AcousticModel:
    torch.manual_seed(0)
    config = AcousticConfig(symbols=len(SYMBOLS), encoder_width=32, pitch_width=32, decoder_width=32, condition=16)
    return AcousticModel(config).eval()


@torch.no_grad()
def test_padding_does_not_change_the_mel() -> None:
    model = small_acoustic()
    ids = torch.tensor([[1, 20, 30, 25, 2], [1, 22, 2, 0, 0]])
    durations = torch.tensor([[3, 4, 5, 6, 2], [4, 5, 2, 0, 0]])
    pitch, voiced = torch.zeros(2, 20), torch.ones(2, 20)
    voice = torch.nn.functional.normalize(torch.randn(2, 256), dim=1)
    other = torch.zeros(2, 3), torch.zeros(2, 2)
    both = model(ids, durations, pitch, voiced, voice, *other)
    alone = model(
        ids[1:, :3], durations[1:, :3], pitch[1:, :11], voiced[1:, :11], voice[1:], other[0][1:], other[1][1:]
    )
    assert torch.allclose(both.mel[1, :11], alone.mel[0], atol=1e-5)
    assert torch.allclose(both.log_durations[1, :3], alone.log_durations[0], atol=1e-5)


@torch.no_grad()
def test_rounding_keeps_the_rate() -> None:
    model = Synthesizer(small_acoustic(), Refiner(RefinerConfig(width=32, layers=1)))
    frames = torch.full((1, 101), 2.4)
    assert int(model.durations(frames, torch.ones(1)).sum()) == pytest.approx(242, abs=1)
    assert int(model.durations(frames, torch.full((1,), 2.0)).sum()) == pytest.approx(121, abs=1)


def test_a_flat_contour_gets_the_spread_of_the_person_and_no_more() -> None:
    time = torch.arange(4000.0)
    voiced = (time % 10 < 6).float()[None]  # what lies between is not pitch, and does not count
    shape = torch.where(voiced > 0, torch.sin(time / 30), torch.tensor(9.0))

    def spread(contour: Tensor) -> float:
        return float(contour[voiced > 0].square().mean().sqrt())

    for predicted, wanted, expected in ((0.1, 0.13, 0.13), (0.2, 0.13, 0.2), (0.02, 0.13, 0.02 * WIDENED)):
        contour = shape * predicted * 2**0.5
        wide = widened(contour, voiced, torch.tensor([[wanted]]))
        assert abs(spread(wide) / expected - 1) < 0.06
        assert torch.allclose(wide, contour * (wide[0, 50] / contour[0, 50]), atol=1e-5)  # its shape stays


def test_a_short_utterance_is_widened_as_usual_whatever_its_own_spread() -> None:
    for contour in (torch.zeros(1, 12), torch.full((1, 12), 0.1), torch.tensor([[0.2, -0.2] * 6])):
        wide = widened(contour, torch.ones(1, 12), torch.tensor([[0.2]]))
        assert torch.isfinite(wide).all()
        assert torch.allclose(wide, contour * min(1 / SPREAD, WIDENED), atol=0.06 * 0.2 / SPREAD)
    silent = widened(torch.ones(1, 12), torch.zeros(1, 12), torch.tensor([[0.2]]))
    assert torch.isfinite(silent).all()


@torch.no_grad()
def test_combs_show_harmonics_where_a_pulse_train_has_them() -> None:
    config = MelConfig()
    for f0 in (90.0, 150.0, 220.0, 310.0, 431.0):
        time = np.arange(24000) / config.sample_rate
        pulses = sum(np.cos(2 * np.pi * f0 * k * time) for k in range(1, int(12000 / f0) + 1))
        measured = mel_spectrogram((pulses / np.abs(pulses).max()).astype(np.float32), config)[20:60].mean(axis=0)
        shown = HarmonicCombs()(torch.full((1, 3), f0))[0, 1].numpy()
        # Below 3 kHz, where bands are narrow.
        tops = np.corrcoef(measured[:40], shown[:40])[0, 1]
        assert tops > 0.9, (f0, tops)
    assert not HarmonicCombs()(torch.zeros(1, 3)).any()


def nearest(frames: np.ndarray, exemplars: np.ndarray, near: float) -> np.ndarray:
    """Means of exemplars, weighed by how near they are to frames [T, V]."""
    weights = np.exp(-near * ((frames[:, None] - exemplars) ** 2).sum(axis=-1))
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)) @ exemplars)


def adapted_by_definition(mel: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As ``parrotlet.adaptation`` describes it, mel [T, M] in float64, before a refiner and, if that were its output,
    after one; windows reach beyond the ends into zeros."""
    level, offset, matrix, share, exemplars = np.split(values.astype(float), np.cumsum(adaptation.sizes())[:-1])
    loud = np.clip((mel[:, adaptation.LEVEL_BANDS].mean(axis=1) - level) / adaptation.FADE, 0, 1)[:, None]
    basis = adaptation.cosines(80, adaptation.CEPSTRA)
    shape = basis[:, 1:]
    exemplars = exemplars.reshape(adaptation.EXEMPLARS, -1)

    def change(mel: np.ndarray, near: float, window: int) -> np.ndarray:
        def smooth(x: np.ndarray) -> np.ndarray:
            return np.stack([np.convolve(row, np.ones(window) / window, "same") for row in x.T], axis=1)

        means = smooth(mel @ shape)
        return np.asarray(loud * share * (smooth(nearest(means, exemplars, near) - means) @ shape.T))

    settings = zip(adaptation.NEAR, adaptation.WINDOWS, strict=True)
    matrix = matrix.reshape(adaptation.CEPSTRA, adaptation.CEPSTRA)
    mapped = mel + loud * ((mel @ basis @ matrix + offset) @ basis.T)
    before, after = (x + change(x, *setting) for x, setting in zip((mapped, mel), settings, strict=True))
    return before, after


@torch.no_grad()
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_the_graph_adapts_as_defined(share: float) -> None:
    random = np.random.default_rng(3)
    spoken, heard = (random.normal(0, 0.6, (400, 80)) @ np.diag(random.uniform(0.5, 1.5, 80)) - 4 for _ in range(2))
    values = adaptation.fit(spoken.astype(np.float32), heard.astype(np.float32))
    values[sum(adaptation.sizes()[:3])] = share
    mel = spoken[:50] + random.normal(0, 2, (50, 1))  # some frames are quiet
    inputs = torch.from_numpy(mel).float()[None], torch.from_numpy(values)[None]
    before, after = adapted_by_definition(mel, values)
    for module, wanted, least in ((Adapter(80), before, 0.1), (AdapterAfter(80), after, 0.09 * share)):
        made = module(*inputs)[0].numpy()
        assert np.abs(made - wanted).max() < 2e-3
        assert np.abs(made - mel).mean() >= least
        assert torch.equal(module(torch.ones(1, 9, 80), torch.zeros(1, len(values))), torch.ones(1, 9, 80))


@torch.no_grad()
def test_an_untrained_refiner_changes_nothing_and_padding_does_not_count() -> None:
    torch.manual_seed(0)
    refiner = Refiner().eval()
    mel, features, f0 = torch.randn(2, 20, 80), torch.randn(2, 20, 288), torch.full((2, 20), 140.0)
    voice = refiner.voice(torch.randn(2, 256), torch.zeros(2, 3), torch.zeros(2, 2))
    assert torch.equal(refiner(mel, features, f0, voice), mel)
    torch.nn.init.normal_(refiner.head.weight, std=0.1)
    mask = torch.ones(2, 20, 1)
    mask[1, 11:] = 0
    both = refiner(mel, features, f0, voice, mask)
    alone = refiner(mel[1:, :11], features[1:, :11], f0[1:, :11], voice[1:])
    assert not torch.equal(both, mel)
    assert torch.allclose(both[1, :11], alone[0], atol=1e-4)


@torch.no_grad()
def test_the_vocoder_context_is_as_long_as_it_says() -> None:
    torch.manual_seed(0)
    model = Vocoder(VocoderConfig(width=32, layers=3)).eval()
    mel = torch.randn(1, 60, 80) - 5
    whole = model(mel).magnitude[0, 30]
    near = model(mel[:, 30 - model.context : 31 + model.context]).magnitude[0, model.context]
    far = model(mel[:, 30 - model.context + 2 : 31 + model.context - 2]).magnitude[0, model.context - 2]
    assert torch.allclose(whole, near, atol=1e-6)
    assert not torch.allclose(whole, far, atol=1e-6)


def test_host_and_torch_render_the_same_samples() -> None:
    config = VocoderConfig()
    random = np.random.default_rng(0)
    frames = 50
    f0 = np.where(random.random(frames) > 0.2, random.uniform(80, 300, frames), 0).astype(np.float32)
    magnitude, noise = (random.uniform(0, 1, (frames, config.bins)).astype(np.float32) for _ in range(2))
    phase = random.uniform(-3, 3, (frames, config.bins)).astype(np.float32)
    white = np.random.default_rng(7).standard_normal(frames * config.hop_length, dtype=np.float32)
    renderer = Renderer(f0, config.hop_length, config.n_fft, config.sample_rate, np.random.default_rng(7))
    made = np.concatenate([renderer.push(magnitude, phase, noise), renderer.finish()])
    tensors = [torch.from_numpy(x)[None] for x in (magnitude, phase, noise)]
    source = pulse_train(torch.from_numpy(f0)[None], config.hop_length, config.sample_rate)
    expected = render(*tensors, source, torch.from_numpy(white)[None], config)[0].numpy()
    error = np.sqrt(np.mean((made - expected) ** 2) / np.mean(expected**2))
    assert 20 * np.log10(error) < -50


def test_the_pulse_train_holds_all_harmonics_equally() -> None:
    pulses, cycles = host_pulse_train(np.full(82, 200.0, np.float32), 300, 24000, 0.0)
    spectrum = np.abs(np.fft.rfft(pulses)) / len(pulses) * 2
    harmonics = spectrum[200::200][:55]  # one second of samples: bins are whole hertz
    assert np.allclose(harmonics, 1, atol=0.02)
    assert cycles == pytest.approx(0, abs=1e-4) or cycles == pytest.approx(1, abs=1e-4)


@torch.no_grad()
def test_the_speaker_encoder_ignores_level() -> None:
    torch.manual_seed(0)
    model = SpeakerEncoder().eval()
    samples = torch.randn(1, 16000) * 0.05
    embedding = model(samples)
    assert embedding.norm() == pytest.approx(1, abs=1e-4)
    assert torch.allclose(embedding, model(samples * 4), atol=1e-4)


def test_alignment_finds_the_durations_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = phoneme_ids("kˈæt sˈæt.")
    durations = [5, 4, 0, 8, 5, 3, 6, 1, 7, 4, 6, 3]
    labels = np.repeat(ids, durations)
    model = Aligner()
    logits = torch.full((1, len(labels), len(SYMBOLS)), -4.0)
    logits[0, torch.arange(len(labels)), torch.from_numpy(labels)] = 4.0
    monkeypatch.setattr(model, "forward", lambda mel: logits)
    found = align(model, np.zeros((len(labels), 80), np.float32), ids)
    assert found is not None
    # A full stop sounds like the silence at the end, to which it goes.
    assert found[0] == [*durations[:10], 0, durations[10] + durations[11]]
    assert align(model, np.zeros((len(labels), 80), np.float32), ids * 10) is None or len(labels) >= len(ids) * 8


def test_the_spectrum_discriminator_does_not_see_what_a_recording_lacks() -> None:
    torch.manual_seed(0)
    model, samples = SpectrumDiscriminator(4), torch.randn(2, 6000) * 0.05
    # A tone of 10 kHz, in the second half of the spectrum, on one copy only.
    tone = 0.05 * torch.sin(torch.arange(6000) * (2 * np.pi * 10000 / 24000))
    half, whole = torch.full((2,), 0.5), torch.ones(2)
    scores, features = model(samples, half)
    assert len(features) == 4 * len(model.resolutions)
    assert scores.shape[0] == 2 and scores.shape[1] > 100
    moved, seen = ((model(samples + tone, keep)[0] - model(samples, keep)[0]).abs().mean() for keep in (half, whole))
    assert moved < 0.05 * seen
