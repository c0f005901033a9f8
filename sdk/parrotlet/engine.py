"""Parrotlet: enrol a voice and speak with it, all on this machine."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parrotlet import adaptation, intonation
from parrotlet.advice import NARROW_HZ, advised
from parrotlet.audio import AudioChunk, Mark, Samples, resample
from parrotlet.bundle import Bundle, Preset
from parrotlet.enrollment import MIN_SPEECH_S, RecordingReport, judge, require_usable, voice_statistics
from parrotlet.errors import BundleError, InputError, UsageError, WrongModelError
from parrotlet.finishing import Finisher
from parrotlet.loudness import integrated_loudness
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.narrow_band import completed
from parrotlet.profile import ConsentRecord, VoiceProfile
from parrotlet.recording import RecordingWarning, mixed, read_recording, require_rate
from parrotlet.rendering import Renderer
from parrotlet.same_person import odd_one, voiceprint
from parrotlet.text import TextFrontEnd, Utterance
from parrotlet.text.sentences import Pause
from parrotlet_runtimes import RUNTIMES, GraphError, Session, SessionInfo, installed

Recording = Path | str | bytes | tuple[npt.NDArray[np.float32], int]
Sessions = Callable[[str], Session]

REFERENCE_HZ = 160.0
SPEED, PITCH, VOLUME = (0.5, 2.0), (-6.0, 6.0), (0.0, 4.0)
EMBED_WINDOW_S = 4.0
FULL_BAND_HZ = 8000  # of recordings at 16 kHz
ADAPT_S = 60.0  # of the recordings, at most
FIRST_FRAMES, CHUNK_FRAMES = 32, 432
EDGE_FRAMES = 10  # of the silence before an utterance
LOUDNESS, MOST_GAIN = -19.0, 4.0
"""LUFS that every voice speaks at, and the factor that brings one there at most."""
MEASURED = adaptation.SENTENCES[0]
"""What a voice's loudness is measured on. (Over 16 voices and two other texts, 0.9 LU lie between the softest and the
loudest; measured on two or three sentences 0.9 to 1.7.)"""
SYNTHETIC = "Synthetic speech made with parrotlet"
START, END = "^", "$"


@dataclass(frozen=True)
class SpeakOptions:
    """What one call may change.

    speed: 0.5 to 2 times the natural rate. pitch: -6 to 6 semitones. volume: 0 to 4, a factor, limited.
    sentence_silence: 0 to 10 seconds after each sentence, None for what the punctuation asks for (which follows
    the speed). Pauses that the text itself sets, by [[pause]] or <break>, stay as they are.
    seed: of the noise source, 0 or more; the same seed gives the same samples on the same runtime.
    """

    speed: float = 1.0
    pitch: float = 0.0
    volume: float = 1.0
    sentence_silence: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in (("speed", SPEED), ("pitch", PITCH), ("volume", VOLUME)):
            _require(name, getattr(self, name), low, high)
        if self.sentence_silence is not None:
            _require("sentence_silence", self.sentence_silence, 0, 10)
        if not isinstance(self.seed, int) or self.seed < 0:
            raise UsageError(f"seed must be a whole number, 0 or more, not {self.seed!r}")


def _require(name: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, (int, float)) or not low <= value <= high:
        raise UsageError(f"{name} must be a number between {low:g} and {high:g}, not {value!r}")


@dataclass(frozen=True)
class Acoustics:
    """The acoustic graph's answer: mel [T, M], f0 [T] in Hz (0 unvoiced), durations [L] in frames.

    predicted [T, M]: mel as it was before the voice's adaptation, for which it is needed, and the refiner.
    """

    mel: npt.NDArray[np.float32]
    f0: npt.NDArray[np.float32]
    durations: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.float32]


class Parrotlet:
    """The engine: holds a bundle's graphs, no voices.

    Calls change nothing in it but a memory of how loud each voice is: threads may share one, and several live side by
    side. Graphs and the lexicon are loaded when first needed.
    """

    def __init__(
        self,
        bundle: Bundle,
        runtime: str | None = None,
        threads: int = 1,
        lexicon: Mapping[str, str] | Path | str | None = None,
        device: str = "cpu",
        sessions: Sessions | None = None,
    ) -> None:
        self.bundle, self.threads, self.device = bundle, threads, device
        self.runtime = runtime or _installed_runtime(bundle)
        self._sessions = sessions or self._open
        self._loudness: dict[bytes, float] = {}
        self._text = TextFrontEnd(lexicon, runtime=None if self.runtime == "torch" else self.runtime)

    @classmethod
    def load(
        cls,
        bundle: Path | str | None = None,
        runtime: str | None = None,
        threads: int = 1,
        lexicon: Mapping[str, str] | Path | str | None = None,
        device: str = "cpu",
        sessions: Sessions | None = None,
    ) -> Parrotlet:
        """Load a bundle (the default one, from the wheel, if no path is given).

        runtime: "onnx", "tflite" or "torch"; None takes the first of the two that is installed. threads: of one
        inference call. lexicon: the user's own words, see docs/text.md. device: "cpu", or what the runtime has
        ("cuda", "xnnpack"); where it cannot be used, the CPU is, with a DeviceWarning and ``session_info`` saying
        why. sessions: your own sessions instead, called once for each graph ("speaker", "acoustic", "vocoder").
        Raises BundleError (missing, damaged, or not for this runtime), UsageError, InputError (lexicon).
        """
        engine = cls(Bundle.load(bundle), runtime, threads, lexicon, device, sessions)
        engine._acoustic, engine._vocoder  # noqa: B018 - loading now makes the first sentence fast
        return engine

    def _open(self, graph: str) -> Session:
        return self.bundle.session(graph, self.runtime, self.threads, self.device)

    @cached_property
    def _speaker(self) -> Session:
        return self._sessions("speaker")

    @cached_property
    def _acoustic(self) -> Session:
        return self._sessions("acoustic")

    @cached_property
    def _vocoder(self) -> Session:
        return self._sessions("vocoder")

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self.bundle.symbols) if symbol}

    @cached_property
    def presets(self) -> dict[str, Preset]:
        """Voices that need no enrollment, by name."""
        return self.bundle.presets()

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return self.bundle.sample_rate

    @property
    def session_info(self) -> dict[str, SessionInfo]:
        """What each graph runs on; loads those that were not needed yet."""
        return {"acoustic": self._acoustic.info, "vocoder": self._vocoder.info, "speaker": self._speaker.info}

    def warm_up(self) -> None:
        """Speak one word to nobody: a runtime's first call is slower than those that follow."""
        for _ in self.speak("Yes.", next(iter(self.presets.values())).profile):
            pass

    # Enrollment

    def examine(self, recording: Recording, name: str | None = None) -> tuple[RecordingReport, Samples]:
        """Measure one recording without enrolling it: the report, and its speech at 16 kHz [M].

        recording: path of a file (see ``read_recording``), its bytes, or (samples float [N] or [N, channels], rate).
        Raises InputError when it cannot be read at all.
        """
        label = name or (str(recording) if isinstance(recording, (str, Path)) else "the recording")
        target = self.bundle.speaker_rate
        if isinstance(recording, tuple):
            data, rate = np.asarray(recording[0], dtype=np.float32), int(recording[1])
            if data.ndim not in (1, 2) or not data.size or not np.isfinite(data).all():
                raise InputError("samples must be a non-empty finite array [N] or [N, channels]")
            require_rate(label, rate)
            samples = resample(mixed(data, rate, label), rate, target)
        else:
            samples, _ = read_recording(recording, target)
        return judge(label, samples, target, self._window_embedding)

    def enroll(
        self,
        recordings: Recording | Sequence[Recording],
        *,
        expires: str | None = None,
        consent: ConsentRecord | None = None,
        likeness: float = adaptation.SHARE,
        on_report: Callable[[RecordingReport], None] | None = None,
    ) -> VoiceProfile:
        """Make a voice profile from one or several recordings of one person.

        likeness: 0 to 1, how near every sound comes to the recorded ones. More is more like the person and less
        natural, most of all from a noisy recording.
        on_report: called with what was measured of each recording, also when the enrollment fails after that.
        Raises InputError naming the recording that failed, why, and what to do; UsageError.
        """
        _require("likeness", likeness, 0, 1)
        several = isinstance(recordings, Sequence) and not isinstance(recordings, (str, bytes, tuple))
        sources: list[Recording] = list(recordings) if several else [recordings]  # type: ignore[arg-type, list-item]
        if not sources:
            raise InputError("no recording given: pass at least one file")
        judged = [self.examine(source) for source in sources]
        reports = advised([report for report, _ in judged])
        if on_report is not None:
            for report in reports:
                on_report(report)
        require_usable(reports)
        embeddings = [self.speaker_embedding(speech) for _, speech in judged]
        self._require_one_person(judged, embeddings)
        weights = np.sqrt([report.speech_s for report in reports])
        mean = np.average(embeddings, axis=0, weights=weights)
        speech = np.concatenate([speech for _, speech in judged])
        embedding = (mean / np.linalg.norm(mean)).astype(np.float32)
        profile = VoiceProfile(
            self.bundle.unadapted(embedding),
            voice_statistics(speech, self.bundle.speaker_rate),
            self.bundle.speaker_model,
            self.bundle.name,
            expires=expires,
            consent=consent,
        )
        # A recording that lacks the upper bands says less of the voice than one that has them.
        full = [pair for pair in judged if pair[0].bandwidth_hz >= NARROW_HZ]
        if sum(report.speech_s for report, _ in full) < MIN_SPEECH_S:
            full = judged
        bandwidth = min(report.bandwidth_hz for report, _ in full)
        heard = np.concatenate([speech for _, speech in full])
        fitted = self.adaptation(profile, heard, likeness, bandwidth)
        adapted = replace(profile, embedding=np.concatenate([embedding, fitted]))
        return replace(adapted, statistics={**adapted.statistics, "loudness_lufs": self._measured_loudness(adapted)})

    def adaptation(
        self, profile: VoiceProfile, speech: Samples, likeness: float, bandwidth_hz: int = FULL_BAND_HZ
    ) -> npt.NDArray[np.float32]:
        """What brings a voice that is not adapted yet to its person's speech [N] at 16 kHz; see ``adaptation.fit``.

        bandwidth_hz: up to where the speech holds something; bands above are completed.
        """
        config = MelConfig(**self.bundle.manifest["mel"])
        longest = speech[: int(ADAPT_S * self.bundle.speaker_rate)]
        heard = mel_spectrogram(resample(longest, self.bundle.speaker_rate, config.sample_rate), config)
        if bandwidth_hz < NARROW_HZ:
            heard = completed(heard, bandwidth_hz, config)
        spoken = [self.acoustics(self.phonemize(sentence), profile).predicted for sentence in adaptation.SENTENCES]
        return adaptation.fit(np.concatenate(spoken), heard, self.bundle.adaptation, share=likeness)

    def speaker_embedding(self, speech: Samples) -> npt.NDArray[np.float32]:
        """Speech [N] at 16 kHz -> unit-norm speaker embedding [E]: the mean over windows of 4 s."""
        size = int(EMBED_WINDOW_S * self.bundle.speaker_rate)
        if len(speech) < size:
            speech = np.tile(speech, -(-size // max(1, len(speech))))[:size]
        starts = np.linspace(0, len(speech) - size, max(1, round(len(speech) / size * 1.5))).astype(int)
        mean = np.mean([self._window_embedding(speech[at : at + size]) for at in starts], axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _window_embedding(self, samples: Samples) -> npt.NDArray[np.float32]:
        return np.asarray(self._run(self._speaker, samples=samples[None])["embedding"][0], dtype=np.float32)

    def _require_one_person(
        self, judged: Sequence[tuple[RecordingReport, Samples]], embeddings: Sequence[npt.NDArray[np.float32]]
    ) -> None:
        if len(judged) < 2:
            return
        config = MelConfig(**self.bundle.manifest["mel"])
        prints = [
            voiceprint(speech, self.bundle.speaker_rate, embedding, config)
            for (_, speech), embedding in zip(judged, embeddings, strict=True)
        ]
        narrow = any(report.bandwidth_hz < NARROW_HZ for report, _ in judged)
        odd = odd_one(prints, self.bundle.manifest["speaker"]["weights_sha256"], narrow, self.bundle.same_speaker)
        if odd is None:
            return
        name = judged[odd.index][0].name
        if odd.sure:
            raise InputError(
                f"{name}: sounds like another person than the other recordings: enrol one person at a time"
            )
        warnings.warn(f"{name}: may be of another person than the other recordings", RecordingWarning, stacklevel=3)

    # Synthesis

    def phonemize(self, text: str) -> str:
        """Text as the phoneme string the acoustic model reads."""
        return self._text.phonemize(text)

    def speak(
        self,
        text: str | Iterable[str] | None = None,
        profile: VoiceProfile | None = None,
        *,
        phonemes: str | None = None,
        ssml: bool = False,
        options: SpeakOptions | None = None,
        speed: float = 1.0,
        pitch: float = 0.0,
        volume: float = 1.0,
        sentence_silence: float | None = None,
        seed: int = 0,
    ) -> Generator[AudioChunk, None, None]:
        """Speak in a voice; chunks come as soon as they exist, and memory does not grow with the text.

        The first chunk comes after one utterance's acoustic pass and one short vocoder chunk. Work is done only
        while the caller asks for a chunk: who stops asking has stopped it.

        text: a string, cut at sentence ends, or an iterator of strings of any size (a language model's tokens),
        cut at clause ends too, so that speech begins before the sentence is complete.
        ssml: the text is an SSML document (the subset in docs/text.md).
        phonemes: spoken instead of text. profile: from ``enroll``, a store, or ``presets[name].profile``.
        See SpeakOptions for the rest. Raises UsageError, InputError (phonemes) and WrongModelError at the call;
        InputError for text that cannot be used (SSML, [[ ]]) when it is reached.
        """
        named = SpeakOptions(speed, pitch, volume, sentence_silence, seed)
        if options is not None and named != SpeakOptions():
            raise UsageError("pass either options or single settings such as speed, not both")
        if profile is None:
            raise UsageError("no voice: pass a profile, e.g. bird.presets['…'].profile")
        if (text is None) == (phonemes is None):
            raise UsageError("pass either text or phonemes")
        self._check(profile)
        if phonemes is not None:
            self._phoneme_ids(phonemes)
            utterances: Iterable[Utterance] = [Utterance("", phonemes, Pause(0.0, "text"), ())]
        else:
            assert text is not None
            utterances = self._text.sentences(text, ssml=ssml)
        return self._speak(utterances, profile, options or named)

    def _speak(
        self, utterances: Iterable[Utterance], profile: VoiceProfile, options: SpeakOptions
    ) -> Generator[AudioChunk, None, None]:
        random = np.random.default_rng(options.seed)
        spoken = 0  # samples
        for utterance in utterances:
            speed = float(np.clip(options.speed * utterance.speed, *SPEED))
            if any(symbol.isalpha() for symbol in utterance.phonemes):
                pitch = float(np.clip(options.pitch + utterance.pitch, *PITCH))
                acoustics = self._intoned(utterance, profile, speed, pitch)
                words, phonemes = self._marks(utterance, acoustics.durations, spoken)
                volume = options.volume * utterance.volume * self._gain(profile)
                for samples in self._finished(self.vocode(acoustics.mel, acoustics.f0, random), volume):
                    yield AudioChunk(samples, self.sample_rate, words, phonemes)
                    words, phonemes = (), ()
                    spoken += len(samples)
            silence = round(_pause_seconds(utterance.pause, options.sentence_silence, speed) * self.sample_rate)
            if silence:
                yield AudioChunk(np.zeros(silence, np.float32), self.sample_rate)
                spoken += silence

    def _finished(self, parts: Iterable[Samples], volume: float) -> Iterator[Samples]:
        """An utterance's samples as they are heard; none of the parts is empty."""
        finisher = Finisher(volume, self.sample_rate)
        yield from (made for made in map(finisher.push, parts) if len(made))
        yield finisher.finish()

    def _gain(self, profile: VoiceProfile) -> float:
        """The factor that brings a voice to ``LOUDNESS``: from its enrollment, or measured once by an engine."""
        loudness = profile.statistics.get("loudness_lufs")
        if loudness is None:
            voice = profile.embedding.tobytes() + np.array(model_statistics(profile)).tobytes()
            key = hashlib.sha256(voice).digest()
            if key not in self._loudness:
                self._loudness[key] = self._measured_loudness(profile)
            loudness = self._loudness[key]
        return min(MOST_GAIN, float(10 ** ((LOUDNESS - loudness) / 20)))

    def _measured_loudness(self, profile: VoiceProfile) -> float:
        """LUFS of a voice as the vocoder gives it."""
        acoustics = self.acoustics(self.phonemize(MEASURED), profile)
        speech = np.concatenate(list(self.vocode(acoustics.mel, acoustics.f0)))
        return max(-70.0, integrated_loudness(speech, self.sample_rate))

    def _marks(
        self, utterance: Utterance, durations: npt.NDArray[np.int64], spoken: int
    ) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
        """Marks of the words and of the phonemes of an utterance that begins ``spoken`` samples into the stream."""
        # edges[k]: where phoneme k begins; the start token comes before phoneme 0.
        edges = (spoken + np.cumsum(durations) * self.bundle.hop_length) / self.sample_rate
        words = tuple(Mark(w.text, float(edges[w.start]), float(edges[w.end])) for w in utterance.words)
        phonemes = tuple(
            Mark(symbol, float(edges[k]), float(edges[k + 1])) for k, symbol in enumerate(utterance.phonemes)
        )
        return words, phonemes

    def acoustics(self, phonemes: str, profile: VoiceProfile, speed: float = 1.0, pitch: float = 0.0) -> Acoustics:
        """The acoustic stage alone: one utterance's phonemes to mel spectrogram, f0 and durations."""
        self._check(profile)
        lead = self.bundle.lead_in
        out = self._run(
            self._acoustic,
            phonemes=np.array([self._phoneme_ids(lead + phonemes)]),
            embedding=profile.embedding[None],
            statistics=np.array([model_statistics(profile)]),
            speed=np.array([speed]),
            pitch=np.array([pitch]),
        )
        durations = np.asarray(out["durations"][0], dtype=np.int64)
        silent = int(durations[: 1 + len(lead)].sum())
        cut = max(0, silent - EDGE_FRAMES)
        durations = np.concatenate([[silent - cut], durations[1 + len(lead) :]])
        return Acoustics(out["mel"][0, cut:], out["f0"][0, cut:], durations, out["predicted"][0, cut:])

    def _intoned(self, utterance: Utterance, profile: VoiceProfile, speed: float, pitch: float) -> Acoustics:
        """The acoustic stage with a rise at the end of a question, for which the stage runs a few times."""
        spoken = self.acoustics(utterance.phonemes, profile, speed, pitch)
        if not intonation.rises(utterance):
            return spoken
        frame_rate = self.sample_rate / self.bundle.hop_length
        up = intonation.lift(utterance.phonemes, spoken.durations, spoken.f0, frame_rate)
        most = float(up.max())
        if most <= 0:
            return spoken
        steps = math.ceil(most / intonation.STEP)
        higher = [
            self.acoustics(utterance.phonemes, profile, speed, pitch + most * (k + 1) / steps) for k in range(steps)
        ]
        mel = intonation.blend([spoken.mel, *(one.mel for one in higher)], up / np.float32(most))
        return replace(spoken, mel=mel, f0=intonation.raised(spoken.f0, up))

    def vocode(
        self,
        mel: npt.NDArray[np.float32],
        f0: npt.NDArray[np.float32] | None = None,
        random: np.random.Generator | None = None,
        first: int = FIRST_FRAMES,
        chunk: int = CHUNK_FRAMES,
    ) -> Iterator[Samples]:
        """The vocoder stage alone: mel [T, M] to samples, T * hop in all, a chunk at a time.

        f0 [T] in Hz; where it is not given the vocoder reads it off the mel spectrogram.
        first: frames of the first chunk. Each later one is three times as long as the one before, up to ``chunk``:
        while one plays there is time to make the next, and long ones spend less on context. The sizes change when
        samples come, not which.
        """
        frames, context = len(mel), self.bundle.vocoder_context
        if f0 is None:
            f0 = self._run(self._vocoder, mel=mel[None])["f0"][0]
        renderer = Renderer(
            f0,
            self.bundle.hop_length,
            self.bundle.n_fft,
            self.sample_rate,
            random or np.random.default_rng(0),
        )
        end, size = 0, first
        while end < frames:
            start, end, size = end, min(frames, end + size), min(3 * size, chunk)
            low, high = max(0, start - context), min(frames, end + context)
            out = self._run(self._vocoder, mel=mel[None, low:high])
            inside = slice(start - low, end - low)
            yield renderer.push(out["magnitude"][0, inside], out["phase"][0, inside], out["noise"][0, inside])
        yield renderer.finish()

    def _check(self, profile: VoiceProfile) -> None:
        if profile.speaker_model != self.bundle.speaker_model:
            raise WrongModelError(
                f"this voice was enrolled with bundle {profile.bundle!r}, not {self.bundle.name!r}: "
                "use that bundle (--bundle), or enrol again"
            )

    def _phoneme_ids(self, phonemes: str) -> list[int]:
        unknown = sorted({symbol for symbol in phonemes if symbol not in self._ids or symbol in START + END})
        if unknown:
            raise InputError(
                f"{' '.join(unknown)} cannot be spoken: the phonemes are {''.join(self.bundle.symbols[3:])}"
            )
        return [self._ids[START], *(self._ids[symbol] for symbol in phonemes), self._ids[END]]

    @staticmethod
    def _run(session: Session, **feeds: npt.NDArray[np.generic]) -> dict[str, npt.NDArray[np.float32]]:
        try:
            return session.run(feeds)
        except GraphError as error:
            raise BundleError(f"{error}: run `parrotlet doctor`") from error


def _pause_seconds(pause: Pause, sentence_silence: float | None, speed: float) -> float:
    """What the text sets stays; the rest follows the speed, and ``sentence_silence`` takes a sentence's place."""
    if pause.origin == "text":
        return pause.seconds
    if pause.origin == "sentence" and sentence_silence is not None:
        return sentence_silence
    return pause.seconds / speed


def _installed_runtime(bundle: Bundle) -> str:
    """The first runtime that is installed and that the bundle has graphs for; the first at all if there is none."""
    runtimes = [name for name in RUNTIMES if name in bundle.manifest["graphs"]["vocoder"]]
    return next((name for name in runtimes if installed(name)), next(iter(RUNTIMES)))


def model_statistics(profile: VoiceProfile) -> list[float]:
    """The acoustic graph's ``statistics`` input: log2 median f0 over 160 Hz, spread of log2 f0, rate."""
    values = profile.statistics
    return [
        math.log2(values["pitch_median_hz"] / REFERENCE_HZ),
        values["pitch_spread"],
        values.get("rate", 0.0),
    ]
