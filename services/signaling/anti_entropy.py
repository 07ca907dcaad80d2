"""Anti-entropy: what a gateway holds for live against what is so.

It is the repair of lost wake-ups, the lease of every ring, and the path when the bus is down; it has no
special mode.
"""

from collections.abc import Iterable

from ringline.v1 import client_pb2, signaling_pb2, types_pb2
from services.signaling.exchange import Exchange
from services.signaling.record import CALLEE, Phase, phase, side_of
from services.signaling.store import Stored
from services.signaling.view import concerned
from services.signaling.wakes import call_frame

MOST_BYTES = 1 << 20


class Repairs:
    """Answers a gateway's sync."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def repair(
        self, gateway_id: str, held: Iterable[signaling_pb2.Held]
    ) -> tuple[list[signaling_pb2.LineFrame], list[client_pb2.LiveCall]]:
        """Frames that lines of this gateway missed, and those held calls that are live."""
        store = self._exchange.store
        seen = {(one.line, one.call_id): one for one in held}
        stored = {one.record.call_id: one for one in await store.touched(gateway_id)}
        missing = sorted({one.call_id for one in seen.values() if one.call_id} - stored.keys())
        stored.update({one.record.call_id: one for one in await store.many(missing)})
        frames, live = (
            await self._late_rings(gateway_id, [one for one in seen.values() if not one.call_id]),
            {},
        )
        for one in stored.values():
            for user_id, line in self._lines(one, gateway_id):
                was = seen.get((line, one.record.call_id))
                if was is None and not self._is_too_late(one, user_id):
                    frames.append(self._frame(one, user_id, line, relay=True))
        for was in seen.values():
            found = stored.get(was.call_id)
            if found is None or side_of(found.record, was.user_id) is None:
                continue
            frame = self._frame(found, was.user_id, was.line, relay=False)
            if frame.version > was.version:
                frames.append(frame)
            if frame.live:
                live[was.call_id, frame.version] = client_pb2.LiveCall(
                    call_id=was.call_id, version=frame.version
                )
        return _some(frames), list(live.values())

    async def _late_rings(
        self, gateway_id: str, opened: list[signaling_pb2.Held]
    ) -> list[signaling_pb2.LineFrame]:
        """Rings for lines that were opened while a call was being placed: not located yet, and told of no
        call.
        """
        frames = []
        calls = await self._exchange.store.live_of([one.user_id for one in opened]) if opened else []
        for one in opened:
            device_id, _, instance = one.line.partition(".")
            line = types_pb2.Line(
                user_id=one.user_id,
                device_id=device_id,
                instance=instance,
                epoch=one.epoch,
                gateway_id=gateway_id,
            )
            for stored in calls:
                is_ringing = (
                    phase(stored.record) is Phase.RINGING and side_of(stored.record, one.user_id) == CALLEE
                )
                if is_ringing and self._exchange.is_new_to(stored, line):
                    call = await self._exchange.arrive(line, stored.record.call_id)
                    if call is not None:
                        frames.append(call_frame(one.user_id, one.line, call))
        return frames

    def _is_too_late(self, stored: Stored, user_id: str) -> bool:
        """Whether a line of this user would begin to ring with too little time left (S13)."""
        exchange, record = self._exchange, stored.record
        is_ringing = side_of(record, user_id) == CALLEE and phase(record) is Phase.RINGING
        left = record.ring_until_ms - exchange.store.now()
        return is_ringing and left < exchange.times.least_ring

    def _lines(self, stored: Stored, gateway_id: str) -> Iterable[tuple[str, str]]:
        for member in stored.record.members:
            lines = concerned(member)
            for leg in member.legs:
                if leg.gateway_id == gateway_id and leg.line in lines:
                    yield member.profile.user_id, leg.line

    def _frame(self, stored: Stored, user_id: str, line: str, relay: bool) -> signaling_pb2.LineFrame:
        return call_frame(user_id, line, self._exchange.see(stored, user_id, line, relay))


def _some(frames: list[signaling_pb2.LineFrame]) -> list[signaling_pb2.LineFrame]:
    """As many as one reply carries; the next comparison brings the rest."""
    size = 0
    for number, frame in enumerate(frames):
        size += len(frame.frame)
        if size > MOST_BYTES:
            return frames[: max(1, number)]
    return frames
