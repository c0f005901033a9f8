"""What does distillation buy over quantizing the teacher? The same mels through HiFi-GAN and our vocoder.

    python benchmarks/quality/teacher_int8.py GENERATOR PACK OUT [JUDGE_PYTHON judge.py]

The default bundle speaks the test sentences; HiFi-GAN (``GENERATOR``, config.json beside it) resynthesizes
that speech in fp32, in INT8 (calibrated with PACK), and in INT8 with as many convolutions in float as each of
``BOUNDS`` takes. Prints one JSON line for each: megabytes, times real time on one thread (CPU seconds), how far the
log-mel moved and how many convolutions are in float, and, with the judge, WER and P.808. ``student`` is the speech
itself: its vocoder made it from the acoustic model's mel, the harder input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch

from parrotlet import Parrotlet
from parrotlet.mel import mel_spectrogram
from parrotlet_compression.compressed_teacher import CompressedTeacher, measure_student
from parrotlet_compression.compressed_teacher import measure_teacher as measure
from parrotlet_compression.corpus import Pack
from parrotlet_compression.evaluate import SENTENCES, judged
from parrotlet_compression.quantize_teacher import KEEP_VOCODER, calibration_mels, compress_teacher
from parrotlet_compression.teachers.hifigan import read_hifigan

BOUNDS = (0.1, 0.05)


def main(generator: str, pack: str, out: str, *judge: str) -> None:
    torch.set_num_threads(1)
    folder = Path(out).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    bird = Parrotlet.load(threads=1)
    profile = next(iter(bird.presets.values())).profile
    speech = [np.concatenate([c.samples for c in bird.speak(text, profile)]) for text in SENTENCES]
    model = read_hifigan(Path(generator))
    config = model.config.mel
    mels = [
        mel_spectrogram(soxr.resample(s, bird.sample_rate, config.sample_rate).astype(np.float32), config)
        for s in speech
    ]
    compress_teacher(None, model, folder / "fp32", "fp32")
    calibration = calibration_mels(Pack(Path(pack)), config)
    forms = {"int8": None, **{f"int8_{bound}": bound for bound in BOUNDS}}
    kept = {}
    for name, bound in forms.items():
        result = compress_teacher(None, model, folder / name, "int8", calibration, bound)[1]["vocoder"]
        kept[name] = {"moved": round(result.error, 4), "in_float": len(KEEP_VOCODER) + len(result.floating)}

    def report(name: str, made: list[np.ndarray], rate: int, size: float, speed: float, **more: float) -> None:
        rows = []
        for number, (samples, text) in enumerate(zip(made, SENTENCES, strict=True)):
            path = folder / f"{name}_{number}.wav"
            soundfile.write(path, samples, rate)
            rows.append(f"{path}\t{text}")
        (folder / f"{name}.tsv").write_text("\n".join(rows) + "\n")
        result = {"vocoder": name, "megabytes": round(size, 2), "real_time": round(speed, 2), **more}
        if judge:
            result |= judged(judge[0], Path(judge[1]), folder / f"{name}.tsv")
        print(json.dumps(result), flush=True)

    for form in ("fp32", *forms):
        teacher = CompressedTeacher(folder / form)
        cell = measure(folder / form, (), mels[:2], config)
        made = [teacher.vocode(mel) for mel in mels]
        speed = cell.vocoder_real_time
        report(f"hifigan_{form}", made, config.sample_rate, cell.megabytes, speed, **kept.get(form, {}))
    student = measure_student(None, SENTENCES[:2])
    vocoder = bird.bundle.path / "vocoder.onnx"
    report("student", speech, bird.sample_rate, vocoder.stat().st_size / 1e6, student.vocoder_real_time)


if __name__ == "__main__":
    main(*sys.argv[1:])
