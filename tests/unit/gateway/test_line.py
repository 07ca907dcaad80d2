"""A line says nothing of its calls before it is welcomed."""

import asyncio
from typing import cast

from ringline.v1 import client_pb2, signaling_pb2
from services.gateway.board import Board
from services.gateway.line import Line
from services.gateway.settings import Settings
from services.gateway.socket import Socket


class Wire:
    """A socket that keeps what is sent, and how often it is pinged."""

    def __init__(self) -> None:
        self.sent: list[client_pb2.ServerFrame] = []
        self.pings = 0

    def send(self, message: bytes) -> None:
        """Keeps a frame."""
        self.sent.append(client_pb2.ServerFrame.FromString(message))

    def ping(self) -> None:
        """Counts."""
        self.pings += 1

    def close(self, code: int) -> None:
        """It is closed."""


class SlowBoard:
    """A board on which it takes some time to open a line that is in a call."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = Settings(ticket_key="a key that is long enough for a gateway")
        self.may_open = asyncio.Event()

    async def open(self, line: Line, hello: client_pb2.Hello) -> signaling_pb2.CommandReply:
        """The call that the line comes back to."""
        await self.may_open.wait()
        live = client_pb2.Call(call_id="c_1", version=3, phase=client_pb2.PHASE_CONNECTED)
        return signaling_pb2.CommandReply(calls=[live])

    def touched(self, line: Line) -> None:
        """It has seen something."""


async def test_no_beat_comes_before_the_welcome_for_it_would_end_every_call() -> None:
    board, wire = SlowBoard(), Wire()
    line = Line(cast(Board, board), cast(Socket, wire), "")
    hello = client_pb2.Hello(ticket="t", signature=bytes(64), instance="instance-1")
    line.hear(client_pb2.ClientFrame(id=1, hello=hello).SerializeToString())
    line.beat()
    assert wire.sent == [] and not wire.pings
    board.may_open.set()
    assert line.work is not None
    await line.work
    line.beat()
    assert [one.WhichOneof("body") for one in wire.sent] == ["welcome", "beat"]
    assert [one.call_id for one in wire.sent[1].beat.calls] == ["c_1"]
