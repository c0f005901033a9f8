"""How the server is started, enrollment, and the OpenAPI document."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from served import Server, Start

from parrotlet import KeyFile, Parrotlet, ProfileStore, challenge
from parrotlet.consent import is_spoken
from parrotlet.errors import UsageError
from parrotlet.profile import utc_now

pytest.importorskip("starlette", reason="needs the server: pip install '.[serve]'")

from parrotlet.server.addresses import Address, parse, require_guarded
from parrotlet.server.metrics import Metrics

CONSENT = "I agree that this device speaks in my voice."


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("8000", ("127.0.0.1", 8000)),
        ("localhost", ("localhost", 8765)),
        (":8000", ("0.0.0.0", 8000)),
        ("[::1]:80", ("::1", 80)),
        ("[::1]", ("::1", 8765)),
    ],
)
def test_addresses(given: str, address: tuple[str, int]) -> None:
    assert parse(given, 8765) == address


@pytest.mark.parametrize("given", ["host:port", "a:99999", "a:-1"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        parse(given, 8765)


def test_the_network_is_let_in_on_purpose_only() -> None:
    here, there = Address("127.0.0.1", 1), Address("0.0.0.0", 1)
    require_guarded(here, here, token=False, open_=False)
    require_guarded(there, here, token=True, open_=False)
    require_guarded(there, there, token=False, open_=True)
    for http_, wyoming, token in ((there, None, False), (None, there, False), (here, there, True)):
        with pytest.raises(UsageError, match="everyone on the network"):
            require_guarded(http_, wyoming, token, open_=False)


def serve(*options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parrotlet", "serve", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--http", "0.0.0.0:0"], "--token-file"),
        (["--http", "nowhere.invalid:0", "--open"], "cannot listen"),
        (["--no-http"], "nothing to serve"),
        (["--token-file", "absent"], "cannot read the token"),
        (["--token-file", "short"], "openssl rand"),
        (["--workers", "0"], "--workers"),
        (["--announce"], "--wyoming 0.0.0.0 --open"),
        (["--announce", "--wyoming", "127.0.0.1:0"], "they do not reach"),
        (["--voice", "preset:robn", "--http", "0"], "there is no voice preset:robn"),
        (["--voice", "nobody", "--http", "0", "--store", "absent"], "no profile store"),
    ],
)
def test_a_start_that_fails_is_one_line(options: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("secret\n")
    done = serve(*options, folder=tmp_path)
    assert done.returncode in (2, 3, 4) and words in done.stderr and done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_told_before_the_engine_loads(server: Server, tmp_path: Path) -> None:
    done = serve("--http", server.http, folder=tmp_path)
    assert done.returncode == 2 and "choose another port" in done.stderr


def form(
    server: Server, fields: dict[str, str], files: dict[str, bytes], texts: Sequence[str] = ()
) -> tuple[int, dict[str, object]]:
    edge = "edge-of-a-part"
    body = b"".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in [*fields.items(), *(("texts", text) for text in texts)]
    )
    for name, data in files.items():
        head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body += head.encode() + data + b"\r\n"
    connection = http.client.HTTPConnection(server.http, timeout=60)
    kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    connection.request("POST", "/v1/audio/voices", body + f"--{edge}--\r\n".encode(), kind)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_enrollment_is_off_unless_it_is_switched_on(server: Server) -> None:
    assert form(server, {"name": "x", "consent": CONSENT}, {"a.wav": b"RIFF"})[0] == 405


def test_a_voice_is_enrolled_and_speaks(start: Start, recordings: dict[str, list[Path]], tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in recordings["man"]}
    with start("--enroll", "--voice", "kitchen=preset:wren", folder=tmp_path) as server:
        status, answer = form(server, {"name": "dad", "consent": CONSENT, "speaker": "Ada"}, files)
        assert (status, answer["id"]) == (200, "dad") and len(answer["recordings"]) == 2  # type: ignore[arg-type]
        body = json.dumps({"input": "Hello.", "voice": "dad", "response_format": "pcm"}).encode()
        ask = urllib.request.Request(f"{server.url}/v1/audio/speech", body, {"Content-Type": "application/json"})
        assert len(urllib.request.urlopen(ask).read()) > 20_000
        server.process.send_signal(signal.SIGHUP)  # although --voice does not name it, it stays
        while "read again: 2 voices" not in server.log.read_text():
            assert server.process.poll() is None
            time.sleep(0.05)
        listed = json.loads(urllib.request.urlopen(f"{server.url}/v1/audio/voices").read())
        assert listed["voices"] == ["kitchen", "dad"]
        for fields, sent, code, words in (
            ({"name": "dad", "consent": CONSENT}, files, 409, "already"),
            ({"name": "kitchen", "consent": CONSENT}, files, 409, "served as 'kitchen' already"),
            ({"name": "mum"}, files, 400, "consent is missing"),
            ({"consent": CONSENT}, files, 400, "name is missing"),
            ({"name": "mum", "consent": CONSENT}, {}, 400, "files are missing"),
            ({"name": "../mum", "consent": CONSENT}, files, 400, "letters"),
            ({"name": "mum", "consent": CONSENT}, {"a.wav": b"noise"}, 400, "the recording: "),
        ):
            status, answer = form(server, fields, sent)
            assert status == code and words in answer["error"]["message"]  # type: ignore[index]
    record = ProfileStore.open(tmp_path / "profiles", key=KeyFile(tmp_path / "key")).load("dad").consent
    assert record is not None
    assert (record.text, record.speaker, record.method) == (CONSENT, "Ada", "POST /v1/audio/voices")
    with start("--voice", "dad", folder=tmp_path) as server:
        listed = json.loads(urllib.request.urlopen(f"{server.url}/v1/audio/voices").read())
        assert listed["voices"] == ["dad"]


def test_a_voice_learns_from_what_was_read(
    start: Start, recordings: dict[str, list[Path]], sentences: tuple[str, ...], tmp_path: Path
) -> None:
    files = {path.name: path.read_bytes() for path in recordings["man"]}
    with start("--enroll", "--voice", "preset:wren", folder=tmp_path) as server:
        fields = {"name": "dad", "consent": CONSENT}
        status, answer = form(server, fields, files, sentences[:1])
        assert status == 400 and "2 recordings and 1 texts" in answer["error"]["message"]  # type: ignore[index]
        status, answer = form(server, fields, files, sentences[::-1])
        assert status == 400 and "the text was not heard" in answer["error"]["message"]  # type: ignore[index]
        status, answer = form(server, {**fields, "fine_tune": "yes"}, files)
        assert status == 400 and "fine_tune is true or false" in answer["error"]["message"]  # type: ignore[index]
        assert form(server, fields, files, sentences)[0] == 200
        assert form(server, {"name": "mum", "consent": CONSENT, "fine_tune": "true"}, files)[0] == 200
    store = ProfileStore.open(tmp_path / "profiles", key=KeyFile(tmp_path / "key"))
    assert store.load("dad").is_fine_tuned and store.load("mum").is_fine_tuned


def test_a_client_asks_for_a_spoken_consent(
    bird: Parrotlet, recordings: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpx = pytest.importorskip("httpx", reason="needs httpx: pip install openai")
    from parrotlet.server import enrollment
    from parrotlet.server.http import Service, application
    from parrotlet.server.speakers import Pool, Shelf

    # Words that are not drawn, so that the test has one outcome.
    words = ["dolphin", "umbrella", "marigold", "telescope"]
    monkeypatch.setattr(challenge.secrets.SystemRandom, "sample", lambda *_: words)
    monkeypatch.setattr(enrollment, "utc_now", lambda: challenge.later(utc_now(), 30))
    store = ProfileStore.open(tmp_path / "voices", key=KeyFile.create(tmp_path / "key"))
    pool, shelf = Pool(bird, 1, 2), Shelf(bird, lambda: store, [])
    desk = enrollment.Desk(bird, store, shelf)
    app = application(Service(shelf, pool, Metrics(), desk), None, loopback=True)
    voice = next(preset for preset in bird.presets.values() if preset.description.startswith("woman"))
    files = [("files", (path.name, path.read_bytes())) for path in recordings["woman"]]

    def heard(sentence: str) -> bytes:
        speech = np.pad(np.concatenate([c.samples for c in bird.speak(sentence, voice)]), 6000)
        noise = 0.0005 * np.random.default_rng(5).standard_normal(len(speech)).astype(np.float32)
        soundfile.write(tmp_path / "take.wav", speech + noise, bird.sample_rate)
        return (tmp_path / "take.wav").read_bytes()

    async def talk() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            own = (await client.post("/v1/audio/consent_challenges", json={"agreement": "Robots may say it."})).json()
            assert own["sentence"].startswith("Robots may say it. My words are dolphin umbrella,")
            for body in ([], {"agreement": 1}, {"agreement": " "}):
                assert (await client.post("/v1/audio/consent_challenges", json=body)).status_code == 400
            asked = (await client.post("/v1/audio/consent_challenges")).json()
            assert asked["within_s"] == 120
            take = [("consent_recording", ("take.wav", heard(asked["sentence"])))]
            mum = {"name": "mum", "challenge": asked["id"], "speaker": "Anna"}
            for fields, sent, said in (
                ({**mum, "consent": CONSENT}, take, "send one of them"),
                ({**mum, "challenge": "0" * 32}, take, "never shown"),
                (mum, [], "send both"),
            ):
                answer = await client.post("/v1/audio/voices", data=fields, files=files + sent)
                assert answer.status_code == 400 and said in answer.json()["error"]["message"]
            answer = await client.post("/v1/audio/voices", data=mum, files=files + take)
            assert (answer.status_code, answer.json()["id"]) == (200, "mum"), answer.text
            answer = await client.post("/v1/audio/voices", data={**mum, "name": "dad"}, files=files + take)
            assert answer.status_code == 400 and "answered before" in answer.json()["error"]["message"]
        record = store.load("mum").consent
        assert record is not None and is_spoken(record)
        assert (record.speaker, record.text) == ("Anna", asked["sentence"])

    try:
        asyncio.run(talk())
    finally:
        desk.shutdown()
        pool.shutdown()


def test_a_server_is_found_while_it_is_announced() -> None:
    """On this machine alone: neither the test nor its neighbors are the network's business."""
    pytest.importorskip("zeroconf", reason="needs zeroconf: pip install '.[announce]'")
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    from parrotlet.server.announcement import NAME, SERVICE, announced

    async def look() -> tuple[list[str], int | None, bool]:
        async with AsyncZeroconf(interfaces=["127.0.0.1"]) as network:
            async with announced(Address("127.0.0.1", 10200)):
                info = AsyncServiceInfo(SERVICE, f"{NAME}.{SERVICE}")
                assert await info.async_request(network.zeroconf, 10_000)
                assert not info.properties and info.server == f"{NAME}.{SERVICE}"
            gone = AsyncServiceInfo(SERVICE, f"{NAME}.{SERVICE}")
            return info.parsed_addresses(), info.port, await gone.async_request(network.zeroconf, 500)

    assert asyncio.run(look()) == (["127.0.0.1"], 10200, False)


def test_the_document_tells_the_truth(server: Server) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")
    from hypothesis import HealthCheck, given, settings
    from hypothesis.errors import Unsatisfiable
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    # What can be said and which voices there are is more than a schema tells.
    beyond = [positive_data_acceptance]
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    for result in schema.get_all_operations():
        for mode in GenerationMode:

            @given(case=result.ok().as_strategy(mode))
            @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            def conforms(case: Any) -> None:
                case.call_and_validate(timeout=30, excluded_checks=beyond)

            with suppress(Unsatisfiable):  # there is no wrong way to ask for what takes nothing
                conforms()
    assert "Traceback" not in server.log.read_text()
