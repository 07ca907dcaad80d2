"""The call. Everything that can change a call is here, and in the three rooms that it opens: clock, ending,
slots.

    step(record, who, verb, now) -> Step(record, facts)

is total and pure: it answers a new record and what has happened, in the past tense, or raises a Refusal and
nothing is changed. It does no I/O and gets the time, in Unix milliseconds on the database's clock, as an
argument.

               Place ──▶ RINGING ──Answer──▶ TALKING ──HangUp, Tick, Sever, Drop──▶ OVER
                │           │                                                        ▲
                │           └─HangUp, Decline, Tick────────────────────────────────▶─┤
                │           └─Decline, Sever, and the caller may not know ─▶ VEILED
                └─not admitted────────────────────────────────────────────▶ VEILED ──HangUp, Tick──▶ OVER

VEILED is the shadow call: the callee's side is over, or never was, and the caller sees a call that nobody
answers. Hold is no phase: each member has a hold of his own, and media passes while nobody holds.

The table TABLE says which verb means what in which phase for whom; a cell that is not in it is refused.
"""

from collections.abc import Callable

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, events_pb2, reasons_pb2, signaling_pb2, types_pb2
from services.signaling import slots
from services.signaling.clock import connect, tick
from services.signaling.ending import end
from services.signaling.record import (
    CALLEE,
    CALLER,
    Phase,
    Times,
    asked_of_callee,
    bound,
    device_of,
    leg_of,
    live,
    may_ring,
    phase,
    side_of,
    within,
)
from services.signaling.verbs import Drop, EndByOperator, SetMediaInVain, Sever, Step, Verb, Who

NORMAL = Times()
KEPT_COMMANDS = 64
WAITING = (signaling_pb2.LEG_STATE_CALLED, signaling_pb2.LEG_STATE_RINGING)


def step(
    record: signaling_pb2.CallRecord, who: Who | None, verb: Verb, now: int, times: Times = NORMAL
) -> Step:
    """Applies a verb.

    `who` is None for verbs of the server (Tick, Sever, EndByOperator). Raises Refusal; `record` is never
    changed.
    """
    was, role = (phase(record), "server" if who is None else ("caller", "callee")[who.side])
    new = signaling_pb2.CallRecord()
    new.CopyFrom(record)
    done = Step(new)
    if who is not None:
        member = new.members[who.side]
        leg = leg_of(member, who.line)
        if device_of(who.line) in member.dropped_device_ids:
            raise Refusal(reasons_pb2.REASON_DEVICE_REVOKED)
        if leg is not None and who.epoch < leg.epoch:
            raise Refusal(reasons_pb2.REASON_LINE_FENCED)
        if who.command_id and who.command_id in member.command_ids:
            done.changed = False
            return done  # whatever it changed since: the end that it brought about is its answer too
    act = TABLE.get((was, role, type(verb).__name__))
    if act is None:
        raise Refusal(_why_not(was, role, type(verb).__name__))
    act(done, who, verb, now, times)
    if done.changed:
        _close(done, who, now)
    return done


def _close(done: Step, who: Who | None, now: int) -> None:
    new = done.record
    new.version += 1
    if who is not None and who.command_id:
        kept = new.members[who.side].command_ids
        kept.append(who.command_id)
        del kept[:-KEPT_COMMANDS]
    if not live(new):
        done.erased = True
        new.deadline_at_ms = 0
    for number, event in enumerate(done.events):
        event.version = new.version
        event.event_id = f"e_{new.call_id[2:]}_{new.version}_{number}"


def _why_not(was: Phase, role: str, verb: str) -> "reasons_pb2.Reason.ValueType":
    if not any(key[1] == role and key[2] == verb for key in TABLE):
        return reasons_pb2.REASON_WRONG_ROLE
    # To the caller a veiled call is one that rings: the refusal must not tell them apart.
    over = was is Phase.OVER or (was is Phase.VEILED and role != "caller")
    return reasons_pb2.REASON_CALL_ENDED if over else reasons_pb2.REASON_WRONG_STATE


