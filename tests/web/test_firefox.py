"""The page in Firefox: enroll from a file, seal, reload, unlock, speak; then Python speaks the same profile."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
import soundfile
from alike import build, require_alike, require_packages, spoken

from parrotlet import Parrotlet
from parrotlet.vault import Passphrase, ProfileStore

RECORDING = Path(__file__).parents[1] / "vectors/enroll-v1.wav"
FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")
SECRET, TEXT = "vier kleine Wörter", "The birch canoe slid on the smooth planks."


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that prints nothing."""

    def log_message(self, *_: object) -> None:
        pass


def test_firefox(tmp_path: Path, bird: Parrotlet) -> None:
    if not Path(FIREFOX).exists():
        pytest.skip(f"no Firefox at {FIREFOX}: apt-get install firefox-esr")
    require_packages("puppeteer-core")
    site = tmp_path / "site"
    build(site)
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        settings = {"address": address, "firefox": FIREFOX, "recording": str(RECORDING), "secret": SECRET, "text": TEXT}
        command = ["node", Path(__file__).with_name("firefox_driver.mjs"), json.dumps(settings)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        server.shutdown()
    assert run.returncode == 0, run.stderr
    made = json.loads(run.stdout)
    assert "failed" not in made, made["failed"]
    assert "times as fast" in made["measured"]
    for name, file in zip(("ada.wav", "ada.voice"), made["saved"], strict=True):
        (tmp_path / name).write_bytes(base64.b64decode(file))
    store = ProfileStore.open(tmp_path / "store", Passphrase(SECRET, log_n=12))
    store.import_(tmp_path / "ada.voice", key=Passphrase(SECRET))
    require_alike(spoken(bird, TEXT, store.load("ada")), soundfile.read(tmp_path / "ada.wav")[0])
