"""How fast a Raspberry Pi would be, from instructions counted in an emulator: ``python benchmarks/arm/bench.py DIR``.

The SDK runs on aarch64 wheels in qemu-user; ``count.c`` counts what is executed. DIR holds the emulated machine and is
made by ``setup.sh`` if it is not there. Prints a line for each core and runtime: million instructions for a second of
speech, what the speech differs by from that made on this machine (log-mel, nepers), and, estimated, how many times real
time it is, after how long a sentence of three seconds begins, and what an enrollment with seven takes.

The factor from instructions to cycles was fitted to published times of nine models on a Raspberry Pi 4 (1.26; the
models lie between 1.0 and 1.6) and of seven on a Raspberry Pi 5 (0.57; 0.54 to 0.70). Nothing here ran on a board:
such an estimate may be off by a quarter, more where kernels are tuned better than those models' (LiteRT's are).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import guest
import numpy as np

from parrotlet import Parrotlet
from parrotlet.bundle import Bundle
from parrotlet.mel import MelConfig, mel_spectrogram

HERE = Path(__file__).resolve().parent
SOURCES = [HERE.parents[1] / "sdk", HERE.parents[1] / "runtimes"]


@dataclass(frozen=True)
class Core:
    """clock: of the board, Hz. cycles: for one instruction, see above. part, features: of /proc/cpuinfo, which the
    emulator does not fake and runtimes choose their kernels by."""

    board: str
    clock: float
    cycles: float
    part: str
    features: str


CORES = {
    "cortex-a72": Core("Raspberry Pi 4", 1.8e9, 1.26, "0xd08", "fp asimd evtstrm crc32 cpuid"),
    "cortex-a76": Core(
        "Raspberry Pi 5",
        2.4e9,
        0.567,
        "0xd0b",
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
}


def cpuinfo(core: Core) -> str:
    """The text of /proc/cpuinfo for four such cores."""
    rows = "BogoMIPS\t: 108.00\nFeatures\t: {}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
    one = f"{rows.format(core.features)}CPU part\t: {core.part}\nCPU revision\t: 3\n\n"
    return "".join(f"processor\t: {number}\n{one}" for number in range(4))


def count(machine: Path, name: str, bundle: Path, runtime: str) -> tuple[dict[str, int], float, np.ndarray]:
    """Instructions of what ``guest`` counts, by name, the seconds of speech, and the speech [N]."""
    (machine / "root/proc/cpuinfo").write_text(cpuinfo(CORES[name]))
    with TemporaryDirectory() as folder:
        counts, speech = Path(folder) / "counts", Path(folder) / "speech.npy"
        command = [
            machine / "qemu/usr/bin/qemu-aarch64",
            *("-plugin", f"{machine / 'count.so'},out={counts}", "-E", "LD_LIBRARY_PATH=", "-L", machine / "root"),
            *(machine / "root/usr/bin/python3.11", HERE / "guest.py", bundle, runtime, speech),
        ]
        settings = os.environ | {
            "LD_LIBRARY_PATH": str(machine / "qemu/usr/lib/x86_64-linux-gnu"),
            "PYTHONPATH": os.pathsep.join(map(str, [machine / "site", *SOURCES])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "QEMU_CPU": name,
        }
        run = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
        if run.returncode:
            sys.exit(f"{name}, {runtime}: {run.stderr.strip().splitlines()[-1]}")
        said = json.loads(run.stdout)
        total: dict[str, int] = {}
        for what, executed in zip(said["counted"], counts.read_text().split(), strict=True):
            total[what] = total.get(what, 0) + int(executed)
        return total, said["seconds"], np.load(speech)


def difference(made: np.ndarray, here: np.ndarray) -> str:
    """What speech differs by from that made here: root mean square of the difference of log-mel frames, nepers.

    Where onnxruntime quantizes on the fly, its kernels for ARM round another way than those for x86.
    """
    frames = [mel_spectrogram(samples, MelConfig()) for samples in (made, here)]
    if len(frames[0]) != len(frames[1]):
        return f"{len(frames[0])} frames in place of {len(frames[1])}"
    return f"{np.sqrt(np.mean(np.square(frames[0] - frames[1]))):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("machine", type=Path, metavar="DIR")
    parser.add_argument("--bundle", type=Path, help="(the shipped one)")
    parser.add_argument("--cores", default=",".join(CORES))
    parser.add_argument("--runtimes", default="onnx,tflite")
    chosen = parser.parse_args()
    machine = chosen.machine.resolve()
    if not (machine / "site").is_dir():
        subprocess.run([HERE / "setup.sh", machine], check=True)
    bundle = Bundle.load(chosen.bundle).path.resolve()
    print(
        "| core | runtime | M instructions | acoustic, vocoder | differs by | × real time | first audio, enrollment |"
    )
    print("|---|---|---|---|---|---|---|")
    for runtime in chosen.runtimes.split(","):
        bird = Parrotlet.load(bundle, runtime)
        voice = next(iter(bird.presets.values())).profile
        here = np.concatenate([chunk.samples for chunk in bird.speak(guest.TEXT, voice)])
        for name in chosen.cores.split(","):
            core = CORES[name]
            total, seconds, speech = count(machine, name, bundle, runtime)
            million = {what: executed / 1e6 for what, executed in total.items()}
            time = {what: executed * core.cycles / core.clock for what, executed in total.items()}
            print(
                f"| {name} ({core.board}) | {runtime} | {million['speak'] / seconds:.0f} "
                f"| {million['acoustic'] / seconds:.0f}, {million['vocoder'] / seconds:.0f} "
                f"| {difference(speech, here)} | {seconds / time['speak']:.1f} "
                f"| {1000 * time['first audio']:.0f} ms, {time['enroll']:.1f} s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
