"""OpenAI's speech API, by OpenAI's own client and by curl."""

from __future__ import annotations

import base64
import http.client
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile
from served import TOKEN, Server, Start

openai = pytest.importorskip("openai", reason="needs OpenAI's client: pip install openai")
TEXT = "The kettle is on. Would you like a cup of tea?"


def client(server: Server, token: str = "none", retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=token, max_retries=retries, timeout=60)


def ask(server: Server, body: object, **headers: str) -> http.client.HTTPResponse:
    """A request as no good client sends it."""
    connection = http.client.HTTPConnection(server.http, timeout=60)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", "/v1/audio/speech", data, {"Content-Type": "application/json", **named})
    return connection.getresponse()


@pytest.mark.parametrize("form", ["wav", "pcm", "flac", "opus", "mp3"])
def test_openai_speaks_in_every_format(server: Server, form: str) -> None:
    with client(server).audio.speech.with_streaming_response.create(
        model="tts-1", voice="me", input=TEXT, response_format=form
    ) as response:
        data = b"".join(response.iter_bytes())
        kind = response.headers["content-type"]
        assert response.headers["synthetic-media"].startswith("trainedAlgorithmicMedia;")
    if form == "pcm":
        assert kind == "audio/pcm" and 2.5 < len(data) / 48_000 < 6
        return
    assert kind == {"wav": "audio/wav", "flac": "audio/flac", "opus": "audio/ogg", "mp3": "audio/mpeg"}[form]
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        seconds = sum(len(block) for block in file.blocks(4096)) / file.samplerate if form != "flac" else None
    if seconds is not None:
        assert 2.5 < seconds < 6
    if shutil.which("ffmpeg"):
        decoder = ["ffmpeg", "-v", "error", "-i", "-", "-f", "s16le", "-ar", "24000", "-"]
        decoded = subprocess.run(decoder, input=data, capture_output=True, check=True)
        assert decoded.stderr == b"" and 2.5 < len(decoded.stdout) / 48_000 < 6


def test_mp3_is_what_comes_when_nothing_is_said(server: Server) -> None:
    response = client(server).audio.speech.create(model="tts-1", voice="preset:robin", input="Hello.")
    assert response.response.headers["content-type"] == "audio/mpeg"


def test_the_samples_are_those_of_say(server: Server, store: Path) -> None:
    served = client(server).audio.speech.create(model="x", voice="robin", input=TEXT, response_format="pcm").read()
    from parrotlet import Parrotlet

    said = b"".join(chunk.int16_bytes() for chunk in Parrotlet.load().speak(TEXT, "robin"))
    assert served == said


def test_speed_and_seed_and_ssml(server: Server) -> None:
    def seconds(**more: object) -> float:
        speech = client(server).audio.speech
        made = speech.create(model="x", voice="robin", response_format="pcm", **{"input": TEXT, **more})
        return len(made.read()) / 48_000

    assert seconds(speed=2.0) < 0.7 * seconds()
    ssml = f"<speak>{TEXT}<break time='2s'/></speak>"
    assert seconds(input=ssml, extra_body={"ssml": True}) == pytest.approx(seconds() + 2, abs=0.6)


def test_events_bring_sound_and_word_times(server: Server) -> None:
    response = ask(
        server, {"input": "One two three.", "voice": "robin", "response_format": "pcm", "stream_format": "sse"}
    )
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in response.read().decode().splitlines() if line]
    assert events[-1]["type"] == "speech.audio.done"
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert len(audio) / 48_000 == pytest.approx(events[-1]["seconds"], abs=0.01)
    words = [word for event in events for word in event.get("words", [])]
    assert [word["word"].lower() for word in words] == ["one", "two", "three"]
    assert all(0 <= word["start"] < word["end"] <= events[-1]["seconds"] for word in words)


def test_models_and_voices(server: Server) -> None:
    models = client(server).models
    [model] = models.list().data
    assert models.retrieve(model.id).owned_by == "parrotlet"
    with pytest.raises(openai.NotFoundError):
        models.retrieve("gpt-4")
    listed = json.loads(curl(server, "/v1/audio/voices"))
    assert {"me", "preset:robin"} <= {voice["id"] for voice in listed["data"]}


def test_health_metrics_and_the_document(server: Server) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="needs prometheus-client")
    assert curl(server, "/healthz") == "ok\n"
    client(server).audio.speech.create(model="x", voice="robin", input="Hello.").read()
    families = {family.name: family for family in parser.text_string_to_metric_families(curl(server, "/metrics"))}
    done = [sample for sample in families["parrotlet_requests"].samples if sample.labels["outcome"] == "done"]
    assert done and done[0].value >= 1
    assert families["parrotlet_first_audio_seconds"].type == "histogram"
    assert families["process_resident_memory_bytes"].samples[0].value > 50e6
    assert json.loads(curl(server, "/openapi.json"))["openapi"].startswith("3.")


