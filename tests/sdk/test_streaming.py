"""Streaming, sharing and repeating: what docs/python.md promises of ``speak``, on the shipped bundle."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrotlet import Parrotlet, SpeakOptions, VoiceProfile
from parrotlet.acoustic import SplitAcoustic
from parrotlet.errors import UsageError
from parrotlet.fastspeech_nsf import FIRST_FRAMES
from parrotlet.text.utterance import Pause, Utterance
from parrotlet_runtimes import Session, SessionInfo

LONG = "The rain had stopped by noon, so we took the short way home, and nobody was in a hurry. Then it was quiet."


@dataclass
class Counted:
    """A session of one's own: the bundle's, counting its calls."""

    session: Session
    calls: list[int] = field(default_factory=list)

    @property
    def info(self) -> SessionInfo:
        return self.session.info

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(max(value.shape[1] for value in feeds.values() if value.ndim > 1))
        return self.session.run(feeds)


@pytest.fixture
def counted(bird: Parrotlet) -> tuple[Parrotlet, dict[str, Counted]]:
    opened: dict[str, Counted] = {}

    def sessions(graph: str) -> Session:
        return opened.setdefault(graph, Counted(bird.bundle.session(graph)))

    return Parrotlet.load(sessions=sessions), opened


@pytest.fixture(scope="module")
def voice(bird: Parrotlet) -> VoiceProfile:
    return next(iter(bird.presets.values())).profile


def joined(bird: Parrotlet, text: str | Iterator[str], voice: VoiceProfile, **options: Any) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in bird.speak(text, voice, **options)])


def tokens(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def test_the_first_chunk_takes_one_acoustic_pass_and_one_short_vocoder_call(
    counted: tuple[Parrotlet, dict[str, Counted]], voice: VoiceProfile
) -> None:
    bird, opened = counted
    chunk = next(bird.speak(LONG * 20, voice))
    assert len(opened["acoustic"].calls) == len(opened["vocoder"].calls) == 1
    assert 0 < chunk.seconds < 0.5
    # What the vocoder saw is the chunk and its context, not the sentence.
    assert opened["vocoder"].calls[0] < 80


@dataclass
class Frames:
    """A part of the acoustic graph that notes how many frames it is asked for."""

    session: Session
    frames: list[int]

    @property
    def info(self) -> SessionInfo:
        return self.session.info

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        self.frames += [value.shape[1] for name, value in feeds.items() if name == "f0"]
        return self.session.run(feeds)


def test_mel_chunks_join_to_the_whole_and_the_first_is_short(bird: Parrotlet, voice: VoiceProfile) -> None:
    frames: list[int] = []

    def sessions(graph: str) -> Session:
        opened = bird.bundle.session(graph)
        return opened.over(lambda part: Frames(part, frames)) if isinstance(opened, SplitAcoustic) else opened

    phonemes = bird.phonemize(LONG.partition(".")[0] + ", and so on, as long as anyone would listen to it.")
    whole = bird.acoustics(phonemes, voice)
    expected = np.concatenate(list(bird.vocode(whole.mel, whole.f0)))
    chunks = Parrotlet.load(sessions=sessions).speak(phonemes=phonemes, profile=voice)
    next(chunks)
    context = bird.bundle.acoustic_context + bird.bundle.vocoder_context
    assert FIRST_FRAMES < frames[0] <= FIRST_FRAMES + context + bird.bundle.acoustic_context + 80
    chunks.close()
    utterance = Utterance("", phonemes, Pause(0.0, "text"), ())
    spoken = bird._model.speak(utterance, bird.voice(voice), 1.0, 0.0, np.random.default_rng(0))
    made = np.concatenate(list(spoken.samples))
    assert len(whole.mel) > 2 * frames[0]
    assert made.shape == expected.shape
    assert 10 * np.log10(np.mean((made - expected) ** 2) / np.mean(expected**2) + 1e-12) < -60


def test_who_stops_asking_has_stopped_the_work(
    counted: tuple[Parrotlet, dict[str, Counted]], voice: VoiceProfile
) -> None:
    bird, opened = counted
    taken: list[str] = []

    def text() -> Iterator[str]:
        for _ in range(1000):
            taken.append("One more sentence. ")
            yield taken[-1]

    threads = threading.active_count()
    for number, _ in enumerate(bird.speak(text(), voice)):
        if number == 2:
            break
    before = sum(len(session.calls) for session in opened.values()), len(taken)
    gc.collect()
    assert (sum(len(session.calls) for session in opened.values()), len(taken)) == before
    assert len(taken) < 10
    assert threading.active_count() == threads
    chunks = bird.speak(LONG, voice)
    next(chunks)
    chunks.close()
    assert list(chunks) == []


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 25), min_size=1, max_size=8))
def test_the_size_of_the_tokens_does_not_matter(bird: Parrotlet, sizes: list[int]) -> None:
    pieces, at = [], 0
    while at < len(LONG):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(LONG[at : at + size])
        at += size
    cut = [utterance.phonemes for utterance in bird._text.sentences(iter(pieces))]
    assert cut == [utterance.phonemes for utterance in bird._text.sentences(iter([LONG]))]
    assert len(cut) == 4


def test_tokens_are_cut_at_clauses_and_a_string_at_sentences(
    counted: tuple[Parrotlet, dict[str, Counted]], voice: VoiceProfile
) -> None:
    bird, opened = counted
    for _ in bird.speak(tokens(LONG, 4), voice):
        pass
    assert len(opened["acoustic"].calls) == 4
    for _ in bird.speak(LONG, voice):
        pass
    assert len(opened["acoustic"].calls) == 4 + 2


def test_speech_begins_before_the_first_sentence_is_complete(bird: Parrotlet, voice: VoiceProfile) -> None:
    def words() -> Iterator[str]:
        yield from tokens("The rain had stopped by noon, so ", 4)
        pytest.fail("the first clause was complete")

    next(bird.speak(words(), voice))


def test_clauses_keep_numbers_and_brackets_together(bird: Parrotlet) -> None:
    text = "It is more than one hundred and 12,500, and the sign on the house says [[hˈI, ðˈɛɹ]]. "
    spoken = [utterance.text for utterance in bird._text.sentences(tokens(text, 3))]
    assert "twelve thousand five hundred" in " ".join(spoken).replace("-", " ")
    assert any("[[hˈI, ðˈɛɹ]]" in part for part in spoken)
    assert len(spoken) > 1


def test_memory_does_not_grow_with_the_text(bird: Parrotlet, voice: VoiceProfile) -> None:
    def peak(sentences: int) -> int:
        gc.collect()
        tracemalloc.start()
        for _ in bird.speak(iter(["A short one here. "] * sentences), voice):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(1)
    assert peak(40) < peak(4) + 300_000  # 36 sentences are 3 MB of samples


def silences(samples: np.ndarray, rate: int) -> list[float]:
    """Lengths in seconds of the stretches of exact zeros, 50 ms and more."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], samples == 0, [0]])))
    lengths = np.diff(edges)[::2] / rate
    return [round(float(length), 3) for length in lengths if length > 0.05]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("Yes. No? So!", {}, [0.3, 0.35, 0.3]),
        ("Yes. No?", {"speed": 2.0}, [0.15, 0.175]),
        ("Yes. No? So!", {"sentence_silence": 1.0}, [1.0, 1.0, 1.0]),
        ("Yes. No? So!", {"sentence_silence": 1.0, "speed": 2.0}, [1.0, 1.0, 1.0]),
        ("Yes. No? So!", {"sentence_silence": 0}, []),
        ("Yes [[pause 700ms]] no.", {"sentence_silence": 0.2, "speed": 2.0}, [0.7, 0.2]),
        ("Yes.[[pause 300ms]] No.", {"sentence_silence": 0}, [0.3]),
        ("Yes.[[pause 300ms]] No.", {"speed": 2.0}, [0.3, 0.15]),
        ("Yes?[[pause 350ms]] No.", {"sentence_silence": 1.0}, [0.35, 1.0]),
        ("Yes.\n\nNo.", {"sentence_silence": 1.0}, [1.0, 1.0]),
    ],
)
def test_pauses(
    silent_pauses: None,
    bird: Parrotlet,
    voice: VoiceProfile,
    text: str,
    options: dict[str, float],
    expected: list[float],
) -> None:
    assert silences(joined(bird, text, voice, **options), bird.sample_rate) == expected


