"""A miniature corpus in the archives' format: preset speech with known durations, and the same as "real" clips."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from parrotlet import Parrotlet

pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0, then ./compression")

if TYPE_CHECKING:
    from conftest import TfliteExports

RATE = 24000
REAL_TEXTS = ("A bird in the hand is worth two in the bush.", "The rain fell softly on the roof all night long.")


def _ogg(samples: np.ndarray, rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="OGG", subtype="OPUS")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def fp32_bundle(tflite_exports: TfliteExports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released weights in ONNX alone, in fp32."""
    folder = tmp_path_factory.mktemp("onnx") / "fp32"
    shutil.copytree(tflite_exports.full, folder, ignore=shutil.ignore_patterns("*.tflite"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: digest for name, digest in manifest["files"].items() if not name.endswith(".tflite")}
    for forms in manifest["graphs"].values():
        forms.pop("tflite", None)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, bird: Parrotlet) -> Path:
    from parrotlet_compression.corpus import REAL_ARCHIVES

    folder = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "synthetic.zip", "w") as archive:
        rows = []
        for number, preset in enumerate(list(bird.presets.values())[:4] * 3):
            text = "The cat sat on the mat and looked at me, and then it went out."
            phonemes = bird.phonemize(text)
            spoken = bird.acoustics(phonemes, preset.profile)
            samples = np.concatenate(list(bird.vocode(spoken.mel, spoken.f0)))
            # The teacher counts in units of two hops.
            units = np.diff(np.cumsum(spoken.durations) // 2, prepend=0).astype(np.uint8)
            frames = int(units.sum()) * 2
            arrays = io.BytesIO()
            np.savez(arrays, dur=units, f0=spoken.f0[:frames].astype(np.float16), n=np.zeros(frames, np.float16))
            archive.writestr(f"synthetic/{number:05}.opus", _ogg(samples[: frames * 300], RATE))
            archive.writestr(f"synthetic/{number:05}.npz", arrays.getvalue())
            row = {"id": f"{number:05}", "speaker": f"p{number % 4}", "text": text, "phonemes": phonemes}
            rows.append(json.dumps(row))
        archive.writestr("synthetic/metadata.jsonl", "\n".join(rows))
    for name in REAL_ARCHIVES:
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            lines = ["file\tspeaker\ttext\tseconds\trate\tsnr_db\tnote"]
            for number, text in enumerate(REAL_TEXTS):
                voice = list(bird.presets.values())[number].profile
                samples = np.concatenate([chunk.samples for chunk in bird.speak(text, voice)])
                samples = samples + 1e-4 * random.standard_normal(len(samples)).astype(np.float32)
                archive.writestr(f"{name}/{number:05}.opus", _ogg(samples, RATE))
                lines.append(f"{name}/{number:05}.opus\t{name}_{number}\t{text}\t{len(samples) / RATE}\t16000\t40.0\t")
            archive.writestr(f"{name}/metadata.tsv", "\n".join(lines))
    return folder


@pytest.fixture(scope="session")
def packed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from parrotlet_compression.corpus import pack

    out = tmp_path_factory.mktemp("pack")
    pack(corpus, out, processes=1)
    return out
