"""Revocations: carries to presence and signaling that a device was revoked, until both have confirmed it.

Presence takes its lines off; signaling takes it out of its calls and refuses what it still says. Both may be
told as often as one likes. What could not be carried out, because one of them was away or a process died,
every replica tries again, for ever.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from prometheus_client import Gauge

from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import presence_pb2, presence_pb2_grpc, signaling_pb2, signaling_pb2_grpc
from services.directory.devices import Devices

UNSETTLED = Gauge(
    "ringline_directory_unsettled", "Revoked devices that presence and signaling have not both confirmed."
)

AT_ONCE = 8
"""Revocations under way at once, of those whose request waits, and again of those that were left over."""
EXPEL_SECONDS = 0.7
DROP_SECONDS = 1.5
"""What the two get: together less than devices.TURN."""
WAIT_SECONDS = 1.5
"""How long a request waits for the two; less than the two seconds of whoever asks."""
RETRY_SECONDS = 1.0


class Revocations:
    """What is owed to presence and signaling."""

    def __init__(
        self,
        devices: Devices,
        presence: "presence_pb2_grpc.PresenceAsyncStub",
        signaling: "signaling_pb2_grpc.SignalingAsyncStub",
    ) -> None:
        self._devices = devices
        self._presence = presence
        self._signaling = signaling
        self._room = asyncio.Semaphore(AT_ONCE)

    async def settle(self, user_id: str, device_ids: Iterable[str]) -> None:
        """Carries out what can be in 1.5 s. The rest is left to `run`, here or in another process."""

        async def settle_in_turn(device_id: str) -> None:
            async with self._room:
                await self._settle(user_id, device_id)

        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await asyncio.gather(*map(settle_in_turn, device_ids))

    async def settle_rest(self) -> bool:
        """Carries out some of what was left over, what waits longest first; whether to go on at once."""
        UNSETTLED.set(await self._devices.count_unsettled())
        rest = await self._devices.take_unsettled(AT_ONCE)
        done = await asyncio.gather(*(self._settle(user_id, device_id) for user_id, device_id in rest))
        # Where nothing can be carried out there is time: what failed comes again behind what waits.
        return len(rest) == AT_ONCE and any(done)

    async def run(self) -> None:
        """Does so for ever."""
        while True:
            is_more = False
            try:
                is_more = await self.settle_rest()
            except Refusal as refusal:
                log(__name__).warning("revocations cannot be read", reason=refusal.name)
            if not is_more:
                await asyncio.sleep(RETRY_SECONDS)

    async def _settle(self, user_id: str, device_id: str) -> bool:
        """Whether both have confirmed, and that is noted."""
        try:
            await self._tell(user_id, device_id)
            await self._devices.note_settled(device_id)
        except Refusal as refusal:
            log(__name__).warning(
                "revocation not settled", user=user_id, device=device_id, reason=refusal.name
            )
            return False
        return True

    async def _tell(self, user_id: str, device_id: str) -> None:
        expel = presence_pb2.ExpelRequest(user_id=user_id, device_id=device_id)
        drop = signaling_pb2.DropDeviceRequest(user_id=user_id, device_id=device_id)
        try:
            await self._presence.Expel(expel, timeout=EXPEL_SECONDS)
        except Refusal:
            # Its line stays open until presence is back; its calls need not.
            await self._signaling.DropDevice(drop, timeout=DROP_SECONDS)
            raise
        # After presence: no call that begins now finds the device, and what it is in ends here.
        await self._signaling.DropDevice(drop, timeout=DROP_SECONDS)