def curl(server: Server, path: str, *options: str) -> str:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    command = ["curl", "-sS", "--max-time", "60", *options, server.url + path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_curl_plays_while_it_is_made(server: Server, tmp_path: Path) -> None:
    long = json.dumps({"input": TEXT * 20, "voice": "me", "response_format": "wav"})
    body = ("-H", "Content-Type: application/json", "-d", long, "-o", str(tmp_path / "a.wav"))
    times = curl(server, "/v1/audio/speech", *body, "-w", "%{time_starttransfer} %{time_total}")
    first, total = map(float, times.split())
    assert first < total / 2
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        assert file.samplerate == 24_000


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        ({"voice": "robin"}, 400, "input", "send the text"),
        ({"input": "  ", "voice": "robin"}, 400, "input", "send the text"),
        ({"input": "...", "voice": "robin"}, 400, "input", "nothing to say"),
        ({"input": "Hello"}, 400, "voice", "GET /v1/audio/voices"),
        ({"input": "Hello", "voice": "robn"}, 400, "voice", "did you mean preset:robin"),
        ({"input": "Hello", "voice": "robin", "response_format": "aac"}, 400, "response_format", "mp3"),
        ({"input": "Hello", "voice": "robin", "speed": 4}, 400, "speed", "between 0.5 and 2"),
        ({"input": "Hello", "voice": "robin", "speed": "fast"}, 400, "speed", "between 0.5 and 2"),
        ({"input": "x" * 40_000, "voice": "robin"}, 400, "input", "in parts"),
        ({"input": "x" * 400_000, "voice": "robin"}, 413, None, "in parts"),
        ({"input": "\ud800", "voice": "robin"}, 400, "input", "surrogate"),
        ({"input": "<speak", "voice": "robin", "ssml": True}, 400, None, ""),
        ([1], 400, None, "JSON object"),
        (b"{", 400, None, "not JSON"),
        (b"[" * 100_000, 400, None, "not JSON"),
    ],
)
def test_what_is_wrong_is_said_as_openai_says_it(
    server: Server, body: object, status: int, param: str | None, words: str
) -> None:
    response = ask(server, body)
    error = json.loads(response.read())["error"]
    assert response.status == status and error["param"] == param and words in error["message"]
    assert error["type"] == "invalid_request_error" and "\n" not in error["message"]


def test_openais_client_raises_its_own_errors(server: Server) -> None:
    with pytest.raises(openai.BadRequestError, match="did you mean preset:wren"):
        client(server).audio.speech.create(model="x", voice="wrn", input="Hello.")


def test_what_is_not_there(server: Server) -> None:
    for path, status in (("/v1/chat/completions", 404), ("/v1/audio/speech", 405)):
        connection = http.client.HTTPConnection(server.http, timeout=20)
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == status and json.loads(response.read())["error"]["message"]


def test_a_fault_in_the_middle_breaks_the_answer_off(server: Server) -> None:
    body = {"input": f"{TEXT * 10} [[ÿ]] Nothing of this.", "voice": "robin", "response_format": "pcm"}
    with pytest.raises(http.client.IncompleteRead):
        ask(server, body).read()
    events = ask(server, {**body, "stream_format": "sse"}).read().decode().splitlines()
    assert json.loads(events[-2][6:])["type"] == "error"
    said = server.log.read_text()
    assert "cut off" in said and "ÿ" not in said  # the log holds no text


def test_web_pages_may_not_speak_without_a_token(server: Server) -> None:
    body = {"input": "Hello.", "voice": "me"}
    assert ask(server, body, Host="evil.example").status == 421
    assert ask(server, body, Origin="https://evil.example").status == 403
    assert ask(server, body, Origin="http://127.0.0.1:3000").status == 403  # another program's page
    assert ask(server, body, Content_Type="text/plain").status == 415
    assert ask(server, body, Origin=server.url).status == 200


def test_no_voice_without_the_token(start: Start, store: Path) -> None:
    with start("--token-file", str(store / "token"), "--voice", "me", "--voice", "alloy=preset:wren") as server:
        for path in ("/v1/audio/voices", "/v1/models", "/metrics", "/openapi.json"):
            assert "invalid_api_key" in curl(server, path)
        assert curl(server, "/healthz") == "ok\n"
        for token in ("none", TOKEN[:-1], TOKEN + "x"):
            with pytest.raises(openai.AuthenticationError):
                client(server, token).audio.speech.create(model="x", voice="me", input="Hello.")
        for voice in ("me", "alloy"):
            assert client(server, TOKEN).audio.speech.create(model="x", voice=voice, input="Hello.").read()
        with pytest.raises(openai.BadRequestError):
            client(server, TOKEN).audio.speech.create(model="x", voice="robin", input="Hello.")