@pytest.mark.parametrize("seconds", [0.3, 0.35, 0.6, 0.61])
@pytest.mark.parametrize("options", [{}, {"sentence_silence": 0}, {"sentence_silence": 2.0}, {"speed": 2.0}])
def test_a_break_is_as_long_as_the_document_says(
    silent_pauses: None, bird: Parrotlet, voice: VoiceProfile, seconds: float, options: dict[str, float]
) -> None:
    document = f'<speak>Hello there.<break time="{seconds * 1000:g}ms"/>Bye</speak>'
    assert silences(joined(bird, document, voice, ssml=True, **options), bird.sample_rate)[0] == seconds


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 0.4}, "speed must be a number between 0.5 and 2, not 0.4"),
        ({"speed": "fast"}, "speed must be a number"),
        ({"pitch": 6.5}, "pitch must be a number between -6 and 6"),
        ({"volume": float("inf")}, "volume"),
        ({"sentence_silence": -1}, "sentence_silence must be a number between 0 and 10"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed"),
        ({"speed": 2.0, "options": SpeakOptions(pitch=1)}, "not both"),
    ],
)
def test_bad_values_are_named_at_the_call(
    bird: Parrotlet, voice: VoiceProfile, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        bird.speak("Hello.", voice, **options)


def test_the_ends_of_every_range_speak(bird: Parrotlet, voice: VoiceProfile) -> None:
    for options in ({"speed": 0.5}, {"speed": 2.0}, {"pitch": -6.0}, {"pitch": 6.0}, {"volume": 4.0}):
        samples = joined(bird, "Good morning.", voice, **options)
        assert np.isfinite(samples).all()
        assert 0.005 < np.sqrt(np.mean(samples**2)) < 0.9
        assert np.abs(samples).max() <= 1
    assert not joined(bird, "Good morning.", voice, volume=0.0).any()


def together(calls: list[Callable[[], np.ndarray]]) -> list[np.ndarray]:
    """Run the calls in threads that start at the same moment."""
    barrier = threading.Barrier(len(calls))
    results: list[np.ndarray | None] = [None] * len(calls)

    def run(index: int) -> None:
        barrier.wait()
        results[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result is not None for result in results)
    return results  # type: ignore[return-value]


def test_threads_share_an_engine_that_nobody_has_used_yet(bird: Parrotlet) -> None:
    jobs = [
        (f"This is voice number {n}, speaking.", preset.profile, n) for n, preset in enumerate(bird.presets.values())
    ]
    jobs = jobs[:4]
    alone = [joined(bird, text, voice, seed=seed) for text, voice, seed in jobs]
    fresh = Parrotlet(bird.bundle)
    made = together([lambda job=job: joined(fresh, job[0], job[1], seed=job[2]) for job in jobs])
    assert all(np.array_equal(a, b) for a, b in zip(alone, made, strict=True))


def test_engines_live_side_by_side(bird: Parrotlet, voice: VoiceProfile) -> None:
    own = Parrotlet.load(lexicon={"parrotlet": "something else entirely"})
    two = Parrotlet.load(threads=2)
    alone = [joined(engine, "A parrotlet speaks.", voice) for engine in (bird, own, two)]
    made = together([lambda e=engine: joined(e, "A parrotlet speaks.", voice) for engine in (bird, own, two)])
    assert all(np.array_equal(a, b) for a, b in zip(alone, made, strict=True))
    assert len(alone[1]) > len(alone[0])


def test_a_seed_gives_the_same_bytes_in_another_process(bird: Parrotlet, voice: VoiceProfile) -> None:
    name = next(iter(bird.presets))
    command = [sys.executable, "-m", "parrotlet", "say", LONG, "--voice", f"preset:{name}", "--raw", "--seed", "11"]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    assert said == b"".join(chunk.int16_bytes() for chunk in bird.speak(LONG, voice, seed=11))


def test_importing_and_loading_leaves_the_process_as_it_was() -> None:
    code = """
import locale, os, signal, threading, warnings
state = lambda: (dict(os.environ), threading.active_count(), list(warnings.filters), signal.getsignal(signal.SIGPIPE),
                 signal.getsignal(signal.SIGINT), locale.setlocale(locale.LC_ALL), os.getcwd())
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # the one thing that is set, and documented
import numpy, onnxruntime
before = state()
import parrotlet, parrotlet.cli, parrotlet.bench
bird = parrotlet.Parrotlet.load()
list(bird.speak("Hello.", next(iter(bird.presets.values())).profile))
assert state() == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_speech_does_not_need_is_not_imported() -> None:
    code = """
import sys
import parrotlet.cli
parrotlet.cli.main(["say", "Hello.", "--voice", "preset:robin", "-o", "-"])
heavy = "scipy soundfile soxr Crypto platformdirs importlib.metadata torch parrotlet.bench subprocess".split()
print(sorted(set(heavy) & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr.decode() == "[]\n"


def test_enrollment_imports_no_heavy_package(recordings: dict[str, list[Path]]) -> None:
    code = f"""
import sys
import parrotlet
parrotlet.Parrotlet.load().enroll({str(recordings["woman"][0])!r})
print(sorted({{"scipy", "torch"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_warming_up_runs_every_graph_of_synthesis(counted: tuple[Parrotlet, dict[str, Counted]]) -> None:
    bird, opened = counted
    bird.warm_up()
    assert all(opened[graph].calls for graph in ("acoustic", "vocoder"))
