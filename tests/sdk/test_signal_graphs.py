"""The shipped graphs without weights against the numpy code that they are the counterparts of."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from parrotlet import Parrotlet, adaptation, enroller, enrollment, fastspeech_nsf
from parrotlet.audio import resample
from parrotlet.bundle import DEFAULT, Bundle
from parrotlet.enrollment import bandwidth, find_speech, judge, voice_statistics
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.pitch import estimate_f0
from parrotlet.recording import read_recording
from parrotlet.rendering import Renderer
from parrotlet_runtimes import Session

Array = np.ndarray
RATE = 16000
Graphs = Mapping[str, Session]


class _Graphs(dict[str, Session]):
    def __missing__(self, name: str) -> Session:
        self[name] = Bundle.load(DEFAULT).session(name)
        return self[name]


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    return _Graphs()


@pytest.fixture(scope="module")
def heard(recordings: dict[str, list[Path]]) -> dict[str, Array]:
    """Recordings at 16 kHz of several kinds, with a woman's and a man's voice."""
    random = np.random.default_rng(7)
    woman, man = (read_recording(recordings[kind][0], RATE)[0] for kind in ("woman", "man"))
    noise = random.standard_normal(len(man)).astype(np.float32)
    tight = judge("man", man, RATE)[1]
    return {
        "woman": woman,
        "man": man,
        "noisy": man + 0.02 * noise,
        "very noisy": man + 0.1 * noise,
        "clipped": np.clip(8 * woman, -1, 1),
        "offset": woman + np.float32(0.2),
        "quiet": woman * np.float32(1e-4),
        "tight": tight,
        "odd length": woman[:44_123],
        "rough": (man * (1 + 0.5 * np.sign(np.sin(np.arange(len(man)) * 2 * np.pi * 47 / RATE)))).astype(np.float32),
        "noise": 0.1 * noise,
        "long": np.tile(np.concatenate([woman, man]), 9),
    }


def test_activity_and_levels(graphs: Graphs, heard: dict[str, Array]) -> None:
    for name, samples in heard.items():
        made = graphs["activity"].run({"samples": samples[None]})
        active, level = find_speech(samples, RATE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the rest of the long one is not looked at
            report, speech, _ = judge(name, samples, RATE)
        # The level of what a constant offset leaves is a difference of large numbers.
        assert np.abs(made["level"][0] - level).max() < 1e-3, name
        kept = np.repeat(made["active"][0] > 0, int(RATE * enrollment.FRAME_S))
        assert np.array_equal(samples[: len(kept)][kept], speech), name
        assert int(made["active"].sum()) == min(int(active.sum()), 3000)
        assert float(made["speech_s"][0]) == pytest.approx(report.speech_s, abs=0.006)
        assert float(made["level_dbfs"][0]) == pytest.approx(report.level_dbfs, abs=0.051)
        assert float(made["clipped"][0]) == pytest.approx(report.clipped, abs=6e-6)
        assert float(made["snr_db"][0]) == pytest.approx(report.snr_db, abs=0.051), name


def test_a_recording_without_speech(graphs: Graphs) -> None:
    made = graphs["activity"].run({"samples": np.zeros((1, RATE), np.float32)})
    report, *_ = judge("silence", np.zeros(RATE, np.float32), RATE)
    assert not made["active"].any()
    for name in ("speech_s", "level_dbfs", "clipped", "snr_db"):
        assert float(made[name][0]) == getattr(report, name), name


def test_f0_and_bandwidth(graphs: Graphs, heard: dict[str, Array]) -> None:
    frames = different = 0
    for name, samples in heard.items():
        speech = judge(name, samples, RATE)[1] if name != "long" else samples[: 60 * RATE]
        if name == "quiet":
            speech = samples
        made = {**graphs["pitch"].run({"samples": speech[None]}), **graphs["bandwidth"].run({"samples": speech[None]})}
        f0, wanted = made["f0"][0], estimate_f0(speech, RATE)
        assert f0.shape == wanted.shape
        both = (f0 > 0) & (wanted > 0)
        frames, different = frames + len(f0), different + int(((f0 > 0) != (wanted > 0)).sum())
        # A tie between two dips is decided by the last digit.
        apart = np.abs(f0 / np.maximum(wanted, 1) - 1)[both]
        assert (apart > 2e-5).sum() <= 0.001 * len(apart), (name, apart.max())
        assert float(made["voiced"][0]) == pytest.approx((wanted > 0).mean(), abs=0.002)
        assert float(made["bandwidth_hz"][0]) == bandwidth(speech, RATE), name
        if both.any():
            pitch = voice_statistics(wanted)
            assert float(made["median_hz"][0]) == pytest.approx(pitch.median_hz, abs=0.01)
            assert float(made["spread_octaves"][0]) == pytest.approx(pitch.spread_octaves, abs=1e-4)
    assert frames > 8000
    assert different <= 0.001 * frames


@pytest.mark.parametrize("seconds", [0.3, 2.5, 4.0, 5.3, 9.01, 31.7])
def test_windows_for_the_speaker_encoder(graphs: Graphs, seconds: float) -> None:
    speech = np.random.default_rng(0).standard_normal(int(seconds * RATE)).astype(np.float32)
    heard: list[Array] = []

    class Encoder:
        def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
            heard.append(feeds["samples"][0])
            return {"embedding": np.ones((1, 4), np.float32)}

    enroller.Enroller(Bundle.load(DEFAULT), lambda _: Encoder()).speaker_embedding(speech)  # type: ignore[arg-type, return-value]
    windows = graphs["windows"].run({"samples": speech[None]})["windows"]
    if seconds < enroller.EMBED_WINDOW_S:  # the engine hears the one window twice
        assert all(np.array_equal(heard[0], again) for again in heard)
        heard = heard[:1]
    assert np.array_equal(windows, np.stack(heard))


def test_the_mean_of_embeddings(graphs: Graphs) -> None:
    random = np.random.default_rng(1)
    rows = random.standard_normal((4, 256)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    seconds = np.array([1, 2.5, 3, 20], np.float32)
    made = graphs["mean_embedding"].run({"embeddings": rows, "seconds": seconds})
    mean = np.average(rows, axis=0, weights=np.sqrt(seconds))
    assert np.abs(made["embedding"][0] - mean / np.linalg.norm(mean)).max() < 1e-6
    assert np.abs(made["likeness"] - rows @ rows.T).max() < 1e-6


def decibels(made: Array, wanted: Array) -> float:
    return float(10 * np.log10(np.mean((made - wanted) ** 2) / np.mean(wanted**2)))


@pytest.mark.parametrize("hertz", [100, 1000, 4000, 7000])
def test_resampling_keeps_tones(graphs: Graphs, hertz: int) -> None:
    tone, wanted = (np.sin(2 * np.pi * hertz * np.arange(rate) / rate).astype(np.float32) for rate in (16000, 24000))
    made = graphs["resample"].run({"samples": tone[None]})["resampled"][0]
    assert made.shape == wanted.shape
    inside = slice(1000, -1000)
    assert decibels(made[inside], wanted[inside]) < -80


def test_mel_spectrogram(graphs: Graphs, heard: dict[str, Array]) -> None:
    for name in ("woman", "noisy", "clipped", "quiet", "odd length"):
        samples = heard[name]  # as if it were 24 kHz: nothing is above that recordings lack
        made = graphs["mel"].run({"samples": samples[None]})["mel"][0]
        wanted = mel_spectrogram(samples, MelConfig())
        assert made.shape == wanted.shape
        assert np.abs(made - wanted).max() < 1e-4, name


@pytest.fixture(scope="module")
def mels(graphs: Graphs, heard: dict[str, Array]) -> dict[str, Array]:
    found = {}
    for name in ("woman", "man", "noisy", "offset", "rough"):
        speech = judge(name, heard[name], RATE)[1]
        found[name] = mel_spectrogram(resample(speech, RATE, 24000), MelConfig())
    return found


def relative(made: Array, wanted: Array) -> float:
    return float(np.abs(made - wanted).max() / np.abs(wanted).max())


def test_the_spectrum_that_a_profile_keeps(graphs: Graphs, mels: dict[str, Array]) -> None:
    for name, mel in mels.items():
        made, wanted = graphs["spectrum"].run({"mel": mel[None]}), adaptation.measure(mel)
        assert wanted is not None
        for part, value in wanted._asdict().items():
            assert relative(made[part], value) < 1e-3, (name, part)
    few = graphs["spectrum"].run({"mel": mels["man"][None, 40:130]})
    assert adaptation.measure(mels["man"][40:130]) is None
    assert few["frames"][0] < adaptation.MIN_FRAMES


def test_the_spectrum_by_the_resampling_graph_and_by_soxr(graphs: Graphs, heard: dict[str, Array]) -> None:
    speech = judge("man", heard["man"], RATE)[1]
    samples = graphs["resample"].run({"samples": speech[None]})["resampled"]
    made = graphs["spectrum"].run({"mel": graphs["mel"].run({"samples": samples})["mel"]})
    wanted = adaptation.measure(mel_spectrogram(resample(speech, RATE, 24000), MelConfig()))
    assert wanted is not None
    for part, value in wanted._asdict().items():
        assert relative(made[part], value) < 1e-3, part


def test_the_map_to_a_person(bird: Parrotlet, graphs: Graphs, mels: dict[str, Array]) -> None:
    sentences = bird.bundle.manifest["adaptation"]["sentences"]
    model = bird.presets["kite"].profile
    spoken = np.concatenate([bird.acoustics(sentence, model).predicted for sentence in sentences])
    for name, mel in mels.items():
        spectrum = adaptation.measure(mel)
        assert spectrum is not None and spectrum.mean is not None
        feeds = {part: value for part, value in spectrum._asdict().items() if part != "exemplars"}
        made = graphs["adapt"].run({"predicted": spoken[None], **feeds})["map"]
        wanted = adaptation.fit_map(spoken, spectrum)
        assert wanted.any()
        for part in (slice(0, 1), slice(1, 25), slice(25, None)):
            assert relative(made[part], wanted[part]) < 1e-3, (name, part)
        assert not graphs["adapt"].run({"predicted": spoken[None, :60], **feeds})["map"].any()
        narrow = {**feeds, "band_means": np.where(np.arange(66) < 45, feeds["band_means"], -9).astype(np.float32)}
        assert not adaptation.fit_map(spoken, spectrum._replace(band_means=narrow["band_means"])).any()
        assert not graphs["adapt"].run({"predicted": spoken[None], **narrow})["map"].any()


class Given:
    """Hands out noise that was made before."""

    def __init__(self, white: Array) -> None:
        self.white, self.at = white, 0

    def standard_normal(self, count: int, dtype: object) -> Array:
        self.at += count
        return self.white[self.at - count : self.at]


@pytest.fixture(scope="module")
def rendered(bird: Parrotlet) -> tuple[dict[str, Array], Array]:
    """What the rendering graph takes of twelve seconds, and what numpy makes of it."""
    phonemes = bird.phonemize("The quick brown fox jumps over the lazy dog. " * 4)
    acoustics = bird.acoustics(phonemes, bird.presets["robin"].profile)
    spectra = bird.bundle.session("vocoder").run({"mel": acoustics.mel[None]})
    feeds = {part: spectra[part] for part in ("magnitude", "phase", "noise")}
    white = np.random.default_rng(2).standard_normal(len(acoustics.f0) * 300, np.float32)
    renderer = Renderer(acoustics.f0, 300, 1024, 24000, Given(white))  # type: ignore[arg-type]
    wanted = np.concatenate([renderer.push(*(value[0] for value in feeds.values())), renderer.finish()])
    return {**feeds, "f0": acoustics.f0[None], "white": white[None], "first": np.array([0])}, wanted


def test_rendering(graphs: Graphs, rendered: tuple[dict[str, Array], Array]) -> None:
    feeds, wanted = rendered
    made = graphs["render"].run(feeds)["samples"][0]
    assert len(wanted) > 10 * 24000
    assert made.shape == wanted.shape
    assert decibels(made, wanted) < -60


def test_rendering_in_parts(bird: Parrotlet, graphs: Graphs, rendered: tuple[dict[str, Array], Array]) -> None:
    feeds, _ = rendered
    whole = graphs["render"].run(feeds)["samples"][0]
    context = bird.bundle.manifest["synthesis"]["render_context"]

    def part(start: int, end: int, context: int) -> Array:
        low, high = max(0, start - context), min(feeds["f0"].shape[1], end + context)
        cut = {name: feeds[name][:, low:high] for name in ("magnitude", "phase", "noise")}
        white = feeds["white"][:, low * 300 : high * 300]
        made = graphs["render"].run({**cut, "f0": feeds["f0"], "white": white, "first": np.array([low])})
        return made["samples"][0, (start - low) * 300 : (end - low) * 300]

    for start, end in ((0, 32), (32, 128), (500, 501)):
        assert np.abs(part(start, end, context) - whole[start * 300 : end * 300]).max() < 1e-6
    assert np.abs(part(32, 128, context - 3) - whole[32 * 300 : 128 * 300]).max() > 1e-6


def test_the_manifest_repeats_the_numbers_of_the_code() -> None:
    manifest = Bundle.load(DEFAULT).manifest
    numbers = manifest["enrollment"]
    for name in (
        "FRAME_S SOME_SPEECH_S MIN_SPEECH_S GOOD_SPEECH_S MOST_SPEECH_S MIN_LEVEL_DBFS MAX_CLIPPED MIN_SNR_DB "
        "MIN_VOICED NARROW_HZ"
    ).split():
        assert numbers.pop(name.lower()) == getattr(enrollment, name)
    assert numbers == {
        "window_s": enroller.EMBED_WINDOW_S,
        "windows_a_length": enroller.EMBED_WINDOWS_A_LENGTH,
    }
    assert manifest["adaptation"]["min_frames"] == adaptation.MIN_FRAMES
    assert manifest["adaptation"]["likeness"] == adaptation.SHARE
    assert manifest["pitch"]["reference_hz"] == fastspeech_nsf.REFERENCE_HZ
    assert manifest["synthesis"]["edge_frames"] == fastspeech_nsf.EDGE_FRAMES
