"""Writes tests/vectors/enroll-v1.{json,wav} and speech-v1.json. Run: python tests/sdk/make_speech_vectors.py

What a port to another language is held to: a recording with everything that enrollment makes of it, and phonemes and
voices with the speech they become. The numpy engine makes them, so that the graphs are tested against something else.
They belong to one bundle: make them again with the next, and look at what changed. The recording stays while it is
there.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from graph_host import white_noise

from parrotlet import Parrotlet, adaptation
from parrotlet.audio import resample
from parrotlet.bundle import run
from parrotlet.enrollment import find_speech, judge
from parrotlet.mel import MelConfig, mel_spectrogram
from parrotlet.recording import read_recording
from parrotlet.rendering import Renderer

FOLDER = Path(__file__).parent.parent / "vectors"
RATE, PRESET = 16000, "wren"
SENTENCE = "A parrot heard me say good morning, and it has said so ever since."
SPOKEN = "Good morning, everyone."
FRAMES = slice(20, 44)
"""Of the speech whose samples are kept."""

TOLERANCES = {
    "level": "0.001 dB",
    "active": "equal",
    "f0": "0.001 Hz; voiced or not: equal in 99.9 % of the frames",
    "numbers of activity and speech": "half of the last digit, and 0.001 of the value",
    "mel": "0.001 below band 66; above, where a 16 kHz recording holds nothing, not compared",
    "spectrum and map_of_first_half": "0.001 of the largest value of each part",
    "embedding": "cosine 0.999: the encoder is in INT8, which processors round in different ways",
    "map": "0.15 of the largest value of each part, for the same reason",
}
SPEECH_TOLERANCES = {
    "durations": "each within one frame, their sum within 2 %: INT8 differs between runtimes",
    "f0, mel": "where the durations are equal: mean difference 0.5 Hz and 0.05",
    "spectra": "mean difference 0.01 of the root mean square",
    "samples": "-30 dB",
}


class Given:
    """Noise that was made before, as a generator of it."""

    def __init__(self, white: np.ndarray) -> None:
        self.white, self.at = white, 0

    def standard_normal(self, count: int, dtype: object) -> np.ndarray:
        self.at += count
        return self.white[self.at - count : self.at]


def rounded(values: Any, digits: int = 5) -> Any:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def record(bird: Parrotlet, path: Path) -> None:
    """A preset's speech in a quiet room, as a microphone gives it: 16 kHz, 16 bits."""
    speech = np.concatenate([chunk.samples for chunk in bird.speak(SENTENCE, PRESET)])
    samples = np.pad(resample(speech, bird.sample_rate, RATE), 2000)
    samples += 0.0005 * np.random.default_rng(0).standard_normal(len(samples))
    soundfile.write(path, samples, RATE, subtype="PCM_16")


def enrollment_vectors(bird: Parrotlet, path: Path) -> dict[str, Any]:
    samples, _ = read_recording(path, RATE)
    report, speech, f0 = judge(path.name, samples, RATE)
    active, level = find_speech(samples, RATE)
    mel = mel_spectrogram(resample(speech, RATE, 24000), MelConfig())
    profile = bird.enroll(path)
    spectrum = profile.spectrum
    assert spectrum is not None
    numbers = report.as_dict()
    fitted = profile.fitted(bird.bundle.model_sha256).map
    return {
        "bundle": bird.bundle.name,
        "recording": path.name,
        "sample_rate": RATE,
        "tolerances": TOLERANCES,
        "activity": {
            "level": rounded(level, 3),
            "active": "".join("01"[int(one)] for one in active),
            **{name: numbers[name] for name in ("speech_s", "level_dbfs", "clipped", "snr_db")},
        },
        "speech": {
            "f0": rounded(f0, 4),
            "voiced": report.voiced,
            "bandwidth_hz": report.bandwidth_hz,
        },
        "mel": {"frames": len(mel), "every": 40, "values": rounded(mel[::40], 4)},
        "profile": {
            name: {"dtype": value.dtype.name, "shape": list(value.shape), "values": rounded(value.reshape(-1))}
            for name, value in sorted(profile.tensors.items())
            if not name.startswith("fitted.")
        },
        "map_of_first_half": rounded(adaptation.fit_map(mel[: len(mel) // 2], spectrum), 5),
        "map": rounded(fitted, 5),
    }


def speech_vectors(bird: Parrotlet, path: Path) -> dict[str, Any]:
    phonemes = bird.phonemize(SPOKEN)
    cases = []
    for name, profile in (("preset", bird.presets[PRESET].profile), ("enrolled", bird.enroll(path))):
        made = bird.acoustics(phonemes, profile)
        cases.append(
            {
                "voice": PRESET if name == "preset" else "the profile and map of enroll-v1.json",
                "durations": made.durations.tolist(),
                "f0": rounded(made.f0, 3),
                "mel": {"every": 16, "values": rounded(made.mel[::16], 4)},
            }
        )
    made = bird.acoustics(phonemes, bird.presets[PRESET].profile)
    mel, f0 = np.round(made.mel[FRAMES], 3), np.round(made.f0[FRAMES], 3)
    spectra = run(bird.bundle.session("vocoder"), mel=mel[None])
    parts = [spectra[part][0] for part in ("magnitude", "phase", "noise")]
    white = white_noise(len(mel) * bird.bundle.hop_length)
    renderer = Renderer(f0, bird.bundle.hop_length, bird.bundle.n_fft, bird.sample_rate, Given(white[0]))  # type: ignore[arg-type]
    samples = np.concatenate([renderer.push(*parts), renderer.finish()])
    return {
        "bundle": bird.bundle.name,
        "tolerances": SPEECH_TOLERANCES,
        "text": SPOKEN,
        "phonemes": phonemes,
        "cases": cases,
        "vocoder": {
            "mel": rounded(mel, 3),
            "f0": rounded(f0, 3),
            "noise": "x = 1664525 x + 1013904223 mod 2^32 from x = 1 on; white = (x / 2^32 - 0.5) sqrt(12)",
            "spectra": {
                "frame": 12,
                **{name: rounded(part[12]) for name, part in zip(("magnitude", "phase", "noise"), parts, strict=True)},
            },
            "samples": "int16, little-endian, base64",
            "int16": base64.b64encode(np.round(samples * 32767).astype("<i2").tobytes()).decode(),
        },
    }


def main() -> None:
    bird = Parrotlet.load(watermark=None)  # a recording of a person has no mark
    recording = FOLDER / "enroll-v1.wav"
    if not recording.exists():
        record(bird, recording)
    for name, vectors in (
        ("enroll-v1", enrollment_vectors(bird, recording)),
        ("speech-v1", speech_vectors(bird, recording)),
    ):
        text = json.dumps(vectors, ensure_ascii=False, separators=(",", ":"))
        # A line a field, so that a diff shows which changed.
        (FOLDER / f"{name}.json").write_text(text.replace(',"', ',\n"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