def _seen(
    member: signaling_pb2.Member, who: Who, state: "signaling_pb2.LegState.ValueType"
) -> signaling_pb2.Leg:
    """The leg of this line, made where it is new, with its newest place."""
    leg = leg_of(member, who.line) or member.legs.add(line=who.line)
    leg.gateway_id, leg.epoch, leg.state = who.gateway_id, who.epoch, state
    return leg


def _must_be_bound(done: Step, who: Who) -> signaling_pb2.Member:
    member = done.record.members[who.side]
    leg = bound(member)
    if leg is None or leg.line != who.line:
        raise Refusal(reasons_pb2.REASON_ANSWERED_ELSEWHERE)
    return member


def _hang_up(done: Step, who: Who, verb: client_pb2.HangUp, now: int, times: Times) -> None:
    _must_be_bound(done, who)
    answered = bool(done.record.answered_at_ms) and not done.record.ending
    ending = types_pb2.ENDING_HUNG_UP if answered else types_pb2.ENDING_CANCELLED
    end(done, now, ending, ending, by=done.record.members[who.side].profile.user_id)


def _sever(done: Step, who: None, verb: Sever, now: int, times: Times) -> None:
    answered = bool(done.record.answered_at_ms)
    for_caller = types_pb2.ENDING_HUNG_UP if answered else types_pb2.ENDING_UNSPECIFIED
    by_caller = verb.user_id == done.record.members[CALLER].profile.user_id
    if by_caller and not answered:
        end(done, now, types_pb2.ENDING_CANCELLED, types_pb2.ENDING_CANCELLED, by=verb.user_id)
    else:
        end(done, now, types_pb2.ENDING_SEVERED, for_caller, by=verb.user_id)


def _drop(done: Step, who: None, verb: Drop, now: int, times: Times) -> None:
    new = done.record
    side = side_of(new, verb.user_id)
    if side is None:
        raise Refusal(reasons_pb2.REASON_CALL_NOT_FOUND)
    member = new.members[side]
    # Behind the veil nothing of the callee's is left to end, and nothing that he says is taken.
    is_over = side == CALLEE and phase(new) is Phase.VEILED
    done.changed = not is_over and verb.device_id not in member.dropped_device_ids
    if not done.changed:
        return
    member.dropped_device_ids.append(verb.device_id)
    legs = [leg for leg in member.legs if device_of(leg.line) == verb.device_id]
    if any(leg.state == signaling_pb2.LEG_STATE_BOUND for leg in legs):
        answered = bool(new.answered_at_ms) and not new.ending
        ending = types_pb2.ENDING_HUNG_UP if answered else types_pb2.ENDING_CANCELLED
        end(done, now, ending, ending, by=verb.user_id)
    for leg in legs:
        leg.state = signaling_pb2.LEG_STATE_ENDED if leg.state in WAITING else leg.state
    if device_of(new.waiting_line) == verb.device_id:
        new.waiting_line = ""


def _end_by_operator(done: Step, who: None, verb: EndByOperator, now: int, times: Times) -> None:
    end(done, now, types_pb2.ENDING_BY_OPERATOR, types_pb2.ENDING_BY_OPERATOR)


def _rings(done: Step, who: Who, verb: client_pb2.Ringing, now: int, times: Times) -> None:
    member = done.record.members[who.side]
    leg = leg_of(member, who.line)
    ringing = leg is not None and leg.state == signaling_pb2.LEG_STATE_RINGING
    declined = leg is not None and leg.state == signaling_pb2.LEG_STATE_DECLINED
    # One write a call, not one a device: the caller learns of the first, and a line that is known needs no
    # more.
    new = done.record
    is_elsewhere = bool(new.waiting_line) and new.waiting_line != who.line
    is_first = not is_elsewhere and not declined and not ringing and (not new.rang or leg is None)
    # What it waited behind is over: from now on it rings on every device.
    is_free = new.waiting_line == who.line and not declined and not verb.waits
    done.changed = is_first or is_free
    if is_first:
        _seen(member, who, signaling_pb2.LEG_STATE_RINGING)
        if not new.rang:
            new.rang = True
            done.say(now, call_rang=events_pb2.CallRang())
    if is_free:
        new.waiting_line = ""


