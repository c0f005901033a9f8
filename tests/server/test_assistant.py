"""The assistant and the doorbell of the device kit, with a chat server and a player that keeps what it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from served import Server

pytest.importorskip("wyoming", reason="needs Wyoming: pip install '.[serve]'")

PLAYER = '#!/bin/sh\nexec cat >> "$FOLDER/pcm"\n'
ASSISTANT = Path(__file__).parents[2] / "examples" / "raspberry_pi" / "assistant.py"


class Chat(BaseHTTPRequestHandler):
    """Streams a fixed answer in pieces, as OpenAI's API does."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/v1/chat/completions" and asked["stream"] and asked["messages"][-1]["role"] == "user"
        self.send_response(200)
        self.end_headers()
        for piece in ("A parrot", "let is a small ", "parrot. It ", "likes seeds."):
            event = {"choices": [{"delta": {"content": piece}}]}
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.write(b'data: {"choices": [{"delta": {}}]}\n\ndata: [DONE]\n\n')

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def chat() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def ask(server: Server, chat: str, folder: Path, voice: str) -> subprocess.CompletedProcess[str]:
    (folder / "aplay").write_text(PLAYER)
    (folder / "aplay").chmod(0o755)
    env = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "FOLDER": str(folder)}
    command = [
        sys.executable,
        str(ASSISTANT),
        "--voice",
        voice,
        "--model",
        "m",
        "--chat",
        chat,
        "--server",
        server.wyoming,
    ]
    return subprocess.run(
        command, input="What is it?\n\n", text=True, env=env, capture_output=True, check=False, timeout=120
    )


def test_an_answer_is_spoken(server: Server, chat: str, tmp_path: Path) -> None:
    done = ask(server, chat, tmp_path, "me")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "A parrotlet is a small parrot. It likes seeds.\n"
    assert 2 < (tmp_path / "pcm").stat().st_size / 48_000 < 8


def test_what_is_wrong_is_one_line(server: Server, chat: str, tmp_path: Path) -> None:
    for address, voice, words in ((chat, "nobody", "there is no voice"), ("http://127.0.0.1:9/v1", "me", "--chat")):
        done = ask(server, address, tmp_path, voice)
        assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1


def test_the_doorbell_rings_through_a_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "aplay").write_text(PLAYER)
    (tmp_path / "aplay").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "FOLDER": str(tmp_path)}
    for url, bad in ((server.url, "[[ÿ]]"), ("http://127.0.0.1:9", "start parrotlet serve")):
        command = [sys.executable, str(ASSISTANT.with_name("doorbell.py")), "me", "--server", url]
        lines = "[[ÿ]]\nSomeone is at the door.\n"
        done = subprocess.run(command, input=lines, text=True, env=env, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0 and bad.strip("[]") in done.stderr and "Traceback" not in done.stderr
    assert 1 < (tmp_path / "pcm").stat().st_size / 48_000 < 4
