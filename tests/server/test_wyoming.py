"""Wyoming, by the package's own client, and by those who mean no good."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from served import Server

pytest.importorskip("wyoming", reason="needs Wyoming: pip install '.[serve]'")

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeTextFormat,
    SynthesizeVoice,
)

TEXT = "The kettle is on. Would you like a cup of tea?"
ME = SynthesizeVoice(name="me")
T = TypeVar("T")


def talk(server: Server, conversation: Callable[[AsyncTcpClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with AsyncTcpClient("127.0.0.1", server.wyoming_port) as client:
            return await asyncio.wait_for(conversation(client), 60)

    return asyncio.run(run())


async def until(client: AsyncTcpClient, last: str) -> list[Event]:
    events = []
    while event := await client.read_event():
        events.append(event)
        if event.type == last:
            return events
    raise AssertionError(f"it ended before {last}: {[event.type for event in events]}")


def seconds(events: list[Event]) -> float:
    start = AudioStart.from_event(next(event for event in events if AudioStart.is_type(event.type)))
    assert (start.rate, start.width, start.channels) == (24_000, 2, 1)
    return sum(len(event.payload or b"") for event in events if AudioChunk.is_type(event.type)) / 48_000


def test_home_assistant_finds_the_voices(server: Server) -> None:
    async def conversation(client: AsyncTcpClient) -> Event:
        await client.write_event(Describe().event())
        return (await until(client, "info"))[0]

    [program] = Info.from_event(talk(server, conversation)).tts
    assert program.name == "parrotlet" and program.supports_synthesize_streaming
    voices = {voice.name: voice for voice in program.voices}
    assert {"me", "preset:robin"} <= set(voices) and "en" in voices["me"].languages


def test_it_speaks_one_text_after_the_other(server: Server) -> None:
    async def conversation(client: AsyncTcpClient) -> list[float]:
        lengths = []
        for text in (TEXT, TEXT * 2):
            await client.write_event(Synthesize(text, voice=ME).event())
            lengths.append(seconds(await until(client, "audio-stop")))
        await client.write_event(Ping("here?").event())
        assert Pong.from_event((await until(client, "pong"))[0]).text == "here?"
        return lengths

    short, long = talk(server, conversation)
    assert 2.5 < short < 6 and long == pytest.approx(2 * short, rel=0.15)


def test_without_a_voice_the_owner_speaks(server: Server) -> None:
    async def conversation(client: AsyncTcpClient) -> list[bytes]:
        heard = []
        for voice in (None, SynthesizeVoice(language="en"), ME):
            await client.write_event(Synthesize("Hello.", voice=voice).event())
            heard.append(b"".join(event.payload or b"" for event in await until(client, "audio-stop")))
        return heard

    plain, english, me = talk(server, conversation)
    assert plain == english == me


def test_streaming_speaks_before_the_text_is_complete(server: Server) -> None:
    async def conversation(client: AsyncTcpClient) -> list[Event]:
        await client.write_event(SynthesizeStart(voice=ME).event())
        await client.write_event(SynthesizeChunk("The kettle is on in the kitchen, and ").event())
        first = await until(client, "audio-chunk")
        for piece in ("the caf", "é is open. ", "Would you ", "like some tea?"):
            await client.write_event(SynthesizeChunk(piece).event())
        await client.write_event(Synthesize("The kettle is on in the kitchen, and ...", voice=ME).event())
        await client.write_event(SynthesizeStop().event())
        return first + await until(client, "synthesize-stopped")

    events = talk(server, conversation)
    assert 3 < seconds(events) < 8
    assert [event.type for event in events].count("audio-start") == 1
    assert events[-2].type == "audio-stop"


def test_who_waits_for_text_keeps_nobody_from_speaking(server: Server) -> None:
    async def waiting(client: AsyncTcpClient) -> None:
        others = [AsyncTcpClient("127.0.0.1", server.wyoming_port) for _ in range(6)]
        for other in (client, *others):
            await other.connect()
            await other.write_event(SynthesizeStart(voice=ME).event())
            await other.write_event(SynthesizeChunk("Once").event())
        async with AsyncTcpClient("127.0.0.1", server.wyoming_port) as busy:
            await busy.write_event(Synthesize(TEXT, voice=ME).event())
            assert seconds(await until(busy, "audio-stop")) > 2.5
        for other in others:
            await other.disconnect()

    talk(server, waiting)


def test_ssml(server: Server) -> None:
    async def conversation(client: AsyncTcpClient) -> list[float]:
        lengths = []
        for pause in (1, 3):
            text = f"<speak>One.<break time='{pause}s'/>Two.</speak>"
            await client.write_event(Synthesize(text, ME, SynthesizeTextFormat.SSML).event())
            lengths.append(seconds(await until(client, "audio-stop")))
        return lengths

    short, long = talk(server, conversation)
    assert long - short == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(
    ("text", "voice", "words"),
    [("Hello.", "robn", "did you mean preset:robin"), ("...", "me", "nothing to say"), ("[[ÿ]]", "me", "ÿ")],
)
def test_what_is_wrong_is_an_error_and_the_connection_stays(server: Server, text: str, voice: str, words: str) -> None:
    async def conversation(client: AsyncTcpClient) -> str:
        await client.write_event(Synthesize(text, SynthesizeVoice(name=voice)).event())
        error = Error.from_event((await until(client, "error"))[-1])
        await client.write_event(Synthesize("Hello.", ME).event())
        await until(client, "audio-stop")
        return error.text

    assert words in talk(server, conversation)


def test_text_for_a_voice_that_was_refused_is_not_kept(server: Server) -> None:
    async def conversation(client: AsyncTcpClient) -> int:
        await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name="nobody")).event())
        await until(client, "error")
        before = memory(server)
        for _ in range(1000):
            await client.write_event(SynthesizeChunk("word " * 10_000).event())
        await client.write_event(SynthesizeStop().event())
        await client.write_event(Synthesize("Hello.", ME).event())
        await until(client, "audio-stop")
        return memory(server) - before

    assert talk(server, conversation) < 20


def memory(server: Server) -> int:
    """Megabytes that the server holds."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def raw(server: Server, data: bytes) -> bytes:
    """What comes back for bytes, until the server ends the connection or has nothing more to say."""
    with socket.create_connection(("127.0.0.1", server.wyoming_port), timeout=5) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            heard = b""
            while piece := connection.recv(65536):
                heard += piece
        except (ConnectionError, OSError):
            return b""
    return heard


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"[1]\n",
        b'{"type": 5}\n',
        b'{"type": "describe", "data": 5}\n',
        b'{"type": "describe", "data_length": 99999999999}\n',
        b'{"type": "describe", "payload_length": -5}\n',
        b'{"type": "describe", "data_length": true}\n',
        b'{"type": "synthesize"}\n',
        b'{"type": "synthesize", "data": {"text": 5}}\n',
        b"[" * 60_000 + b"\n",
        b"x" * 1_000_000,
        b"\xff\xfe\x00\n",
    ],
)
def test_what_is_not_wyoming_ends_with_an_error(server: Server, data: bytes) -> None:
    heard = raw(server, data)
    assert not heard or json.loads(heard.splitlines()[0])["type"] == "error"


