"""One connected instance of a device: frames over one WebSocket, from hello to the end of that connection."""

import asyncio
import itertools
import time
from collections.abc import Callable

from ringline.client.websocket import WebSocket, open_websocket
from ringline.refusal import Refusal
from ringline.v1.client_pb2 import ClientFrame, Hello, Ping, ServerFrame, Welcome
from ringline.v1.reasons_pb2 import Reason

SUBPROTOCOL = "ringline.v1"

OnFrame = Callable[[ServerFrame], None]


class LineClosed(ConnectionError):
    """The connection ended before what was waited for."""


class Line:
    """A line; made by `Line.open`.

    `hear` gets every frame of the server in order, replies included, before whoever asked gets his reply.
    `closed` is done with the close code when the connection is gone (1006: cut off); `refused` says why the
    server closed it for good, where it said so.
    """

    def __init__(self, hear: OnFrame) -> None:
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[int] = loop.create_future()
        self.refused: Refusal | None = None
        self.welcome: Welcome = Welcome()
        self.last_heard = time.monotonic()
        self._hear = hear
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[ServerFrame]] = {}
        self._welcomed: asyncio.Future[Welcome] = loop.create_future()
        self._socket: WebSocket | None = None

    @classmethod
    async def open(
        cls, url: str, hello: Hello, hear: OnFrame, *, origin: str | None = None, within: float = 5.0
    ) -> "Line":
        """Connects to the gateway at `url` (an origin, http:// or ws://) and says hello.

        Raises Refusal where the gateway refuses the line, ConnectionError or TimeoutError where it cannot be
        reached.
        """
        line = cls(hear)
        target = "ws" + url.removeprefix("http").removeprefix("ws").rstrip("/") + "/v1/connect"
        async with asyncio.timeout(within):
            line._socket = await open_websocket(
                target, SUBPROTOCOL, line._take, line._gone, origin=origin, within=within
            )
            try:
                line.tell(ClientFrame(id=next(line._numbers), hello=hello))
                line.welcome = await line._welcomed
            except BaseException:
                line.abort()
                raise
        return line

    @property
    def is_open(self) -> bool:
        """Whether frames can be sent."""
        return self._socket is not None and self._socket.is_open and not self.closed.done()

    def tell(self, frame: ClientFrame) -> None:
        """Sends a frame without waiting. Raises LineClosed."""
        if self._socket is None:
            raise LineClosed("the line is not open")
        try:
            self._socket.send(frame.SerializeToString())
        except ConnectionError as problem:
            raise LineClosed(str(problem)) from problem

    async def ask(self, frame: ClientFrame) -> ServerFrame:
        """Sends a frame and waits for its reply. Raises Refusal, or LineClosed where it breaks first."""
        frame.id = next(self._numbers)
        reply: asyncio.Future[ServerFrame] = asyncio.get_running_loop().create_future()
        self._asked[frame.id] = reply
        try:
            self.tell(frame)
            answer = await reply
        finally:
            self._asked.pop(frame.id, None)
        if answer.WhichOneof("body") == "refused":
            raise Refusal.from_proto(answer.refused)
        return answer

    async def ping(self) -> ServerFrame:
        """Asks whether the server is there; answered by a beat."""
        return await self.ask(ClientFrame(ping=Ping()))

    def send_raw(self, message: bytes) -> None:
        """Sends what need not be a frame at all: for tests of hostile clients."""
        if self._socket is None:
            raise LineClosed("the line is not open")
        self._socket.send(message)

    def close(self) -> None:
        """Closes with good manners."""
        if self._socket is not None:
            self._socket.close()

    def abort(self) -> None:
        """Cuts the connection without a word."""
        if self._socket is not None:
            self._socket.abort()

    def _take(self, message: bytes) -> None:
        frame = ServerFrame.FromString(message)
        self.last_heard = time.monotonic()
        kind = frame.WhichOneof("body")
        if kind == "goodbye":
            self.refused = Refusal.from_proto(frame.goodbye.refused)
        if not self._welcomed.done():
            self._greet(frame, kind)
        self._hear(frame)
        if frame.reply_to:
            reply = self._asked.get(frame.reply_to)
            if reply is not None and not reply.done():
                reply.set_result(frame)

    def _greet(self, frame: ServerFrame, kind: str | None) -> None:
        if kind == "welcome":
            self._welcomed.set_result(frame.welcome)
        elif kind == "refused":
            self.refused = Refusal.from_proto(frame.refused)
            self._welcomed.set_exception(self.refused)
        elif self.refused is not None:
            self._welcomed.set_exception(self.refused)

    def _gone(self, code: int) -> None:
        if not self.closed.done():
            self.closed.set_result(code)
        lost = LineClosed(f"the line was closed with code {code}")
        if not self._welcomed.done():
            self._welcomed.set_exception(lost)
            self._welcomed.exception()  # read, so that nobody complains where nobody waits any more
        for reply in self._asked.values():
            if not reply.done():
                reply.set_exception(lost)


def fenced(refusal: Refusal | None) -> bool:
    """Whether a line was closed for good: connecting again would only fence the newer one in turn."""
    return refusal is not None and refusal.reason in (
        Reason.REASON_LINE_FENCED,
        Reason.REASON_DEVICE_REVOKED,
        Reason.REASON_CLIENT_TOO_OLD,
    )
