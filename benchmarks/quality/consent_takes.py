"""Takes that stand for a spoken consent: clips of a person's one session, joined to the length of a real answer.

A consent sentence has some 68 sounds, with four random words of ``consent_words``. No corpus has such takes, so that
they are put together: up to three clips of one person that sound as if recorded in one place are the take, with about
as many sounds or more; others of that place are the enrollment. Four of the take's words, drawn at random, stand for
the random ones. As those of the list, they are in the lexicon and no names, have five to ten sounds and two to four
syllables, and occur once.
"""

from __future__ import annotations

import io
import itertools
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from people import rows_of
from scipy.fft import next_fast_len
from scipy.signal import fftconvolve

from parrotlet.audio import resample
from parrotlet.enrollment import find_speech, speech_of
from parrotlet.spoken_words import Sentence
from parrotlet.text import TextFrontEnd

Samples = npt.NDArray[np.float32]

RATE = 24000
CONDITIONS = ("clean", "noise20", "noise10", "far")
ARCHIVES = ("commonvoice", "vctk")
WORD_SOUNDS, WORD_SYLLABLES, WORDS_A_TAKE = range(5, 11), range(2, 5), 4
PERSON_CLIPS, PERSON_TAKES = 16, 6
TAKE_SOUNDS = range(55, 106)
"""More than a consent sentence has on average: few people have clips that are shorter together."""
ENROLLED_S = (5.0, 12.0)
"""Seconds that an enrollment has at least, and after which no further clip is added."""
GOOD_S = 8.0
"""Seconds of an enrollment below which a take counts apart: the sentences to read for an enrollment take thirteen."""
SESSION_DB = 12.0
"""Clips whose signal-to-noise ratios, in order, lie further apart are not of one session."""
VOWELS = set("aeiouæɑɔəɛɜɪʊʌAIOWYᵊɚᵻɐ")


@dataclass(frozen=True)
class Clip:
    archive: str
    person: str
    text: str
    rate: int
    snr_db: float
    samples: Samples

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


@dataclass(frozen=True)
class Take:
    """What a person says, and what the person is enrolled with: numbers of clips."""

    person: str
    archive: str
    clips: tuple[int, ...]
    enrolled: tuple[int, ...]
    text: str
    words: tuple[str, ...]


def read_clips(
    corpus: Path, split: str, most: int = PERSON_CLIPS, archives: Sequence[str] = ARCHIVES
) -> Iterator[Clip]:
    """The first ``most`` clips, of different texts, of every person of a split."""
    for archive in archives:
        with zipfile.ZipFile(corpus / f"{archive}.zip") as file:
            taken: Counter[str] = Counter()
            texts: set[tuple[str, str]] = set()
            for row in rows_of(file, archive, split):
                person, said = row["speaker"], (row["speaker"], row["text"])
                if taken[person] >= most or (row["text"] and said in texts):
                    continue
                texts.add(said)
                taken[person] += 1
                data, rate = soundfile.read(io.BytesIO(file.read(row["file"])), dtype="float32")
                samples = resample(_begun(data), rate, RATE)
                yield Clip(archive, person, row["text"].strip(), int(row["rate"]), float(row["snr_db"]), samples)


def _begun(samples: Samples) -> Samples:
    """Without the digital silence that some recorders put before a clip: inside a joined take it would be a cut."""
    changes = np.flatnonzero(np.diff(samples))
    return samples[changes[0] + 1 :] if len(changes) else samples


def sessions(clips: Sequence[Clip], numbers: Sequence[int]) -> list[list[int]]:
    """Clips of one person by place: of one rate, and of signal-to-noise ratios without a gap of ``SESSION_DB``."""
    found: list[list[int]] = []
    for number in sorted(numbers, key=lambda n: (clips[n].rate, clips[n].snr_db)):
        last = clips[found[-1][-1]] if found else None
        near = last and last.rate == clips[number].rate and clips[number].snr_db - last.snr_db <= SESSION_DB
        if near:
            found[-1].append(number)
        else:
            found.append([number])
    return [sorted(session) for session in found]


