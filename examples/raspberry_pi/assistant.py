"""Answers questions aloud, while the answer is being written: a language model's words in your voice.

    parrotlet serve --wyoming &
    ollama serve &                                       # or llama-server, or anything with OpenAI's chat API
    echo "What is a parrotlet?" | python assistant.py --voice me --model llama3.2

Each line of standard input is a question; a recognizer of speech can write them. Needs: the extra parrotlet[serve] and
apt-get install alsa-utils. Nothing leaves this machine unless --chat is on another one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

from wyoming.audio import AudioChunk, AudioStart
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.tts import SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

MANNER = "You are a voice assistant. Answer in two or three short sentences, in plain words, without lists or markup."


def answer(chat: str, model: str, question: str) -> Iterator[str]:
    """The model's answer in pieces, as they are written."""
    messages = [{"role": "system", "content": MANNER}, {"role": "user", "content": question}]
    body = json.dumps({"model": model, "messages": messages, "stream": True}).encode()
    request = urllib.request.Request(f"{chat}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as events:
        for line in events:
            data = line.decode().removeprefix("data: ").strip()
            if not data.startswith("{"):
                continue  # a blank line, or [DONE]
            for choice in json.loads(data).get("choices", ()):
                if piece := choice["delta"].get("content"):
                    yield piece


async def say(options: argparse.Namespace, question: str) -> None:
    """Speak the answer to one question. Raises OSError, ValueError."""
    place = urlsplit(f"//{options.server}")
    async with AsyncTcpClient(place.hostname or "127.0.0.1", place.port or 10200) as client:
        hearing = asyncio.create_task(hear(client, options.device))
        await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name=options.voice)).event())
        pieces = answer(options.chat, options.model, question)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            print(piece, end="", flush=True)
            await client.write_event(SynthesizeChunk(piece).event())
        print()
        await client.write_event(SynthesizeStop().event())
        await hearing


async def hear(client: AsyncTcpClient, device: str | None) -> None:
    """Play what the server says, as it comes. Raises ValueError with the server's message."""
    player = None
    while (event := await client.read_event()) and not SynthesizeStopped.is_type(event.type):
        if Error.is_type(event.type):
            raise ValueError(Error.from_event(event).text)
        if AudioStart.is_type(event.type) and player is None:
            rate = AudioStart.from_event(event).rate
            command = ["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(rate)]
            command += ["-D", device] if device else []
            player = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
        elif AudioChunk.is_type(event.type) and player is not None and player.stdin is not None:
            player.stdin.write(AudioChunk.from_event(event).audio)
            await player.stdin.drain()
    if player is not None and player.stdin is not None:
        player.stdin.close()
        await player.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="Answer lines of standard input aloud.")
    parser.add_argument("--voice", default="me", help="a voice that parrotlet serve has (default: me)")
    parser.add_argument("--model", required=True, help="the language model's name")
    parser.add_argument("--chat", default="http://127.0.0.1:11434/v1", help="OpenAI's chat API (default: Ollama here)")
    parser.add_argument("--server", default="127.0.0.1:10200", help="parrotlet serve --wyoming (default: here)")
    parser.add_argument("--device", metavar="NAME", help="sound card, as aplay -D")
    options = parser.parse_args()
    for question in filter(str.strip, sys.stdin):
        try:
            asyncio.run(say(options, question.strip()))
        except (OSError, ValueError) as error:
            print(f"assistant: {error}: are --chat, --server, --voice and the sound card right?", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
