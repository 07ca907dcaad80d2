"""The listening side: uvicorn with our WebSocket, without its signals and its access log."""

import asyncio
import functools
import socket as sockets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.board import Board
from services.gateway.reader import Reader
from services.gateway.settings import Settings
from services.gateway.socket import Socket

BACKLOG = 2_048
STOP_SECONDS = 5
STEP_SECONDS = 0.02
SEND_BUFFER = 65_536
"""Bytes that the kernel keeps of what a connection has not read yet (it takes twice as many). By itself it
takes megabytes before anybody hears that nothing is read.
"""
LONGEST_HEAD = 32_768
"""Bytes of a request's address and headers, trailers included."""
FRAMING = 4
"""Bytes of a header beside its name and value."""


class _Server(uvicorn.Server):
    """uvicorn, but the signals are the node's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield


class _Http(HttpToolsProtocol):
    """uvicorn's HTTP, with an end to everything: a request's head is short and there within `seconds`, its
    body within as many again, and an answer that waits and of which nothing is read is not kept for longer
    either.
    """

    seconds: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected."""
        super().connection_made(transport)
        self._patience: asyncio.TimerHandle | None = None
        self._reader = Reader(transport, self.seconds)
        self._head = self._pending = 0
        self._arm(self.seconds)

    def data_received(self, data: bytes) -> None:
        """Bytes came. What belongs to no request yet is waited for as any: an empty line now and then keeps
        no connection.
        """
        self._pending += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._pending > LONGEST_HEAD:
            self.send_400_response("A header is too long.")
        elif (
            self._patience is None
            and self.timeout_keep_alive_task is None
            and (self.cycle is None or self.cycle.response_complete)
        ):
            self._arm(self.seconds)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head = self._pending = 0
        super().on_message_begin()
        if self._patience is None:
            self._arm(self.seconds)

    def on_url(self, url: bytes) -> None:
        """A piece of its address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of it, or a trailer."""
        self._count(len(name) + len(value) + FRAMING)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._pending = 0
        self._arm(2 * self.seconds)  # whoever trickles a body is answered before: see Envelope
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.transport is self.transport:
            self.cycle.transport = cast(asyncio.Transport, self._reader)

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is there."""
        self._pending = 0
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It is answered, as far as we are concerned."""
        super().on_response_complete()
        self._reader.watch()

    def pause_writing(self) -> None:
        """The other side does not read as fast as it is written."""
        super().pause_writing()
        self._reader.watch()

    def handle_websocket_upgrade(self) -> None:
        """The connection goes to a line, unless an answer to an earlier request is still on its way: it would
        be written into the line.
        """
        self._disarm()
        self._reader.forget()
        if self.cycle is not None and not self.cycle.response_complete:
            self.send_400_response("An upgrade is asked for alone.")
            return
        self._unset_keepalive_if_required()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._disarm()
        super().connection_lost(exc)
        self._reader.forget()

    def _count(self, size: int) -> None:
        """Raises ValueError where the head is too long, which the parser takes for malformed."""
        self._pending = 0
        self._head += size
        if self._head > LONGEST_HEAD:
            raise ValueError("the head of a request is too long")

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._patience = self.loop.call_later(seconds, self._wait_once_more)

    def _disarm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _wait_once_more(self) -> None:
        """The time is over. Where this process stood still, what came meanwhile is read first: uvloop looks
        at timers before it looks at sockets.
        """
        self._patience = self.loop.call_later(STEP_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._patience = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # closing would wait until it is read
        else:
            self.transport.close()


def http_class(seconds: float) -> type[_Http]:
    """uvicorn's HTTP as it is served here; `seconds` is how long a request may take to come."""
    return type("Http", (_Http,), {"seconds": seconds})


@asynccontextmanager
async def listening(app: ASGIApp, board: Board, settings: Settings) -> AsyncIterator[int]:
    """Serves HTTP by `app` and WebSockets by `board`; yields the port. Raises OSError where it is taken."""
    listener = _bind(settings.host, settings.port)
    line: Any = functools.partial(Socket, board.admit, settings.slow_s, settings.line_buffer)
    http = http_class(settings.request_s)
    config = uvicorn.Config(
        _last_words(app, board),
        http=http,
        ws=line,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",  # it warns of every malformed request: whoever likes could fill the disk
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
        listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
