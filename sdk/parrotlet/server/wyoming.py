"""The Wyoming protocol, by which Home Assistant speaks: one connection after the other asks, and hears."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Any

from wyoming.audio import AudioChunk as Sound
from wyoming.audio import AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
)

from parrotlet.errors import InputError, ParrotletError
from parrotlet.options import SpeakOptions
from parrotlet.server.metrics import Metrics
from parrotlet.server.speakers import Busy, Pool, Shelf, Speaker, Speech, Text

LONGEST_LINE, MOST_DATA, MOST_PAYLOAD = 65_536, 256 * 1024, 1024 * 1024
LONGEST_TEXT = 32_768
STALL_S, IDLE_S = 60.0, 600.0
"""Seconds that a reader may take to read, and a connection to say something."""
FIRST_S, EVENT_S = 30.0, 20.0
"""Seconds in which a connection has to have said something, and an event that has begun has to be whole."""
WIDTH, CHANNELS, PIECE = 2, 1, 8192
log = logging.getLogger("parrotlet.server")


class Malformed(Exception):
    """What came is not Wyoming, or more than is taken."""


class WyomingServer:
    """Connections of one listening socket."""

    def __init__(self, shelf: Shelf, pool: Pool, metrics: Metrics, most: int = 256) -> None:
        self.shelf, self.pool, self.metrics, self._most = shelf, pool, metrics, most
        self._connections: dict[asyncio.Task[None], Connection] = {}

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        if len(self._connections) >= self._most:
            writer.close()
            return
        connection = Connection(self, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = connection
        try:
            await connection.run()
        finally:
            del self._connections[task]

    def info(self) -> Info:
        """What this server offers."""
        bundle = self.pool.bird.bundle
        credit = Attribution("Parrotlet", "https://github.com/parrotlet/parrotlet")
        voices = [
            TtsVoice(speaker.name, credit, True, speaker.description, bundle.name, ["en", "en-US"])
            for speaker in self.shelf
        ]
        text = "Voices that stay on the device"
        return Info(tts=[TtsProgram("parrotlet", credit, True, text, bundle.name, voices, True)])

    async def finish(self, seconds: float) -> None:
        """End the connections that are silent now, the others when they have spoken, or after these seconds."""
        for connection in self._connections.values():
            connection.finish()
        tasks = set(self._connections)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


class Connection:
    """One client. Its events are read while it is spoken to, so that its going away is noticed."""

    def __init__(self, server: WyomingServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._speaking: asyncio.Task[None] | None = None
        self._text: Text | None = None
        self._ending = False

    async def run(self) -> None:
        """Answer until the client goes, says nothing for long, or says what is not Wyoming."""
        reading: asyncio.Task[Event | None] | None = None
        patience = FIRST_S
        try:
            while True:
                reading = reading or asyncio.create_task(read_event(self._reader))
                done, _ = await asyncio.wait({reading}, timeout=STALL_S if self._text else patience)
                if done:
                    patience = IDLE_S
                    event, reading = reading.result(), None
                    if event is None:
                        break
                    await self._handle(event)
                elif self._text or not self._is_speaking():
                    break
        except Malformed as error:
            with suppress(OSError, asyncio.TimeoutError):
                await self._write(Error(str(error), "malformed").event())
        except OSError:
            pass  # it is gone
        finally:
            if reading is not None:
                reading.cancel()
            await self._close()

    def finish(self) -> None:
        """End, once what is being said has been said."""
        self._ending = True
        if not self._is_speaking():
            self._reader.feed_eof()

    def _is_speaking(self) -> bool:
        return self._speaking is not None and not self._speaking.done()

    async def _close(self) -> None:
        if self._text is not None:
            self._text.end()
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)
        self._writer.close()
        with suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 5)

    async def _handle(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self._write(self._server.info().event())
        elif Ping.is_type(event.type):
            await self._write(Pong(Ping.from_event(event).text).event())
        elif Synthesize.is_type(event.type):
            # A client that streams repeats the whole text, for servers that cannot.
            if self._text is None:
                await self._begin(event, _field(event, "text"))
        elif SynthesizeStart.is_type(event.type):
            if self._text is not None:
                self._text.end()  # it was never stopped
            text = Text()
            await self._begin(event, text)
            self._text = text
        elif SynthesizeChunk.is_type(event.type) and self._text is not None:
            if not self._is_speaking():
                return  # it was refused: nobody would take the rest
            self._text.put(_field(event, "text"))
            while self._text.waiting > LONGEST_TEXT and self._is_speaking():
                await asyncio.sleep(0.05)
        elif SynthesizeStop.is_type(event.type) and self._text is not None:
            self._text.end()
            self._text = None

    async def _begin(self, event: Event, text: str | Text) -> None:
        """Speak in a task of its own, after what is being said."""
        if isinstance(text, str) and len(text) > LONGEST_TEXT:
            raise Malformed(f"the text has more than {LONGEST_TEXT} characters: send it in parts")
        name, ssml = _voice(event), event.data.get("text_format") == "ssml"
        if self._speaking is not None:
            await self._speaking
        self._speaking = asyncio.create_task(self._speak(name, text, ssml))

    async def _speak(self, name: str | None, text: str | Text, ssml: bool) -> None:
        metrics, outcome, speech = self._server.metrics, "cut off", None
        try:
            try:
                speech = self._server.pool.speak(self._speaker(name), text, SpeakOptions(), ssml)
                await self._send(speech)
                outcome = "done"
            except ParrotletError as error:
                outcome = "busy" if isinstance(error, Busy) else "refused"
                await self._write(Error(str(error), type(error).__name__).event())
            if isinstance(text, Text):
                await self._write(SynthesizeStopped().event())
        except (OSError, asyncio.TimeoutError):
            self._reader.feed_eof()  # it is gone, or takes nothing
        finally:
            if speech is not None:
                speech.close()
                metrics.speech_s += speech.seconds
            metrics.request("wyoming", outcome)
            if self._ending:
                self._reader.feed_eof()

    def _speaker(self, name: str | None) -> Speaker:
        return self._server.shelf.default() if name is None else self._server.shelf.find(name)

    async def _send(self, speech: Speech) -> None:
        began, rate = time.perf_counter(), self._server.pool.bird.sample_rate
        started = False
        async for chunk in speech:
            if not started:
                started = True
                if self._text is None:
                    self._server.metrics.first_audio(time.perf_counter() - began)
                await self._write(AudioStart(rate, WIDTH, CHANNELS).event())
            samples = chunk.int16_bytes()
            for at in range(0, len(samples), PIECE * WIDTH):
                await self._write(Sound(rate, WIDTH, CHANNELS, samples[at : at + PIECE * WIDTH]).event())
        if not started:
            raise InputError("the text holds nothing to say: write words")
        await self._write(AudioStop().event())

    async def _write(self, event: Event) -> None:
        await asyncio.wait_for(async_write_event(event, self._writer), STALL_S)


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """The next event without its payload, which speech has no use for; None at the end. Raises Malformed.

    The package's own reader takes whatever length a client names, and whatever time.
    """
    try:
        first = await reader.readexactly(1)
        return await asyncio.wait_for(_rest_of_event(first, reader), EVENT_S)
    except asyncio.TimeoutError as error:
        raise Malformed(f"the event did not come within {EVENT_S:g} s: send it again") from error
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _rest_of_event(first: bytes, reader: asyncio.StreamReader) -> Event | None:
    try:
        line = first if first == b"\n" else first + await reader.readline()
        if not line.endswith(b"\n"):
            return None
        head = json.loads(line)
        if not isinstance(head, dict) or not isinstance(head.get("type"), str):
            raise Malformed("an event is a JSON object with a type: see github.com/OHF-Voice/wyoming")
        data = head.get("data") or {}
        size = _length(head, "data_length", MOST_DATA)
        more = json.loads(await reader.readexactly(size)) if size else {}
        if not isinstance(data, dict) or not isinstance(more, dict):
            raise Malformed("the data of an event is a JSON object: see github.com/OHF-Voice/wyoming")
        await reader.readexactly(_length(head, "payload_length", MOST_PAYLOAD))
    except (ValueError, RecursionError) as error:
        raise Malformed("an event is one line of JSON: see github.com/OHF-Voice/wyoming") from error
    return Event(head["type"], {**data, **more})


def _length(head: dict[str, Any], name: str, most: int) -> int:
    size = head.get(name) or 0
    if type(size) is not int or not 0 <= size <= most:
        raise Malformed(f"{name} is not a number up to {most}: send less at once")
    return size


def _field(event: Event, name: str) -> str:
    value = event.data.get(name)
    if not isinstance(value, str):
        raise Malformed(f"{event.type} has no {name}: see github.com/OHF-Voice/wyoming")
    return value


def _voice(event: Event) -> str | None:
    """The name of the voice that is asked for; a language alone is left to us."""
    voice = event.data.get("voice") or {}
    name = voice.get("name") if isinstance(voice, dict) else None
    return name if isinstance(name, str) and name else None
