"""Wake-ups: each change of a box, to the lines of its owner.

What is lost on the way is not sent again: a client sees the gap in its feed at the next change or welcome,
and asks for the changes. So the wake-ups bear no number: a comparison with signaling would not mend them.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable

from ringline.bus import ALL, Bus
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, signaling_pb2, types_pb2

AT_ONCE = 16
"""Changes in one wake-up at most: the longest messages of so many are within what the bus carries."""

Locate = Callable[[list[str]], Awaitable[list[types_pb2.Line]]]


class Wakes:
    """The sending half: nobody waits for it, and what overtakes shows by its feed."""

    def __init__(self, bus: Bus, sender: str, locate: Locate) -> None:
        self._bus = bus
        self._sender = sender
        self._locate = locate
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._sending: asyncio.Task[None] | None = None

    def tell(self, user_id: str, changed: client_pb2.ThreadChanged) -> None:
        """Tells every line of a user."""
        frame = client_pb2.ServerFrame(thread_changed=changed).SerializeToString()
        self._waiting.append((user_id, frame))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="wakes")

    async def close(self) -> None:
        """Waits until everything is said."""
        if self._sending is not None:
            await self._sending

    async def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            gateways = await self._gateways({user_id for user_id, _ in batch})
            wakes: defaultdict[str, list[signaling_pb2.LineFrame]] = defaultdict(list)
            for user_id, frame in batch:
                for gateway_id in gateways[user_id]:
                    wakes[gateway_id].append(signaling_pb2.LineFrame(user_id=user_id, frame=frame))
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
