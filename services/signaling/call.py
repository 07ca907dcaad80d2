"""The call. Everything that can change a call is here.

    step(record, who, verb, now) -> Step(record, facts)

is total and pure: it answers a new record and what has happened, in the past tense, or raises a Refusal and
nothing
is changed. It does no I/O and gets the time, in Unix milliseconds on the database's clock, as an argument.

               Place ──▶ RINGING ──Answer──▶ TALKING ──HangUp, Tick, Sever──▶ OVER
                │           │                                                  ▲
                │           └─HangUp, Decline, Tick──────────────────────────▶─┤
                │           └─Decline, Sever, and the caller may not know ─▶ VEILED
                └─not admitted────────────────────────────────────────────▶ VEILED ──HangUp, Tick──▶ OVER

VEILED is the shadow call: the callee's side is over, or never was, and the caller sees a call that nobody
answers.
The table TABLE says which verb means what in which phase for whom; a cell that is not in it is refused.
"""

from collections.abc import Callable, Sequence

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, events_pb2, reasons_pb2, signaling_pb2, types_pb2
from services.signaling.record import CALLEE, CALLER, Phase, Times, bound, ended, leg_of, live, phase, within
from services.signaling.verbs import EndByOperator, Sever, Step, Tick, Verb, Who

NORMAL = Times()
KEPT_COMMANDS = 64
MAX_CANDIDATES = 64
MAX_DESCRIPTION = 32 * 1024


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
        leg = leg_of(new.members[who.side], who.line)
        if leg is not None and who.epoch < leg.epoch:
            raise Refusal(reasons_pb2.REASON_LINE_FENCED)
        if who.command_id and who.command_id in new.members[who.side].command_ids:
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


def _end(
    done: Step,
    now: int,
    ending: "types_pb2.Ending.ValueType",
    for_caller: "types_pb2.Ending.ValueType",
    by: str = "",
) -> None:
    """Ends the callee's side, and the caller's where `for_caller` is set."""
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


def _hang_up(done: Step, who: Who, verb: client_pb2.HangUp, now: int, times: Times) -> None:
    _must_be_bound(done, who)
    answered = bool(done.record.answered_at_ms) and not done.record.ending
    ending = types_pb2.ENDING_HUNG_UP if answered else types_pb2.ENDING_CANCELLED
    _end(done, now, ending, ending, by=done.record.members[who.side].profile.user_id)


def _sever(done: Step, who: None, verb: Sever, now: int, times: Times) -> None:
    answered = bool(done.record.answered_at_ms)
    for_caller = types_pb2.ENDING_HUNG_UP if answered else types_pb2.ENDING_UNSPECIFIED
    by_caller = verb.user_id == done.record.members[CALLER].profile.user_id
    if by_caller and not answered:
        _end(done, now, types_pb2.ENDING_CANCELLED, types_pb2.ENDING_CANCELLED, by=verb.user_id)
    else:
        _end(done, now, types_pb2.ENDING_SEVERED, for_caller, by=verb.user_id)


def _end_by_operator(done: Step, who: None, verb: EndByOperator, now: int, times: Times) -> None:
    _end(done, now, types_pb2.ENDING_BY_OPERATOR, types_pb2.ENDING_BY_OPERATOR)


def _rings(done: Step, who: Who, verb: client_pb2.Ringing, now: int, times: Times) -> None:
    member = done.record.members[who.side]
    leg = leg_of(member, who.line)
    ringing = leg is not None and leg.state == signaling_pb2.LEG_STATE_RINGING
    declined = leg is not None and leg.state == signaling_pb2.LEG_STATE_DECLINED
    # One write a call, not one a device: the caller learns of the first, and a line that is known needs no
    # more.
    done.changed = not declined and not ringing and (not done.record.rang or leg is None)
    if done.changed:
        _seen(member, who, signaling_pb2.LEG_STATE_RINGING)
        if not done.record.rang:
            done.record.rang = True
            done.say(now, call_rang=events_pb2.CallRang())


