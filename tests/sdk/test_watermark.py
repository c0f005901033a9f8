"""The mark in what is spoken: that it is found, what it survives, and what it does not (docs/threat-model.md)."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from watermark_case import PATH, RATE, made

from parrotlet import Parrotlet
from parrotlet.audio import resample
from parrotlet.errors import UsageError
from parrotlet.marksearch import LIMIT, find_mark, levels, powers, search, verify, whitened
from parrotlet.watermark import SLOTS, Marker, Watermark, data_chips, is_data, marked

Run = Callable[..., tuple[int, str, str]]
SECRET = bytes(range(16))
TEXT = (
    "The weather was calm this morning, so we walked along the river and counted the boats that came by. Nobody said "
    "much, but everyone seemed happy enough. When the train finally arrived, the platform was full of people."
)


@pytest.fixture(scope="module")
def plain(bird: Parrotlet) -> np.ndarray:
    """Some 15 s without a mark."""
    engine = Parrotlet(bird.bundle, watermark=None)
    return np.concatenate([chunk.samples for chunk in engine.speak(TEXT, "jay")])


@pytest.fixture(scope="module")
def spoken(bird: Parrotlet) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in bird.speak(TEXT, "jay")])


def test_what_is_spoken_is_marked_and_says_so(spoken: np.ndarray, plain: np.ndarray) -> None:
    report, without = find_mark(spoken, RATE), find_mark(plain, RATE)
    assert report.marked and report.p < 1e-20 and report.speed == 1
    assert report.payload is not None and (report.payload.integrator, report.payload.keyed) == (0, False)
    covered = sum(end - start for start, end in report.segments)
    assert covered > 0.9 * report.seconds
    assert not without.marked and without.p > 1e-3 and without.payload is None and without.segments == ()
    assert len(spoken) == len(plain)
    assert 10 * np.log10(np.mean((spoken - plain) ** 2) / np.mean(plain**2)) < -11


def test_any_two_seconds_are_enough(spoken: np.ndarray) -> None:
    crops = [find_mark(spoken[at : at + 2 * RATE], RATE) for at in range(1000, len(spoken) - 2 * RATE, RATE)]
    assert len(crops) > 8
    assert all(one.marked for one in crops)


def test_where_the_mark_is(spoken: np.ndarray, plain: np.ndarray) -> None:
    report = find_mark(np.concatenate([plain[: 10 * RATE], spoken[: 6 * RATE], plain[: 6 * RATE]]), RATE)
    assert report.marked and len(report.segments) == 1
    assert report.segments[0] == pytest.approx((10, 16), abs=1.5)


@pytest.mark.parametrize("start", [0, 1, 77_777])
@pytest.mark.parametrize("size", [1, 100, 959, 9600])
def test_chunks_change_nothing(start: int, size: int) -> None:
    samples = np.random.default_rng(0).standard_normal(9000).astype(np.float32)
    whole = Marker(Watermark(), RATE, start)
    wanted = np.concatenate([whole.push(samples), whole.finish()])
    marker = Marker(Watermark(), RATE, start)
    parts = [marker.push(samples[at : at + size]) for at in range(0, len(samples), size)]
    parts += [marker.push(samples[:0]), marker.finish()]
    assert len(wanted) == len(samples)
    assert np.abs(np.concatenate(parts) - wanted).max() < 1e-6
    # The pattern is the stream's, wherever a stretch begins.
    stream = marked(np.concatenate([np.zeros(start, np.float32), samples]), RATE)[start:]
    assert np.abs(stream - wanted).max() < 1e-6


def test_nothing_and_very_little_can_be_marked() -> None:
    for count in (0, 1, 299):
        assert len(marked(np.ones(count, np.float32), RATE)) == count
        assert not find_mark(np.ones(count, np.float32), RATE).marked


# The same arithmetic everywhere


@pytest.mark.parametrize("number", [0, 1])
def test_the_vectors(number: int) -> None:
    vectors = json.loads(PATH.read_text())
    case = vectors["cases"][number]
    value = made(case, case["start"])
    assert value["pattern_sha256"] == case["pattern_sha256"]
    assert np.abs(np.array(value["samples"]) - case["samples"]).max() < vectors["tolerance"]


def test_javascript_marks_as_python_does() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node")
    driver = Path(__file__).with_name("watermark_driver.mjs")
    done = subprocess.run([node, driver, PATH], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    vectors, theirs = json.loads(PATH.read_text()), json.loads(done.stdout)
    for case, value in zip(vectors["cases"], theirs["made"], strict=True):
        assert value["count"] == vectors["count"] and value["pattern_sha256"] == case["pattern_sha256"]
        assert np.abs(np.array(value["samples"]) - case["samples"]).max() < vectors["tolerance"]
    assert theirs["errors"] == ["UsageError"] * 3


# What it survives


def coded(samples: np.ndarray, container: str, subtype: str, **options: object) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, subtype, format=container, **options)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def warped(samples: np.ndarray) -> np.ndarray:
    """Its speed changes by 1 % to and fro, every 3 s."""
    at = np.arange(len(samples)) / RATE
    moved = at + 0.01 * 3 / (2 * np.pi) * np.sin(2 * np.pi * at / 3)
    return np.interp(moved, at, samples).astype(np.float32)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mp3": lambda x: coded(x, "MP3", "MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=0.9),  # 32 kbit/s
    "opus": lambda x: coded(x, "OGG", "OPUS", compression_level=0.9),
    "a telephone's rate": lambda x: resample(resample(x, RATE, 8000), 8000, RATE),
    "noise": lambda x: x + np.float32(0.1 * x.std()) * np.random.default_rng(1).standard_normal(len(x), np.float32),
    "soft": lambda x: np.rint(x * 0.01 * 32767).astype(np.float32) / 32767,
    "faster": lambda x: resample(x, 50000, 49000),
    "slower": lambda x: resample(x, 49000, 50000),
    "warped": warped,
    "one of two channels, cut": lambda x: np.stack([x, 0 * x], axis=1)[RATE + 123 :],
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_mark_survives(spoken: np.ndarray, change: str) -> None:
    report = find_mark(CHANGES[change](spoken), RATE)
    assert report.marked, report
    speed = {"faster": 1.02, "slower": 0.98}.get(change, 1.0)
    assert report.speed == pytest.approx(speed, abs=0.011 if change == "warped" else 0.003)


# What is not marked


def test_other_sounds_have_no_mark(plain: np.ndarray) -> None:
    at = np.arange(6 * RATE) / RATE
    random = np.random.default_rng(2)
    sounds = {
        "silence": np.zeros(6 * RATE),
        "noise": random.standard_normal(6 * RATE),
        "a tone": np.sin(2 * np.pi * 440 * at),
        "a beat every 40 ms": np.sin(2 * np.pi * 1000 * at) * (np.sin(2 * np.pi * 12.5 * at) > 0),
        "bursts": random.standard_normal(6 * RATE) * (np.sin(2 * np.pi * 2 * at) > 0),
        "backwards": plain[::-1].copy(),
    }
    for name, sound in sounds.items():
        assert find_mark(0.1 * sound, RATE).p > 1e-3, name


# Attacks


def test_only_the_key_reads_and_makes_a_keyed_payload(plain: np.ndarray) -> None:
    heard = marked(plain, RATE, Watermark(77, SECRET))
    with_key, without, with_another = (find_mark(heard, RATE, key) for key in (SECRET, None, SECRET[::-1]))
    assert with_key.marked and without.marked and with_another.marked
    assert with_key.payload is not None and (with_key.payload.integrator, with_key.payload.keyed) == (77, True)
    assert without.payload is None and with_another.payload is None


def test_a_forged_mark_is_found_but_is_not_keyed(plain: np.ndarray) -> None:
    """Whoever has this code can call any sound synthetic, of any integrator; a key tells that it is not theirs."""
    forged = find_mark(marked(plain, RATE, Watermark(77)), RATE, SECRET)
    assert forged.marked and forged.payload is not None
    assert forged.payload.integrator == 77 and not forged.payload.keyed


def test_who_knows_the_code_can_remove_the_mark(spoken: np.ndarray) -> None:
    removed = 2 * spoken - marked(spoken, RATE)
    assert find_mark(removed, RATE).p > LIMIT


def test_averages_of_many_outputs_show_keyed_chips(bird: Parrotlet) -> None:
    """Half a minute tells two of three chips: a key is not safe from who collects much of what it marked."""
    mark = Watermark(77, SECRET)
    engine = Parrotlet(bird.bundle, watermark=mark)
    speech = np.concatenate([chunk.samples for chunk in engine.speak(f"{TEXT} {TEXT}", "jay")])
    cells = whitened(levels(powers(resample(speech, RATE, 8000)), 1.0))[5::8]
    mean = sum(cells[at : at + SLOTS] for at in range(0, len(cells) - SLOTS, SLOTS))
    assert isinstance(mean, np.ndarray)
    right = (np.sign(mean) == mark.pattern())[is_data()].mean()
    assert 0.6 < right < 0.95
    assert (data_chips(SECRET) != data_chips(None)).mean() == pytest.approx(0.5, abs=0.05)


# Who says what is marked


def test_the_integrator_decides_and_a_bundle_may_insist(bird: Parrotlet) -> None:
    assert bird.watermark == Watermark()
    strict = dataclasses.replace(bird.bundle, manifest={**bird.bundle.manifest, "watermark": "required"})
    with pytest.raises(UsageError, match="only for speech with a mark"):
        Parrotlet(strict, watermark=None)
    assert Parrotlet(strict, watermark=Watermark(5)).watermark == Watermark(5)
    assert "0001" not in repr(Watermark(5, SECRET)) and "key" not in repr(Watermark(5, SECRET))
    for wrong in (
        {"integrator": -1},
        {"integrator": 1 << 24},
        {"integrator": True},
        {"key": b"short"},
        {"key": "x" * 16},
    ):
        with pytest.raises(UsageError):
            Watermark(**wrong)  # type: ignore[arg-type]


# The command


def test_verify_says_it_by_its_exit_code(run: Run, spoken: np.ndarray, plain: np.ndarray) -> None:
    soundfile.write("marked.mp3", spoken, RATE)
    soundfile.write("plain.wav", plain[: 5 * RATE], RATE)
    code, out, error = run("verify", "marked.mp3")
    assert (code, error) == (0, "") and "synthetic speech" in out and "no integrator" in out
    code, out, _ = run("verify", "plain.wav", "--json")
    value = json.loads(out)
    assert code == 1 and value["marked"] is False and value["segments"] == [] and value["seconds"] == 5
    soundfile.write("keyed.flac", marked(plain, RATE, Watermark(9, SECRET)), RATE)
    Path("key").write_bytes(SECRET)
    code, out, _ = run("verify", "keyed.flac", "--mark-key", "key", "--json")
    assert code == 0 and json.loads(out)["payload"] == {"format": 1, "integrator": 9, "keyed": True}


@pytest.mark.parametrize(
    ("file", "options", "code", "says"),
    [
        ("missing.wav", (), 3, "no such file: check the path"),
        (".", (), 3, "is a folder"),
        ("text.wav", (), 3, "ffmpeg"),
        ("empty.wav", (), 3, "holds no samples"),
        ("nan.wav", (), 3, "not numbers"),
        ("nan.wav", ("--mark-key", "missing"), 2, "check the path"),
        ("nan.wav", ("--mark-key", "text.wav"), 2, "16 bytes or more"),
    ],
)
def test_verify_refuses_what_it_cannot_read(
    run: Run, file: str, options: tuple[str, ...], code: int, says: str
) -> None:
    Path("text.wav").write_text("no sound")
    soundfile.write("empty.wav", np.zeros(0), RATE)
    soundfile.write("nan.wav", np.full(RATE, np.nan), RATE, "FLOAT")
    found, out, error = run("verify", file, *options)
    assert found == code and out == "" and says in error and error.count("\n") == 1


def test_a_long_recording_is_read_a_minute_at_a_time(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(130 * 8000)
    soundfile.write(tmp_path / "long.wav", noise, 8000)
    assert verify(tmp_path / "long.wav").seconds == pytest.approx(130, abs=0.01)
    alive: list[weakref.ref[np.ndarray]] = []

    def blocks() -> Iterator[np.ndarray]:
        for at in range(4):
            assert sum(one() is not None for one in alive) <= 1
            block = noise[at * 40000 : at * 40000 + 40000].astype(np.float32)
            alive.append(weakref.ref(block))
            yield block
            del block

    assert search(blocks()).seconds == 20