def test_noise_harms_nothing(server: Server) -> None:
    chance = random.Random(5)
    good = [
        Describe().event(),
        Synthesize("Hi.", ME).event(),
        SynthesizeStart(voice=ME).event(),
        SynthesizeChunk("Hi.").event(),
    ]
    lines = [json.dumps({"type": event.type, "data": event.data}).encode() + b"\n" for event in good]
    for _ in range(150):
        data = bytearray(b"".join(chance.choices(lines, k=3)))
        for _ in range(chance.randrange(6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        raw(server, bytes(data))
    test_home_assistant_finds_the_voices(server)
    assert "Traceback" not in server.log.read_text()


def test_a_client_that_goes_ends_its_speech(server: Server) -> None:
    async def conversation(client: AsyncTcpClient) -> None:
        await client.write_event(Synthesize(TEXT * 300, voice=ME).event())
        await until(client, "audio-chunk")

    talk(server, conversation)
    import urllib.request

    for _ in range(50):
        metrics = urllib.request.urlopen(f"{server.url}/metrics").read().decode()
        if "parrotlet_speaking 0\n" in metrics:
            return
        time.sleep(0.1)
    raise AssertionError(metrics)


def test_the_reader_takes_events_as_the_package_writes_them() -> None:
    from wyoming.event import async_write_event

    from parrotlet.server.wyoming import read_event

    class Writer:
        def __init__(self, reader: asyncio.StreamReader) -> None:
            self.reader = reader

        def write(self, data: bytes) -> None:
            self.reader.feed_data(data)

        def writelines(self, lines: list[bytes]) -> None:
            self.reader.feed_data(b"".join(lines))

        async def drain(self) -> None:
            pass

    async def run() -> AsyncIterator[Event | None]:
        reader = asyncio.StreamReader()
        await async_write_event(AudioChunk(24_000, 2, 1, b"\n" * 100).event(), Writer(reader))  # type: ignore[arg-type]
        await async_write_event(Synthesize("Grüße\n", ME).event(), Writer(reader))  # type: ignore[arg-type]
        await async_write_event(AudioStop().event(), Writer(reader))  # type: ignore[arg-type]
        reader.feed_eof()
        for _ in range(4):
            yield await read_event(reader)

    async def collect() -> list[Event | None]:
        return [event async for event in run()]

    events = asyncio.run(collect())
    assert [event.type if event else None for event in events] == ["audio-chunk", "synthesize", "audio-stop", None]
    assert events[1] is not None and Synthesize.from_event(events[1]).text == "Grüße\n"
    assert SynthesizeStopped.is_type("synthesize-stopped")
