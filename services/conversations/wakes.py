"""Wake-ups: each change of a box, to the lines of its owner.

What is lost on the way is not sent again: a client sees the gap in its feed at the next change or welcome,
and asks for the changes. So the wake-ups bear no number: a comparison with signaling would not mend them.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from ringline.bus import ALL, Bus
from ringline.refusal import Refusal
from ringline.telemetry import WAKES
from ringline.v1 import client_pb2, signaling_pb2, types_pb2

AT_ONCE = 16
"""Changes in one wake-up at most: the longest messages of so many are within what the bus carries."""
MOST = 4_096
"""Changes that may wait, each of some kilobytes; the oldest goes where there are more."""
CLOSE_SECONDS = 3.0
"""For what waits when the service stops; longer than presence may take to answer."""
EARLY_SECONDS = 1e-6
"""A timer may come so much too early."""

Locate = Callable[[list[str]], Awaitable[list[types_pb2.Line]]]

_DROPPED = WAKES.labels("dropped")


class _Word(NamedTuple):
    """What a user's lines are to be told."""

    user_id: str
    frame: bytes
    due: float


class Wakes:
    """The sending half: nobody waits for it. Each user's lines are told in the order in which it was told."""

    def __init__(self, bus: Bus, sender: str, locate: Locate, most: int = MOST) -> None:
        self._bus = bus
        self._sender = sender
        self._locate = locate
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Word] = deque()
        self._most = most
        self._held: dict[str, deque[_Word]] = {}
        """What is not due yet, and what comes after it, by user."""
        self._sending: asyncio.Task[None] | None = None

    def tell(self, user_id: str, changed: client_pb2.ThreadChanged, due: float = 0.0) -> None:
        """Tells every line of a user; not before `due`, on the loop's clock."""
        frame = client_pb2.ServerFrame(thread_changed=changed).SerializeToString()
        word = _Word(user_id, frame, due)
        if user_id in self._held:
            self._held[user_id].append(word)
        elif due > self._loop.time():
            self._held[user_id] = deque([word])
            self._loop.call_at(due, self._release, user_id)
        else:
            self._queue(word)

    async def aclose(self) -> None:
        """Says what is left, for some seconds."""
        for user_id in list(self._held):
            for word in self._held.pop(user_id):
                self._queue(word)
        if self._sending is not None:
            _, late = await asyncio.wait([self._sending], timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()

    def _release(self, user_id: str) -> None:
        """Lets go of what is due."""
        held = self._held.pop(user_id, deque())
        while held and held[0].due <= self._loop.time() + EARLY_SECONDS:
            self._queue(held.popleft())
        if held:
            self._held[user_id] = held
            self._loop.call_at(held[0].due, self._release, user_id)

    def _queue(self, word: _Word) -> None:
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            _DROPPED.inc()
        self._waiting.append(word)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="wakes")

    async def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            gateways = await self._gateways({word.user_id for word in batch})
            wakes: defaultdict[str, list[signaling_pb2.LineFrame]] = defaultdict(list)
            for word in batch:
                for gateway_id in gateways[word.user_id]:
                    wakes[gateway_id].append(signaling_pb2.LineFrame(user_id=word.user_id, frame=word.frame))
            for gateway_id, frames in wakes.items():
                wake = signaling_pb2.Wake(sender=self._sender, frames=frames)
                await self._bus.publish_wake(gateway_id, wake.SerializeToString())

    async def _gateways(self, user_ids: set[str]) -> dict[str, Iterable[str]]:
        """Where each user has a line; every gateway where presence does not answer."""
        try:
            lines = await self._locate(sorted(user_ids))
        except Refusal:
            return dict.fromkeys(user_ids, (ALL,))
        return {
            user_id: {line.gateway_id for line in lines if line.user_id == user_id} for user_id in user_ids
        }