def _answer(done: Step, who: Who, verb: client_pb2.Answer, now: int, times: Times) -> None:
    new = done.record
    callee = new.members[CALLEE]
    for leg in callee.legs:
        if leg.state != signaling_pb2.LEG_STATE_DECLINED:
            leg.state = signaling_pb2.LEG_STATE_ENDED
    _seen(callee, who, signaling_pb2.LEG_STATE_BOUND)
    callee.sends.CopyFrom(within(verb.kinds, new.asked, callee.may_send))
    callee.binding = verb.binding
    new.answered_at_ms, new.answered_line = now, who.line
    new.deadline_at_ms = now + times.connect
    if verb.HasField("description"):
        _put(done, who, callee, verb.description)
        new.described_at_ms = now
    device = who.line.partition(".")[0]
    done.say(now, call_answered=events_pb2.CallAnswered(device_id=device))


def _answer_again(done: Step, who: Who, verb: client_pb2.Answer, now: int, times: Times) -> None:
    """A second answer: the same line hears again that it won, another that it lost."""
    _must_be_bound(done, who)
    done.changed = False


def _decline(done: Step, who: Who, verb: client_pb2.Decline, now: int, times: Times) -> None:
    new = done.record
    member = new.members[who.side]
    _seen(member, who, signaling_pb2.LEG_STATE_DECLINED)
    waiting = (signaling_pb2.LEG_STATE_CALLED, signaling_pb2.LEG_STATE_RINGING)
    if verb.everywhere or not any(leg.state in waiting for leg in member.legs):
        told = types_pb2.ENDING_DECLINED if new.device_truth else types_pb2.ENDING_UNSPECIFIED
        _end(done, now, types_pb2.ENDING_DECLINED, told, by=member.profile.user_id)


def _set_media(done: Step, who: Who, verb: client_pb2.SetMedia, now: int, times: Times) -> None:
    member = _must_be_bound(done, who)
    if within(verb.kinds, member.may_send) != verb.kinds:
        raise Refusal(reasons_pb2.REASON_KIND_NOT_ADMITTED)
    done.changed = member.sends != verb.kinds
    if done.changed:
        member.sends.CopyFrom(verb.kinds)
        fact = events_pb2.CallMediaSet(user_id=member.profile.user_id, sends=verb.kinds)
        done.say(now, call_media_set=fact)


def _put(done: Step, who: Who, member: signaling_pb2.Member, description: client_pb2.Description) -> None:
    if description.generation <= member.described:
        raise Refusal(reasons_pb2.REASON_STALE)
    member.described, member.candidates, member.described_bytes = (
        description.generation,
        0,
        len(description.body),
    )
    _count(member, description.candidates)
    # A new description means a new path: both sides say anew that media flows.
    for each in done.record.members:
        each.flowing = False
    done.described = (who.side, description)


def _count(member: signaling_pb2.Member, candidates: Sequence[bytes]) -> None:
    """Keeps a description within what one frame can carry."""
    member.candidates += len(candidates)
    member.described_bytes += sum(len(one) for one in candidates)
    if member.candidates > MAX_CANDIDATES or member.described_bytes > MAX_DESCRIPTION:
        raise Refusal(reasons_pb2.REASON_INVALID, "A description has 32 KiB and 64 candidates at most.")


def _describe(done: Step, who: Who, verb: client_pb2.Describe, now: int, times: Times) -> None:
    _put(done, who, _must_be_bound(done, who), verb.description)
    done.record.described_at_ms = now


def _add_candidates(done: Step, who: Who, verb: client_pb2.AddCandidates, now: int, times: Times) -> None:
    member = _must_be_bound(done, who)
    if verb.generation != member.described:
        raise Refusal(reasons_pb2.REASON_STALE)
    _count(member, verb.candidates)
    done.added = (who.side, list(verb.candidates))


def _report(done: Step, who: Who, verb: client_pb2.Report, now: int, times: Times) -> None:
    new = done.record
    member = _must_be_bound(done, who)
    if verb.state == client_pb2.MEDIA_STATE_FAILED:
        ending = types_pb2.ENDING_LOST if new.connected_at_ms else types_pb2.ENDING_MEDIA_FAILED
        _end(done, now, ending, ending)
        return
    done.changed = not member.flowing
    member.flowing = True
    if all(each.flowing for each in new.members):
        _connect(new, now, times)


def _connect(new: signaling_pb2.CallRecord, now: int, times: Times) -> None:
    if not new.connected_at_ms:
        new.connected_at_ms = now
    new.deadline_at_ms = now + times.look


