"""What one line may see of a call. Pure: the veil of the shadow call is drawn here and nowhere else."""

from typing import Any

from ringline.v1 import client_pb2, signaling_pb2, types_pb2
from services.signaling.record import CALLEE, CALLER, asked_of_callee, device_of, heard, leg_of

_CONCERNED = (signaling_pb2.LEG_STATE_CALLED, signaling_pb2.LEG_STATE_RINGING, signaling_pb2.LEG_STATE_BOUND)


def view(
    record: signaling_pb2.CallRecord,
    side: int,
    line: str,
    peer_description: client_pb2.Description | None = None,
    relay: client_pb2.Relay | None = None,
    now: int = 0,
) -> client_pb2.Call:
    """The call as `line` (device.instance) of the member on `side` may see it.

    `peer_description` is the other side's slot, shown only to the bound line, until both reported media.
    Without `now` (Unix milliseconds) the view has no running figure.
    """
    call = client_pb2.Call(**sight(record, side, line))
    if call.ending:
        return call
    if now and not record.answered_at_ms:
        call.ring_left_ms = max(0, record.ring_until_ms - now)
    flowing = all(member.flowing for member in record.members)
    if peer_description is not None and call.here and not flowing:
        call.peer_description.CopyFrom(peer_description)
    if relay is not None:
        call.relay.CopyFrom(relay)
        call.relay.only = record.relay_only
    return call


def sight(record: signaling_pb2.CallRecord, side: int, line: str) -> dict[str, Any]:
    """What a line sees of the record, as fields of its view. Two sights are equal where nothing has changed
    for the line; to compare them costs less than to build and compare two messages.
    """
    me, peer = record.members[side], record.members[1 - side]
    leg = leg_of(me, line)
    here = leg is not None and leg.state == signaling_pb2.LEG_STATE_BOUND
    ending = _ending(record, side, leg)
    veiled = _veiled(record, side)
    phase = client_pb2.PHASE_ENDED if ending else _phase(record, side, veiled)
    ended_at = record.ended_for_caller_at_ms if side == CALLER else record.ended_at_ms
    return {
        "call_id": record.call_id,
        "version": me.version,
        "role": client_pb2.ROLE_CALLER if side == CALLER else client_pb2.ROLE_CALLEE,
        "phase": phase,
        "peer": peer.profile,
        "here": here,
        "asked": record.asked if side == CALLER else asked_of_callee(record),
        "may_send": me.may_send,
        "peer_may_send": peer.may_send if side == CALLER else heard(record, peer.may_send),
        "sends": me.sends,
        "peer_sends": _peer_sends(record, side, phase),
        "ending": ending,
        "placed_at_ms": record.placed_at_ms,
        "answered_at_ms": 0 if veiled else record.answered_at_ms,
        "ended_at_ms": ended_at if ending else 0,
        "described": me.described if here else 0,
        "peer_described": peer.described if here else 0,
        "holds": me.holds,
        "peer_holds": peer.holds,
        "peer_binding": peer.binding if here or side == CALLEE else b"",
    }


def _peer_sends(
    record: signaling_pb2.CallRecord, side: int, phase: "client_pb2.Phase.ValueType"
) -> types_pb2.Kinds | None:
    sends = record.members[1 - side].sends
    if side == CALLEE:
        return heard(record, sends)
    return None if phase == client_pb2.PHASE_CALLING else sends


def _veiled(record: signaling_pb2.CallRecord, side: int) -> bool:
    """Whether the caller must go on to see a call that nobody answers, though it is over or never was."""
    return side == CALLER and (record.shadow or bool(record.ending and not record.ending_for_caller))


def _phase(record: signaling_pb2.CallRecord, side: int, veiled: bool) -> "client_pb2.Phase.ValueType":
    if record.answered_at_ms and not veiled:
        return client_pb2.PHASE_CONNECTED if record.connected_at_ms else client_pb2.PHASE_CONNECTING
    if side == CALLER and record.rang and record.device_truth:
        return client_pb2.PHASE_RINGING
    return client_pb2.PHASE_CALLING


def _ending(
    record: signaling_pb2.CallRecord, side: int, leg: signaling_pb2.Leg | None
) -> "types_pb2.Ending.ValueType":
    if side == CALLER:
        return record.ending_for_caller
    answered = bool(record.answered_at_ms)
    if leg is not None and leg.state == signaling_pb2.LEG_STATE_DECLINED:
        # First, and whatever became of the call: it is over here since then, and no version says otherwise.
        return types_pb2.ENDING_DECLINED
    if leg is not None and device_of(leg.line) in record.members[CALLEE].dropped_device_ids:
        if not _was_bound(record, leg):
            return types_pb2.ENDING_CANCELLED
    if record.ending and not answered:
        if record.ending == types_pb2.ENDING_DECLINED:
            return types_pb2.ENDING_DECLINED_ELSEWHERE
        return types_pb2.ENDING_CANCELLED if record.ending == types_pb2.ENDING_SEVERED else record.ending
    if answered and not _was_bound(record, leg):
        return types_pb2.ENDING_ANSWERED_ELSEWHERE
    return types_pb2.ENDING_HUNG_UP if record.ending == types_pb2.ENDING_SEVERED else record.ending


def _was_bound(record: signaling_pb2.CallRecord, leg: signaling_pb2.Leg | None) -> bool:
    """Whether this leg is, or was until the end, the one in the call."""
    if leg is None:
        return False
    return leg.state == signaling_pb2.LEG_STATE_BOUND or leg.line == record.answered_line


def concerned(member: signaling_pb2.Member) -> set[str]:
    """The lines of a member to which frames about this call go at all."""
    return {leg.line for leg in member.legs if leg.state in _CONCERNED}
