"""Recordings of a person to what a profile holds of them. No acoustic model takes part in it."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from parrotlet import adaptation
from parrotlet.advice import NARROW_HZ, RecordingReport, advised
from parrotlet.audio import Samples, resample
from parrotlet.bundle import Bundle, Sessions, run
from parrotlet.consent import SpokenConsent, checked
from parrotlet.enrollment import (
    MIN_SPEECH_S,
    MOST_SPEECH_S,
    Heard,
    find_speech,
    judge,
    require_usable,
    speech_of,
    voice_statistics,
)
from parrotlet.errors import ConsentError, InputError, ProfileFormatError, UsageError
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.narrow_band import completed
from parrotlet.pitch import estimate_f0, f0_of_frames
from parrotlet.profile import ConsentRecord, VoiceProfile, number, person
from parrotlet.recognizer import Recognizer
from parrotlet.recording import Recording, RecordingWarning, mixed, read_recording, require_rate
from parrotlet.same_person import Voiceprint, comparison, odd_one, voiceprint
from parrotlet.text import FrontEnd
from parrotlet_runtimes import Session

if TYPE_CHECKING:
    from parrotlet.alignment import Aligned

EMBED_WINDOW_S = 4.0
EMBED_WINDOWS_A_LENGTH = 1.5
"""The speaker encoder hears speech in windows that overlap by about a third."""
KEPT_RATE = 24000
"""Hz of a recording that is kept."""


class Enroller:
    """Makes profiles with a bundle's speaker encoder."""

    def __init__(self, bundle: Bundle, sessions: Sessions, text: FrontEnd | None = None) -> None:
        self._bundle, self._sessions, self._text = bundle, sessions, text
        self._mel = MelConfig(**bundle.manifest["mel"])

    @cached_property
    def speaker(self) -> Session:
        """The speaker encoder's graph."""
        return self._sessions("speaker")

    @cached_property
    def recognizer(self) -> Recognizer:
        """The phoneme recognizer. Raises BundleError where the bundle has none."""
        return Recognizer(self._bundle, self._sessions)

    def examine(self, recording: Recording, name: str | None = None) -> Heard:
        """See Parrotlet.examine. Speech is at 16 kHz."""
        label = name or (str(recording) if isinstance(recording, (str, Path)) else "the recording")
        target = self._bundle.speaker_rate
        return judge(label, _samples(recording, label, target), target, self._window_embedding)

    def enroll(
        self,
        recordings: Recording | Sequence[Recording],
        likeness: float | None = None,
        keep_recording: bool = False,
        on_report: Callable[[RecordingReport], None] | None = None,
        accepted: bool = False,
        consent: ConsentRecord | SpokenConsent | None = None,
        texts: Sequence[str] = (),
        by_ear: bool = False,
    ) -> tuple[VoiceProfile, list[Aligned]]:
        """See Parrotlet.enroll. The recordings with a text are aligned with it.

        by_ear: those without one with what is heard in them.
        accepted: the recording was found usable before, and is not judged again."""
        sources = _sources(recordings)
        if texts and len(texts) != len(sources):
            raise UsageError(f'{len(sources)} recordings and {len(texts)} texts: give one for each, "" where unknown')
        judged = [self.examine(source) for source in sources]
        reports = advised([one.report for one in judged])
        if on_report is not None:
            for report in reports:
                on_report(report)
        if not accepted:
            require_usable(reports)
        embeddings = [self.speaker_embedding(one.speech) for one in judged]
        mels = [self._mel_of(one.speech) for one in judged]
        if not accepted:
            self._require_one_person(judged, embeddings, mels)
        weights = np.sqrt([report.speech_s for report in reports])
        mean = np.average(embeddings, axis=0, weights=weights)
        if isinstance(consent, SpokenConsent):
            speech = np.concatenate([one.speech for one in judged])
            consent = self._checked(consent, self.print_of(speech, mean / np.linalg.norm(mean)))
        tensors = self._measured(mean / np.linalg.norm(mean), judged, mels)
        if likeness is not None:
            tensors["preference.likeness"] = number(likeness)
        if keep_recording:
            tensors |= _kept(sources, texts)
        profile = VoiceProfile(tensors, self._bundle.speaker_model, self._bundle.name, consent=consent)
        heard = []
        for source, report, text in zip(sources, reports, texts or [""] * len(sources), strict=True):
            known = bool(text.strip())
            if known or by_ear:
                # Who gave no text is not told what could not be heard.
                with suppress(InputError) if accepted or not known else nullcontext():
                    heard.append(self.aligned(source, report, text if known else None))
        return profile, heard

    def aligned(self, source: Recording, report: RecordingReport, text: str | None) -> Aligned:
        """A recording and where in it the phonemes of what was read are, or where that is None, of what is heard.

        Raises InputError, also for another text.
        """
        from parrotlet.alignment import READ_S, Read, aligned

        assert self._text is not None
        rate, target = self._mel.sample_rate, self._bundle.speaker_rate
        samples = _samples(source, report.name, rate)
        if text is None:
            samples = samples[: int(READ_S * rate)]
        if len(samples) > READ_S * rate:
            raise InputError(f"{report.name}: longer than {READ_S:g} s: cut it and its text in parts")
        read = Read(
            report.name,
            None if text is None else self._text.phonemize(text),
            mel_spectrogram(samples, self._mel),
            f0_of_frames(resample(samples, rate, target), target, len(samples) // self._mel.hop_length),
            report.bandwidth_hz,
        )
        return aligned(self.recognizer, read)

    def _mel_of(self, speech: Samples) -> npt.NDArray[np.float32]:
        """The log-mel spectrogram [T, M] of speech [N] at 16 kHz."""
        return mel_spectrogram(resample(speech, self._bundle.speaker_rate, self._mel.sample_rate), self._mel)

    def _measured(
        self, embedding: npt.NDArray[Any], judged: Sequence[Heard], mels: Sequence[npt.NDArray[np.float32]]
    ) -> dict[str, npt.NDArray[Any]]:
        pitch = voice_statistics(np.concatenate([one.f0 for one in judged]))
        reports = [one.report for one in judged]
        # A recording that lacks the upper bands says less of the voice than one that has them.
        full = [index for index, report in enumerate(reports) if report.bandwidth_hz >= NARROW_HZ]
        if sum(reports[index].speech_s for index in full) < MIN_SPEECH_S:
            full = list(range(len(reports)))
        heard = np.concatenate([mels[index] for index in full])[: int(MOST_SPEECH_S * self._mel.frame_rate)]
        bandwidth = min(reports[index].bandwidth_hz for index in full)
        if bandwidth < NARROW_HZ:
            heard = completed(heard, bandwidth, self._mel)
        return person(embedding, pitch, adaptation.measure(heard))

    def speaker_embedding(self, speech: Samples) -> npt.NDArray[np.float32]:
        """Speech [N] at 16 kHz -> unit-norm speaker embedding [E]: the mean over windows of 4 s."""
        size = int(EMBED_WINDOW_S * self._bundle.speaker_rate)
        if len(speech) < size:
            speech = np.tile(speech, -(-size // max(1, len(speech))))[:size]
        count = max(1, round(len(speech) / size * EMBED_WINDOWS_A_LENGTH))
        starts = np.linspace(0, len(speech) - size, count).astype(int)
        mean = np.mean([self._window_embedding(speech[at : at + size]) for at in starts], axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _window_embedding(self, samples: Samples) -> npt.NDArray[np.float32]:
        return np.asarray(run(self.speaker, samples=samples[None])["embedding"][0], dtype=np.float32)

    def _require_one_person(
        self,
        judged: Sequence[Heard],
        embeddings: Sequence[npt.NDArray[np.float32]],
        mels: Sequence[npt.NDArray[np.float32]],
    ) -> None:
        if len(judged) < 2:
            return
        prints = [
            voiceprint(len(one.speech) / self._bundle.speaker_rate, embedding, mel, one.f0)
            for one, embedding, mel in zip(judged, embeddings, mels, strict=True)
        ]
        narrow = any(one.report.bandwidth_hz < NARROW_HZ for one in judged)
        odd = odd_one(prints, self._bundle.speaker_model, narrow, self._bundle.same_speaker)
        if odd is None:
            return
        name = judged[odd.index].report.name
        if odd.sure:
            raise InputError(
                f"{name}: sounds like another person than the other recordings: enroll one person at a time"
            )
        warnings.warn(f"{name}: may be of another person than the other recordings", RecordingWarning, stacklevel=4)

    def _checked(self, consent: SpokenConsent, enrolled: Voiceprint) -> ConsentRecord:
        rate, wide_rate = self._bundle.speaker_rate, self._mel.sample_rate
        wide = _samples(consent.take, "the consent", wide_rate)
        report, speech, _ = judge("the consent", resample(wide, wide_rate, rate), rate)
        if report.speech_s < MIN_SPEECH_S:
            raise ConsentError(f"consent: only {report.speech_s:.1f} s of speech: read the whole sentence aloud")
        score = self.take_odds(self.print_of(speech, self.speaker_embedding(speech)), enrolled)
        assert self._text is not None
        mel = mel_spectrogram(wide, self._mel)
        return checked(consent, self.recognizer, self._text, mel, wide, wide_rate, score)

    def print_of(self, speech: Samples, embedding: npt.ArrayLike) -> Voiceprint:
        """What is compared of speech [N] at 16 kHz, of its first ``MOST_SPEECH_S``."""
        rate = self._bundle.speaker_rate
        speech = speech[: int(MOST_SPEECH_S * rate)]
        return voiceprint(len(speech) / rate, embedding, self._mel_of(speech), estimate_f0(speech, rate))

    def take_odds(self, take: Voiceprint, enrolled: Voiceprint) -> float:
        """Log odds that a spoken consent is of the person who is enrolled.

        With another encoder than that of the shipped table the cosine decides: infinite, or minus infinite.
        """
        if comparison().encoder != self._bundle.speaker_model:
            cosine = float(take.embedding @ enrolled.embedding)
            return float("inf") if cosine >= self._bundle.same_speaker else float("-inf")
        return comparison().take_odds(take, enrolled)


def _sources(recordings: Recording | Sequence[Recording]) -> list[Recording]:
    several = isinstance(recordings, Sequence) and not isinstance(recordings, (str, bytes, tuple))
    sources: list[Recording] = list(recordings) if several else [recordings]  # type: ignore[arg-type, list-item]
    if not sources:
        raise InputError("no recording given: pass at least one file")
    for source in sources:
        pair = isinstance(source, tuple) and len(source) == 2
        if not pair and not isinstance(source, (str, Path, bytes)):
            raise UsageError(
                f"a recording is a path, the bytes of a file, or (samples, rate), not {type(source).__name__}: "
                "of samples in memory, pass the rate too"
            )
    return sources


def _samples(recording: Recording, label: str, target: int) -> Samples:
    if not isinstance(recording, tuple):
        return read_recording(recording, target)[0]
    try:
        data, rate = np.asarray(recording[0], dtype=np.float32), int(recording[1])
    except (TypeError, ValueError) as error:
        raise UsageError("samples are an array of numbers, and their rate is a number in Hz") from error
    if data.ndim not in (1, 2) or not data.size or not np.isfinite(data).all():
        raise InputError("samples must be a non-empty finite array [N] or [N, channels]")
    require_rate(label, rate)
    return resample(mixed(data, rate, label), rate, target)


def _kept(sources: Sequence[Recording], texts: Sequence[str]) -> dict[str, npt.NDArray[np.uint8]]:
    """The speech of recordings, one after the other, as a FLAC file: at most ``MOST_SPEECH_S``; and what was read."""
    import soundfile

    whole = [_samples(source, "the recording", KEPT_RATE) for source in sources]
    parts = [speech_of(samples, find_speech(samples, KEPT_RATE)[0], KEPT_RATE) for samples in whole]
    file, most = io.BytesIO(), int(MOST_SPEECH_S * KEPT_RATE)
    kept = np.clip(np.concatenate(parts)[:most], -1, 1)
    soundfile.write(file, kept, KEPT_RATE, format="FLAC", subtype="PCM_16")
    tensors = {"recording.flac": np.frombuffer(file.getvalue(), np.uint8)}
    if texts:
        ends = np.cumsum([len(part) for part in parts])
        # Of a recording that is cut off, nobody knows which words are left.
        rows = [[min(int(end), most), text if end <= most else ""] for end, text in zip(ends, texts, strict=True)]
        tensors["recording.texts"] = np.frombuffer(json.dumps(rows, ensure_ascii=False).encode(), np.uint8)
    return tensors


def kept_recordings(profile: VoiceProfile) -> tuple[list[Recording], list[str]]:
    """The speech that a profile keeps, and what was read in each part of it, if that is known.

    Raises ProfileFormatError where the texts are damaged.
    """
    recording, texts = profile.recording, profile.tensors.get("recording.texts")
    assert recording is not None
    if texts is None:
        return [recording], []
    try:
        rows = [(int(end), str(text)) for end, text in json.loads(texts.tobytes())]
    except (TypeError, ValueError) as error:
        raise ProfileFormatError("the texts of the profile's recording are damaged: enroll again") from error
    samples = read_recording(recording, KEPT_RATE)[0]
    parts = np.split(samples, [end for end, _ in rows[:-1]])
    whole = [(part, text) for part, (_, text) in zip(parts, rows, strict=True) if len(part)]
    return [(part, KEPT_RATE) for part, _ in whole], [text for _, text in whole]
