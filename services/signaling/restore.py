"""After a restore: what the event log tells of calls that the restored database knows less of. Pure.

The database is as it was at the backup, the log goes on from there. A call that the log knows to be over is
over, as it says. One that rang at the backup rings no more: nothing that comes from a backup makes a device
ring. One in which two talked goes on, unless the log says otherwise: media never stopped. And one that was
placed after the backup gets an end, so that it is in the history.
"""

from collections.abc import Set
from dataclasses import dataclass

from ringline.v1 import events_pb2, signaling_pb2, types_pb2
from services.signaling.ending import end
from services.signaling.record import CALLEE, CALLER, Phase, device_of, live, phase
from services.signaling.verbs import Step

FACTS = ("call_placed", "call_unheard", "call_answered", "call_ended")
"""The facts that a Log needs to hear."""
LEAP = 1_000_000
"""The version of a call that goes on rises by so much: higher than it got between backup and loss, so that no
version, and no id of an event, is there twice.
"""


@dataclass(slots=True)
class Trail:
    """What the log says of one call."""

    call_id: str
    version: int = 0
    placed: events_pb2.Event | None = None
    answered: events_pb2.Event | None = None
    ended: events_pb2.Event | None = None
    """The newest, where there are two."""

    @property
    def is_over(self) -> bool:
        """Whether it is over for both."""
        return self.ended is not None and bool(self.ended.call_ended.ending_for_caller)


class Trails:
    """What the log says since the backup, and until when it says anything (Unix milliseconds). Of calls that
    are over, and not among the `restored`, only the id is kept: there may be a day of them.
    """

    def __init__(self, restored: Set[str]) -> None:
        self.until_ms = 0
        self._restored = restored
        self._open: dict[str, Trail] = {}
        self._over: set[str] = set()

    async def hear(self, event: events_pb2.Event) -> None:
        """Takes an event in, whatever comes twice."""
        self.until_ms = max(self.until_ms, event.at_ms)
        if event.call_id in self._over:
            return
        trail = self._open.setdefault(event.call_id, Trail(event.call_id))
        fact = event.WhichOneof("fact")
        if fact in ("call_placed", "call_unheard"):
            trail.placed = event
        elif fact == "call_answered":
            trail.answered = event
        elif fact == "call_ended" and (trail.ended is None or trail.ended.version < event.version):
            trail.ended = event
        trail.version = max(trail.version, event.version)
        if trail.is_over and event.call_id not in self._restored:
            self._over.add(event.call_id)
            del self._open[event.call_id]

    def of(self, call_id: str) -> Trail:
        """What it says of a call that was restored."""
        return self._open.get(call_id) or Trail(call_id)

    def unended(self) -> list[Trail]:
        """The calls that it does not say to be over, in the order in which they were placed."""
        return [trail for trail in self._open.values() if not trail.is_over and trail.placed is not None]


def mended(record: signaling_pb2.CallRecord, trail: Trail, now: int, until: int, trusted: bool) -> Step:
    """A live call of the backup as it goes on, at `now`; where it ends without anybody's word, it does so at
    `until`, the last moment of which anything is known. Unless the log is `trusted`, no talk goes on: nobody
    knows whether it did.
    """
    done = Step(signaling_pb2.CallRecord())
    new = done.record
    new.CopyFrom(record)
    new.version = max(record.version, trail.version) + LEAP
    if trail.ended is not None:
        _end_as_told(new, trail.ended)
    elif trail.answered is not None and phase(new) is Phase.RINGING:
        _answer_as_told(new, trail.answered)
        _lose(done, until)
    elif phase(new) is Phase.TALKING and not trusted:
        _lose(done, until)
    elif phase(new) is Phase.TALKING:
        _go_on(new, now)
    if live(new) and phase(new) is not Phase.TALKING:
        # The first look ends it, by the rules of every ring that is over.
        new.ring_until_ms = new.deadline_at_ms = min(new.ring_until_ms, now)
    if not live(new):
        done.erased, new.deadline_at_ms = True, 0
    if trail.is_over:
        new.version = max(record.version, trail.version)  # nothing new happened to it
    _name(done.events, new.call_id, new.version)
    return done


def end_of(trail: Trail, until: int) -> events_pb2.Event:
    """The end of a call that the log knows and the restored database does not; `until` is the last moment of
    which anything is known, in Unix milliseconds. The trail must say who placed it.
    """
    assert trail.placed is not None
    said = events_pb2.CallEnded(placed_at_ms=trail.placed.at_ms, ended_at_ms=until)
    if trail.ended is not None:  # for the callee: the caller still waits
        said.CopyFrom(trail.ended.call_ended)
        said.ended_at_ms = until
    elif trail.answered is not None:
        said.ending = types_pb2.ENDING_LOST
        said.answered_at_ms = trail.answered.at_ms
        said.answered_device_id = trail.answered.call_answered.device_id
    else:
        said.ending = types_pb2.ENDING_NO_ANSWER
    said.ending_for_caller = said.ending if trail.ended is None else types_pb2.ENDING_NO_ANSWER
    said.shadow = trail.placed.HasField("call_unheard")
    placed = trail.placed.call_unheard if said.shadow else trail.placed.call_placed
    said.caller_id, said.callee_id = placed.caller_id, placed.callee_id
    said.asked.CopyFrom(placed.asked)
    event = events_pb2.Event(at_ms=until, call_id=trail.call_id, call_ended=said)
    _name([event], trail.call_id, trail.version + LEAP)
    return event


def _end_as_told(new: signaling_pb2.CallRecord, event: events_pb2.Event) -> None:
    told = event.call_ended
    new.ending, new.ending_for_caller = told.ending, told.ending_for_caller
    new.ended_by_id, new.answered_at_ms = told.ended_by_id, told.answered_at_ms
    new.ended_at_ms = new.ended_at_ms or told.ended_at_ms
    new.ended_for_caller_at_ms = told.ended_at_ms if told.ending_for_caller else 0
    _set_answered_line(new, told.answered_device_id)
    for member in new.members[CALLEE if not told.ending_for_caller else CALLER :]:
        for leg in member.legs:
            if leg.state != signaling_pb2.LEG_STATE_DECLINED:
                leg.state = signaling_pb2.LEG_STATE_ENDED


def _answer_as_told(new: signaling_pb2.CallRecord, event: events_pb2.Event) -> None:
    new.answered_at_ms = event.at_ms
    _set_answered_line(new, event.call_answered.device_id)


def _set_answered_line(new: signaling_pb2.CallRecord, device_id: str) -> None:
    """The log knows the device only; which of its lines it was is known where that rang at the backup."""
    if not device_id or device_of(new.answered_line) == device_id:
        return
    lines = [leg.line for leg in new.members[CALLEE].legs if device_of(leg.line) == device_id]
    new.answered_line = lines[0] if len(lines) == 1 else f"{device_id}."


def _lose(done: Step, until: int) -> None:
    at = max(until, done.record.answered_at_ms)
    end(done, at, types_pb2.ENDING_LOST, types_pb2.ENDING_LOST)


def _go_on(new: signaling_pb2.CallRecord, now: int) -> None:
    """Two talk. Nobody is to blame for not having been seen meanwhile; and whether media flows is theirs to
    say: the time for it was over before they could.
    """
    new.connected_at_ms = new.connected_at_ms or now
    new.deadline_at_ms = now
    for member in new.members:
        member.absent_since_ms = 0


def _name(events: list[events_pb2.Event], call_id: str, version: int) -> None:
    for number, event in enumerate(events):
        event.version = version
        event.event_id = f"e_{call_id[2:]}_{version}_{number}"
