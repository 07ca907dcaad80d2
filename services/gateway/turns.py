"""Turns: how many tickets and hellos one gateway works on at once, who waits, and who comes back later.

When a gateway dies, all its lines come to the others in the same second. If all of them were worked on at
once, each would be done last: after its client's patience, who then begins anew, and so on for as long as
they come faster than they are served; this was measured (bench/herd.py). So a few are worked on at a time,
in the order in which they came. Once somebody had to wait for too long, those who wait are given
appointments, spread at the pace at which turns come to an end: that costs next to nothing.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import Counter, Histogram

from ringline.refusal import Refusal
from ringline.telemetry import SECONDS
from ringline.v1.reasons_pb2 import Reason

AT_ONCE = 16
PATIENCE_SECONDS = 1.5
"""After so long a wait one is better told when to come back: clients give up after five seconds."""
SOONEST_SECONDS = 1.0
LATEST_SECONDS = 30.0
ROOM = 0.7
"""The share of the pace that is given away as appointments; the rest is for those who have none."""
MEMORY_SECONDS = 5.0
"""Over so long the pace is measured."""

WAITED = Histogram("ringline_turn_wait_seconds", "What tickets and hellos waited for.", buckets=SECONDS)
APPOINTMENTS = Counter("ringline_turns_postponed_total", "Tickets and hellos that were told to come later.")


class Turns:
    """`clock` tells seconds, and is the loop's."""

    def __init__(self, clock: Callable[[], float], at_once: int = AT_ONCE) -> None:
        self._clock = clock
        self._free = at_once
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._ended: deque[float] = deque()
        self._booked_until = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn and has it. Raises Refusal(OVERLOADED) with the time of an appointment."""
        came = self._clock()
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._wait(came)
        WAITED.observe(self._clock() - came)
        try:
            yield
        finally:
            self._ended.append(self._clock())
            self._free += 1
            self._call_in()

    async def _wait(self, came: float) -> None:
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((came, called))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled() and called.exception() is None:
                self._free += 1  # it was called in and does not come
                self._call_in()
            raise

    def _call_in(self) -> None:
        """The next of those who still wait, and all who waited for too long are sent away on the way."""
        now = self._clock()
        while self._waiting and self._free:
            came, called = self._waiting.popleft()
            if called.done():
                continue
            if now - came > PATIENCE_SECONDS:
                called.set_exception(self._appointment(now))
            else:
                self._free -= 1
                called.set_result(None)

    def _appointment(self, now: float) -> Refusal:
        APPOINTMENTS.inc()
        while self._ended and self._ended[0] < now - MEMORY_SECONDS:
            self._ended.popleft()
        pace = max(1.0, len(self._ended) / MEMORY_SECONDS)
        self._booked_until = max(self._booked_until, now + SOONEST_SECONDS) + 1 / (pace * ROOM)
        # Who is beyond the last appointment comes at some time before it: better too many than never.
        after = self._booked_until - now
        if after > LATEST_SECONDS:
            after = LATEST_SECONDS * math.modf(after / LATEST_SECONDS)[0]
        return Refusal(Reason.REASON_OVERLOADED, retry_after=max(SOONEST_SECONDS, after))
