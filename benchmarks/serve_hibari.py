"""hibari-tts (a voice in its wheel, no server of its own) behind OpenAI's speech API, for ``benchmarks/serve.py``.

``python benchmarks/serve_hibari.py PORT`` in an environment with hibari-tts, starlette and uvicorn. It is the least
that serves: two threads, one each of the runtime's, and 16-bit PCM a sentence at a time, as hibari gives it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import uvicorn
from anyio import to_thread
from hibari import Hibari
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

WORKERS = 2
engine = Hibari(threads=1)


async def speech(request: Request) -> StreamingResponse:
    text = (await request.json())["input"]
    to_thread.current_default_thread_limiter().total_tokens = WORKERS

    def pieces() -> Iterator[bytes]:
        for samples in engine.stream(text):
            yield (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()

    return StreamingResponse(pieces(), media_type="audio/pcm")


async def health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok\n")


app = Starlette(routes=[Route("/v1/audio/speech", speech, methods=["POST"]), Route("/healthz", health)])
if __name__ == "__main__":
    engine("Hello.")
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