def _answer(done: Step, who: Who, verb: client_pb2.Answer, now: int, times: Times) -> None:
    new = done.record
    callee = new.members[CALLEE]
    for leg in callee.legs:
        if leg.state != signaling_pb2.LEG_STATE_DECLINED:
            leg.state = signaling_pb2.LEG_STATE_ENDED
    _seen(callee, who, signaling_pb2.LEG_STATE_BOUND)
    callee.sends.CopyFrom(within(verb.kinds, asked_of_callee(new), callee.may_send))
    if new.audio_only:
        # Until now the caller's side looked like that of a call which nobody answers.
        new.members[CALLER].may_send.video = new.members[CALLER].sends.video = False
    callee.binding = verb.binding
    new.answered_at_ms, new.answered_line = now, who.line
    new.deadline_at_ms = now + times.connect
    if verb.HasField("description"):
        slots.fill(done, CALLEE, verb.description)
        new.described_at_ms = now
    done.say(now, call_answered=events_pb2.CallAnswered(device_id=device_of(who.line)))


def _answer_again(done: Step, who: Who, verb: client_pb2.Answer, now: int, times: Times) -> None:
    """A second answer: the same line hears again that it won, another that it lost."""
    _must_be_bound(done, who)
    done.changed = False


def _decline(done: Step, who: Who, verb: client_pb2.Decline, now: int, times: Times) -> None:
    new = done.record
    member = new.members[who.side]
    _seen(member, who, signaling_pb2.LEG_STATE_DECLINED)
    if verb.everywhere or not any(leg.state in WAITING for leg in member.legs):
        told = types_pb2.ENDING_DECLINED if new.device_truth else types_pb2.ENDING_UNSPECIFIED
        end(done, now, types_pb2.ENDING_DECLINED, told, by=member.profile.user_id)


def _set_media(done: Step, who: Who, verb: client_pb2.SetMedia, now: int, times: Times) -> None:
    member = _must_be_bound(done, who)
    if within(verb.kinds, member.may_send) != verb.kinds:
        raise Refusal(reasons_pb2.REASON_KIND_NOT_ADMITTED)
    is_news = member.sends != verb.kinds
    done.changed = is_news or bool(who.command_id)  # as a hold
    if is_news:
        member.sends.CopyFrom(verb.kinds)
        fact = events_pb2.CallMediaSet(user_id=member.profile.user_id, sends=verb.kinds)
        done.say(now, call_media_set=fact)


def _set_media_in_vain(done: Step, who: Who, verb: SetMediaInVain, now: int, times: Times) -> None:
    if done.record.answered_at_ms and not done.record.ending:
        raise Refusal(reasons_pb2.REASON_KIND_NOT_ADMITTED)
    _set_media(done, who, client_pb2.SetMedia(kinds=verb.kinds), now, times)
    if done.changed and verb.kinds.video:
        done.record.audio_only = True


def _hold(done: Step, who: Who, verb: client_pb2.Hold, now: int, times: Times) -> None:
    member = _must_be_bound(done, who)
    is_news = member.holds != verb.on
    # Kept also where it changes nothing: said again after a later one, it must not undo that.
    done.changed = is_news or bool(who.command_id)
    if is_news:
        member.holds = verb.on
        fact = events_pb2.CallHoldSet(user_id=member.profile.user_id, holds=verb.on)
        done.say(now, call_hold_set=fact)


def _describe(done: Step, who: Who, verb: client_pb2.Describe, now: int, times: Times) -> None:
    _must_be_bound(done, who)
    slots.fill(done, who.side, verb.description)
    done.record.described_at_ms = now


def _add_candidates(done: Step, who: Who, verb: client_pb2.AddCandidates, now: int, times: Times) -> None:
    _must_be_bound(done, who)
    slots.append(done, who.side, verb)


def _report(done: Step, who: Who, verb: client_pb2.Report, now: int, times: Times) -> None:
    new = done.record
    member = _must_be_bound(done, who)
    if verb.state == client_pb2.MEDIA_STATE_FAILED:
        ending = types_pb2.ENDING_LOST if new.connected_at_ms else types_pb2.ENDING_MEDIA_FAILED
        end(done, now, ending, ending)
        return
    done.changed = not member.flowing
    member.flowing = True
    if all(each.flowing for each in new.members):
        connect(new, now, times)


