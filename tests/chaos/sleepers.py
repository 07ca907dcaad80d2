"""Slow consumers: lines that are open and read nothing, while somebody writes long messages to their user.
The gateway has to cut them, and nobody else is to notice.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress

import httpx

from ringline.client import Line, Session
from ringline.v1.client_pb2 import Hello
from tests.chaos.fleet import TROUBLE, moment, sign_up, turned

LINES = 4
MESSAGES, WRITERS = 160, 8
"""5 MB for each line: more than the kernel keeps for a reader that may come yet, which is up to 4 MB."""
ENOUGH = 150
"""Messages that are written at least where a line must be cut."""
TEXT = "\N{EARTH GLOBE EUROPE-AFRICA}" * 4_000
"""As long as a message may be: 16 KB."""
SLOW_SECONDS = 5.0
"""After so long a line that does not read is cut: the gateway's own default."""
GRACE_SECONDS = 2.0


class Sleepers:
    """Somebody with lines that read nothing, and who writes to him."""

    def __init__(self, sleeper: Session, writer: Session, gateways: Sequence[str]) -> None:
        self._sleeper = sleeper
        self._writer = writer
        self._gateways = list(gateways)
        self.lines = self.cut = self.messages = self.kept = 0
        """Lines that were opened, of them those that were cut, messages to them, and lines that were kept
        though more waited for them than a line may have.
        """

    @classmethod
    async def sign_up(cls, gateways: Sequence[str], http: httpx.AsyncClient) -> "Sleepers":
        """Makes both people, who have each other in their address books."""
        names = ("s_" + "bcdfghjk", "w_" + "bcdfghjk")
        sleeper, writer = [await sign_up(gateways, http, name) for name in names]
        await sleeper.add_contact(names[1])
        await writer.add_contact(names[0])
        return cls(sleeper, writer, gateways)

    async def sleep(self) -> str:
        """Opens lines that stop reading, has them written to, and counts how many were cut.

        Answers why nothing can be said of them, "" where it can.
        """
        before = self.messages
        lines = [await self._open(number) for number in range(LINES)]
        opened = [line for line in lines if line is not None]
        if not opened:
            return "no line could be opened"
        await asyncio.gather(*(self._write(MESSAGES // WRITERS) for _ in range(WRITERS)))
        await moment(SLOW_SECONDS + GRACE_SECONDS)
        for line in opened:
            assert line._socket is not None
            transport = line._socket._transport
            if transport is not None and not transport.is_closing():
                transport.resume_reading()
        await asyncio.wait([line.closed for line in opened], timeout=GRACE_SECONDS)
        self.lines += len(opened)
        cut = sum(line.closed.done() for line in opened)
        self.cut += cut
        for line in opened:
            line.abort()
        if (written := self.messages - before) < ENOUGH:
            return f"only {written} of {MESSAGES} messages could be written"
        self.kept += len(opened) - cut
        return ""

    async def _open(self, number: int) -> Line | None:
        session = self._sleeper.through(turned(self._gateways, number))
        with suppress(*TROUBLE):
            ticket = await session.ticket()
            hello = Hello(ticket=ticket, signature=session.key.sign_ticket(ticket),
                          instance=secrets.token_urlsafe(12))  # fmt: skip
            line = await Line.open(session.api.urls[0], hello, lambda frame: None)
            assert line._socket is not None and line._socket._transport is not None
            line._socket._transport.pause_reading()
            return line
        return None

    async def _write(self, messages: int) -> None:
        for _ in range(messages):
            with suppress(*TROUBLE):
                await self._writer.send("@" + self._sleeper.username, TEXT)
                self.messages += 1
