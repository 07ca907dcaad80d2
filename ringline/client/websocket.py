"""One WebSocket connection (RFC 6455), as the client: no task and no queue, each message goes to a function
at once.

That is what makes the client lean enough to be the load generator of the bench. The protocol itself is the
library's.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

MAX_MESSAGE = 1 << 20

OnMessage = Callable[[bytes], None]
OnClosed = Callable[[int], None]


class WebSocket(asyncio.Protocol):
    """An open connection, made by `open_websocket`."""

    def __init__(
        self, url: str, subprotocol: str, origin: str | None, hear: OnMessage, closed: OnClosed
    ) -> None:
        self._protocol = ClientProtocol(
            parse_uri(url),
            origin=cast(Origin, origin) if origin else None,
            subprotocols=[Subprotocol(subprotocol)],
            max_size=MAX_MESSAGE,
        )
        self._hear = hear
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._protocol.state is State.OPEN

    def send(self, message: bytes) -> None:
        """Sends one binary message. Raises ConnectionError where the connection is closed."""
        if not self.is_open:
            raise ConnectionError("the line is closed")
        self._protocol.send_binary(message)
        self._flush()

    def close(self) -> None:
        """Closes with the handshake of the protocol."""
        if self.is_open:
            self._protocol.send_close(1000)
            self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cuts the connection without a word, as a lost network or a killed process does."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: the TCP connection is there; ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """asyncio's: bytes have come."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Response):
                self._greeted()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: the connection is gone."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the gateway refused the connection"))
            self.opened.exception()  # read, so that nobody complains where nobody waits any more
        close = self._protocol.close_rcvd
        self._closed(close.code if close is not None else 1006)

    def _greeted(self) -> None:
        problem = self._protocol.handshake_exc
        if self.opened.done():
            return
        if problem is None:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(str(problem)))

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.BINARY, Opcode.CONT, Opcode.TEXT):
            if frame.fin and not self._parts:
                self._hear(bytes(frame.data))
                return
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message, self._parts = b"".join(self._parts), []
                self._hear(message)

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()  # the library's sign for the end of the stream
        if self._protocol.close_expected():
            self._transport.close()


async def open_websocket(
    url: str,
    subprotocol: str,
    hear: OnMessage,
    closed: OnClosed,
    *,
    origin: str | None = None,
    within: float = 5.0,
) -> WebSocket:
    """Opens `url` (ws:// or wss://). `hear` gets each message, `closed` the close code (1006: cut off), once.

    Raises ConnectionError or TimeoutError where it does not open within `within` seconds.
    """
    loop = asyncio.get_running_loop()
    socket = WebSocket(url, subprotocol, origin, hear, closed)
    uri = parse_uri(url)
    tls = ssl.create_default_context() if uri.secure else None
    try:
        async with asyncio.timeout(within):
            try:
                await loop.create_connection(lambda: socket, uri.host, uri.port, ssl=tls)
                await socket.opened
            except (OSError, WebSocketException) as problem:
                raise ConnectionError(str(problem)) from problem
    except BaseException:
        socket.abort()
        raise
    return socket