def _arrived(done: Step, who: Who, verb: signaling_pb2.Arrived, now: int, times: Times) -> None:
    new = done.record
    member = new.members[who.side]
    leg = leg_of(member, who.line)
    if leg is not None and leg.state == signaling_pb2.LEG_STATE_BOUND:
        _seen(member, who, leg.state)
        member.absent_since_ms = 0
    elif who.side == CALLEE and may_ring(new, who.line, now, times):
        declined = leg is not None and leg.state == signaling_pb2.LEG_STATE_DECLINED
        _seen(member, who, signaling_pb2.LEG_STATE_DECLINED if declined else signaling_pb2.LEG_STATE_CALLED)
    else:
        done.changed = False


def _ringing_device_gone(done: Step, who: Who, verb: signaling_pb2.Gone, now: int, times: Times) -> None:
    leg = leg_of(done.record.members[who.side], who.line)
    done.changed = leg is not None and leg.state in WAITING
    if leg is not None and done.changed:
        # A call that waits there goes on to: the page may only be loaded anew. The next look sees.
        leg.state = signaling_pb2.LEG_STATE_ENDED


def _gone(done: Step, who: Who, verb: signaling_pb2.Gone, now: int, times: Times) -> None:
    member = done.record.members[who.side]
    leg = bound(member)
    done.changed = leg is not None and leg.line == who.line and not member.absent_since_ms
    if done.changed:
        member.absent_since_ms = now
        patience = times.lost if done.record.answered_at_ms else times.caller_absent
        done.record.deadline_at_ms = min(done.record.deadline_at_ms or now + patience, now + patience)


Act = Callable[..., None]
R, T, V = Phase.RINGING, Phase.TALKING, Phase.VEILED

TABLE: dict[tuple[Phase, str, str], Act] = {
    (R, "callee", "Ringing"): _rings,
    (R, "callee", "Answer"): _answer,
    (T, "callee", "Answer"): _answer_again,
    (R, "callee", "Decline"): _decline,
    (R, "caller", "HangUp"): _hang_up,
    (V, "caller", "HangUp"): _hang_up,
    (T, "caller", "HangUp"): _hang_up,
    (T, "callee", "HangUp"): _hang_up,
    (R, "caller", "SetMedia"): _set_media,
    (V, "caller", "SetMedia"): _set_media,
    (T, "caller", "SetMedia"): _set_media,
    (T, "callee", "SetMedia"): _set_media,
    (R, "caller", "SetMediaInVain"): _set_media_in_vain,
    (V, "caller", "SetMediaInVain"): _set_media_in_vain,
    (T, "caller", "SetMediaInVain"): _set_media_in_vain,
    (T, "caller", "Hold"): _hold,
    (T, "callee", "Hold"): _hold,
    (T, "caller", "Describe"): _describe,
    (T, "callee", "Describe"): _describe,
    (T, "caller", "AddCandidates"): _add_candidates,
    (T, "callee", "AddCandidates"): _add_candidates,
    (T, "caller", "Report"): _report,
    (T, "callee", "Report"): _report,
    (R, "caller", "Arrived"): _arrived,
    (R, "callee", "Arrived"): _arrived,
    (V, "caller", "Arrived"): _arrived,
    (T, "caller", "Arrived"): _arrived,
    (T, "callee", "Arrived"): _arrived,
    (R, "caller", "Gone"): _gone,
    (V, "caller", "Gone"): _gone,
    (R, "callee", "Gone"): _ringing_device_gone,
    (T, "caller", "Gone"): _gone,
    (T, "callee", "Gone"): _gone,
    (R, "server", "Tick"): tick,
    (V, "server", "Tick"): tick,
    (T, "server", "Tick"): tick,
    (R, "server", "Sever"): _sever,
    (T, "server", "Sever"): _sever,
    (R, "server", "Drop"): _drop,
    (V, "server", "Drop"): _drop,
    (T, "server", "Drop"): _drop,
    (R, "server", "EndByOperator"): _end_by_operator,
    (V, "server", "EndByOperator"): _end_by_operator,
    (T, "server", "EndByOperator"): _end_by_operator,
}
