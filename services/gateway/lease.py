"""The lease of this gateway's lines with presence: one renewal for all, releases in batches, claims anew on a
difference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import presence_pb2, types_pb2
from ringline.v1.reasons_pb2 import Reason

if TYPE_CHECKING:  # these classes are in the stub files only
    from ringline.v1.presence_pb2_grpc import PresenceAsyncStub

RENEW_SECONDS = 1.5
AGAIN_SECONDS = 0.5
"""After a renewal that failed: who looks for a line just after an outage should find it."""
BATCH_SECONDS = 0.05
BATCH = 500
AT_ONCE = 16
"""Lines that are claimed anew at the same time."""
SLICE = 256
"""Lines that are claimed anew between two renewals."""


class Lease:
    """`lines` answers the open lines; `fence` closes those that presence knows to be replaced, `expel` those
    whose device was expelled.
    """

    def __init__(self, presence: PresenceAsyncStub, gateway_id: str) -> None:
        self._presence = presence
        self._gateway_id = gateway_id
        self._going: list[types_pb2.Line] = []
        self._has_going = asyncio.Event()
        self._was_different = False
        self._claiming = 0
        self._moves = 0
        self.lines: Callable[[], list[types_pb2.Line]] = list
        self.fence: Callable[[Iterable[types_pb2.Line]], None] = lambda lines: None
        self.expel: Callable[[Iterable[types_pb2.Line]], None] = lambda lines: None

    async def claim(self, line: types_pb2.Line, ticket_id: str, expires_at_ms: int) -> types_pb2.Line:
        """Registers a line, which spends its ticket, and answers it with its epoch. Raises Refusal."""
        request = presence_pb2.ClaimRequest(
            line=line, ticket_id=ticket_id, ticket_expires_at_ms=expires_at_ms
        )
        self._claiming += 1
        self._moves += 1
        try:
            return (await self._presence.Claim(request)).line
        finally:
            self._claiming -= 1

    def release(self, line: types_pb2.Line) -> None:
        """Takes a line off, with others, soon."""
        self._moves += 1
        self._going.append(line)
        self._has_going.set()

    async def run_releases(self) -> None:
        """Takes lines off for ever. What cannot be said now is said again; the lease ends it in any case."""
        while True:
            await self._has_going.wait()
            await asyncio.sleep(BATCH_SECONDS)
            await self.flush()
            if self._going:
                await asyncio.sleep(1.0)

    async def flush(self) -> None:
        """Takes off what is to be taken off now."""
        self._has_going.clear()
        while self._going:
            batch, self._going = self._going[:BATCH], self._going[BATCH:]
            try:
                await self._presence.Release(presence_pb2.ReleaseRequest(lines=batch))
                self._moves += len(batch)
            except Refusal:
                self._going = [*batch, *self._going][: 100 * BATCH]
                self._has_going.set()
                return

    async def run_renewals(self) -> None:
        """Renews for ever; presence being away is no failure of the gateway."""
        pause = RENEW_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = AGAIN_SECONDS
            with suppress(Refusal):
                await self.renew()
                pause = RENEW_SECONDS

    async def renew(self) -> None:
        """Renews, closes what was lost to others, and compares what is held with what is registered.

        Claims and releases on their way look like a difference, so it must be larger, twice; at once where
        presence has lost most lines, as after an outage longer than the lease.
        """
        moves = self._moves - self._claiming - len(self._going)
        answer = await self._presence.Renew(
            presence_pb2.RenewRequest(gateway_id=self._gateway_id, lines=len(self.lines()))
        )
        self.fence(answer.replaced)
        self.expel(answer.expelled)
        held = self.lines()
        is_different = abs(answer.lines - len(held)) > self._moves - moves
        if is_different and (self._was_different or answer.lines * 2 < len(held)):
            log(__name__).info("claiming lines anew", lines=len(held), registered=answer.lines)
            # A claim on its way may be registered already, and is not held yet.
            is_whole = not self._claiming
            if await self._claim_anew(held) and is_whole:
                await self._presence.Renew(
                    presence_pb2.RenewRequest(
                        gateway_id=self._gateway_id,
                        lines=len(self.lines()),
                        claimed_anew_since_ms=answer.now_ms,
                    )
                )
            is_different = False
        self._was_different = is_different

    async def _claim_anew(self, lines: list[types_pb2.Line]) -> bool:
        """Claims lines anew and closes those that others have; answers whether all of them were claimed or
        closed. The lease is renewed on the way: with many lines this takes longer than it is good for.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def again(line: types_pb2.Line) -> bool:
            async with gate:
                try:
                    await self._presence.Claim(presence_pb2.ClaimRequest(line=line))
                except Refusal as refusal:
                    if refusal.reason != Reason.REASON_LINE_FENCED:
                        return False
                    self.fence([line])
            return True

        claimed = True
        for start in range(0, len(lines), SLICE):
            done = await asyncio.gather(*(again(line) for line in lines[start : start + SLICE]))
            claimed = claimed and all(done)
            await self._presence.Renew(
                presence_pb2.RenewRequest(gateway_id=self._gateway_id, lines=len(self.lines()))
            )
        return claimed
