"""One WebSocket (RFC 6455), served straight from the loop: no task and no queue for an idle line.

uvicorn hands over the connection when a request asks for the upgrade; the protocol itself is the library's
(`websockets`, sans-I/O). Measured against uvicorn's own ASGI route for WebSockets, see docs/decisions/: that
one keeps a task, a queue and the scope of the request for each connection, and cannot cut a line that reads
nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from services.gateway.frames import LONGEST_FRAME
from services.gateway.limits import Bucket

SUBPROTOCOL = Subprotocol("ringline.v1")
HIGH_WATER = 65_536
CLOSE_SECONDS = 2.0
"""How long the other side has to answer a close."""
MOST_PIECES = 64
"""Frames in which one message may come."""
SLICE = 4_096
"""Bytes that are read at a time: so many that a whole message mostly fits, so few that a thousand tiny frames
in one segment are noticed while they are read.
"""
CONTROL_BURST = 64
CONTROL_EVERY_S = 0.25
"""Pings and pongs that a client may send at once, and seconds after which it may send one more: each ping is
answered.
"""
LATE_BYTES = 2 * LONGEST_FRAME
"""What may come after our goodbye: it was on its way."""
LATE_FRAMES = 256
"""So many frames of that are read for the answer to it; what comes then is thrown away unread. 128 KiB of
tiny frames took 80 ms of the loop.
"""

UNSUPPORTED = 1003
POLICY = 1008
RESTART = 1012
LATER = 1013

_QUIET = logging.getLogger("ringline.websockets")
_QUIET.setLevel(logging.WARNING)


class Socket(asyncio.Protocol):
    """One connection. `admit` is asked about the request: it answers an HTTP status, a sentence and headers
    to refuse it with, or None, and sets `hear` (a binary message came) and `lost` (the connection is gone,
    called once).
    """

    __slots__ = (
        "hear", "heard_at", "lost", "peer", "_admit", "_conn", "_connections", "_controls", "_is_deaf",
        "_is_done", "_late", "_late_frames", "_loop", "_most", "_parts", "_pieces", "_slow_s", "_timer",
        "_transport",
    )  # fmt: skip

    def __init__(
        self,
        admit: "Callable[[Socket, Request], tuple[int, str, dict[str, str]] | None]",
        slow_s: float,
        most: int,
        *,
        server_state: Any,
        **_: Any,
    ) -> None:
        """`slow_s` is how long nothing may get through, `most` how many bytes may wait. The rest is
        uvicorn's.
        """
        self.hear: Callable[[bytes], None] = _ignore
        self.lost: Callable[[], None] = _nothing
        self.peer = ""
        self.heard_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._is_done = self._is_deaf = False
        self._admit = admit
        self._slow_s = slow_s
        self._most = most
        self._connections: set[Any] = server_state.connections
        self._conn = ServerProtocol(subprotocols=[SUBPROTOCOL], max_size=LONGEST_FRAME, logger=_QUIET)
        self._transport: asyncio.Transport | None = None
        self._parts: bytearray | None = None
        self._pieces = 0
        self._late = self._late_frames = 0
        self._controls: Bucket | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._conn.state is State.OPEN

    def send(self, message: bytes) -> None:
        """Sends a binary message; a line that does not read is cut. Nothing happens when the connection is
        closed.
        """
        transport = self._transport
        if self._conn.state is State.OPEN and transport is not None and not transport.is_closing():
            transport.write(framed(message))
            if transport.get_write_buffer_size() > self._most:
                transport.abort()

    def ping(self) -> None:
        """Sends a ping, which every client answers by itself."""
        if self._conn.state is State.OPEN:
            self._conn.send_ping(b"")
            self._flush()

    def close(self, code: int) -> None:
        """Closes with good manners, and without them where the other side has none."""
        if self._conn.state is State.OPEN:
            self._is_done = True
            self._conn.send_close(code)
            self._flush()
            self._arm(CLOSE_SECONDS)
        elif self._transport is not None and self._conn.state is State.CONNECTING:
            self._transport.close()

    def abort(self) -> None:
        """Cuts the connection."""
        if self._transport is not None:
            self._transport.abort()

    def shutdown(self) -> None:
        """uvicorn's: this server stops."""
        self.close(RESTART)

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection was handed over."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else ""
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self.heard_at = self._loop.time()
        if len(data) <= SLICE:
            self._read(data)
            return
        for at in range(0, len(data), SLICE):
            if self._transport is None or self._transport.is_closing():
                return
            self._read(data[at : at + SLICE])

    def _read(self, data: bytes) -> None:
        if self._is_done:
            self._late += len(data)
            if self._late > LATE_BYTES:
                self.abort()
            if self._is_deaf or self._late > LATE_BYTES:
                return
        self._conn.receive_data(data)
        for event in self._conn.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Request):
                self._greet(event)
        self._flush()
        if self._late_frames > LATE_FRAMES:
            self._turn_deaf()

    def eof_received(self) -> None:
        """The other side says no more."""
        self._conn.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._disarm()
        self._connections.discard(self)
        self._transport = None
        lost, self.lost, self.hear = self.lost, _nothing, _ignore
        lost()

    def pause_writing(self) -> None:
        """The other side does not read."""
        self._arm(self._slow_s)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._conn.state is State.OPEN:
            self._disarm()

    def _greet(self, request: Request) -> None:
        response = self._conn.accept(request)
        refused = self._admit(self, request) if response.status_code == 101 else None
        if refused is not None:
            status, text, headers = refused
            response = self._conn.reject(status, text + "\n")
            response.headers.update(headers)
        self._conn.send_response(response)
        # The library's parser keeps the request for as long as the connection lives: 2 KB for nothing.
        request.headers.clear()
        response.headers.clear()

    def _take(self, frame: Frame) -> None:
        """A frame of the protocol. What comes after our own goodbye is not heard any more."""
        if self._is_done:
            self._late_frames += 1
            return
        if frame.opcode not in (Opcode.BINARY, Opcode.CONT, Opcode.TEXT):
            self._control()
        elif frame.opcode is Opcode.TEXT:
            self.close(UNSUPPORTED)
        elif frame.fin and self._parts is None:
            self.hear(bytes(frame.data))
        else:
            self._gather(frame)

    def _control(self) -> None:
        """A ping, which the library has answered, a pong or a close."""
        if self._controls is None:
            self._controls = Bucket()
        if self._controls.take(self._loop.time(), CONTROL_BURST, CONTROL_EVERY_S):
            self._is_done = True
            self._conn.fail(POLICY)  # says goodbye and waits for no answer

    def _gather(self, frame: Frame) -> None:
        """A piece of a message; the library bounds the whole, and this the number of pieces."""
        if self._parts is None:
            self._parts, self._pieces = bytearray(), 0
        self._parts += frame.data
        self._pieces += 1
        if self._pieces > MOST_PIECES:
            self.close(POLICY)
        elif frame.fin:
            message, self._parts = bytes(self._parts), None
            self.hear(message)

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        for data in self._conn.data_to_send():
            if data:
                transport.write(data)
            else:
                self._turn_deaf()
                return
        if transport.get_write_buffer_size() > self._most:
            transport.abort()

    def _turn_deaf(self) -> None:
        """All is said. What still comes of somebody who has not said goodbye himself is thrown away until he
        ends: a connection that is closed with bytes unread is reset, and our goodbye may be lost with it.
        """
        self._is_done = self._is_deaf = True
        if self._transport is not None and self._conn.close_rcvd is None and self._transport.can_write_eof():
            self._transport.write_eof()
        elif self._transport is not None:
            self._transport.close()
        self._arm(CLOSE_SECONDS)  # where the other side does not read, or never ends

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self._loop.call_later(seconds, self.abort)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def framed(message: bytes) -> bytes:
    """A binary message in one frame (RFC 6455, 5.2), as a server sends it: unmasked. The one frame that we
    make ourselves, because most of what is sent is this, and the library has more to think of.
    """
    size = len(message)
    if size < 126:
        return b"\x82%c" % size + message
    if size < 65_536:
        return b"\x82\x7e" + size.to_bytes(2, "big") + message
    return b"\x82\x7f" + size.to_bytes(8, "big") + message


def _ignore(message: bytes) -> None:
    """Nobody listens any more."""


def _nothing() -> None:
    """Nobody cares any more."""
