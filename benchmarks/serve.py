"""The server under load: ``python benchmarks/serve.py [--seconds S] [--workers N] [--runtime R] [--peer URL ...]``.

Starts ``parrotlet serve``, and at each concurrency from 1 to 16 lets so many clients ask for a sentence of four seconds
as 16-bit PCM, again and again. Prints a JSON line for each: median and 95th percentile of the time to the first byte,
seconds of speech per second, and the server's resident memory. ``--peer URL=VOICE`` is another server with the same
interface, which runs already; it is measured in turn with ours.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

TEXT = "The kettle is on, and the coffee is ready. Would you like some milk in yours this morning?"
CONCURRENCY = (1, 2, 4, 8, 16)


def ask(host: str, path: str, voice: str) -> tuple[float, float]:
    """Seconds to the first byte of sound, and seconds of speech."""
    body = json.dumps({"model": "tts-1", "input": TEXT, "voice": voice, "response_format": "pcm"})
    began = time.perf_counter()
    connection = http.client.HTTPConnection(host, timeout=120)
    connection.request("POST", f"{path}/v1/audio/speech", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    first = response.read(2)
    waited = time.perf_counter() - began
    rest = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit((first + rest).decode(errors="replace"))
    return waited, (len(first) + len(rest)) / 48_000


def load(url: str, voice: str, clients: int, seconds: float) -> dict[str, object]:
    """What so many clients measure in these seconds."""
    parts = urlsplit(url)
    answers: list[tuple[float, float]] = []
    until = time.perf_counter() + seconds

    def client() -> None:
        while time.perf_counter() < until:
            answers.append(ask(parts.netloc, parts.path.rstrip("/"), voice))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    waits = sorted(wait for wait, _ in answers)
    return {
        "clients": clients,
        "requests": len(answers),
        "first_byte_p50_ms": round(statistics.median(waits) * 1000, 1),
        "first_byte_p95_ms": round(waits[min(len(waits) - 1, int(0.95 * len(waits)))] * 1000, 1),
        "times_real_time": round(sum(speech for _, speech in answers) / took, 1),
    }


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--workers", default="2")
    parser.add_argument("--runtime", choices=["onnx", "tflite"])
    parser.add_argument("--peer", action="append", default=[], metavar="URL=VOICE")
    options = parser.parse_args()
    command = [
        sys.executable,
        "-m",
        "parrotlet",
        "serve",
        "--http",
        "127.0.0.1:0",
        "--wyoming",
        "127.0.0.1:0",
        "--json",
    ]
    command += ["--workers", options.workers, "--voice", "preset:robin"]
    command += ["--runtime", options.runtime] if options.runtime else []
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        found = json.loads(server.stdout.readline())
        servers = {"parrotlet": (f"http://{found['http']}", "robin")}
        servers |= {
            peer.rpartition("=")[0]: (peer.rpartition("=")[0], peer.rpartition("=")[2]) for peer in options.peer
        }
        print(json.dumps({"server": "parrotlet", "idle_rss_mb": resident_mb(found["pid"])}), flush=True)
        for clients in CONCURRENCY:
            for name, (url, voice) in servers.items():
                row = {"server": name, **load(url, voice, clients, options.seconds)}
                if name == "parrotlet":
                    row["rss_mb"] = resident_mb(found["pid"])
                print(json.dumps(row), flush=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
