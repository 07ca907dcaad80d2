"""What a call that is over is to each of the two."""

import pytest

from ringline.v1.events_pb2 import CallEnded, Event
from ringline.v1.threads_pb2 import CallEntry
from ringline.v1.types_pb2 import Ending, Kinds
from services.conversations.past_call import additions

BEFORE_ANSWER = [
    Ending.ENDING_CANCELLED,
    Ending.ENDING_DECLINED,
    Ending.ENDING_NO_ANSWER,
    Ending.ENDING_BUSY,
    Ending.ENDING_SEVERED,
    Ending.ENDING_BY_OPERATOR,
]
AFTER_ANSWER = [
    Ending.ENDING_HUNG_UP,
    Ending.ENDING_LOST,
    Ending.ENDING_MEDIA_FAILED,
    Ending.ENDING_SEVERED,
    Ending.ENDING_BY_OPERATOR,
]


def end(version: int = 3, **said: object) -> Event:
    """The end of a call of Ada to Bob."""
    ended = CallEnded(
        caller_id="u_ada", callee_id="u_bob", asked=Kinds(audio=True), placed_at_ms=1_000, ended_at_ms=61_000
    )
    for name, value in said.items():
        setattr(ended, name, value)
    return Event(call_id="c_1", version=version, call_ended=ended)


def told(event: Event) -> dict[str, CallEntry]:
    """The entries by owner."""
    return {new.owner_id: new.entry.call for new in additions(event)}


def test_an_answered_call_has_its_duration_on_both_sides_and_the_device_on_the_callees() -> None:
    hung_up = Ending.ENDING_HUNG_UP
    said = told(
        end(
            ending=hung_up,
            ending_for_caller=hung_up,
            answered_at_ms=21_000,
            answered_device_id="d_laptop",
        )
    )
    for call, outgoing in ((said["u_ada"], True), (said["u_bob"], False)):
        assert (call.ending, call.duration_ms, call.outgoing, call.missed) == (
            hung_up,
            40_000,
            outgoing,
            False,
        )
    assert (said["u_ada"].answered_device_id, said["u_bob"].answered_device_id) == ("", "d_laptop")


@pytest.mark.parametrize("ending", AFTER_ANSWER)
def test_a_call_that_was_answered_is_never_missed(ending: Ending.ValueType) -> None:
    for_caller = Ending.ENDING_HUNG_UP if ending == Ending.ENDING_SEVERED else ending
    said = told(end(ending=ending, ending_for_caller=for_caller, answered_at_ms=21_000))
    assert not said["u_bob"].missed and not said["u_ada"].missed
    assert said["u_bob"].ending == for_caller


@pytest.mark.parametrize(
    ("ending", "missed", "shown"),
    [
        (Ending.ENDING_CANCELLED, True, Ending.ENDING_CANCELLED),
        (Ending.ENDING_NO_ANSWER, True, Ending.ENDING_NO_ANSWER),
        (Ending.ENDING_BUSY, True, Ending.ENDING_BUSY),
        (Ending.ENDING_BY_OPERATOR, True, Ending.ENDING_BY_OPERATOR),
        (Ending.ENDING_DECLINED, False, Ending.ENDING_DECLINED),
        (Ending.ENDING_SEVERED, False, Ending.ENDING_CANCELLED),
    ],
)
def test_what_a_ring_that_ended_is_to_the_callee(
    ending: Ending.ValueType, missed: bool, shown: Ending.ValueType
) -> None:
    call = told(end(ending=ending))["u_bob"]
    assert (call.missed, call.ending, call.duration_ms) == (missed, shown, 0)


@pytest.mark.parametrize("ending", [Ending.ENDING_CANCELLED, Ending.ENDING_NO_ANSWER])
def test_who_declined_on_one_device_has_not_missed_the_call(ending: Ending.ValueType) -> None:
    said = told(end(ending=ending, ending_for_caller=ending, declined=True))
    assert (said["u_bob"].missed, said["u_bob"].ending) == (False, Ending.ENDING_DECLINED)
    assert said["u_ada"].ending == ending, "the caller may not know"


@pytest.mark.parametrize("ending", BEFORE_ANSWER)
def test_the_caller_has_no_entry_before_his_own_end(ending: Ending.ValueType) -> None:
    assert set(told(end(ending=ending))) == {"u_bob"}


def test_the_entry_of_the_callee_is_the_same_in_both_versions() -> None:
    first = end(2, ending=Ending.ENDING_DECLINED, declined=True, ended_at_ms=11_000)
    second = end(3, ending=Ending.ENDING_DECLINED, declined=True, ending_for_caller=Ending.ENDING_NO_ANSWER)
    (one,) = additions(first)
    both = {new.owner_id: new for new in additions(second)}
    assert one.entry == both["u_bob"].entry
    assert both["u_ada"].entry.call.ending == Ending.ENDING_NO_ANSWER


def test_a_shadow_call_is_one_that_nobody_answered_and_the_callee_has_nothing() -> None:
    said = told(end(ending=Ending.ENDING_NO_ANSWER, ending_for_caller=Ending.ENDING_NO_ANSWER, shadow=True))
    assert set(said) == {"u_ada"}
    assert said["u_ada"].ending == Ending.ENDING_NO_ANSWER
    heard = told(end(ending=Ending.ENDING_NO_ANSWER, ending_for_caller=Ending.ENDING_NO_ANSWER))
    assert said["u_ada"] == heard["u_ada"], "nothing in it tells of the shadow"


def test_no_entry_ever_says_severed() -> None:
    for answered_at_ms in (0, 21_000):
        for_caller = Ending.ENDING_HUNG_UP if answered_at_ms else Ending.ENDING_NO_ANSWER
        said = told(
            end(ending=Ending.ENDING_SEVERED, ending_for_caller=for_caller, answered_at_ms=answered_at_ms)
        )
        assert Ending.ENDING_SEVERED not in {call.ending for call in said.values()}


def test_a_call_settles_the_thread_of_who_placed_or_answered_it() -> None:
    cancelled = Ending.ENDING_CANCELLED
    rung = {new.owner_id: new for new in additions(end(ending=cancelled, ending_for_caller=cancelled))}
    assert (rung["u_ada"].settles, rung["u_bob"].settles) == (True, False)
    assert (rung["u_ada"].counts, rung["u_bob"].counts) == (False, True)
    hung_up = Ending.ENDING_HUNG_UP
    answered = end(ending=hung_up, ending_for_caller=hung_up, answered_at_ms=21_000)
    assert all(new.settles and not new.counts for new in additions(answered))
