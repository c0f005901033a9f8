"""Who may ask: bearers of the token, and without one programs of this machine, but no web page that it shows."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from parrotlet.server.addresses import is_loopback

OPEN = "/healthz"


class Guard:
    """ASGI around an application. loopback: whether only this machine reaches it.

    A web page can send requests to this machine, and, by giving its own name this machine's address, read the answers:
    names that are not this machine's are refused where no token is asked for, and so are pages of other origins.
    """

    def __init__(self, app: ASGIApp, token: str | None, loopback: bool) -> None:
        self._app, self._token, self._loopback = app, token, loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != OPEN:
            refusal = self._refusal(Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        if self._token is not None:
            kind, _, shown = headers.get("authorization", "").partition(" ")
            if kind.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), self._token.encode()):
                return None
            message = "no token, or a wrong one: send Authorization: Bearer TOKEN (api_key of OpenAI's clients)"
            return _refused(401, message, "invalid_api_key", {"WWW-Authenticate": "Bearer"})
        host = _host(headers.get("host", ""))
        if self._loopback and not is_loopback(host):
            return _refused(421, "this server answers this machine by its own names: use 127.0.0.1 or localhost")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
            return _refused(403, "a page of another origin may not speak here: start the server with --token-file")
        return None


def _host(authority: str) -> str:
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _refused(status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    value = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": value}, status, headers)
