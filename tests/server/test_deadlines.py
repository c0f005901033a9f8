"""Clients that begin and never end, with deadlines as short as a test wants them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import pytest

pytest.importorskip("starlette", reason="needs the server: pip install '.[serve]'")
pytest.importorskip("wyoming", reason="needs Wyoming: pip install '.[serve]'")

from parrotlet.server import deadlines, http, run, wyoming
from parrotlet.server.enrollment import Desk, Form
from parrotlet.server.metrics import Metrics
from parrotlet.server.speakers import Pool, Shelf, Speaker
from parrotlet.speech_model import Voice

SHORT = 0.2


class _Nobody:
    """Stands for a shelf and a pool that nobody gets as far as."""


def ended(conversation: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], kind: str) -> bytes:
    """All that a server says to a client that holds the connection open; it is the server that ends it."""

    async def client() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            plan = run.Plan(*((listening, None) if kind == "http" else (None, listening)), 1, 1, None, None)
            shelf, pool = cast(Shelf, _Nobody()), cast(Pool, _Nobody())
            async with (
                run._http(http.Service(shelf, pool, Metrics()), plan),
                run._wyoming(shelf, pool, Metrics(), plan),
            ):
                reader, writer = await asyncio.open_connection(*listening.getsockname())
                speaking = asyncio.ensure_future(conversation(reader, writer))
                heard = b""
                with suppress(ConnectionError):  # who goes on sending to a closed connection is told so
                    while piece := await asyncio.wait_for(reader.read(4096), 30):
                        heard += piece
                speaking.cancel()
                writer.close()
        return heard

    return asyncio.run(client())


def trickle(beginning: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A client that goes on for ever, a byte at a time."""

    async def conversation(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            await asyncio.sleep(SHORT / 20)
            writer.write(b"a")

    return conversation


async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """A client that connects, and no more."""


GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = GET.replace(b"GET /healthz", b"POST /v1/audio/speech") + b"Content-Type: application/json\r\n"
POST += b"Content-Length: 99999\r\n\r\n"


@pytest.mark.parametrize(
    ("conversation", "answers"),
    [
        (silent, []),
        (trickle(b"GET / HTTP/1.1\r\nX-Slow: "), [b"408 Request Timeout"]),
        (trickle(GET + b"\r\nGET / HTTP/1.1\r\nX-Slow: "), [b"200 OK"]),  # the second request of a connection
        (trickle(GET + b"Content-Length: 99999\r\n\r\n"), [b"200 OK"]),  # a body that nobody wants
        (trickle(POST), [b"408 Request Timeout"]),
    ],
    ids=["silent", "head", "second head", "unwanted body", "body"],
)
def test_http_ends_what_does_not_come(
    conversation: Callable[..., Awaitable[None]], answers: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "HEAD_S", SHORT)
    monkeypatch.setattr(http, "BODY_S", SHORT)
    heard = ended(conversation, "http")
    assert [line[9:] for line in heard.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")] == answers


def test_the_head_of_an_answered_request_has_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that come one after the other, the whole taking longer than a head may."""
    monkeypatch.setattr(deadlines, "HEAD_S", SHORT)

    async def conversation(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(6):
            writer.write(GET + b"\r\n")
            await asyncio.sleep(SHORT / 3)
        writer.write(GET + b"Connection: close\r\n\r\n")

    assert ended(conversation, "http").count(b"200 OK") == 7


@pytest.mark.parametrize(
    ("conversation", "words"),
    [
        (silent, b""),
        (trickle(b'{"type": "'), b"the event did not come within"),
        (trickle(b'{"type": "ping", "data_length": 50000}\n'), b"the event did not come within"),
        (trickle(b'{"type": "ping", "payload_length": 50000}\n'), b"the event did not come within"),
    ],
    ids=["silent", "line", "data", "payload"],
)
def test_wyoming_ends_what_does_not_come(
    conversation: Callable[..., Awaitable[None]], words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wyoming, "FIRST_S", 3 * SHORT)
    monkeypatch.setattr(wyoming, "EVENT_S", SHORT)
    heard = ended(conversation, "wyoming")
    assert words in heard and bool(heard) == bool(words)


def test_a_reload_does_not_drop_who_is_enrolled_meanwhile() -> None:
    """A reload that has read the profiles already serves them before a new one is stored, or reads them after it."""
    began, go = threading.Event(), threading.Event()

    class SlowShelf(Shelf):
        def __init__(self) -> None:
            super().__init__(cast("run.Parrotlet", _Nobody()), lambda: None, [])

        def read(self) -> tuple[dict[str, Speaker], list[str]]:
            found = {"old": Speaker("old", Voice({}, 0.0, "", 0.85), "")}
            began.set()
            assert go.wait(10)
            return found, []

        def _prepared(self, alias: str, _: object) -> Speaker:
            return Speaker(alias, Voice({}, 0.0, "", 0.85), "")

    class Store:
        def require_free(self, _: str) -> None: ...

        def save(self, _: str, __: object) -> None: ...

    async def both() -> list[str]:
        shelf = SlowShelf()
        desk = Desk(cast("run.Parrotlet", _Nobody()), cast("run.ProfileStore", Store()), shelf)
        desk._make = lambda *_: (object(), [])  # type: ignore[assignment,method-assign,return-value]

        async def form(_: object) -> Form:
            return Form("new", [b""], [], "yes", "")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("parrotlet.server.enrollment._form", form)
            reloading = asyncio.ensure_future(run._reload(shelf))
            while not began.is_set():
                await asyncio.sleep(0.01)
            enrolling = asyncio.ensure_future(desk.enroll(cast("http.Request", None)))
            await asyncio.sleep(0.05)
            go.set()
            await asyncio.gather(reloading, enrolling)
        desk.shutdown()
        return [speaker.name for speaker in shelf]

    assert asyncio.run(both()) == ["old", "new"]
