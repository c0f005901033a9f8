"""The OpenAPI document of the HTTP interface."""

from __future__ import annotations

from typing import Any

from parrotlet.encoding import FORMATS
from parrotlet.options import PITCH, SILENCE, SPEED, VOLUME

Schema = dict[str, Any]


_LATE = {"408": "the body did not come", "413": "the body is too long", "415": "the body is not JSON"}


def document(enrolling: bool, longest_text: int) -> Schema:
    """The document. enrolling: whether voices can be added; longest_text: characters of a request."""
    voices: Schema = {"get": _operation("Voices that are served", _json("VoiceList"))}
    challenges: Schema = {}
    if enrolling:
        voices["post"] = _operation("Enroll a voice", _json("Voice"), _form(), {"409": "the name is taken"})
        agreement = {"required": False, "content": _json("ConsentRequest")}
        challenge = _operation("A sentence that the person reads aloud", _json("ConsentChallenge"), agreement, _LATE)
        challenges["/v1/audio/consent_challenges"] = {"post": challenge}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Parrotlet",
            "version": "1",
            "description": "Speech in voices that stay on this device, as OpenAI's clients ask for it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}, {}],
        "paths": {
            "/v1/audio/speech": {"post": _speech()},
            "/v1/audio/voices": voices,
            **challenges,
            "/v1/models": {"get": _operation("Models", _json("ModelList"))},
            "/v1/models/{model}": {
                "parameters": [{"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}],
                "get": _operation("One model", _json("Model"), others={"404": "no such model"}),
            },
            "/healthz": {"get": _operation("Whether it runs", _text("text/plain"))},
            "/metrics": {"get": _operation("Counts for Prometheus", _text("text/plain"))},
            "/openapi.json": {"get": _operation("This document", {"application/json": {"schema": {"type": "object"}}})},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(longest_text),
        },
    }


def _speech() -> Schema:
    audio: Schema = {form.mime: {} for form in FORMATS.values()}
    others = {**_LATE, "429": "busy: Retry-After says when to come back"}
    body = {"required": True, "content": _json("SpeechRequest")}
    return _operation("Speak a text", {**audio, "text/event-stream": {}}, body, others)


def _operation(
    summary: str, content: Schema, body: Schema | None = None, others: dict[str, str] | None = None
) -> Schema:
    refused = {"401": "no token, or a wrong one", "403": "a web page of another origin", "421": "a strange Host"}
    refused |= {"400": "the request cannot be answered"} if body else {}
    errors = {
        status: {"description": text, "content": _json("Error")}
        for status, text in {**refused, **(others or {}), "500": "a fault of the server"}.items()
    }
    operation: Schema = {"summary": summary, "responses": {"200": {"description": "OK", "content": content}, **errors}}
    if body:
        operation["requestBody"] = body
    return operation


def _json(name: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _text(mime: str) -> Schema:
    return {mime: {"schema": {"type": "string"}}}


def _form() -> Schema:
    fields: Schema = {
        "name": {"type": "string", "minLength": 1, "maxLength": 64},
        "consent": {"type": "string", "minLength": 1, "description": "what the speaker agreed to"},
        "challenge": {"type": "string", "description": "in place of consent: an id of /v1/audio/consent_challenges"},
        "consent_recording": {"type": "string", "format": "binary", "description": "its sentence, read aloud"},
        "speaker": {"type": "string", "description": "the person's name, for the record"},
        "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
        "texts": {
            "type": "array",
            "items": {"type": "string"},
            "description": "what was read in each of the files, word for word, empty where unknown",
        },
        "fine_tune": {
            "type": "boolean",
            "default": False,
            "description": "learn from what is heard in files without a text: some seconds for a nearer voice",
        },
    }
    schema = {
        "type": "object",
        "required": ["name", "files"],
        "oneOf": [{"required": ["consent"]}, {"required": ["challenge", "consent_recording"]}],
        "properties": fields,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _schemas(longest_text: int) -> Schema:
    text: Schema = {"type": "string"}
    name: Schema = {**text, "minLength": 1}
    maybe: Schema = {"type": ["string", "null"]}
    speech: Schema = {
        "input": {**text, "minLength": 1, "maxLength": longest_text, "description": "the text to speak"},
        "voice": {
            "oneOf": [name, {"type": "object", "required": ["id"], "properties": {"id": name}}],
            "description": "a name of GET /v1/audio/voices",
        },
        "model": {**text, "description": "taken as it is: there is one model"},
        "instructions": {**text, "description": "taken, and not followed"},
        "response_format": {"enum": list(FORMATS), "default": "mp3"},
        "stream_format": {"enum": ["audio", "sse"], "default": "audio", "description": "sse brings word times, too"},
        "speed": {**_range(SPEED), "default": 1},
        "pitch": {**_range(PITCH), "default": 0, "description": "semitones"},
        "volume": {**_range(VOLUME), "default": 1},
        "sentence_silence": {**_range(SILENCE), "description": "seconds after each sentence"},
        "seed": {"type": "integer", "minimum": 0, "default": 0},
        "ssml": {"type": "boolean", "default": False, "description": "the input is SSML"},
    }
    challenge: Schema = {"id": text, "object": {"const": "audio.consent_challenge"}, "sentence": text, "made_at": text}
    voice = _object({"id": text, "object": {"const": "audio.voice"}, "name": text, "description": text})
    model = _object({"id": text, "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": text})
    failure = _object({"message": text, "type": text, "param": maybe, "code": maybe})
    return {
        "SpeechRequest": {"type": "object", "required": ["input", "voice"], "properties": speech},
        "Voice": voice,
        "ConsentRequest": {"type": "object", "properties": {"agreement": {**text, "minLength": 1, "maxLength": 300}}},
        "ConsentChallenge": _object({**challenge, "within_s": {"type": "integer"}}),
        "VoiceList": _object({"object": {"const": "list"}, "data": {"type": "array", "items": voice}}),
        "Model": model,
        "ModelList": _object({"object": {"const": "list"}, "data": {"type": "array", "items": model}}),
        "Error": _object({"error": failure}),
    }


def _range(bounds: tuple[float, float]) -> Schema:
    return {"type": "number", "minimum": bounds[0], "maximum": bounds[1]}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}
