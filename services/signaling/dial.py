"""Dialling: what a Place means, given the verdict and the calls that are live for the two people. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, events_pb2, policy_pb2, reasons_pb2, signaling_pb2, types_pb2
from services.signaling.record import CALLEE, CALLER, Phase, Times, bound, ended, phase, side_of, within
from services.signaling.verbs import Who


@dataclass(frozen=True, slots=True)
class Glare:
    """The two dialled each other: this Place is an answer to that call (architecture, decision 3)."""

    record: signaling_pb2.CallRecord


@dataclass(frozen=True, slots=True)
class Placed:
    """A new call: its record and its first events."""

    record: signaling_pb2.CallRecord
    events: list[events_pb2.Event]


@dataclass(frozen=True, slots=True)
class Room:
    """Whether the callee's phone can take another call, and where. `line` is the leg that is in another
    call, behind which this one waits; None where it rings on every device.
    """

    is_busy: bool = False
    line: signaling_pb2.Leg | None = None


FREE = Room()


def meets(caller_id: str, callee_id: str, calls: Iterable[signaling_pb2.CallRecord]) -> Glare | None:
    """The ringing call from the callee to the caller, if there is one. Raises Refusal (ALREADY_IN_CALL) where
    these two are in a call, or the caller is in one that he does not hold, or in two.
    """
    glare, held = None, 0
    for record in calls:
        side = side_of(record, caller_id)
        if side is None or phase(record) is Phase.OVER:
            continue
        theirs = side_of(record, callee_id) is not None
        if record.members[side].absent_since_ms and not theirs:
            continue  # The device of that call is gone, and the call with it unless it comes back.
        if side == CALLER or phase(record) is Phase.TALKING:
            held += 1
            if theirs or held > 1 or not record.members[side].holds:
                raise Refusal(reasons_pb2.REASON_ALREADY_IN_CALL)
        if theirs and phase(record) is Phase.RINGING:
            glare = Glare(record)
    return glare


def room(caller_id: str, callee_id: str, calls: Iterable[signaling_pb2.CallRecord]) -> Room:
    """What the callee's phone has room for: one call that is talked in or dialled, one on hold, and one that
    waits. Waiting behind the veil for this very caller takes no room: who declined may call back.
    """
    engaged, ringing = [], 0
    for record in calls:
        side = side_of(record, callee_id)
        if side is None or phase(record) is Phase.OVER:
            continue
        if phase(record) is Phase.VEILED and side_of(record, caller_id) is not None:
            continue
        if side == CALLER or phase(record) is Phase.TALKING:
            engaged.append(record.members[side])
        ringing += int(side == CALLEE and phase(record) is Phase.RINGING)
    if len(engaged) > 2 or ringing > (0 if engaged else 1):
        return Room(is_busy=True)
    # Behind a device that is away nobody would see it wait.
    there = sorted((member for member in engaged if not member.absent_since_ms), key=lambda one: one.holds)
    return Room(line=bound(there[0]) if there else None)


def place(
    call_id: str,
    verdict: policy_pb2.Verdict,
    who: Who,
    verb: client_pb2.Place,
    lines: Iterable[types_pb2.Line],
    room: Room,
    now: int,
    times: Times,
) -> Placed:
    """The record of a new call. A verdict that is not ADMITTED makes a shadow call; `lines` are the
    callee's."""
    is_busy = room.is_busy
    unheard = verdict.outcome != policy_pb2.OUTCOME_ADMITTED
    record = signaling_pb2.CallRecord(
        call_id=call_id,
        version=1,
        asked=within(verb.kinds, verdict.caller_may_send),
        shadow=unheard,
        device_truth=verdict.device_truth and not unheard,
        relay_only=verdict.relay_only,
        audio_only=verdict.audio_only and not unheard,
        placed_at_ms=now,
        ring_until_ms=now + times.ring,
        deadline_at_ms=now + min(times.ring, times.ring_look),
        trace=[signaling_pb2.TraceMark(rule=mark.rule, held=mark.held) for mark in verdict.trace],
    )
    record.members.add(
        profile=verdict.caller,
        may_send=verdict.caller_may_send,
        sends=record.asked,
        binding=verb.binding,
        version=1,
        command_ids=[who.command_id],
        legs=[_leg(who.line, who.gateway_id, who.epoch, signaling_pb2.LEG_STATE_BOUND)],
    )
    callee = record.members.add(profile=verdict.callee, may_send=verdict.callee_may_send, version=1)
    if not unheard and not is_busy:
        called = signaling_pb2.LEG_STATE_CALLED
        known = {f"{x.device_id}.{x.instance}": (x.gateway_id, x.epoch) for x in lines}
        if room.line is not None:
            record.waiting_line = room.line.line
            # Where presence knows it to be now: it may have moved since it answered that other call.
            place = known.get(room.line.line, (room.line.gateway_id, room.line.epoch))
            known = {room.line.line: place}
        callee.legs.extend(_leg(key, *place, called) for key, place in known.items())
    events = [_first_event(record, verdict, now)]
    if is_busy and not unheard:
        record.ending = types_pb2.ENDING_BUSY
        record.ended_at_ms = now
        if record.device_truth:
            record.ending_for_caller, record.ended_for_caller_at_ms = types_pb2.ENDING_BUSY, now
            record.members[CALLER].legs[0].state = signaling_pb2.LEG_STATE_ENDED
        events.append(_busy_event(record, now))
    for number, event in enumerate(events):
        event.event_id = f"e_{call_id[2:]}_1_{number}"
    return Placed(record, events)


def _leg(
    line: str, gateway_id: str, epoch: int, state: "signaling_pb2.LegState.ValueType"
) -> signaling_pb2.Leg:
    return signaling_pb2.Leg(line=line, gateway_id=gateway_id, epoch=epoch, state=state)


def _first_event(record: signaling_pb2.CallRecord, verdict: policy_pb2.Verdict, now: int) -> events_pb2.Event:
    event = events_pb2.Event(at_ms=now, call_id=record.call_id, version=1)
    ids = {"caller_id": verdict.caller.user_id, "callee_id": verdict.callee.user_id}
    if record.shadow:
        rule = next((m.rule for m in verdict.trace if m.held and m.effect == "refuses"), "nobody admits")
        event.call_unheard.CopyFrom(events_pb2.CallUnheard(**ids, asked=record.asked, rule=rule))
    else:
        event.call_placed.CopyFrom(events_pb2.CallPlaced(**ids, asked=record.asked))
    return event


def _busy_event(record: signaling_pb2.CallRecord, now: int) -> events_pb2.Event:
    return events_pb2.Event(at_ms=now, call_id=record.call_id, version=1, call_ended=ended(record))
