"""The gates: carries blocks to signaling, where the pair row makes them atomic with placing.

A block is acknowledged when signaling has closed its gate and no call between the two is left. What could not
be carried out, because signaling was away or a process died, every replica tries again, for ever.
"""

import asyncio

from prometheus_client import Gauge

from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import signaling_pb2, signaling_pb2_grpc
from services.policy.store import Store

UNSETTLED = Gauge("ringline_policy_unsettled", "Blocks and their ends that signaling has not confirmed.")

AT_ONCE = 2
"""Gates under way at once: each holds a connection while signaling works, and verdicts come first."""
SEVER_SECONDS = 1.5
"""What signaling gets; less than the two seconds of whoever blocks."""
RETRY_SECONDS = 1.0


class Gates:
    """Signaling's gates, as this service wants them."""

    def __init__(self, store: Store, signaling: "signaling_pb2_grpc.SignalingAsyncStub") -> None:
        self._store = store
        self._signaling = signaling
        self._room = asyncio.Semaphore(AT_ONCE)

    async def settle(self, user_id: str, other_user_id: str) -> None:
        """Carries out the newest wish of one user against another. Raises Refusal where signaling did not."""
        async with self._room, self._store.settling(user_id, other_user_id) as wish:
            if wish is None:
                return
            request = signaling_pb2.SeverRequest(
                user_id=user_id,
                other_user_id=other_user_id,
                closed=wish.closed,
                generation=wish.generation,
            )
            await self._signaling.Sever(request, timeout=SEVER_SECONDS)

    async def settle_rest(self) -> None:
        """Carries out what was left over, oldest first; stops where signaling is away."""
        rest = await self._store.unsettled()
        UNSETTLED.set(len(rest))
        for user_id, other_user_id in rest:
            try:
                await self.settle(user_id, other_user_id)
            except Refusal as refusal:
                log(__name__).warning(
                    "gate not settled", user=user_id, other=other_user_id, reason=refusal.name
                )

    async def run(self) -> None:
        """Does so for ever."""
        while True:
            try:
                await self.settle_rest()
            except Refusal as refusal:
                log(__name__).warning("blocks cannot be read", reason=refusal.name)
            await asyncio.sleep(RETRY_SECONDS)
