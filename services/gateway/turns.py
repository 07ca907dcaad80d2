"""Turns: how many tickets, or hellos, one gateway works on at once, who waits, and who comes back later.

When a gateway dies, all its lines come to the others in the same second. If all of them were worked on at
once, each would be done last: after its client's patience, who then begins anew, and so on for as long as
they come faster than they are served; this was measured (bench/herd.py). So a few are worked on at a time,
in the order in which they came, and nothing is done for whoever has gone. Who had to wait for too long is
told when to come back: when his turn would come at the pace of the last seconds.
"""

import asyncio
import random
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
SOONEST_SECONDS, LATEST_SECONDS = 1.0, 30.0
LEAST_PACE = 20.0
"""Turns a second that are believed in, also after a moment in which none came to an end: whoever comes too
soon is told so once more, which costs little; a gateway that idles while people wait costs more.
"""

WAITED = Histogram("ringline_turn_wait_seconds", "What was waited for a turn.", ["what"], buckets=SECONDS)
POSTPONED = Counter("ringline_turns_postponed_total", "Who was told to come later, by what for.", ["what"])


class Turns:
    """Turns for one kind of work. `clock` tells seconds, and is the loop's."""

    def __init__(self, what: str, clock: Callable[[], float], at_once: int = AT_ONCE) -> None:
        self._clock = clock
        self._free = at_once
        self._waiting: deque[tuple[Callable[[], bool], asyncio.Future[None]]] = deque()
        self._ended: deque[float] = deque()
        self._waited = WAITED.labels(what)
        self._postponed = POSTPONED.labels(what)

    @asynccontextmanager
    async def turn(self, is_gone: Callable[[], bool] = lambda: False) -> AsyncIterator[None]:
        """Waits for a turn and has it.

        Raises Refusal(OVERLOADED) with the seconds after which to come back, and Refusal(UNAVAILABLE) for
        whoever has gone meanwhile.
        """
        came = self._clock()
        if self._free:
            self._free -= 1
        else:
            await self._wait(is_gone)
        self._waited.observe(self._clock() - came)
        try:
            yield
        finally:
            self._ended.append(self._clock())
            self._call_in()

    async def _wait(self, is_gone: Callable[[], bool]) -> None:
        ahead = len(self._waiting)
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((is_gone, called))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await called
        except TimeoutError:
            if not was_called(called):
                self._postponed.inc()
                raise Refusal(Reason.REASON_OVERLOADED, retry_after=self._after(ahead)) from None
        except asyncio.CancelledError:
            if was_called(called):
                self._call_in()  # it does not come
            raise

    def _call_in(self) -> None:
        """One turn is over: it is given to the first of those who still wait."""
        while self._waiting:
            is_gone, called = self._waiting.popleft()
            if called.done():
                continue
            if not is_gone():
                called.set_result(None)
                return
            called.set_exception(Refusal(Reason.REASON_UNAVAILABLE))
        self._free += 1

    def _after(self, ahead: int) -> float:
        """When to come back, for somebody who had so many before him."""
        since = self._clock() - PATIENCE_SECONDS
        while self._ended and self._ended[0] < since:
            self._ended.popleft()
        pace = max(LEAST_PACE, len(self._ended) / PATIENCE_SECONDS)
        after = SOONEST_SECONDS + ahead / pace
        # Nobody is asked to wait for longer: those come too early, spread over the later half.
        return after if after < LATEST_SECONDS else random.uniform(LATEST_SECONDS / 2, LATEST_SECONDS)


def was_called(called: "asyncio.Future[None]") -> bool:
    """Whether a turn was given."""
    return called.done() and not called.cancelled() and called.exception() is None
