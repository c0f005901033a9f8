"""Parrotlet: enroll a voice and speak with it, all on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from parrotlet import adaptation
from parrotlet.audio import AudioChunk, Samples
from parrotlet.bundle import PRESET, SPOKEN_WITH, Bundle, Opening, Preset, Sessions
from parrotlet.consent_policy import require_allowed
from parrotlet.errors import BundleError, InputError, UsageError, WrongModelError
from parrotlet.fastspeech_nsf import CHUNK_FRAMES, FIRST_FRAMES, Acoustics, FastSpeechNsf
from parrotlet.options import SpeakOptions, require_number
from parrotlet.profile import ConsentRecord, VoiceProfile
from parrotlet.speech import finished_speech, ready
from parrotlet.speech_model import Voice
from parrotlet.watermark import Watermark
from parrotlet_runtimes import SessionInfo
from parrotlet_runtimes.memory import give_back

if TYPE_CHECKING:
    from parrotlet.advice import RecordingReport
    from parrotlet.alignment import Aligned
    from parrotlet.consent import SpokenConsent
    from parrotlet.enroller import Enroller
    from parrotlet.recording import Recording
    from parrotlet.text import Format, Utterance

VoiceLike = Voice | VoiceProfile | Preset | str
"""What can be spoken in: what ``Parrotlet.voice`` made, a profile, a preset or its name."""

ARCHITECTURES: Mapping[str, Callable[[Bundle, Sessions], FastSpeechNsf]] = {"fastspeech-nsf/1": FastSpeechNsf}
SYNTHETIC_MARK = Watermark()
"""What all speech is marked with unless the integrator says otherwise."""
VOICES = 8
"""Voices that an engine remembers."""


class Parrotlet:
    """The engine: holds a bundle's graphs, no profiles.

    Calls change nothing in it but a memory of the last voices that were prepared: threads may share one, and several
    live side by side. Graphs and the lexicon are loaded when first needed.
    """

    def __init__(
        self,
        bundle: Bundle,
        runtime: str | None = None,
        threads: int = 1,
        lexicon: Mapping[str, str] | Path | str | None = None,
        device: str = "cpu",
        sessions: Sessions | None = None,
        convention: str | None = None,
        watermark: Watermark | None = SYNTHETIC_MARK,
    ) -> None:
        self.bundle, self.threads, self.device = bundle, threads, device
        if watermark is None and bundle.manifest.get("watermark") == "required":
            raise UsageError(f"bundle {bundle.name} is only for speech with a mark: leave watermark out, or pass one")
        self.watermark = watermark
        self.runtime = runtime or bundle.runtime
        self._sessions = sessions or Opening(bundle, self.runtime, threads, device)
        from parrotlet.text import front_end  # now: `load` opens graphs meanwhile

        self._text = front_end(bundle.front_end, lexicon, self.runtime, convention)
        if bundle.architecture not in ARCHITECTURES:
            raise BundleError(
                f"bundle {bundle.name} is of architecture {bundle.architecture!r}, which this version does not know: "
                "upgrade parrotlet"
            )
        self._model = ARCHITECTURES[bundle.architecture](bundle, self._sessions)
        self._voices: OrderedDict[bytes, Voice] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        bundle: Path | str | None = None,
        runtime: str | None = None,
        threads: int = 1,
        lexicon: Mapping[str, str] | Path | str | None = None,
        device: str = "cpu",
        sessions: Sessions | None = None,
        convention: str | None = None,
        watermark: Watermark | None = SYNTHETIC_MARK,
    ) -> Parrotlet:
        """Load a bundle (the default one, from the wheel, if no path is given).

        runtime: "onnx" or "tflite"; None takes the first that is installed. threads: of one inference call.
        lexicon: the user's own words, see docs/text.md. device: "cpu", or what the runtime has ("cuda", "xnnpack");
        where it cannot be used, the CPU is, with a DeviceWarning and ``session_info`` saying why.
        sessions: your own sessions instead, called once for each graph that the manifest names.
        convention: how dates, numbers, money and units are read, "en-US" (the default) or "en-GB"; the accent is the
        voice's.
        watermark: the inaudible mark in all that is spoken (docs/watermark.md): ``Watermark(integrator=…, key=…)`` says
        whose it is. None leaves it out, for who marks the sound in another way, as the law may ask.
        Raises BundleError (missing, damaged, or not for this runtime), UsageError, InputError (lexicon, convention).
        """
        found = Bundle.load(bundle)
        runtime = runtime or found.runtime
        # Now, so that the first sentence is as fast as the others; in threads, while the rest is imported.
        sessions = sessions or Opening(found, runtime, threads, device, SPOKEN_WITH)
        engine = cls(found, runtime, threads, lexicon, device, sessions, convention, watermark)
        ready(found.sample_rate, watermark)
        engine._model.load()
        give_back()
        return engine

    @cached_property
    def _enroller(self) -> Enroller:
        from parrotlet.enroller import Enroller  # now: who only speaks waits for none of it

        return Enroller(self.bundle, self._sessions, self._text)

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
        return {**self._model.session_info, "speaker": self._enroller.speaker.info}

    @property
    def learns_from_texts(self) -> bool:
        """Whether ``enroll`` can use texts: the bundle has what that takes, and its runtime is installed."""
        return self._model.learns_from_texts

    def warm_up(self) -> None:
        """Speak a sentence to nobody: a runtime's first call is slower than those that follow."""
        self.phonemize("a")  # opens the lexicon
        sentence = self.bundle.manifest["adaptation"]["sentences"][0]
        for _ in self.speak(phonemes=sentence, profile=next(iter(self.presets))):
            pass

    # Enrollment

    def examine(self, recording: Recording, name: str | None = None) -> tuple[RecordingReport, Samples]:
        """Measure one recording without enrolling it: the report, and its speech at 16 kHz [M].

        recording: path of a file (see ``read_recording``), its bytes, or (samples float [N] or [N, channels], rate).
        Raises InputError when it cannot be read at all.
        """
        report, speech, _ = self._enroller.examine(recording, name)
        return report, speech

    def was_read(self, recording: Recording, text: str) -> bool:
        """Whether a recording holds a text, word for word as far as can be told: whether ``enroll`` takes both."""
        try:
            self._enroller.aligned(recording, self._enroller.examine(recording).report, text)
        except InputError:
            return False
        return True

    def enroll(
        self,
        recordings: Recording | Sequence[Recording],
        *,
        expires: str | None = None,
        consent: ConsentRecord | SpokenConsent | None = None,
        likeness: float | None = None,
        keep_recording: bool = False,
        on_report: Callable[[RecordingReport], None] | None = None,
        texts: str | Sequence[str] | None = None,
        fine_tune: bool = False,
    ) -> VoiceProfile:
        """Make a voice profile from one or several recordings of one person.

        texts: what was read in each recording, word for word ("" where that is not known): the model is fine-tuned to
        the person, and the voice comes nearer to theirs, in some seconds more. Needs onnxruntime.
        fine_tune: learn from recordings without a text as well, by what is heard in them: nearly as good.
        consent: what the person agreed to; a ``parrotlet.consent.SpokenConsent`` is checked here.
        likeness: what ``voice`` takes when it is not told otherwise; see there.
        keep_recording: keep the speech itself in the profile, and what was read, so that a later model can learn more
        from it.
        on_report: called with what was measured of each recording, also when the enrollment fails after that.
        Raises InputError naming the recording that failed, why, and what to do; ConsentError; UsageError.
        """
        if likeness is not None:
            require_number("likeness", likeness, 0, 1)
        texts = [texts] if isinstance(texts, str) else list(texts or ())
        if fine_tune or any(text.strip() for text in texts):
            self._model.require_learning()
        made, heard = self._enroller.enroll(
            recordings, likeness, keep_recording, on_report, consent=consent, texts=texts, by_ear=fine_tune
        )
        profile = replace(made, expires=expires)
        return self._fitted(profile, heard)

    def renew(self, profile: VoiceProfile) -> VoiceProfile:
        """The profile as enrollment makes it today, from the recording that it keeps; the rest of it stays.

        Raises WrongModelError when it keeps none.
        """
        if profile.recording is None:
            raise WrongModelError(
                f"this voice was enrolled with bundle {profile.bundle!r}, whose speaker encoder {self.bundle.name!r} "
                "does not have, and its recording was not kept: use that bundle (--bundle), or enroll again"
            )
        # Its pauses are cut out, so that it would be found noisier than it was.
        from parrotlet.enroller import kept_recordings

        recordings, texts = kept_recordings(profile)
        learns = self.learns_from_texts and profile.is_fine_tuned
        measured, heard = self._enroller.enroll(recordings, profile.likeness, accepted=True, texts=texts, by_ear=learns)
        kept = {name: value for name, value in profile.tensors.items() if name.startswith("recording.")}
        made = replace(
            measured,
            tensors={**measured.tensors, **kept},
            created=profile.created,
            expires=profile.expires,
            consent=profile.consent,
        )
        return self._fitted(made, heard if self.learns_from_texts else ())

    def _fitted(self, profile: VoiceProfile, heard: Sequence[Aligned]) -> VoiceProfile:
        made = profile.with_fitted(self.bundle.model_sha256, self._model.fit(profile))
        return self._model.finetune(made, heard) if heard else made

    def speaker_embedding(self, speech: Samples) -> npt.NDArray[np.float32]:
        """Speech [N] at 16 kHz -> unit-norm speaker embedding [E]: the mean over windows of 4 s."""
        return self._enroller.speaker_embedding(speech)

    # Synthesis

    def voice(self, profile: VoiceLike, likeness: float | None = None) -> Voice:
        """Prepare a voice to speak in. ``speak`` does so itself; here a likeness can be chosen.

        likeness: 0 to 1, how near every sound comes to the recorded ones; None for what was chosen at enrollment, or
        0.85. More is more like the person and less natural, most of all from a noisy recording.
        Raises WrongModelError when the profile needs another speaker encoder, ConsentRequired where the bundle's policy
        asks for a consent, UsageError.
        """
        if likeness is not None:
            require_number("likeness", likeness, 0, 1)
        if isinstance(profile, str):
            profile = self._preset(profile)
        if isinstance(profile, Preset):
            profile = profile.profile
        if isinstance(profile, Voice):
            if profile.model != self.bundle.model_sha256:
                raise WrongModelError("this voice was prepared by an engine with another bundle: prepare it with this")
            if likeness is not None and likeness != profile.likeness:
                raise UsageError("this voice is prepared already: choose its likeness from the profile")
            return profile
        if not isinstance(profile, VoiceProfile):
            raise UsageError(
                f"a voice is a profile, from enroll or a store, or a preset's name, not {type(profile).__name__}"
            )
        policy = self.bundle.consent_policy
        if policy != "off" and not any(profile == preset.profile for preset in self.presets.values()):
            require_allowed(policy, profile.consent, profile.foreign, "the profile", f"bundle {self.bundle.name}")
        return self._remembered(
            profile, adaptation.preferred(profile.likeness) if likeness is None else float(likeness)
        )

    def _preset(self, name: str) -> Preset:
        found = self.presets.get(name.removeprefix(PRESET))
        if found is None:
            raise UsageError(
                f"no preset {name!r}: the presets are {', '.join(self.presets)}; load a profile by its store"
            )
        return found

    def _remembered(self, profile: VoiceProfile, likeness: float) -> Voice:
        digest = hashlib.sha256(f"{likeness!r} {profile.speaker_model}".encode())
        for name in sorted(name for name in profile.tensors if not name.startswith("recording.")):
            digest.update(name.encode() + b"\0" + profile.tensors[name].tobytes())
        with self._lock:
            voice = self._voices.pop(digest.digest(), None)
        if voice is None:
            # Format 1 named encoder and model together.
            fits = profile.speaker_model in (self.bundle.speaker_model, self.bundle.model_sha256)
            voice = self._model.prepare(profile if fits else self.renew(profile), likeness)
        with self._lock:
            self._voices[digest.digest()] = voice
            while len(self._voices) > VOICES:
                self._voices.popitem(last=False)
        return voice

    def forget(self, voice: Voice) -> None:
        """Drop a voice from the memory of those that were prepared, for who wipes it when it is used no more."""
        with self._lock:
            self._voices = OrderedDict((key, kept) for key, kept in self._voices.items() if kept is not voice)

    def phonemize(self, text: str) -> str:
        """Text as the phoneme string the acoustic model reads."""
        return self._text.phonemize(text)

    def speak(
        self,
        text: str | Iterable[str] | None = None,
        profile: VoiceLike | None = None,
        *,
        phonemes: str | None = None,
        ssml: bool = False,
        format: Format = "auto",
        options: SpeakOptions | None = None,
        speed: float = 1.0,
        pitch: float = 0.0,
        volume: float = 1.0,
        sentence_silence: float | None = None,
        seed: int = 0,
    ) -> Generator[AudioChunk, None, None]:
        """Speak in a voice; chunks come as soon as they exist, and memory does not grow with the text.

        The first chunk comes after the durations and the pitch of one utterance, and a short piece of its sound. Work
        is done only while the caller asks for a chunk: who stops asking has stopped it.

        text: a string, cut at sentence ends, or an iterator of strings of any size (a language model's tokens),
        cut at clause ends too, so that speech begins before the sentence is complete.
        profile: from ``enroll`` or a store, a voice from ``voice``, or a preset's name.
        format: "auto", "plain", "markdown", "html" or "ssml" (docs/text.md). ssml: the same as the format "ssml".
        phonemes: spoken instead of text.
        See SpeakOptions for the rest. Raises UsageError, InputError (phonemes) and WrongModelError at the call;
        InputError for text that cannot be used (SSML, [[ ]]) when it is reached.
        """
        named = SpeakOptions(speed, pitch, volume, sentence_silence, seed)
        if options is not None and named != SpeakOptions():
            raise UsageError("pass either options or single settings such as speed, not both")
        if profile is None:
            raise UsageError(f"no voice: pass a profile or a preset's name, e.g. {next(iter(self.presets))!r}")
        if (text is None) == (phonemes is None):
            raise UsageError("pass either text or phonemes")
        voice = self.voice(profile)
        if phonemes is not None:
            self._model.phoneme_ids(phonemes)
            from parrotlet.text.utterance import Pause, Utterance

            utterances: Iterable[Utterance] = [Utterance("", phonemes, Pause(0.0, "text"), ())]
        else:
            utterances = self._text.sentences(_text(text), ssml=ssml, format=format)
        return finished_speech(self._model, utterances, voice, options or named, self.sample_rate, self.watermark)

    def acoustics(self, phonemes: str, profile: VoiceLike, speed: float = 1.0, pitch: float = 0.0) -> Acoustics:
        """The acoustic stage alone: one utterance's phonemes to mel spectrogram, f0 and durations."""
        return self._model.acoustics(phonemes, self.voice(profile), speed, pitch)

    def vocode(
        self,
        mel: npt.NDArray[np.float32],
        f0: npt.NDArray[np.float32] | None = None,
        random: np.random.Generator | None = None,
        first: int = FIRST_FRAMES,
        chunk: int = CHUNK_FRAMES,
    ) -> Iterator[Samples]:
        """The vocoder stage alone; see ``FastSpeechNsf.vocode``."""
        return self._model.vocode(mel, f0, random, first, chunk)


def _text(text: object) -> str | Iterator[str]:
    """The text, once it is known to be text. Raises UsageError, for an iterator when the piece is reached."""
    if isinstance(text, str):
        return text
    if isinstance(text, (bytes, bytearray)) or not isinstance(text, Iterable):
        raise UsageError(f"text is a string or an iterator of strings, not {type(text).__name__}: decode or format it")
    return _pieces(text)


def _pieces(text: Iterable[object]) -> Iterator[str]:
    for piece in text:
        if not isinstance(piece, str):
            raise UsageError(f"a piece of the text is {type(piece).__name__}, not a string: leave such pieces out")
        yield piece
