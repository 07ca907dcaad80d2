"""A call that is over: what it is to each of the two. Pure.

The event that ends a call may come twice, late, and in two versions: first for the callee alone, while the
caller still sees a call that nobody answers, then for both. Whatever comes, in whatever order, the entries
are the same.
"""

from ringline.v1 import events_pb2, threads_pb2
from ringline.v1.types_pb2 import Ending
from services.conversations.box import Addition

UNHEARD = frozenset({Ending.ENDING_CANCELLED, Ending.ENDING_NO_ANSWER})
"""Ways in which a ring ends that nobody took notice of; a decline on one of several devices is a notice."""


def additions(event: events_pb2.Event) -> list[Addition]:
    """The entries that follow from this version of a call's end: none, one or two."""
    ended = event.call_ended
    found = []
    if ended.ending_for_caller:
        mine = _entry(event, outgoing=True, ending=ended.ending_for_caller)
        found.append(_addition(event, ended.caller_id, ended.callee_id, mine, settles=True))
    if ended.ending and not ended.shadow:
        theirs = _entry(event, outgoing=False, ending=_for_callee(ended))
        theirs.call.missed = is_missed(ended)
        theirs.call.answered_device_id = ended.answered_device_id
        settles = bool(ended.answered_at_ms)
        found.append(_addition(event, ended.callee_id, ended.caller_id, theirs, settles))
    return found


def is_missed(ended: events_pb2.CallEnded) -> bool:
    """Whether it was a call that nobody on any device of the callee answered, declined or cut off."""
    cut_off = (Ending.ENDING_DECLINED, Ending.ENDING_SEVERED)
    return not ended.answered_at_ms and not ended.declined and ended.ending not in cut_off


def _for_callee(ended: events_pb2.CallEnded) -> Ending.ValueType:
    if ended.ending == Ending.ENDING_SEVERED:
        return Ending.ENDING_HUNG_UP if ended.answered_at_ms else Ending.ENDING_CANCELLED
    if ended.declined and not ended.answered_at_ms and ended.ending in UNHEARD:
        return Ending.ENDING_DECLINED
    return ended.ending


def _entry(event: events_pb2.Event, outgoing: bool, ending: Ending.ValueType) -> threads_pb2.Entry:
    ended = event.call_ended
    call = threads_pb2.CallEntry(
        call_id=event.call_id,
        outgoing=outgoing,
        asked=ended.asked,
        ending=ending,
        duration_ms=max(0, ended.ended_at_ms - ended.answered_at_ms) if ended.answered_at_ms else 0,
    )
    return threads_pb2.Entry(at_ms=ended.placed_at_ms, call=call)


def _addition(
    event: events_pb2.Event, owner_id: str, other_id: str, entry: threads_pb2.Entry, settles: bool
) -> Addition:
    """A call that the owner placed or answered is one that he wants; any other leaves the thread in its
    folder."""
    return Addition(
        owner_id,
        other_id,
        event.call_id,
        entry,
        settles=settles,
        counts=entry.call.missed,
        version=event.version,
    )
