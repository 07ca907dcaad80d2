"""The same command has the same answer and no second effect, also where it was what ended the call."""

import pytest

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, policy_pb2, reasons_pb2, signaling_pb2, types_pb2
from services.signaling import dial
from services.signaling.call import step
from services.signaling.record import CALLEE, CALLER, Times
from services.signaling.verbs import Verb, Who
from services.signaling.view import view

AUDIO = types_pb2.Kinds(audio=True)
PLACED_AT = 1_000_000
LAPTOP = Who(CALLER, "ada.laptop", "g_1", epoch=2)
PHONE = Who(CALLEE, "bob.phone", "g_2", epoch=2)


def by(who: Who, command_id: str) -> Who:
    return Who(who.side, who.line, who.gateway_id, who.epoch, command_id)


def ringing() -> signaling_pb2.CallRecord:
    verdict = policy_pb2.Verdict(
        outcome=policy_pb2.OUTCOME_ADMITTED, caller_may_send=AUDIO, callee_may_send=AUDIO, device_truth=True
    )
    verdict.caller.user_id, verdict.callee.user_id = "ada", "bob"
    phone = types_pb2.Line(user_id="bob", device_id="bob", instance="phone", epoch=1)
    verb = client_pb2.Place(username="bob", kinds=AUDIO)
    who = by(LAPTOP, "place-command-0001")
    return dial.place("c_1", verdict, who, verb, [phone], dial.FREE, PLACED_AT, Times()).record


@pytest.mark.shows("S10")
@pytest.mark.parametrize(
    ("who", "verb"),
    [(LAPTOP, client_pb2.HangUp(call_id="c_1")), (PHONE, client_pb2.Decline(call_id="c_1", everywhere=True))],
    ids=["hang up", "decline"],
)
def test_a_command_that_ended_the_call_can_be_sent_again(who: Who, verb: Verb) -> None:
    first = step(ringing(), by(who, "ending-command-01"), verb, PLACED_AT + 10)
    again = step(first.record, by(who, "ending-command-01"), verb, PLACED_AT + 20)
    assert first.changed and first.record.ending
    assert not again.changed and not again.events and again.record == first.record


@pytest.mark.shows("S4")
def test_another_command_for_the_same_is_refused_once_the_call_is_over() -> None:
    hang_up = client_pb2.HangUp(call_id="c_1")
    over = step(ringing(), by(LAPTOP, "ending-command-01"), hang_up, PLACED_AT + 10).record
    with pytest.raises(Refusal) as refused:
        step(over, by(LAPTOP, "ending-command-02"), hang_up, PLACED_AT + 20)
    assert refused.value.reason == reasons_pb2.REASON_CALL_ENDED


@pytest.mark.shows("S14")
def test_a_line_that_was_replaced_cannot_send_it_again() -> None:
    hang_up = client_pb2.HangUp(call_id="c_1")
    over = step(ringing(), by(LAPTOP, "ending-command-01"), hang_up, PLACED_AT + 10).record
    stale = Who(CALLER, LAPTOP.line, "g_1", epoch=1, command_id="ending-command-01")
    with pytest.raises(Refusal) as refused:
        step(over, stale, hang_up, PLACED_AT + 20)
    assert refused.value.reason == reasons_pb2.REASON_LINE_FENCED


@pytest.mark.shows("S10", "S9")
@pytest.mark.parametrize(
    ("wish", "other"),
    [
        (client_pb2.Hold(call_id="c_1"), client_pb2.Hold(call_id="c_1", on=True)),
        (client_pb2.SetMedia(call_id="c_1", kinds=AUDIO), client_pb2.SetMedia(call_id="c_1")),
    ],
    ids=["hold", "set media"],
)
def test_a_command_that_changed_nothing_undoes_nothing_when_it_comes_again(wish: Verb, other: Verb) -> None:
    answer = client_pb2.Answer(call_id="c_1", kinds=AUDIO)
    record = step(ringing(), by(PHONE, "answer-command-01"), answer, PLACED_AT + 1).record
    first = step(record, by(PHONE, "the-first-wish-01"), wish, PLACED_AT + 2)
    assert not first.events
    later = step(first.record, by(PHONE, "the-other-wish-01"), other, PLACED_AT + 3)
    again = step(later.record, by(PHONE, "the-first-wish-01"), wish, PLACED_AT + 4)
    assert later.events and not again.changed and again.record == later.record


@pytest.mark.shows("S10", "S11")
def test_who_declined_reads_the_same_whatever_becomes_of_the_call() -> None:
    """His device rang no more since then and is told nothing: its version stays, so must what it says."""
    two_devices = ringing()
    two_devices.members[CALLEE].legs.add(line="bob.tablet", epoch=1, state=signaling_pb2.LEG_STATE_CALLED)
    declined = step(two_devices, PHONE, client_pb2.Decline(call_id="c_1"), PLACED_AT + 1).record
    cancelled = step(declined, LAPTOP, client_pb2.HangUp(call_id="c_1"), PLACED_AT + 2).record
    for record in (declined, cancelled):
        assert view(record, CALLEE, PHONE.line).ending == types_pb2.ENDING_DECLINED
    assert view(cancelled, CALLEE, "bob.tablet").ending == types_pb2.ENDING_CANCELLED
