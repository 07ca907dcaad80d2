"""Wake-ups: each change of a box, to the lines of its owner.

Everybody's words go their own way: where the lines of one are is asked by itself, so that whether there is a
word for another, too, delays nothing that a sender can see.

What is lost on the way is not sent again: a client sees the gap in its feed at the next change or welcome,
and asks for the changes. So the wake-ups bear no number: a comparison with signaling would not mend them.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from ringline.bus import ALL, Bus
from ringline.refusal import Refusal
from ringline.telemetry import WAKES
from ringline.v1 import client_pb2, signaling_pb2, types_pb2

AT_ONCE = 16
"""Changes in one wake-up at most: the longest messages of so many are within what the bus carries."""
MOST_BYTES = 16 * 1024 * 1024
"""What may wait in all; where it is more, the oldest goes that waits for the same lines."""
CLOSE_SECONDS = 3.0
"""For what waits when the service stops; longer than presence may take to answer."""
EARLY_SECONDS = 1e-6
"""A timer may come so much too early."""

Locate = Callable[[list[str]], Awaitable[list[types_pb2.Line]]]

_DROPPED = WAKES.labels("dropped")


class _Word(NamedTuple):
    """What a user's lines are to be told."""

    frame: bytes
    due: float


class Wakes:
    """The sending half: nobody waits for it. Each user's lines are told in the order in which it was told."""

    def __init__(self, bus: Bus, sender: str, locate: Locate, most_bytes: int = MOST_BYTES) -> None:
        self._bus = bus
        self._sender = sender
        self._locate = locate
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, deque[_Word]] = {}
        self._bytes = 0
        self._most_bytes = most_bytes
        self._closing = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    def tell(self, user_id: str, changed: client_pb2.ThreadChanged, due: float = 0.0) -> None:
        """Tells every line of a user; not before `due`, on the loop's clock."""
        word = _Word(client_pb2.ServerFrame(thread_changed=changed).SerializeToString(), due)
        waiting = self._waiting.get(user_id)
        if waiting is None:
            waiting = self._waiting[user_id] = deque()
            task = asyncio.create_task(self._send(user_id, waiting), name="wakes")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        waiting.append(word)
        self._bytes += len(word.frame)
        while waiting and self._bytes > self._most_bytes:
            self._bytes -= len(waiting.popleft().frame)
            _DROPPED.inc()

    async def aclose(self) -> None:
        """Says what is left, for some seconds."""
        self._closing.set()
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()

    async def _send(self, user_id: str, waiting: deque[_Word]) -> None:
        """Says what waits for a user, until there is nothing more."""
        try:
            while waiting:
                await self._until(waiting[0].due)
                batch = self._take(waiting)
                try:
                    await self._wake(user_id, batch)
                finally:
                    self._bytes -= sum(map(len, batch))
        finally:
            self._bytes -= sum(len(word.frame) for word in waiting)
            del self._waiting[user_id]

    async def _until(self, due: float) -> None:
        """Waits for a moment; not where the service stops."""
        if due > self._loop.time():
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._closing.wait()

    def _take(self, waiting: deque[_Word]) -> list[bytes]:
        """The first of what is due."""
        now = self._loop.time() + EARLY_SECONDS
        batch: list[bytes] = []
        while waiting and len(batch) < AT_ONCE and (waiting[0].due <= now or self._closing.is_set()):
            batch.append(waiting.popleft().frame)
        return batch

    async def _wake(self, user_id: str, batch: list[bytes]) -> None:
        if not batch:
            return
        frames = [signaling_pb2.LineFrame(user_id=user_id, frame=frame) for frame in batch]
        wake = signaling_pb2.Wake(sender=self._sender, frames=frames).SerializeToString()
        for gateway_id in await self._gateways(user_id):
            await self._bus.publish_wake(gateway_id, wake)

    async def _gateways(self, user_id: str) -> Iterable[str]:
        """Where a user has a line; every gateway where presence does not answer."""
        try:
            return {line.gateway_id for line in await self._locate([user_id])}
        except Refusal:
            return (ALL,)
