"""The process: both protocols on one event loop, and what the signals do."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import uvicorn

from parrotlet.engine import Parrotlet
from parrotlet.errors import ParrotletError
from parrotlet.server.addresses import Address, is_loopback
from parrotlet.server.announcement import announced
from parrotlet.server.deadlines import Punctual
from parrotlet.server.enrollment import Desk
from parrotlet.server.http import Service, application
from parrotlet.server.metrics import Metrics
from parrotlet.server.speakers import Pool, Shelf
from parrotlet.vault import ProfileStore

GRACE_S = 30
"""Seconds in which what plays may end after SIGTERM."""
MOST_CONNECTIONS = 512
log = logging.getLogger("parrotlet.server")


@dataclass(frozen=True)
class Plan:
    """What to serve, and where. Sockets listen already."""

    http: socket.socket | None
    wyoming: socket.socket | None
    workers: int
    queue: int
    token: str | None
    store_for_new: ProfileStore | None
    announce: bool = False


def serve(bird: Parrotlet, shelf: Shelf, plan: Plan, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the profiles again. ready: called once connections are answered."""
    asyncio.run(_serve(bird, shelf, plan, ready))


async def _serve(bird: Parrotlet, shelf: Shelf, plan: Plan, ready: Callable[[], None]) -> None:
    pool, metrics = Pool(bird, plan.workers, plan.workers + plan.queue), Metrics()
    desk = Desk(bird, plan.store_for_new, shelf) if plan.store_for_new else None
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        if len(reloads) > 1:
            return  # one that waits begins later than this signal
        task = loop.create_task(_reload(shelf))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        async with _http(Service(shelf, pool, metrics, desk), plan), _wyoming(shelf, pool, metrics, plan):
            ready()
            await stopping.wait()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)  # a second one ends it at once
            log.info("finishing what plays")
    finally:
        pool.shutdown()
        if desk is not None:
            desk.shutdown()
        await asyncio.sleep(0)  # what the threads handed back
        shelf.replace({})


async def _reload(shelf: Shelf) -> None:
    async with shelf.changing:
        try:
            speakers, problems = await asyncio.get_running_loop().run_in_executor(None, shelf.read)
        except ParrotletError as error:
            log.warning("the voices stay as they were: %s", type(error).__name__)
            return
        shelf.replace(speakers)
    log.info("read again: %d voices, %d that cannot be served: parrotlet voices", len(speakers), len(problems))


class _Uvicorn(uvicorn.Server):
    """Leaves signals to us: there is another server beside it."""

    @contextmanager
    def capture_signals(self) -> Any:
        with nullcontext():
            yield


@asynccontextmanager
async def _http(service: Service, plan: Plan) -> AsyncIterator[None]:
    if plan.http is None:
        yield
        return
    app = application(service, plan.token, is_loopback(plan.http.getsockname()[0]))
    config = uvicorn.Config(
        app,
        http=Punctual,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_S,
    )
    # Of a connection that ends in the middle of an answer it tells by tracebacks; our own faults are told by the app.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    server = _Uvicorn(config)
    running = asyncio.create_task(server.serve([plan.http]))
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def _wyoming(shelf: Shelf, pool: Pool, metrics: Metrics, plan: Plan) -> AsyncIterator[None]:
    if plan.wyoming is None:
        yield
        return
    from parrotlet.server.wyoming import LONGEST_LINE, WyomingServer

    server = WyomingServer(shelf, pool, metrics)
    listening = await asyncio.start_server(server.accept, sock=plan.wyoming, limit=LONGEST_LINE)
    place = Address(*plan.wyoming.getsockname()[:2])
    try:
        async with announced(place) if plan.announce else nullcontext():
            yield
    finally:
        listening.close()
        await server.finish(GRACE_S)
