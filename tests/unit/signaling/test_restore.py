"""What becomes of the calls of a backup, by what the event log says of them."""

from typing import Any

import pytest

from ringline.v1 import client_pb2, events_pb2, signaling_pb2, types_pb2
from services.signaling.call import step
from services.signaling.record import CALLEE, Phase, device_of, ended, live, phase
from services.signaling.restore import LEAP, Trail, Trails, end_of, mended
from services.signaling.verbs import Step, Tick
from tests.unit.signaling.calls import IN, LAPTOP, PHONE, answered, placed

NOW, UNTIL = 3_600_000, 60_000
SILENT = Trail("c_1")


def told(*steps: Step) -> Trail:
    """What the log says of the only call after these steps."""
    trails = Trails({"c_1"})
    for done in steps:
        for event in done.events:
            _run(trails, event)
    return trails.of("c_1")


def _run(trails: Trails, event: events_pb2.Event) -> None:
    """`hear` awaits nothing: one step is all of it."""
    with pytest.raises(StopIteration):
        trails.hear(event).send(None)


def restored(record: signaling_pb2.CallRecord, trail: Trail = SILENT, trusted: bool = True) -> Step:
    """The call of a backup as it goes on."""
    before = record.SerializeToString(deterministic=True)
    done = mended(record, trail, NOW, UNTIL, trusted)
    assert record.SerializeToString(deterministic=True) == before, "what was read is not changed"
    assert {event.version for event in done.events} <= {done.record.version}
    return done


def event(version: int, **fact: Any) -> events_pb2.Event:
    """An event of a call that the backup does not know."""
    return events_pb2.Event(
        event_id=f"e_{version}", at_ms=version * 1_000, call_id="c_2", version=version, **fact
    )


ASKED = types_pb2.Kinds(audio=True)
PLACED = events_pb2.CallPlaced(caller_id="u_ada", callee_id="u_bob", asked=ASKED)
UNHEARD = events_pb2.CallUnheard(caller_id="u_ada", callee_id="u_bob", asked=ASKED)


@pytest.mark.shows("L3")
def test_a_talk_that_the_log_does_not_say_to_be_over_goes_on() -> None:
    new = restored(answered(placed())).record
    assert phase(new) is Phase.TALKING and new.version >= LEAP
    soon = step(new, None, Tick(frozenset()), NOW + 5_000)
    assert phase(soon.record) is Phase.TALKING, "nobody had time to come back yet"
    back = step(soon.record, PHONE, signaling_pb2.Arrived(), NOW + 9_000).record
    assert phase(step(back, PHONE, client_pb2.HangUp(), NOW + 10_000).record) is Phase.OVER


@pytest.mark.shows("S13", "L3")
@pytest.mark.parametrize("was", [Phase.RINGING, Phase.VEILED])
def test_what_rang_at_the_backup_rings_nowhere_any_more_and_ends_at_the_first_look(was: Phase) -> None:
    new = restored(IN[was]()).record
    arrived = step(new, PHONE, signaling_pb2.Arrived(), NOW) if was is Phase.RINGING else None
    assert arrived is None or not arrived.changed, "no device begins to ring"
    done = step(new, None, Tick(None), NOW)
    assert not live(done.record)
    assert done.record.ending_for_caller == types_pb2.ENDING_NO_ANSWER


@pytest.mark.shows("S4", "S12")
def test_a_call_that_ended_after_the_backup_is_over_as_the_log_says_and_nothing_is_said_anew() -> None:
    talk = answered(placed())
    end = step(talk, LAPTOP, client_pb2.HangUp(), 9_000)
    done = restored(talk, told(end))
    assert not live(done.record) and done.erased and not done.events
    assert done.record.version == end.record.version
    assert ended(done.record) == ended(end.record)


@pytest.mark.shows("S12")
def test_a_ring_that_was_answered_and_hung_up_after_the_backup_was_answered_by_that_device() -> None:
    ring = placed()
    answer = step(ring, PHONE, client_pb2.Answer(kinds=ASKED), 5_000)
    end = step(answer.record, LAPTOP, client_pb2.HangUp(), 9_000)
    new = restored(ring, told(answer, end)).record
    assert ended(new) == ended(end.record)
    assert new.answered_line == PHONE.line


