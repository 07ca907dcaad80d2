"""One connection of somebody who means harm: raw bytes out, and all that the server says read and judged."""

import asyncio
import socket as sockets
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from google.protobuf.message import DecodeError

from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ClientFrame, Hello, ServerFrame
from ringline.v1.reasons_pb2 import Reason
from services.gateway.line import NO_HELLO
from tests.hostile import wire

HANG_SECONDS = 30.0
"""No case takes a tenth of it on a quiet machine."""
FAULT = "A fault, logged"
BUSY = (Reason.REASON_LIMITED, Reason.REASON_OVERLOADED, Reason.REASON_UNAVAILABLE)
"""Why somebody may be sent away who did nothing wrong."""


class Fault(AssertionError):
    """What no server may do."""


class Hang(Fault):
    """The server neither answered nor closed."""


class NotLetIn(Exception):
    """The server did not open the connection, or the line, and said that this is too much at the moment."""


class Raw(asyncio.Protocol):
    """A connection; `found` is what no server may say."""

    def __init__(self) -> None:
        self.server = wire.ServerBytes()
        self.found: list[str] = []
        self.goodbye: Reason.ValueType = Reason.REASON_UNSPECIFIED
        self.has_no_hello = False
        self.is_excused = False
        """Whether the goodbye is one that a good client may get: too much at once, or hello came too late,
        as this machine had no time for it.
        """
        self.replies = 0
        self.welcome: client_pb2.Welcome | None = None
        self.is_closed = False
        self.has_left = False
        """Whether this side left first: then the server owes it no close code."""
        self.answered: set[int] = set()
        """The ids of frames that were replied to."""
        self.calls: list[str] = []
        self._numbers = 1 << 50
        self._is_polite = True
        self._is_finished = False
        self._changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._socket: sockets.socket | None = None

    @classmethod
    async def open(cls, address: tuple[str, int], receive_buffer: int = 0) -> "Raw":
        """Connects; with a small receive buffer, where it is to be a slow reader."""
        raw = sockets.socket()
        raw.setblocking(False)
        if receive_buffer:
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, address)
        _, protocol = await loop.create_connection(cls, sock=raw)
        protocol._socket = raw
        return protocol

    @classmethod
    async def upgraded(cls, address: tuple[str, int], network: str, receive_buffer: int = 0) -> "Raw":
        """Connects and is upgraded. Raises NotLetIn where the server says 429, and Fault where it says
        anything else or nothing; 503 too, as nobody asks it to stop while it is attacked.
        """
        raw = await cls.open(address, receive_buffer)
        raw.send(wire.upgrade(f"{address[0]}:{address[1]}", network))
        await raw.until(lambda: bool(raw.server.statuses) or raw.is_closed, "the upgrade")
        if raw.server.statuses == [101]:
            return raw
        raw.abort()
        if raw.server.statuses == [429]:
            raise NotLetIn("too many hellos failed")
        raise Fault(f"a good upgrade was answered with {raw.server.statuses or 'nothing'}")

    def send(self, data: bytes) -> None:
        """Sends bytes, unless the connection is closed."""
        transport = self._transport
        if transport is not None and not transport.is_closing() and not self._is_finished:
            transport.write(data)

    def tell(self, frame: ClientFrame) -> None:
        """Sends a good frame."""
        self.send(wire.framed(frame.SerializeToString()))

    async def hello(self, hello: Hello) -> bool:
        """Says hello; whether the line is open."""
        self.tell(ClientFrame(id=1, hello=hello))
        await self.until(lambda: self.welcome is not None or self.is_closed, "the welcome")
        return self.welcome is not None

    async def barrier(self) -> bool:
        """Waits until everything before was read by the server; whether the line is still open."""
        self._numbers += 1
        mine = self._numbers
        self.tell(ClientFrame(id=mine, ping=client_pb2.Ping()))
        await self.until(lambda: mine in self.answered or self.is_closed, "the answer of a ping")
        self.answered.clear()
        return not self.is_closed

    async def until(self, holds: Callable[[], bool], what: str, within: float = HANG_SECONDS) -> None:
        """Waits until something is so. Raises Hang."""
        try:
            async with asyncio.timeout(within):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Hang(f"{what} did not come in {within} s") from None

    async def until_closed(self, within: float = HANG_SECONDS) -> None:
        """Waits until the server closed. Raises Hang."""
        await self.until(lambda: self.is_closed, "the end", within)

    def finish(self) -> None:
        """Says no more, but reads on."""
        if self._transport is not None and not self.is_closed:
            self._is_finished = self.has_left = True
            with suppress(OSError):
                self._transport.write_eof()

    def pause(self) -> None:
        """Reads no more."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Reads on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Goes without a word."""
        if not self.is_closed:
            self.has_left = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=1 << 26)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        for message in self.server.take(data):
            self._hear(message)
        if self.server.close_code and self._is_polite:
            self._is_polite = False
            self.send(wire.framed(b"", wire.CLOSE))  # else the server waits for it, as it should
        if self.server.broken:
            self.found.append(self.server.broken)
            self.server.broken = ""
        self._changed.set()

    def eof_received(self) -> None:
        """asyncio's: closed from the other side."""

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's. Where we were writing when the server closed, its last words are still to be read."""
        with suppress(OSError):
            while self._socket is not None and (data := self._socket.recv(1 << 16)):
                self.data_received(data)
        self.is_closed = True
        self.found += [f"HTTP {status}" for status in self.server.statuses if status >= 500]
        self._changed.set()

    def _hear(self, message: bytes) -> None:
        try:
            frame = ServerFrame.FromString(message)
        except DecodeError:
            self.found.append("a message that is no frame")
            return
        kind = frame.WhichOneof("body")
        if frame.reply_to:
            self.replies += 1
            self.answered.add(frame.reply_to)
        if kind == "welcome":
            self.welcome = frame.welcome
        elif kind == "goodbye":
            self.goodbye = frame.goodbye.refused.reason
            self.has_no_hello = frame.goodbye.refused.sentence == NO_HELLO
            self.is_excused = self.goodbye in BUSY or self.has_no_hello
            self._fault(frame.goodbye.refused.sentence)
        elif kind == "refused":
            self._fault(frame.refused.sentence)
        elif kind == "done" and frame.done.call.call_id:
            self.calls.append(frame.done.call.call_id)

    def _fault(self, sentence: str) -> None:
        if FAULT in sentence:
            self.found.append(sentence)
