"""``parrotlet bench`` on the CPU and on CUDA, side by side: ``python benchmarks/cuda/bench.py``.

onnxruntime needs an NVIDIA GPU and onnxruntime-gpu (in place of onnxruntime); torch, which speaks with the training
weights, a CUDA build. What has no CUDA here is said in one line and not measured. Prints a JSON line for each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from parrotlet.bench import bench
from parrotlet_runtimes import survey

CHECKPOINTS = Path(__file__).parents[2] / "compression" / "checkpoints"


def main() -> int:
    return 0 if any([_onnx(), _torch()]) else 1


def _onnx() -> bool:
    status = survey()["onnx"]
    if "cuda" not in status.devices:
        print(f"onnxruntime: no CUDA here ({status.reason or 'the build has only ' + ', '.join(status.devices)})")
        return False
    for device in ("cpu", "cuda"):
        print(json.dumps(bench(runtime="onnx", device=device).as_dict()), flush=True)
    return True


def _torch() -> bool:
    try:
        import torch
    except ImportError as error:
        print(f"torch: not installed ({error}): pip install torch, then pip install ./compression")
        return False
    from parrotlet_compression.reference import sessions

    if not torch.cuda.is_available():
        print(f"torch {torch.__version__}: no CUDA here")
        return False
    for device in ("cpu", "cuda"):
        print(json.dumps(bench(sessions=sessions(CHECKPOINTS, device)).as_dict()), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