@pytest.mark.shows("S12")
def test_a_ring_that_was_answered_after_the_backup_is_lost_and_not_missed() -> None:
    ring = placed()
    done = restored(ring, told(step(ring, PHONE, client_pb2.Answer(kinds=ASKED), 5_000)))
    (said,) = done.events
    assert not live(done.record) and said.call_ended.ending == types_pb2.ENDING_LOST
    assert (said.call_ended.answered_at_ms, said.call_ended.ended_at_ms) == (5_000, UNTIL)
    assert said.call_ended.answered_device_id == device_of(PHONE.line)


def test_a_ring_whose_callee_was_done_and_whose_caller_was_not_ends_for_the_caller_too() -> None:
    ring = placed()
    ring.device_truth = False
    decline = step(ring, PHONE, client_pb2.Decline(everywhere=True), 5_000)
    assert live(decline.record)
    new = restored(ring, told(decline)).record
    assert phase(new) is Phase.VEILED and new.ending == types_pb2.ENDING_DECLINED
    done = step(new, None, Tick(None), NOW).record
    assert (done.ending, done.ending_for_caller) == (types_pb2.ENDING_DECLINED, types_pb2.ENDING_NO_ANSWER)


def test_without_the_log_no_talk_goes_on() -> None:
    done = restored(answered(placed()), trusted=False)
    assert not live(done.record)
    assert [one.call_ended.ending for one in done.events] == [types_pb2.ENDING_LOST]


@pytest.mark.shows("S11")
def test_versions_and_events_are_never_there_twice() -> None:
    """Between the backup and the loss the call had changes of which nothing is left but their events."""
    talk = answered(placed())
    later = step(talk, LAPTOP, client_pb2.Hold(on=True), 9_000)
    end = step(restored(talk).record, LAPTOP, client_pb2.HangUp(), NOW)
    assert not {one.event_id for one in later.events} & {one.event_id for one in end.events}
    assert end.record.version > later.record.version
    twice = restored(restored(talk).record).record
    assert twice.version > restored(talk).record.version


@pytest.mark.shows("S12")
@pytest.mark.parametrize(
    ("events", "ending", "answered_at"),
    [
        ([event(1, call_placed=PLACED)], types_pb2.ENDING_NO_ANSWER, 0),
        (
            [event(1, call_placed=PLACED), event(3, call_answered=events_pb2.CallAnswered(device_id="d_1"))],
            types_pb2.ENDING_LOST,
            3_000,
        ),
    ],
)
def test_a_call_that_the_backup_does_not_know_gets_an_end(
    events: list[events_pb2.Event], ending: int, answered_at: int
) -> None:
    trails = Trails(set())
    for one in (*events, *events):
        _run(trails, one)
    (trail,) = trails.unended()
    said = end_of(trail, UNTIL)
    facts = said.call_ended
    assert (facts.ending, facts.ending_for_caller, facts.answered_at_ms) == (ending, ending, answered_at)
    assert (facts.caller_id, facts.callee_id, facts.shadow) == ("u_ada", "u_bob", False)
    assert said.version > max(one.version for one in events) and facts.placed_at_ms == 1_000
    _run(trails, said)
    assert not trails.unended() and trails.until_ms == UNTIL


def test_the_end_of_a_call_that_nobody_heard_of_is_no_news_to_the_callee() -> None:
    trails = Trails(set())
    _run(trails, event(1, call_unheard=UNHEARD))
    (trail,) = trails.unended()
    assert end_of(trail, UNTIL).call_ended.shadow


def test_a_caller_who_still_waited_hears_no_answer_whatever_the_callee_did() -> None:
    trails = Trails(set())
    declined = events_pb2.CallEnded(ending=types_pb2.ENDING_DECLINED, declined=True, placed_at_ms=1_000)
    for one in (event(1, call_placed=PLACED), event(3, call_ended=declined)):
        _run(trails, one)
    (trail,) = trails.unended()
    facts = end_of(trail, UNTIL).call_ended
    assert (facts.ending, facts.ending_for_caller) == (types_pb2.ENDING_DECLINED, types_pb2.ENDING_NO_ANSWER)
    assert facts.declined and facts.caller_id == "u_ada"


def test_of_calls_that_are_over_nothing_is_kept_and_what_comes_late_makes_none_of_them_new() -> None:
    trails = Trails(set())
    both = events_pb2.CallEnded(ending=types_pb2.ENDING_HUNG_UP, ending_for_caller=types_pb2.ENDING_HUNG_UP)
    for one in (event(1, call_placed=PLACED), event(4, call_ended=both), event(1, call_placed=PLACED)):
        _run(trails, one)
    assert trails.unended() == []
    assert restored(answered(placed()), trails.of("c_1")).record.members[CALLEE].legs
