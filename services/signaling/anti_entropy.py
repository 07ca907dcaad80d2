"""Anti-entropy: what a gateway holds for live against what is so.

It is the repair of lost wake-ups, the lease of every ring, and the path when the bus is down; it has no
special mode.
"""

from collections.abc import Iterable

from ringline.v1 import client_pb2, signaling_pb2
from services.signaling.exchange import Exchange
from services.signaling.record import side_of
from services.signaling.store import Stored
from services.signaling.view import is_concerned
from services.signaling.wakes import call_frame


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
        missing = sorted({one.call_id for one in seen.values()} - stored.keys())
        stored.update({one.record.call_id: one for one in await store.many(missing)})
        frames, live = [], {}
        for one in stored.values():
            for user_id, line in self._lines(one, gateway_id):
                was = seen.get((line, one.record.call_id))
                if was is None:
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
        return frames, list(live.values())

    def _lines(self, stored: Stored, gateway_id: str) -> Iterable[tuple[str, str]]:
        for member in stored.record.members:
            for leg in member.legs:
                if leg.gateway_id == gateway_id and is_concerned(member, leg.line):
                    yield member.profile.user_id, leg.line

    def _frame(self, stored: Stored, user_id: str, line: str, relay: bool) -> signaling_pb2.LineFrame:
        return call_frame(user_id, line, self._exchange.see(stored, user_id, line, relay))