def _arrived(done: Step, who: Who, verb: signaling_pb2.Arrived, now: int, times: Times) -> None:
    new = done.record
    member = new.members[who.side]
    leg = leg_of(member, who.line)
    if leg is not None and leg.state == signaling_pb2.LEG_STATE_BOUND:
        _seen(member, who, leg.state)
        member.absent_since_ms = 0
    elif who.side == CALLEE and phase(new) is Phase.RINGING and new.ring_until_ms - now >= times.least_ring:
        declined = leg is not None and leg.state == signaling_pb2.LEG_STATE_DECLINED
        _seen(member, who, signaling_pb2.LEG_STATE_DECLINED if declined else signaling_pb2.LEG_STATE_CALLED)
    else:
        done.changed = False


def _ringing_device_gone(done: Step, who: Who, verb: signaling_pb2.Gone, now: int, times: Times) -> None:
    leg = leg_of(done.record.members[who.side], who.line)
    waiting = (signaling_pb2.LEG_STATE_CALLED, signaling_pb2.LEG_STATE_RINGING)
    done.changed = leg is not None and leg.state in waiting
    if leg is not None and done.changed:
        leg.state = signaling_pb2.LEG_STATE_ENDED


def _gone(done: Step, who: Who, verb: signaling_pb2.Gone, now: int, times: Times) -> None:
    member = done.record.members[who.side]
    leg = bound(member)
    done.changed = leg is not None and leg.line == who.line and not member.absent_since_ms
    if done.changed:
        member.absent_since_ms = now
        patience = times.lost if done.record.answered_at_ms else times.caller_absent
        done.record.deadline_at_ms = min(done.record.deadline_at_ms or now + patience, now + patience)


def _tick(done: Step, who: None, verb: Tick, now: int, times: Times) -> None:
    new = done.record
    if phase(new) is Phase.TALKING:
        _tick_talking(done, verb.present, now, times)
        return
    # Presence forgets a line when its lease is over: by then it has been away for some time.
    _note_absence(new.members[CALLER], verb.present, now - times.unseen)
    absent_since = new.members[CALLER].absent_since_ms
    if now >= new.ring_until_ms:
        _end(done, now, types_pb2.ENDING_NO_ANSWER, types_pb2.ENDING_NO_ANSWER)
    elif absent_since and now - absent_since >= times.caller_absent:
        _end(done, now, types_pb2.ENDING_CANCELLED, types_pb2.ENDING_CANCELLED)
    elif new.ring_until_ms - now <= times.ring_look:
        new.deadline_at_ms = new.ring_until_ms
    else:
        # The store looks again after RING_LOOK by itself; nothing is written where nothing is new.
        done.changed = bool(absent_since)


def _note_absence(member: signaling_pb2.Member, present: frozenset[str] | None, since: int) -> None:
    leg = bound(member)
    if present is None or leg is None:  # Cut off ourselves: the clock of absence stands still.
        return
    member.absent_since_ms = 0 if leg.line in present else (member.absent_since_ms or since)


def _tick_talking(done: Step, present: frozenset[str] | None, now: int, times: Times) -> None:
    new = done.record
    if now - new.deadline_at_ms > times.late:  # Nobody of us looked: nobody is to blame for not being seen.
        for member in new.members:
            member.absent_since_ms = 0
    for member in new.members:
        _note_absence(member, present, now)
    if not new.connected_at_ms and now - new.answered_at_ms >= times.connect:
        if not any(member.flowing for member in new.members):
            _end(done, now, types_pb2.ENDING_MEDIA_FAILED, types_pb2.ENDING_MEDIA_FAILED)
            return
        _connect(new, now, times)
    absences = [member.absent_since_ms for member in new.members]
    if present is not None and all(absences) and now - max(absences) >= times.lost:
        _end(done, now, types_pb2.ENDING_LOST, types_pb2.ENDING_LOST)
        return
    is_old = now - max(new.connected_at_ms, new.described_at_ms) >= times.erase
    if new.connected_at_ms and (is_old or all(member.flowing for member in new.members)):
        done.erased = True
    connect_by = new.answered_at_ms + times.connect
    soon = now + (times.look // 4 if any(absences) else times.look)
    new.deadline_at_ms = soon if new.connected_at_ms else min(soon, connect_by)


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
    (R, "server", "Tick"): _tick,
    (V, "server", "Tick"): _tick,
    (T, "server", "Tick"): _tick,
    (R, "server", "Sever"): _sever,
    (T, "server", "Sever"): _sever,
    (R, "server", "EndByOperator"): _end_by_operator,
    (V, "server", "EndByOperator"): _end_by_operator,
    (T, "server", "EndByOperator"): _end_by_operator,
}
