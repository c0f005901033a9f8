"""``parrotlet bench`` on the CPU and on CUDA, side by side: ``python benchmarks/cuda/bench.py [onnx|torch ...]``.

Needs an NVIDIA GPU and onnxruntime-gpu (in place of onnxruntime) or a CUDA build of torch. Where there is none it
says so in one line and measures nothing. Prints a JSON line for each runtime and device.
"""

from __future__ import annotations

import json
import sys

from parrotlet.bench import bench
from parrotlet_runtimes import survey


def main() -> int:
    measured = False
    for name in sys.argv[1:] or ["onnx", "torch"]:
        status = survey()[name]
        if "cuda" not in status.devices:
            print(
                f"{name}: no CUDA here ({status.reason or 'the installed build has only ' + ', '.join(status.devices)})"
            )
            continue
        for device in ("cpu", "cuda"):
            print(json.dumps(bench(runtime=name, device=device).as_dict()), flush=True)
        measured = True
    return 0 if measured else 1


if __name__ == "__main__":
    sys.exit(main())
