"""OpenAI's speech API over HTTP, as a Starlette application."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from parrotlet.audio import AudioChunk
from parrotlet.challenge import AGREEMENT
from parrotlet.encoding import FORMATS, Encoder
from parrotlet.errors import InputError, ParrotletError, ProfileExists, UsageError
from parrotlet.options import SpeakOptions
from parrotlet.server.enrollment import Desk
from parrotlet.server.guard import Guard
from parrotlet.server.metrics import MIME, Metrics
from parrotlet.server.openapi import document
from parrotlet.server.speakers import Busy, Pool, Shelf, Speech
from parrotlet.watermark import FORMAT as MARK_FORMAT

LONGEST_TEXT = 32_768
"""Characters. OpenAI takes 4,096; a chapter of a book is longer."""
MOST_JSON = 8 * LONGEST_TEXT
"""Bytes of a request: every character may be written as an escape of six."""
BODY_S, STALL_S = 20.0, 60.0
"""Seconds that a body may take to come, and a reader to take what it was sent."""
log = logging.getLogger("parrotlet.server")


@dataclass
class Service:
    """What the requests share."""

    shelf: Shelf
    pool: Pool
    metrics: Metrics
    desk: Desk | None = None


def application(service: Service, token: str | None, loopback: bool) -> Guard:
    """The whole API. token: what clients have to show; loopback: whether only this machine can ask."""
    routes = [
        Route("/v1/audio/speech", _bind(_speech, service), methods=["POST"]),
        Route("/v1/audio/voices", _bind(_voices, service), methods=["GET"]),
        Route("/v1/models", _bind(_models, service), methods=["GET"]),
        Route("/v1/models/{model}", _bind(_model, service), methods=["GET"]),
        Route("/healthz", _health, methods=["GET"]),
        Route("/metrics", _bind(_metrics, service), methods=["GET"]),
        Route("/openapi.json", _bind(_openapi, service), methods=["GET"]),
    ]
    if service.desk is not None:
        routes.append(Route("/v1/audio/voices", _bind(_enroll, service), methods=["POST"]))
        routes.append(Route("/v1/audio/consent_challenges", _bind(_challenge, service), methods=["POST"]))
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, Exception: _fault})
    app.router.redirect_slashes = False
    return Guard(app, token, loopback)


def _bind(
    handler: Callable[[Service, Request], Awaitable[Response]], service: Service
) -> Callable[[Request], Awaitable[Response]]:
    async def bound(request: Request) -> Response:
        try:
            return await handler(service, request)
        except (ParrotletError, _Bad) as problem:
            return error(problem)

    return bound


# Speech


@dataclass(frozen=True)
class Wish:
    """A request for speech, checked."""

    text: str
    voice: str
    form: str
    options: SpeakOptions
    ssml: bool
    events: bool


def wish(body: object) -> Wish:
    """The request in a JSON body. Fields that are not known are left alone. Raises _Bad, UsageError."""
    if not isinstance(body, dict):
        raise _Bad("the body is not a JSON object: send one with input and voice")
    text = body.get("input")
    if not isinstance(text, str) or not text.strip():
        raise _Bad("input is missing: send the text to speak", "input")
    if len(text) > LONGEST_TEXT:
        raise _Bad(f"input has {len(text)} characters, more than {LONGEST_TEXT}: send it in parts", "input")
    if not _is_unicode(text):
        raise _Bad("input holds half a surrogate pair: send whole characters", "input")
    voice = body.get("voice")
    if isinstance(voice, dict):
        voice = voice.get("id")
    if not isinstance(voice, str) or not voice:
        raise _Bad("voice is missing: GET /v1/audio/voices lists those there are", "voice")
    form = body.get("response_format", "mp3")
    if not isinstance(form, str) or form not in FORMATS:
        raise _Bad(f"response_format is none of {', '.join(FORMATS)}: choose one", "response_format")
    stream_format = body.get("stream_format", "audio")
    if stream_format not in ("audio", "sse"):
        raise _Bad("stream_format is audio or sse", "stream_format")
    ssml = body.get("ssml", False)
    if not isinstance(ssml, bool):
        raise _Bad("ssml is true or false", "ssml")
    settings = {name: body[name] for name in ("speed", "pitch", "volume", "sentence_silence", "seed") if name in body}
    try:
        options = SpeakOptions(**settings)
    except UsageError as problem:
        raise _Bad(str(problem), next((name for name in settings if name in str(problem)), None)) from problem
    return Wish(text, voice, form, options, ssml, stream_format == "sse")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _speech(service: Service, request: Request) -> Response:
    began = time.perf_counter()
    outcome = "refused"
    speech = None
    try:
        asked = wish(await _json(request))
        try:
            speaker = service.shelf.find(asked.voice)
        except ParrotletError as problem:
            raise _Bad(str(problem), "voice") from problem
        encoder = Encoder(asked.form, service.pool.bird.sample_rate)
        speech = service.pool.speak(speaker, asked.text, asked.options, asked.ssml)
        first = await anext(speech, None)
        if first is None:
            raise _Bad("input holds nothing to say: write words", "input")
    except BaseException as problem:
        if speech is not None:
            speech.close()
        outcome = "busy" if isinstance(problem, Busy) else outcome
        service.metrics.request("http", outcome)
        raise
    service.metrics.first_audio(time.perf_counter() - began)
    events = _events(first, speech, encoder) if asked.events else _audio(first, speech, encoder)
    mime = "text/event-stream" if asked.events else encoder.format.mime
    return _Spoken(events, mime, speech, service.metrics, marked=service.pool.bird.watermark is not None)


async def _audio(first: AudioChunk, speech: Speech, encoder: Encoder) -> AsyncIterator[bytes]:
    yield encoder.push(first)
    async for chunk in speech:
        yield encoder.push(chunk)
    yield encoder.finish()


async def _events(first: AudioChunk, speech: Speech, encoder: Encoder) -> AsyncIterator[bytes]:
    """Server-sent events as OpenAI has them; words, with their times, are ours."""
    yield _delta(first, encoder.push(first))
    try:
        async for chunk in speech:
            yield _delta(chunk, encoder.push(chunk))
    except ParrotletError as problem:
        yield _event({"type": "error", **_body(str(problem), "invalid_request_error", None)})
        return
    if last := encoder.finish():
        yield _delta(None, last)
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield _event({"type": "speech.audio.done", "seconds": round(speech.seconds, 3), "usage": usage})


def _delta(chunk: AudioChunk | None, audio: bytes) -> bytes:
    value: dict[str, Any] = {"type": "speech.audio.delta", "audio": base64.b64encode(audio).decode()}
    if chunk is not None and chunk.words:
        value["words"] = [
            {"word": mark.text, "start": round(mark.start, 3), "end": round(mark.end, 3)} for mark in chunk.words
        ]
    return _event(value)


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


class _Spoken(StreamingResponse):
    """Speech as it is made. It ends with the connection, or with a reader that takes nothing any more."""

    def __init__(
        self, content: AsyncIterator[bytes], mime: str, speech: Speech, metrics: Metrics, marked: bool
    ) -> None:
        # IPTC's term for what a model made. Content-Credentials would promise a signed C2PA manifest.
        origin = 'trainedAlgorithmicMedia; generator="parrotlet"' + f'; watermark="{MARK_FORMAT}"' * marked
        super().__init__(content, media_type=mime, headers={"Cache-Control": "no-store", "Synthetic-Media": origin})
        self._speech, self._metrics = speech, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def patient(message: Message) -> None:
            await asyncio.wait_for(send(message), STALL_S)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                finished.append(True)

        finished: list[bool] = []
        try:
            await super().__call__(scope, receive, patient)
        except (ParrotletError, asyncio.TimeoutError) as problem:
            # The head is sent: that the connection ends in the middle is all that can be said.
            # Nor may the log hold it: messages name what could not be said.
            log.warning("speech was cut off: %s", type(problem).__name__)
        finally:
            self._speech.close()
            self._metrics.speech_s += self._speech.seconds
            self._metrics.request("http", "done" if finished else "cut off")


# Voices and models


async def _voices(service: Service, _: Request) -> Response:
    voices = [
        {
            "id": speaker.name,
            "object": "audio.voice",
            "name": speaker.name,
            "description": speaker.description,
            "language": "en",
            "expires": speaker.expires,
        }
        for speaker in service.shelf
    ]
    return JSONResponse({"object": "list", "data": voices, "voices": [voice["id"] for voice in voices]})


async def _models(service: Service, _: Request) -> Response:
    return JSONResponse({"object": "list", "data": [_model_card(service)]})


async def _model(service: Service, request: Request) -> Response:
    card = _model_card(service)
    if request.path_params["model"] != card["id"]:
        return error(_Bad(f"there is no model of that name: it is {card['id']}", "model", status=404))
    return JSONResponse(card)


def _model_card(service: Service) -> dict[str, Any]:
    return {"id": service.pool.bird.bundle.name, "object": "model", "created": 0, "owned_by": "parrotlet"}


async def _enroll(service: Service, request: Request) -> Response:
    assert service.desk is not None
    speaker, reports = await service.desk.enroll(request)
    value = {"id": speaker.name, "object": "audio.voice", "name": speaker.name, "description": speaker.description}
    return JSONResponse({**value, "recordings": [report.as_dict() for report in reports]})


async def _challenge(service: Service, request: Request) -> Response:
    """A sentence for the person to read aloud; a body {"agreement": TEXT} says what they agree to."""
    assert service.desk is not None
    body = await _json(request) if "content-type" in request.headers else {}
    agreement = body.get("agreement", AGREEMENT) if isinstance(body, dict) else None
    if not isinstance(agreement, str):
        raise _Bad('the body is not {"agreement": TEXT}: send that, or none', "agreement")
    made = service.desk.challenges.make(agreement=agreement)
    fields = {"sentence": made.sentence, "made_at": made.made_at, "within_s": made.within_s}
    return JSONResponse({"id": made.nonce, "object": "audio.consent_challenge", **fields})


# The service itself


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _metrics(service: Service, _: Request) -> Response:
    voices = sum(1 for _ in service.shelf)
    return Response(service.metrics.text(service.pool.open, service.pool.limit, voices), media_type=MIME)


async def _openapi(service: Service, _: Request) -> Response:
    return JSONResponse(document(service.desk is not None, LONGEST_TEXT))


# Bodies and errors


class _Bad(Exception):
    """A request that cannot be answered."""

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param, self.status = param, status


async def _json(request: Request) -> object:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Bad("the body is not JSON: send Content-Type: application/json", status=415)
    try:
        return json.loads(await asyncio.wait_for(_bounded(request), BODY_S))
    except (ValueError, RecursionError) as problem:
        raise _Bad("the body is not JSON in UTF-8: check it with a linter") from problem
    except asyncio.TimeoutError as problem:
        raise _Bad(f"the body did not come within {BODY_S:.0f} s: send it again", status=408) from problem
    except ClientDisconnect as problem:
        raise _Bad("the client went away") from problem


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_JSON:
            raise _Bad(f"the body is longer than {MOST_JSON} bytes: send the text in parts", status=413)
    return bytes(body)


def error(problem: ParrotletError | _Bad) -> JSONResponse:
    """An error as OpenAI's clients read it, with our advice."""
    param = problem.param if isinstance(problem, _Bad) else None
    if isinstance(problem, Busy):
        return JSONResponse(_body(str(problem), "rate_limit_error", None), 429, {"Retry-After": "1"})
    if isinstance(problem, _Bad):
        status = problem.status
    elif isinstance(problem, ProfileExists):
        status = 409
    else:
        status = 400 if isinstance(problem, (UsageError, InputError)) else 500
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse(_body(str(problem), kind, param), status)


async def _http_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    message = {
        404: f"there is no {request.url.path}: /openapi.json lists what there is",
        405: f"{request.method} is not for {request.url.path}: /openapi.json says what is",
    }.get(problem.status_code, problem.detail)
    return JSONResponse(_body(message, "invalid_request_error", None), problem.status_code, problem.headers)


async def _fault(_: Request, problem: Exception) -> Response:
    log.error("a fault of ours, please report it", exc_info=problem)
    return JSONResponse(_body("a fault of the server: its log says more", "server_error", None), 500)


def _body(message: str, kind: str, param: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": None}}
