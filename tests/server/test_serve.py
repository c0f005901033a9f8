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
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from served import Server, Start

from parrotlet.errors import UsageError

pytest.importorskip("starlette", reason="needs the server: pip install '.[serve]'")

from parrotlet.server.addresses import Address, parse, require_guarded

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


def form(server: Server, fields: dict[str, str], files: dict[str, bytes]) -> tuple[int, dict[str, object]]:
    edge = "edge-of-a-part"
    body = b"".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
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
        status, answer = form(server, {"name": "dad", "consent": CONSENT}, files)
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
    with start("--voice", "dad", folder=tmp_path) as server:
        listed = json.loads(urllib.request.urlopen(f"{server.url}/v1/audio/voices").read())
        assert listed["voices"] == ["dad"]


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
