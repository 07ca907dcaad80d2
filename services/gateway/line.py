"""One line: a connected instance of a device, from hello to goodbye.

Frames of the client are checked for form and go to signaling one after the other, so that what a client
sends in a row arrives in a row. Frames for the client come from the board and are sent where the line has
not seen a newer one.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from ringline import tracing
from ringline.refusal import Refusal
from ringline.telemetry import report_bug
from ringline.v1 import client_pb2, signaling_pb2, types_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway import frames
from services.gateway.limits import Bucket
from services.gateway.socket import LATER, POLICY, RESTART, UNSUPPORTED, Socket
from services.gateway.views import Views

if TYPE_CHECKING:
    from services.gateway.board import Board

OPEN_SECONDS = 6.0
QUEUE = 64
"""Commands of a line that may wait for their turn."""
EARLY = 256
"""Frames for a line that may come before it is welcomed."""
PATIENCE = 100
"""Frames too many in a row, each refused, after which a line is closed."""
SILENCE_MS = 60_000
"""What a client is told: two idle beats missed."""
CANDIDATES = b"\x32"
"""The first byte of a ServerFrame that brings more candidates and not a whole view (field 6,
length-delimited).
"""

PASSING = frozenset({Reason.REASON_UNAVAILABLE, Reason.REASON_OVERLOADED})

ONCE_MORE_SECONDS = 0.02
NO_HELLO = "No hello came in time."


class State(enum.Enum):
    """How far a line is."""

    STRANGER = 1
    OPENING = 2
    OPEN = 3
    CLOSED = 4


class Line:
    """A line; `proto` is empty until hello."""

    __slots__ = (
        "board", "key", "live_since", "network", "next_beat", "proto", "slot", "socket", "state", "views",
        "_bucket", "_early", "_limited", "_queue", "_task", "_timer",
    )  # fmt: skip

    def __init__(self, board: Board, socket: Socket, network: str) -> None:
        self.board = board
        self.socket = socket
        self.network = network
        self.state = State.STRANGER
        self.proto = types_pb2.Line()
        self.key = ""
        self.slot = 0
        self.next_beat = 0.0
        self.live_since = 0.0
        self.views = Views()
        self._bucket = Bucket()
        self._limited = 0
        self._queue: deque[tuple[str, client_pb2.ClientFrame, float]] | None = None
        self._early: list[signaling_pb2.LineFrame] | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer = board.loop.call_later(board.settings.hello_s, self._no_hello)
        socket.hear = self.hear
        socket.lost = self.lost

    @property
    def work(self) -> asyncio.Task[None] | None:
        """The commands that are on their way; None where nothing is."""
        return self._task

    # ------------------------------------------------------------ from the client

    def hear(self, message: bytes) -> None:
        """A message came."""
        if self.state is State.CLOSED:
            return
        try:
            frame = client_pb2.ClientFrame.FromString(message)
        except DecodeError:
            self._fail(Refusal(Reason.REASON_INVALID, "This is no frame."), UNSUPPORTED)
            return
        if self.state is State.STRANGER:
            self._greet(frame)
        elif not self._is_limited(frame):
            self._dispatch(frame)

    def _greet(self, frame: client_pb2.ClientFrame) -> None:
        try:
            if frames.kind_of(frame) != "hello":
                raise Refusal(Reason.REASON_INVALID, "The first frame is hello.")
        except Refusal as refusal:
            self._fail(refusal, POLICY)
            return
        self._disarm()
        self.state = State.OPENING
        self._start(self._open(frame.hello, frame.id))

    def _is_limited(self, frame: client_pb2.ClientFrame) -> bool:
        settings = self.board.settings
        wait = self._bucket.take(self.board.loop.time(), settings.command_burst, settings.command_every_s)
        if not wait:
            self._limited = 0
            return False
        self._limited += 1
        refusal = Refusal(Reason.REASON_LIMITED, retry_after=wait)
        if self._limited > PATIENCE:
            self.goodbye(refusal, POLICY)
        else:
            self._refuse(frame.id, refusal)
        return True

    def _dispatch(self, frame: client_pb2.ClientFrame) -> None:
        try:
            kind = frames.kind_of(frame)
            if kind == "hello":
                raise Refusal(Reason.REASON_INVALID, "hello comes first and once.")
            if kind == "ping":
                if self.views and not self.board.is_fresh():
                    # What this gateway believes of the calls may be old: silence is the truth.
                    raise Refusal(Reason.REASON_UNAVAILABLE)
                self.socket.send(self._beat(frame.id))
                return
            if self._queue is None:
                self._queue = deque()
            if len(self._queue) >= QUEUE:
                raise Refusal(Reason.REASON_OVERLOADED)
        except Refusal as refusal:
            self._refuse(frame.id, refusal)
            return
        self._queue.append((kind, frame, self.board.loop.time()))
        if self._task is None:
            self._start(self._work())

    async def _work(self) -> None:
        """Takes the commands to signaling in order."""
        while self._queue and self.state is State.OPEN:
            kind, frame, began = self._queue.popleft()
            try:
                reply = await self.board.command(self, kind, frame)
            except Refusal as refusal:
                self.board.count(kind, refusal.name, began)
                self._refuse(frame.id, refusal)
            else:
                self.board.count(kind, "done", began)
                self._reply(frame.id, reply, frame.HasField("place"))

    def _reply(self, number: int, reply: client_pb2.ServerFrame, placed: bool) -> None:
        """Replies. Where no reply is wanted, the view in it is shown all the same: no wake-up brings it."""
        if self.state is not State.OPEN:
            return
        call = reply.done.call if reply.HasField("done") else client_pb2.Call()
        is_news = self.views.takes(call.call_id, call.version, call.phase != client_pb2.PHASE_ENDED)
        if call.call_id:
            self.board.touched(self)
        if number:
            if call.call_id and not is_news and call.version < self.views.version(call.call_id):
                # A newer view was faster than this reply. Who placed still has to learn which call it is.
                if not placed:
                    reply.done.ClearField("call")
            reply.reply_to = number
            self.socket.send(reply.SerializeToString())
        elif call.call_id and is_news:
            self.socket.send(client_pb2.ServerFrame(call=call).SerializeToString())

    def _refuse(self, number: int, refusal: Refusal) -> None:
        if number and self.state is not State.CLOSED:
            self.socket.send(
                client_pb2.ServerFrame(reply_to=number, refused=refusal.to_proto()).SerializeToString()
            )

    # ------------------------------------------------------------ hello

    async def _open(self, hello: client_pb2.Hello, number: int) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                welcome = await self.board.open(self, hello)
        except TimeoutError:
            self.goodbye(Refusal(Reason.REASON_UNAVAILABLE), LATER)
            return
        except Refusal as refusal:
            if refusal.reason == Reason.REASON_TICKET_INVALID:
                self._fail(refusal, POLICY)
            else:
                self.goodbye(refusal, LATER if refusal.reason in PASSING else POLICY)
            return
        if self.state is State.OPENING:
            self._welcome(welcome, number)
            await self._work()

    def _welcome(self, reply: signaling_pb2.CommandReply, number: int) -> None:
        welcome = client_pb2.Welcome(
            line=self.proto,
            server_time_ms=time.time_ns() // 1_000_000,
            calls=reply.calls,
            incarnation=reply.incarnation,
            silence_ms=SILENCE_MS,
        )
        self.state = State.OPEN
        for call in reply.calls:
            self.views.takes(call.call_id, call.version, call.phase != client_pb2.PHASE_ENDED)
        self.socket.send(client_pb2.ServerFrame(reply_to=number, welcome=welcome).SerializeToString())
        self.board.touched(self)
        early, self._early = self._early, None
        for frame in early or ():
            self.show(frame)

    # ------------------------------------------------------------ to the client

    def show(self, frame: signaling_pb2.LineFrame) -> bool:
        """Sends a frame, unless the line has seen as much already. Whether it did."""
        if self.state is State.OPENING:
            self._early = self._early or []
            if len(self._early) < EARLY:
                self._early.append(frame)
        elif self.state is State.OPEN:
            is_whole = not frame.frame.startswith(CANDIDATES)
            if self.views.takes(frame.call_id, frame.version, frame.live, is_whole):
                with tracing.step("gateway", "show", frame.call_id):
                    self.socket.send(frame.frame)
                self.board.touched(self)
                return True
        return False

    def beat(self) -> None:
        """Tells the client that the server is there, and which of its calls are live; its browser answers."""
        # Which those are is not known before the welcome: a beat that names none would end them all.
        if self.state is State.OPEN:
            self.socket.send(self._beat(0))
            self.socket.ping()

    def _beat(self, number: int) -> bytes:
        calls = [client_pb2.LiveCall(call_id=call_id, version=seen) for call_id, seen in self.views.live()]
        return client_pb2.ServerFrame(reply_to=number, beat=client_pb2.Beat(calls=calls)).SerializeToString()

    def reconnect(self, after_ms: int) -> None:
        """Asks the client to connect anew, elsewhere."""
        if self.state is State.OPEN:
            frame = client_pb2.ServerFrame(reconnect=client_pb2.Reconnect(after_ms=after_ms))
            self.socket.send(frame.SerializeToString())
        else:
            self.goodbye(Refusal(Reason.REASON_UNAVAILABLE, retry_after=after_ms / 1000), RESTART)

    # ------------------------------------------------------------ the end

    def goodbye(self, refusal: Refusal, code: int) -> None:
        """Says why, and closes."""
        if self.state is State.CLOSED:
            return
        goodbye = client_pb2.Goodbye(refused=refusal.to_proto())
        self.socket.send(client_pb2.ServerFrame(goodbye=goodbye).SerializeToString())
        self._end(refusal.name)
        self.socket.close(code)

    def lost(self) -> None:
        """The connection is gone."""
        self._end("gone")

    def _fail(self, refusal: Refusal, code: int) -> None:
        """The client's own fault: before the line is open it counts against its network."""
        if self.state is not State.OPEN:
            self.board.struck(self, refusal)
        self.goodbye(refusal, code)

    def _no_hello(self) -> None:
        # It may lie in the socket: the loop runs timers first. Whoever came in time and was not read for want
        # of time is to blame for nothing: no strike, and he may come again.
        self._timer = self.board.loop.call_later(ONCE_MORE_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        self.goodbye(Refusal(Reason.REASON_UNAVAILABLE, NO_HELLO), LATER)

    def _end(self, why: str) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._disarm()
        self._queue = self._early = None
        self.board.leave(self, why, is_busy=self._task is not None)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------ its one task

    def _start(self, work: Any) -> None:
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            bug = report_bug("line", error)
            self.goodbye(Refusal(Reason.REASON_UNAVAILABLE, f"A fault, logged as {bug}."), LATER)
        if self.state is State.CLOSED:
            self.board.left(self)
        elif self._queue:
            self._start(self._work())
