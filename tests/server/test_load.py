"""Many clients, bad clients, and signals."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from served import Server, Start

from parrotlet import Parrotlet
from parrotlet.vault import KeyFile, ProfileStore

SHORT, LONG = "Hello there.", "The kettle is on. Would you like a cup of tea? " * 100


def request(text: str, voice: str = "me", form: str = "pcm") -> bytes:
    return json.dumps({"input": text, "voice": voice, "response_format": form}).encode()


def speak(server: Server, text: str, voice: str = "me") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.http, timeout=120)
    connection.request("POST", "/v1/audio/speech", request(text, voice), {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status == 429:
        assert response.headers["Retry-After"] == "1"
    return response.status, response.read()


def begun(server: Server, text: str = LONG, buffer: int = 4096) -> socket.socket:
    """A client that has heard the beginning."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    host, _, port = server.http.rpartition(":")
    client.connect((host, int(port)))
    body = request(text)
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: {server.http}\r\nContent-Type: application/json\r\n"
    client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert b"200 OK" in client.recv(1000)
    return client


def metric(server: Server, name: str) -> float:
    text = urllib.request.urlopen(f"{server.url}/metrics").read().decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def settled(server: Server, seconds: float = 10) -> None:
    """Wait until nobody is spoken to."""
    until = time.monotonic() + seconds
    while metric(server, "parrotlet_speaking"):
        assert time.monotonic() < until, "speech goes on"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def busy(start: Start) -> object:
    with start("--queue", "8") as server:
        yield server


def test_two_hundred_at_once_are_answered_or_told_to_come_back(busy: Server) -> None:
    with ThreadPoolExecutor(200) as threads:
        answers = list(threads.map(lambda _: speak(busy, SHORT), range(200)))
    spoken = {audio for status, audio in answers if status == 200}
    assert len(spoken) == 1 and {status for status, _ in answers} <= {200, 429}
    assert all("--queue" in json.loads(audio)["error"]["message"] for status, audio in answers if status == 429)
    assert sum(status == 200 for status, _ in answers) >= 10
    settled(busy)


def test_clients_that_go_end_their_speech(busy: Server) -> None:
    before = metric(busy, "parrotlet_speech_seconds_total")
    for _ in range(3):
        for client in [begun(busy) for _ in range(8)]:
            client.close()
        settled(busy)
    # Each would have heard more than five minutes.
    assert metric(busy, "parrotlet_speech_seconds_total") - before < 24 * 20


def test_slow_readers_hold_no_memory_and_keep_nobody_waiting(busy: Server) -> None:
    speak(busy, SHORT)
    before = busy.resident
    clients = [begun(busy) for _ in range(8)]
    time.sleep(2)
    status, audio = speak(busy, SHORT)
    assert status == 200 and audio
    # Of each, the kernel's buffers apart, one chunk; of the whole speech it would be 15 MB each.
    assert busy.resident - before < 25e6
    for client in clients:
        client.close()
    settled(busy)


def test_a_body_that_is_announced_and_never_comes_holds_no_voice(busy: Server) -> None:
    host, _, port = busy.http.rpartition(":")
    clients = []
    for _ in range(20):
        client = socket.create_connection((host, int(port)))
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: {busy.http}\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
        clients.append(client)
    assert speak(busy, SHORT)[0] == 200
    for client in clients:
        client.close()


def test_memory_does_not_grow_with_requests(busy: Server) -> None:
    def ask(number: int) -> None:
        assert speak(busy, f"Number {number}.", "me" if number % 2 else "wren")[0] == 200

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, range(40)))
        before = busy.resident
        list(threads.map(ask, range(160)))
    assert (busy.resident - before) / 160 < 20_000


@pytest.fixture
def own(store: Path, tmp_path: Path) -> Path:
    """A store to change."""
    shutil.copytree(store / "profiles", tmp_path / "profiles")
    shutil.copy(store / "key", tmp_path / "key")
    return tmp_path


def profiles(folder: Path) -> ProfileStore:
    return ProfileStore.open(folder / "profiles", key=KeyFile(folder / "key"))


def voices(server: Server) -> list[str]:
    listed: list[str] = json.loads(urllib.request.urlopen(f"{server.url}/v1/audio/voices").read())["voices"]
    return listed


def test_sighup_reads_the_profiles_again_under_load(start: Start, own: Path) -> None:
    with start(folder=own) as server, ThreadPoolExecutor(4) as threads:
        whole = speak(server, LONG[:141])[1]
        playing = [threads.submit(speak, server, LONG[:141]) for _ in range(4)]
        time.sleep(0.2)
        profiles(own).save("you", profiles(own).load("me"))
        profiles(own).delete("me")
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 60
        while "you" not in voices(server):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert "me" not in voices(server) and speak(server, SHORT)[0] == 400
        # Who was spoken to hears the voice to its end, although it is gone.
        assert all(future.result() == (200, whole) for future in playing)
        assert speak(server, LONG[:141], "you") == (200, whole)
        (own / "key").rename(own / "away")
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 60
        while "you" in voices(server):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert "preset:robin" in voices(server)


def test_a_profile_that_expires_is_served_no_more(start: Start, own: Path) -> None:
    from dataclasses import replace
    from datetime import datetime, timedelta, timezone

    soon = (datetime.now(timezone.utc) + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    profiles(own).save("brief", replace(profiles(own).load("me"), expires=soon))
    with start(folder=own) as server:
        if datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") < soon:
            assert "brief" in voices(server)
        while datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") <= soon:
            time.sleep(0.2)
        assert "brief" not in voices(server)
        status, answer = speak(server, SHORT, "brief")
        assert status == 400 and b"enroll again" in answer


def test_sigterm_finishes_what_plays(start: Start) -> None:
    with start() as server:
        whole = speak(server, LONG[:141])[1]
        with ThreadPoolExecutor(2) as threads:
            playing = [threads.submit(speak, server, LONG[:141]) for _ in range(2)]
            while metric(server, "parrotlet_speaking") < 2:
                time.sleep(0.01)
            assert server.stop() == 0
            assert [future.result() for future in playing] == [(200, whole)] * 2
        assert "Traceback" not in server.log.read_text()


def test_a_killed_server_is_noticed_and_leaves_the_port(start: Start) -> None:
    with start() as server:
        client = begun(server)
        server.process.kill()
        server.process.wait()
        client.settimeout(10)
        try:
            while client.recv(65536):
                pass
        except ConnectionError:
            pass
        with start("--http", server.http) as again:
            assert speak(again, SHORT)[0] == 200


def test_voices_are_wiped(bird: Parrotlet, store: Path) -> None:
    pytest.importorskip("starlette", reason="needs the server: pip install '.[serve]'")
    from parrotlet.server.speakers import Shelf

    shelf = Shelf(bird, lambda: profiles(store), ["me", "preset:robin"])
    shelf.replace(shelf.read()[0])
    me, robin = shelf.find("me"), shelf.find("robin")
    with me:
        shelf.replace({})
        assert any(value.any() for value in me.voice.inputs.values())
    assert not any(value.any() for value in me.voice.inputs.values())
    assert any(value.any() for value in robin.voice.inputs.values())
    inputs = bird.voice(profiles(store).load("me")).inputs
    assert all(value.any() for name, value in inputs.items() if name != "factors")  # it was not fine-tuned
