"""How natural is every clip of a pack? Run with the judge's Python.

    JUDGE_PYTHON benchmarks/quality/rate.py PACK ratings.json

Writes {"ARCHIVE/ID": DNSMOS P.808}, 1 to 5, of all clips of the pack, for `parrotlet-compress train --ratings`: speech
that learns against recordings comes to score as they do. P.808 (Reddy 2021) is that of the package speechmos, within
0.02, without the second network that it runs beside it and that takes most of the time.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is loaded
import onnxruntime
from speechmos.dnsmos import DNSMOS, INPUT_LENGTH
from speechmos.dnsmos import SR as RATE
from speechmos.dnsmos import __file__ as dnsmos_file

WINDOW = int(INPUT_LENGTH * RATE)
NETWORK = Path(dnsmos_file).parent / "dnsmos_models" / "model_v8.onnx"


def p808(network: onnxruntime.InferenceSession, samples: npt.NDArray[np.float32]) -> float:
    """P.808 of samples at 16 kHz: the mean over windows of 9 s, one a second; shorter ones are repeated."""
    while len(samples) < WINDOW:
        samples = np.append(samples, samples)
    ratings = []
    for second in range(max(1, len(samples) // RATE - int(INPUT_LENGTH))):
        window = samples[second * RATE : second * RATE + WINDOW]
        mel = DNSMOS.audio_melspec(None, audio=window[:-160]).astype(np.float32)
        ratings.append(network.run(None, {"input_1": mel[None]})[0])
    return float(np.mean(ratings))


def main(folder: str, out: str) -> None:
    pack = Path(folder)
    mel = json.loads((pack / "manifest.json").read_text())["mel"]
    hop = RATE * mel["hop_length"] // mel["sample_rate"]
    samples = np.memmap(pack / "audio16.i16", "<i2", "r")
    clips = [json.loads(line) for line in (pack / "clips.jsonl").read_text().splitlines()]
    network = onnxruntime.InferenceSession(NETWORK, providers=["CPUExecutionProvider"])
    ratings = {}
    for clip in clips:
        part = samples[clip["start"] * hop : (clip["start"] + clip["frames"]) * hop]
        ratings[f"{clip['archive']}/{clip['id']}"] = round(p808(network, part.astype(np.float32) / 32768), 3)
        if len(ratings) % 500 == 0:
            print(f"{len(ratings)} of {len(clips)}", flush=True)
    Path(out).write_text(json.dumps(ratings, sort_keys=True))
    for archive in sorted({clip["archive"] for clip in clips}):
        scores = [rating for name, rating in ratings.items() if name.startswith(f"{archive}/")]
        low, middle, high = np.percentile(scores, [10, 50, 90])
        print(f"{archive}: {len(scores)} clips, mean {np.mean(scores):.2f}; {low:.2f}, {middle:.2f}, {high:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
