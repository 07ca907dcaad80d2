"""The listening side: uvicorn with our WebSocket, without its signals and its access log."""

import asyncio
import functools
import socket as sockets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.board import Board
from services.gateway.settings import Settings
from services.gateway.socket import Socket

BACKLOG = 2_048
STOP_SECONDS = 5
STEP_SECONDS = 0.02


class _Server(uvicorn.Server):
    """uvicorn, but the signals are the node's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield


class _Http(HttpToolsProtocol):
    """uvicorn's HTTP, but whoever connects has to ask for something within `seconds`."""

    seconds: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected."""
        super().connection_made(transport)
        self._patience = self.loop.call_later(self.seconds, transport.close)

    def on_headers_complete(self) -> None:
        """A request's headers are there."""
        self._patience.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._patience.cancel()
        super().connection_lost(exc)


@asynccontextmanager
async def listening(app: ASGIApp, board: Board, settings: Settings) -> AsyncIterator[int]:
    """Serves HTTP by `app` and WebSockets by `board`; yields the port. Raises OSError where it is taken."""
    listener = _bind(settings.host, settings.port)
    line: Any = functools.partial(Socket, board.admit, settings.slow_s, settings.line_buffer)
    http = type("Http", (_Http,), {"seconds": settings.request_s})
    config = uvicorn.Config(
        _last_words(app, board),
        http=http,
        ws=line,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    while not server.started and not task.done():  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(STEP_SECONDS)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


def _last_words(app: ASGIApp, board: Board) -> ASGIApp:
    """While the board drains, each response is its connection's last: the next request goes elsewhere."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def last(message: Message) -> None:
            if message["type"] == "http.response.start" and board.is_draining:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await app(scope, receive, last)

    return serve


def _bind(host: str, port: int) -> sockets.socket:
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    listener = sockets.socket(family, sockets.SOCK_STREAM)
    try:
        listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
