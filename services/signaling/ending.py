"""The end of a call, for both sides or for the callee's alone. Pure."""

from ringline.v1 import signaling_pb2, types_pb2
from services.signaling.record import CALLEE, CALLER, ended
from services.signaling.verbs import Step


def end(
    done: Step,
    now: int,
    ending: "types_pb2.Ending.ValueType",
    for_caller: "types_pb2.Ending.ValueType",
    by: str = "",
) -> None:
    """Ends the callee's side, and the caller's where `for_caller` is set; `now` in Unix milliseconds."""
    new = done.record
    if not new.ending:
        new.ending, new.ended_by_id, new.ended_at_ms = ending, by, now
    if for_caller:
        new.ending_for_caller, new.ended_for_caller_at_ms = for_caller, now
    new.deadline_at_ms = min(new.deadline_at_ms, new.ring_until_ms)
    for member in new.members[CALLEE if not for_caller else CALLER :]:
        for leg in member.legs:
            if leg.state != signaling_pb2.LEG_STATE_DECLINED:
                leg.state = signaling_pb2.LEG_STATE_ENDED
    done.say(now, call_ended=ended(new))
