"""Endings: how calls ended, from the event log into the ring budget. Said twice, it counts once; said late or
never, a budget is spent until it has room again by itself.

Only answers and declines are of interest. What the callee never heard of has neither, and that nobody
answered was counted when the call was placed.
"""

from ringline import ids
from ringline.v1 import events_pb2, types_pb2
from services.policy.ringing import DECLINED
from services.policy.ringing_store import Rings

DURABLE = "policy"
FACTS = ("call_ended",)


class Endings:
    """Hears how calls ended, as one of the processes that share this work."""

    def __init__(self, rings: Rings) -> None:
        self._rings = rings

    async def hear(self, event: events_pb2.Event) -> None:
        """Takes an event in. Raises Refusal(UNAVAILABLE): it comes again."""
        ended = event.call_ended
        caller, callee = ended.caller_id, ended.callee_id
        if ended.shadow or not (ids.is_id(caller, "u_") and ids.is_id(callee, "u_")):
            return
        if ended.answered_at_ms:
            talked = ended.ended_at_ms - ended.answered_at_ms >= self._rings.limits.talk_ms
            await self._rings.answered(caller, callee, ended.answered_at_ms, talked)
        elif ended.declined or ended.ending == types_pb2.ENDING_DECLINED:
            await self._rings.unwelcome(caller, callee, DECLINED, ended.placed_at_ms)
