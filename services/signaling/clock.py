"""What time does to a call: the ring that is over, the caller who is gone, the call that nobody is in. Pure.

No timer is truth: the sweeper takes what is due on the database's clock, and this decides.
"""

from ringline.v1 import signaling_pb2, types_pb2
from services.signaling.ending import end
from services.signaling.record import CALLEE, CALLER, Phase, Times, bound, leg_of, phase
from services.signaling.verbs import Step, Tick


def connect(new: signaling_pb2.CallRecord, now: int, times: Times) -> None:
    """Media flows both ways; from now on the call is looked at for absences alone."""
    if not new.connected_at_ms:
        new.connected_at_ms = now
    new.deadline_at_ms = now + times.look


def tick(done: Step, who: None, verb: Tick, now: int, times: Times) -> None:
    """The deadline of a call is due."""
    new, present = done.record, verb.present
    if phase(new) is Phase.TALKING:
        _tick_talking(done, present, now, times)
        return
    # Presence forgets a line when its lease is over: by then it has been away for some time.
    is_news = bool(new.members[CALLER].absent_since_ms)
    if new.waiting_line and _is_away(new, present):
        new.waiting_line, is_news = "", True  # Nobody sees it wait there: it rings on every device.
    _note_absence(new.members[CALLER], present, now - times.unseen)
    absent_since = new.members[CALLER].absent_since_ms
    # Who cannot look does not believe the look before: that one may have been the first after an outage.
    patience = times.caller_absent + (0 if present is not None else times.unseen)
    if now >= new.ring_until_ms:
        end(done, now, types_pb2.ENDING_NO_ANSWER, types_pb2.ENDING_NO_ANSWER)
    elif absent_since and now - absent_since >= patience:
        end(done, now, types_pb2.ENDING_CANCELLED, types_pb2.ENDING_CANCELLED)
    elif absent_since:
        new.deadline_at_ms = min(new.ring_until_ms, absent_since + patience)
    elif new.ring_until_ms - now <= times.ring_look:
        new.deadline_at_ms = new.ring_until_ms
    else:
        # The store looks again after RING_LOOK by itself; nothing is written where nothing is new.
        done.changed = is_news


def _is_away(new: signaling_pb2.CallRecord, present: frozenset[str] | None) -> bool:
    """Whether the line where the call waits is not there; who cannot look believes what was said of it."""
    if present is not None:
        return new.waiting_line not in present
    leg = leg_of(new.members[CALLEE], new.waiting_line)
    return leg is None or leg.state == signaling_pb2.LEG_STATE_ENDED


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
        # Who holds sends nothing that could flow; a path that fails is still reported.
        if not any(member.flowing or member.holds for member in new.members):
            end(done, now, types_pb2.ENDING_MEDIA_FAILED, types_pb2.ENDING_MEDIA_FAILED)
            return
        connect(new, now, times)
    absences = [member.absent_since_ms for member in new.members]
    if present is not None and all(absences) and now - max(absences) >= times.lost:
        end(done, now, types_pb2.ENDING_LOST, types_pb2.ENDING_LOST)
        return
    is_old = now - max(new.connected_at_ms, new.described_at_ms) >= times.erase
    if new.connected_at_ms and (is_old or all(member.flowing for member in new.members)):
        done.erased = True
    connect_by = new.answered_at_ms + times.connect
    soon = now + (times.look // 4 if any(absences) else times.look)
    new.deadline_at_ms = soon if new.connected_at_ms else min(soon, connect_by)
