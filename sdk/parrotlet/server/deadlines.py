"""HTTP connections whose requests have to come in time; uvicorn bounds only the silence between two of them."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0
"""Seconds in which the head of a request has to be whole, counted from the connection or from the first byte of it."""
LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"the request did not come in time: send it again\n"
)


class Punctual(H11Protocol):
    """Closes a connection that is not being answered and does not complete a request.

    Whoever is being answered is left to the application, which bounds the body and the reading of the answer. What is
    sent after an answer counts as the next head, also when it is the rest of a body that nobody wanted.
    """

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering():
            self._relax()
        elif self._overdue is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self) -> None:
        self._overdue = self.loop.call_later(HEAD_S, self._close)

    def _relax(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _close(self) -> None:
        self._overdue = None
        if self._answering() or self.transport.is_closing():
            return
        unread, _ = self.conn.trailing_data
        if (
            unread and self.cycle is None
        ):  # who has said nothing at all, as browsers that connect ahead, is told nothing
            self.transport.write(LATE)
        self.transport.close()