class Words:
    """Which words of a text may stand for random ones."""

    def __init__(self, text: TextFrontEnd) -> None:
        self.text = text

    @cached_property
    def _pronouncer(self):  # type: ignore[no-untyped-def]
        return self.text._pronounce

    def known(self, sentence: str) -> bool:
        """Whether the lexicon has every word, as it has those of a consent sentence."""
        return all(self._pronouncer.knows(word) for word, _, _ in Sentence.of(sentence, self.text).words)

    def random(self, sentence: str) -> tuple[str, ...]:
        """Those that stand for the random words, in order; none if there are too few."""
        made = Sentence.of(sentence, self.text)
        count = Counter(word.lower() for word, _, _ in made.words)
        fit = []
        for place, (word, first, last) in enumerate(made.words):
            said = made.phonemes[first:last]
            if count[word.lower()] > 1 or not (word.isalpha() and word.islower() and self._pronouncer.knows(word)):
                continue
            if sounds(said) in WORD_SOUNDS and sum(symbol in VOWELS for symbol in said) in WORD_SYLLABLES:
                fit.append((place, word))
        if len(fit) < WORDS_A_TAKE:
            return ()
        drawn = np.random.default_rng(len(made.phonemes)).choice(len(fit), WORDS_A_TAKE, replace=False)
        return tuple(fit[number][1] for number in sorted(drawn))


def sounds(phonemes: str) -> int:
    """How many phonemes there are that sound."""
    return sum(symbol.isalpha() and symbol not in "ˈˌ" for symbol in phonemes)


def takes_of(clips: Sequence[Clip], text: TextFrontEnd, most: int = PERSON_TAKES) -> list[Take]:
    """Takes of every person: the first of each, then the second, ... Clips are used as evenly as possible."""
    words = Words(text)
    length = {
        number: sounds(text.phonemize(clip.text))
        for number, clip in enumerate(clips)
        if clip.text and words.known(clip.text)
    }
    people: dict[str, list[int]] = defaultdict(list)
    for number, clip in enumerate(clips):
        people[clip.person].append(number)
    rounds: list[list[Take]] = [[] for _ in range(most)]
    for numbers in people.values():
        used: Counter[int] = Counter()
        ways = [way for session in sessions(clips, numbers) for way in _ways(clips, session, length)]
        made = 0
        while ways and made < most:
            ways.sort(key=lambda way: (sum(used[n] for n in way[0]), way))
            joined, enrolled = ways.pop(0)
            sentence = " ".join(clips[n].text.rstrip(".!?,;: ") + "." for n in joined)
            chosen = words.random(sentence)
            if not chosen:
                continue
            clip = clips[joined[0]]
            rounds[made].append(Take(clip.person, clip.archive, joined, enrolled, sentence, chosen))
            used.update(joined)
            made += 1
    return [take for group in rounds for take in group]


def _ways(
    clips: Sequence[Clip], session: Sequence[int], length: dict[int, int]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Clips of a session that are a take, with those that are left to enroll. length: sounds of those with a text."""
    for size in (1, 2, 3):
        for joined in itertools.combinations([number for number in session if number in length], size):
            if sum(length[number] for number in joined) not in TAKE_SOUNDS:
                continue
            enrolled = enrolled_of(clips, [n for n in session if n not in joined])
            if enrolled:
                yield joined, enrolled


def enrolled_of(clips: Sequence[Clip], numbers: Sequence[int]) -> tuple[int, ...]:
    """The first of these clips that are together long enough to enroll; none if all are too short."""
    chosen: list[int] = []
    seconds = 0.0
    for number in numbers:
        if seconds < ENROLLED_S[1]:
            chosen.append(number)
            seconds += clips[number].seconds
    return tuple(chosen) if seconds >= ENROLLED_S[0] else ()


def in_condition(samples: Samples, condition: str, random: np.random.Generator) -> Samples:
    """A take as it sounds under a condition."""
    if condition == "clean":
        return samples
    down = {"noise20": 20, "noise10": 10, "far": 25}[condition]
    if condition == "far":
        time = np.arange(int(0.5 * RATE)) / RATE
        tail = random.standard_normal(len(time)) * 10 ** (-3 * time / 0.5)
        tail[: int(0.003 * RATE)] = 0
        tail *= 1 / np.sqrt((tail**2).sum())
        tail[0] = 1
        samples = fftconvolve(samples, tail)[: len(samples)].astype(np.float32)
    white = np.fft.rfft(random.standard_normal(next_fast_len(len(samples), real=True)))
    noise = np.fft.irfft(white / np.sqrt(np.arange(len(white)) + 30))[: len(samples)]
    active, _ = find_speech(samples, RATE)
    level = np.sqrt(np.mean(speech_of(samples, active, RATE) ** 2)) if active.any() else np.sqrt(np.mean(samples**2))
    noise *= level * 10 ** (-down / 20) / np.sqrt(np.mean(noise**2))
    made = samples + noise.astype(np.float32)
    return np.asarray(made / max(1.0, float(np.abs(made).max())), np.float32)
