"""Utterances to finished sound: the model's samples with pauses, marks, watermark and a voice's loudness."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from parrotlet.audio import AudioChunk, Mark, Samples
from parrotlet.finishing import Finisher
from parrotlet.options import PITCH, SPEED, SpeakOptions
from parrotlet.room_tone import RoomTone
from parrotlet.speech_model import SpeechModel, Voice
from parrotlet.watermark import Marker, Watermark

if TYPE_CHECKING:
    from parrotlet.text import Utterance

LOUDNESS, MOST_GAIN = -19.0, 4.0
"""LUFS that every voice speaks at, and the factor that brings one there at most."""


def ready(rate: int, watermark: Watermark | None) -> None:
    """Make now what the first sound of a process would wait for: filters, and parts of numpy that it loads late."""
    np.random.default_rng(0)
    Finisher(1.0, rate)
    if watermark:
        Marker(watermark, rate)


def finished_speech(
    model: SpeechModel,
    utterances: Iterable[Utterance],
    voice: Voice,
    options: SpeakOptions,
    rate: int,
    watermark: Watermark | None,
) -> Generator[AudioChunk, None, None]:
    """Utterances in a voice, as chunks of finished sound; rate: of the samples, in Hz."""
    random = np.random.default_rng(options.seed)
    gain = min(MOST_GAIN, float(10 ** ((LOUDNESS - voice.loudness_lufs) / 20)))
    spoken = 0  # samples
    background = RoomTone()
    for utterance in utterances:
        speed = float(np.clip(options.speed * utterance.speed, *SPEED))
        if any(symbol.isalpha() for symbol in utterance.phonemes):
            pitch = float(np.clip(options.pitch + utterance.pitch, *PITCH))
            made = model.speak(utterance, voice, speed, pitch, random)
            words, phonemes = _marks(utterance, (spoken + made.edges) / rate)
            finisher = Finisher(options.volume * utterance.volume * gain, rate)
            marker = Marker(watermark, rate, spoken) if watermark else None
            background = RoomTone()
            for samples in _finished(made.samples, marker, finisher):
                background.push(samples)
                yield AudioChunk(samples, rate, words, phonemes)
                words, phonemes = (), ()
                spoken += len(samples)
        silence = round(utterance.pause.spoken(speed, options.sentence_silence) * rate)
        if silence:
            yield AudioChunk(background.sound(silence), rate)
            spoken += silence


def _finished(parts: Iterable[Samples], marker: Marker | None, finisher: Finisher) -> Iterator[Samples]:
    """An utterance's samples as they are heard; none of the parts is empty. What is marked is limited after that."""
    if marker is not None:
        parts = _marked(parts, marker)
    yield from (made for made in map(finisher.push, parts) if len(made))
    yield finisher.finish()


def _marked(parts: Iterable[Samples], marker: Marker) -> Iterator[Samples]:
    yield from map(marker.push, parts)
    yield marker.finish()


def _marks(utterance: Utterance, edges: npt.NDArray[np.float64]) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    """Marks of the words and of the phonemes of an utterance. edges[k]: seconds at which phoneme k begins."""
    words = tuple(Mark(w.text, float(edges[w.start]), float(edges[w.end])) for w in utterance.words)
    phonemes = tuple(Mark(symbol, float(edges[k]), float(edges[k + 1])) for k, symbol in enumerate(utterance.phonemes))
    return words, phonemes
