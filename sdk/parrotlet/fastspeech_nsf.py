"""The architecture ``fastspeech-nsf/1``: an acoustic graph with durations and pitch, and a source-filter vocoder."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, repeat
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from parrotlet import adaptation, intonation
from parrotlet.acoustic import FACTORS, Outline, SplitAcoustic
from parrotlet.audio import Samples
from parrotlet.bundle import Bundle, Sessions, in_bundle, run
from parrotlet.errors import BundleError, InputError, ProfileFormatError, UsageError
from parrotlet.factors import Settings
from parrotlet.loudness import integrated_loudness
from parrotlet.mel import MelConfig
from parrotlet.profile import Fitted, ProfileWarning, Spectrum, VoiceProfile
from parrotlet.rendering import Renderer
from parrotlet.speech_model import Spoken, Voice
from parrotlet_runtimes import Session, SessionInfo, installed

if TYPE_CHECKING:
    from parrotlet.alignment import Aligned
    from parrotlet.finetuning import Material
    from parrotlet.text import Utterance

REFERENCE_HZ = 160.0
FIRST_FRAMES, CHUNK_FRAMES = 32, 432
MEL_FRAMES = 600
"""Mel frames made at a time, but for the first two chunks; up to half as many more where the utterance ends."""
EDGE_FRAMES = 10  # of the silence before an utterance
START, END = "^", "$"
FINETUNING_RUNTIME = "onnx"


@dataclass(frozen=True)
class Acoustics:
    """The acoustic graph's answer: mel [T, M], f0 [T] in Hz (0 unvoiced), durations [L] in frames.

    predicted [T, M]: mel as it was before the voice's adaptation, for which it is needed, and the refiner.
    """

    mel: npt.NDArray[np.float32]
    f0: npt.NDArray[np.float32]
    durations: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.float32]


_OF_ANOTHER_SHAPE = "the profile's spectrum is not what this model takes: enroll again"


class FastSpeechNsf:
    """See ``SpeechModel``. Its stages can be run alone."""

    def __init__(self, bundle: Bundle, sessions: Sessions) -> None:
        self._bundle, self._sessions = bundle, sessions

    @cached_property
    def acoustic(self) -> Session:
        """The acoustic graph."""
        return self._sessions("acoustic")

    @cached_property
    def vocoder(self) -> Session:
        """The vocoder graph."""
        return self._sessions("vocoder")

    @cached_property
    def _factors(self) -> Settings | None:
        """What is known of a person's factors; None where the model takes none."""
        return Settings.of(self._bundle)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self._bundle.symbols) if symbol}

    @cached_property
    def _sentences(self) -> list[str]:
        """What the model says to be measured, as phonemes."""
        found = self._bundle.manifest["adaptation"].get("sentences")
        if not found:
            raise BundleError(
                f"bundle {self._bundle.name} has no sentences to be measured on: "
                "add them with `parrotlet-compress signal-graphs BUNDLE`"
            )
        return [str(phonemes) for phonemes in found]

    def load(self) -> None:
        """See SpeechModel."""
        self.acoustic, self.vocoder  # noqa: B018

    @property
    def session_info(self) -> dict[str, SessionInfo]:
        """See SpeechModel."""
        return {"acoustic": self.acoustic.info, "vocoder": self.vocoder.info}

    # Voices

    @property
    def learns_from_texts(self) -> bool:
        """See SpeechModel."""
        graphs = self._bundle.manifest["graphs"]
        return self._factors is not None and "finetune" in graphs and installed(FINETUNING_RUNTIME)

    def require_learning(self) -> None:
        """See SpeechModel."""
        if not self.learns_from_texts:
            lacks = f"what bundle {self._bundle.name} lacks" if installed(FINETUNING_RUNTIME) else "onnxruntime"
            raise UsageError(f"fine-tuning needs {lacks}: install it, or enroll without texts and fine_tune")

    def fit(self, profile: VoiceProfile) -> Fitted:
        """The map of the adaptation, for which the model says a few sentences, and the loudness.

        The loudness is that of the likeness that the profile prefers.
        """
        fitted = self._map(profile)
        voice = self._voice(profile, fitted, adaptation.preferred(profile.likeness))
        return Fitted(fitted, self._loudness(voice))

    def finetune(self, profile: VoiceProfile, heard: Sequence[Aligned]) -> VoiceProfile:
        """See SpeechModel. Raises UsageError where that cannot be done here."""
        from parrotlet.finetuning import fit  # now: who only speaks waits for none of it

        self.require_learning()
        settings, model = self._factors, self._bundle.model_sha256
        assert settings is not None
        step, fitted = self._bundle.session("finetune", FINETUNING_RUNTIME), profile.fitted(model).map
        made = profile.with_factors(settings.model, fit(step, settings, self.material(profile, heard)))
        loudness = self._loudness(self._voice(made, fitted, adaptation.preferred(profile.likeness)))
        return made.with_fitted(model, Fitted(fitted, loudness))

    def material(self, profile: VoiceProfile, heard: Sequence[Aligned]) -> Material:
        """What fine-tuning learns from: what was heard, and what the model makes of the same."""
        from parrotlet.finetuning import Speaker

        acoustic = self.acoustic
        if not (isinstance(acoustic, SplitAcoustic) and acoustic.in_chunks):
            # The parts for LiteRT choose the pitch themselves.
            acoustic = self._bundle.session("acoustic", FINETUNING_RUNTIME)
            assert isinstance(acoustic, SplitAcoustic)
        # At the usual likeness: a preference scales what is found there.
        usual = self._voice(profile, profile.fitted(self._bundle.model_sha256).map, adaptation.SHARE)
        ids = [np.array(self.phoneme_ids(one.phonemes)) for one in heard]
        return Speaker(acoustic, MelConfig(**self._bundle.manifest["mel"])).material(usual, ids, heard)

    def _map(self, profile: VoiceProfile) -> npt.NDArray[np.float32] | None:
        spectrum = _spectrum(profile)
        if spectrum is None:
            return None
        if spectrum.mean is None:
            warnings.warn(
                "this voice was enrolled with an earlier release, which kept less of the recording: "
                "it is more like the person once enrolled again",
                ProfileWarning,
                stacklevel=3,
            )
        plain = self._voice(profile, None, 0.0)
        said = [self.acoustics(phonemes, plain).predicted for phonemes in self._sentences]
        return adaptation.fit_map(np.concatenate(said), spectrum)

    def prepare(self, profile: VoiceProfile, likeness: float) -> Voice:
        """See SpeechModel; takes what the profile holds for this model, and makes what it does not."""
        fitted, loudness = profile.fitted(self._bundle.model_sha256)
        if fitted is not None and fitted.shape != (sum(adaptation.sizes()[:3]),):
            raise ProfileFormatError(_OF_ANOTHER_SHAPE)
        if fitted is None and profile.spectrum is not None:
            fitted, loudness = self._map(profile), None
        voice = self._voice(profile, fitted, likeness)
        # A kept loudness is that of the preferred likeness.
        known = profile.spectrum is None or math.isclose(likeness, adaptation.preferred(profile.likeness), abs_tol=1e-6)
        if loudness is None or not known:
            loudness = self._loudness(voice)
        return replace(voice, loudness_lufs=loudness)

    def _voice(self, profile: VoiceProfile, fitted: npt.NDArray[np.float32] | None, likeness: float) -> Voice:
        """A voice whose loudness is not known yet."""
        width = int(self._bundle.manifest["speaker"]["embedding"])
        if profile.embedding.shape != (width,):
            raise ProfileFormatError(f"the profile's speaker embedding is not of {width} numbers: enroll again")
        adapted = np.zeros(adaptation.size(), np.float32)
        spectrum = _spectrum(profile)
        if fitted is not None and spectrum is not None:
            adapted = adaptation.assemble(fitted, spectrum.exemplars, likeness)
        if len(adapted) != adaptation.size():
            raise ProfileFormatError(_OF_ANOTHER_SHAPE)
        pitch = profile.pitch
        if not (20 <= pitch.median_hz <= 2000 and 0 <= pitch.spread_octaves <= 4):
            raise ProfileFormatError("the profile's pitch is out of bounds: enroll again")
        statistics = [math.log2(pitch.median_hz / REFERENCE_HZ), pitch.spread_octaves, 0.0]
        inputs = {
            "embedding": np.concatenate([profile.embedding, adapted])[None],
            "statistics": np.array([statistics], np.float32),
        }
        if self._factors is not None:
            inputs[FACTORS] = self._factors.of_voice(profile, likeness / adaptation.SHARE)
        return Voice(inputs, 0.0, self._bundle.model_sha256, likeness)

    def _loudness(self, voice: Voice) -> float:
        """LUFS of a voice as the vocoder gives it."""
        # Over 16 voices and two other texts, 0.9 LU lie between the softest and the loudest; measured on two or three
        # sentences, 0.9 to 1.7.
        acoustics = self.acoustics(self._sentences[0], voice)
        speech = np.concatenate(list(self.vocode(acoustics.mel, acoustics.f0)))
        return max(-70.0, integrated_loudness(speech, self._bundle.sample_rate))

    # Speech

    def speak(
        self, utterance: Utterance, voice: Voice, speed: float, pitch: float, random: np.random.Generator
    ) -> Spoken:
        """See SpeechModel. The acoustic stage runs now, the vocoder as samples are asked for."""
        if not (isinstance(self.acoustic, SplitAcoustic) and self.acoustic.in_chunks):
            made = self._intoned(utterance, voice, speed, pitch)
            return Spoken(np.cumsum(made.durations) * self._bundle.hop_length, self.vocode(made.mel, made.f0, random))
        inputs = self._acoustic_inputs(utterance.phonemes, voice, speed, pitch)
        outline = in_bundle(lambda: self.acoustic.outline(inputs))  # type: ignore[attr-defined] # a SplitAcoustic
        durations, cut = _without_edge(outline.durations)
        f0 = outline.f0[cut:]
        if intonation.rises(utterance):
            f0 = intonation.raised(f0, self._lift(utterance, durations, f0))
        f0 = np.concatenate([outline.f0[:cut], f0])
        edges = np.cumsum(durations) * self._bundle.hop_length
        return Spoken(edges, self._vocoded(self._mels(self.acoustic, outline, f0, cut), f0[cut:], random))

    def _mels(
        self, acoustic: SplitAcoustic, outline: Outline, f0: npt.NDArray[np.float32], start: int
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Mel frames [N, M] of an utterance from ``start`` on, a chunk at a time.

        The first two chunks are what the vocoder's first two need, so that speech begins, and goes on, early.
        """
        frames, context = len(f0), self._bundle.acoustic_context
        needed = FIRST_FRAMES + self._bundle.vocoder_context
        sizes = chain((needed, 3 * FIRST_FRAMES), repeat(MEL_FRAMES))
        end = start
        while end < frames:
            start, end = end, end + next(sizes)
            if frames - end < (MEL_FRAMES // 2 if end - start >= MEL_FRAMES else context):
                end = frames  # what is left would cost more as a chunk of its own
            low, high = max(0, start - context), min(frames, end + context)
            made = in_bundle(partial(acoustic.frames, outline, f0, low, high))
            yield made["mel"][0, start - low : end - low]

    def phoneme_ids(self, phonemes: str) -> list[int]:
        """The acoustic graph's input for a phoneme string. Raises InputError for what cannot be spoken."""
        unknown = sorted({symbol for symbol in phonemes if symbol not in self._ids or symbol in START + END})
        if unknown:
            raise InputError(
                f"{' '.join(unknown)} cannot be spoken: the phonemes are {''.join(self._bundle.symbols[3:])}"
            )
        return [self._ids[START], *(self._ids[symbol] for symbol in phonemes), self._ids[END]]

    def acoustics(self, phonemes: str, voice: Voice, speed: float = 1.0, pitch: float = 0.0) -> Acoustics:
        """The acoustic stage alone: one utterance's phonemes to mel spectrogram, f0 and durations."""
        out = run(self.acoustic, **self._acoustic_inputs(phonemes, voice, speed, pitch))
        durations, cut = _without_edge(np.asarray(out["durations"][0], dtype=np.int64))
        return Acoustics(out["mel"][0, cut:], out["f0"][0, cut:], durations, out["predicted"][0, cut:])

    def _acoustic_inputs(
        self, phonemes: str, voice: Voice, speed: float, pitch: float
    ) -> dict[str, npt.NDArray[np.generic]]:
        return {
            "phonemes": np.array([self.phoneme_ids(phonemes)]),
            **voice.inputs,
            "speed": np.array([speed], np.float32),
            "pitch": np.array([pitch], np.float32),
        }

    def _intoned(self, utterance: Utterance, voice: Voice, speed: float, pitch: float) -> Acoustics:
        """The acoustic stage with a rise at the end of a question, for graphs that choose the pitch themselves.

        The stage runs a few times, higher each time.
        """
        spoken = self.acoustics(utterance.phonemes, voice, speed, pitch)
        if not intonation.rises(utterance):
            return spoken
        up = self._lift(utterance, spoken.durations, spoken.f0)
        most = float(up.max())
        if most <= 0:
            return spoken
        steps = math.ceil(most / intonation.STEP)
        higher = [
            self.acoustics(utterance.phonemes, voice, speed, pitch + most * (k + 1) / steps) for k in range(steps)
        ]
        mel = intonation.blend([spoken.mel, *(one.mel for one in higher)], up / np.float32(most))
        return replace(spoken, mel=mel, f0=intonation.raised(spoken.f0, up))

    def _lift(
        self, utterance: Utterance, durations: npt.NDArray[np.int64], f0: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        frame_rate = self._bundle.sample_rate / self._bundle.hop_length
        return intonation.lift(utterance.phonemes, durations, f0, frame_rate)

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
        if f0 is None:
            f0 = run(self.vocoder, mel=mel[None])["f0"][0]
        return self._vocoded(iter([mel]), f0, random or np.random.default_rng(0), first, chunk)

    def _vocoded(
        self,
        mels: Iterator[npt.NDArray[np.float32]],
        f0: npt.NDArray[np.float32],
        random: np.random.Generator,
        first: int = FIRST_FRAMES,
        chunk: int = CHUNK_FRAMES,
    ) -> Iterator[Samples]:
        """``vocode`` of frames that come a few at a time, T in all."""
        frames, context = len(f0), self._bundle.vocoder_context
        renderer = Renderer(f0, self._bundle.hop_length, self._bundle.n_fft, self._bundle.sample_rate, random)
        held, before = np.zeros((0, self._bundle.n_mels), np.float32), 0  # frames at hand, and how many are gone
        end, size = 0, first
        while end < frames:
            start, end, size = end, min(frames, end + size), min(3 * size, chunk)
            low, high = max(0, start - context), min(frames, end + context)
            held, before = held[low - before :], low
            while before + len(held) < high:
                held = np.concatenate([held, next(mels)])
            yield renderer.push(*self._filters(held[: high - low], slice(start - low, end - low)))
        yield renderer.finish()

    def _filters(self, mel: npt.NDArray[np.float32], inside: slice) -> list[npt.NDArray[np.float32]]:
        """What the renderer takes of some frames, of which those outside are context. No caller needs the rest."""
        out = run(self.vocoder, mel=mel[None])
        return [out[name][0, inside] for name in ("magnitude", "phase", "noise")]


def _without_edge(durations: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    """Durations [L] with EDGE_FRAMES of the silence before an utterance, and how many frames that leaves out."""
    cut = max(0, int(durations[0]) - EDGE_FRAMES)
    return np.concatenate([[durations[0] - cut], durations[1:]]), cut


def _spectrum(profile: VoiceProfile) -> Spectrum | None:
    """The spectrum, once its shape is known to be right."""
    spectrum = profile.spectrum
    if spectrum is None:
        return None
    for value, shape in zip(spectrum, adaptation.SHAPES, strict=True):
        if value is not None and value.shape != shape:
            raise ProfileFormatError(_OF_ANOTHER_SHAPE)
    return spectrum
