"""What a call's record says: pure readings, nothing is changed here."""

from dataclasses import dataclass
from enum import StrEnum

from ringline.v1 import events_pb2, signaling_pb2, types_pb2

CALLER, CALLEE = 0, 1


class Phase(StrEnum):
    """How far a call is, computed from its record."""

    RINGING = "ringing"
    TALKING = "talking"
    VEILED = "veiled"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Times:
    """Time limits, in milliseconds."""

    ring: int = 45_000
    least_ring: int = 5_000
    connect: int = 30_000
    lost: int = 45_000
    caller_absent: int = 6_000
    look: int = 20_000
    ring_look: int = 3_000
    unseen: int = 3_000
    late: int = 10_000
    erase: int = 60_000


def phase(record: signaling_pb2.CallRecord) -> Phase:
    """Computes how far a call is."""
    if record.ending_for_caller:
        return Phase.OVER
    if record.shadow or record.ending:
        return Phase.VEILED
    return Phase.TALKING if record.answered_at_ms else Phase.RINGING


def live(record: signaling_pb2.CallRecord) -> bool:
    """Whether anybody still sees this call as going on."""
    return not record.ending_for_caller


def holds_pair(record: signaling_pb2.CallRecord) -> bool:
    """Whether the call is the one live call of its pair; a shadow call never is."""
    return not record.shadow and not record.ending


def may_ring(record: signaling_pb2.CallRecord, line: str, now: int, times: Times) -> bool:
    """Whether a line of the callee may begin to ring: not with little time left, nor where the call waits
    elsewhere."""
    is_here = record.waiting_line in ("", line)
    return is_here and phase(record) is Phase.RINGING and record.ring_until_ms - now >= times.least_ring


def side_of(record: signaling_pb2.CallRecord, user_id: str) -> int | None:
    """CALLER or CALLEE; None where the user is neither."""
    for side, member in enumerate(record.members):
        if member.profile.user_id == user_id:
            return side
    return None


def leg_of(member: signaling_pb2.Member, line: str) -> signaling_pb2.Leg | None:
    """The leg of a line (device.instance)."""
    for leg in member.legs:  # a loop and no generator: asked a hundred times a call
        if leg.line == line:
            return leg
    return None


def line_key(line: types_pb2.Line) -> str:
    """A line as device.instance."""
    return f"{line.device_id}.{line.instance}"


def device_of(line: str) -> str:
    """The device of a line (device.instance)."""
    return line.partition(".")[0]


def bound(member: signaling_pb2.Member) -> signaling_pb2.Leg | None:
    """The line of this member that is in the call, if there is one."""
    return next((leg for leg in member.legs if leg.state == signaling_pb2.LEG_STATE_BOUND), None)


def within(kinds: types_pb2.Kinds, *limits: types_pb2.Kinds) -> types_pb2.Kinds:
    """The kinds that are in all of the sets."""
    return types_pb2.Kinds(
        audio=kinds.audio and all(x.audio for x in limits), video=kinds.video and all(x.video for x in limits)
    )


def heard(record: signaling_pb2.CallRecord, kinds: types_pb2.Kinds) -> types_pb2.Kinds:
    """What of the caller's kinds exists for the callee, who may take the caller's sound only."""
    return types_pb2.Kinds(audio=kinds.audio) if record.audio_only else kinds


def asked_of_callee(record: signaling_pb2.CallRecord) -> types_pb2.Kinds:
    """As what kind of call it rings. Where the caller asked for video alone and may send sound only, it is an
    audio call in which he is silent.
    """
    return types_pb2.Kinds(audio=True) if record.audio_only else record.asked


def ended(record: signaling_pb2.CallRecord) -> events_pb2.CallEnded:
    """What is said of a call whose callee's side is over, and the caller's too where he knows it."""
    caller, callee = record.members
    return events_pb2.CallEnded(
        caller_id=caller.profile.user_id,
        callee_id=callee.profile.user_id,
        asked=record.asked,
        ending=record.ending,
        ending_for_caller=record.ending_for_caller,
        ended_by_id=record.ended_by_id,
        placed_at_ms=record.placed_at_ms,
        answered_at_ms=record.answered_at_ms,
        ended_at_ms=record.ended_for_caller_at_ms or record.ended_at_ms,
        shadow=record.shadow,
        answered_device_id=device_of(record.answered_line),
        declined=any(leg.state == signaling_pb2.LEG_STATE_DECLINED for leg in callee.legs),
    )


def ended_event(record: signaling_pb2.CallRecord) -> events_pb2.Event:
    """The event that was published when a call ended for both: nothing changes a call after its end."""
    # A call that ended as it was placed (busy) said first that it was placed.
    event_id = f"e_{record.call_id[2:]}_{record.version}_{int(record.version == 1)}"
    return events_pb2.Event(
        event_id=event_id,
        at_ms=record.ended_for_caller_at_ms,
        call_id=record.call_id,
        version=record.version,
        call_ended=ended(record),
    )
