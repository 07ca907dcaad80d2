"""Entries of calls: projected from the event log, whatever comes in whatever order; and the list of calls."""

import asyncio
import random
from typing import Any

import pytest

from ringline.v1 import policy_pb2
from ringline.v1.types_pb2 import Ending
from tests.service.conversations.room import INBOX, REQUESTS, Room, end_of_call

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.shows("S12")
async def test_an_event_that_comes_again_and_again_makes_one_entry_each(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    hung_up = Ending.ENDING_HUNG_UP
    answered = end_of_call(ada, bob, hung_up, answered_at_ms=1, answered_device_id="d_phone")
    cancelled = end_of_call(bob, ada, Ending.ENDING_CANCELLED)
    await shared.say(*[answered, cancelled] * 20)
    await shared.until_projected()
    await shared.say(end_of_call(ada, bob, hung_up, answered_at_ms=1))
    mine = await shared.until_entries(ada, bob, 3)
    theirs = await shared.until_entries(bob, ada, 3)
    assert [one.number for one in mine] == [one.number for one in theirs] == [1, 2, 3]
    assert [one.call.call_id for one in mine] == [one.call.call_id for one in theirs]
    (called,) = (one.call for one in mine if one.call.call_id == answered.call_id)
    (got,) = (one.call for one in theirs if one.call.call_id == answered.call_id)
    (missed,) = (one.call for one in mine if one.call.call_id == cancelled.call_id)
    assert (called.outgoing, got.outgoing, missed.missed) == (True, False, True)
    assert (called.answered_device_id, got.answered_device_id) == ("", "d_phone")
    assert ((await ada.thread(bob)).unread, (await bob.thread(ada)).unread) == (1, 0)
    assert (await ada.threads()).state.feed == 3, "what is known changes nothing"


@pytest.mark.shows("S12")
async def test_both_versions_of_an_end_in_any_order_make_the_same_entries(shared: Room) -> None:
    seen = []
    for order in ((0, 1), (1, 0), (1, 0, 1), (0, 0, 1, 1, 0), (1,)):
        ada, bob = shared.person(), shared.person()
        declined = Ending.ENDING_DECLINED
        unset = Ending.ENDING_UNSPECIFIED
        said: dict[str, Any] = {"declined": True, "placed_at_ms": 1_000}
        first = end_of_call(ada, bob, declined, 2, ending_for_caller=unset, **said)
        second = end_of_call(
            ada, bob, declined, 4, first.call_id, ending_for_caller=Ending.ENDING_NO_ANSWER, **said
        )
        await shared.say(*((first, second)[number] for number in order))
        (mine,) = await shared.until_entries(ada, bob, 1)
        (theirs,) = await shared.until_entries(bob, ada, 1)
        assert (mine.call.ending, theirs.call.ending) == (Ending.ENDING_NO_ANSWER, declined)
        assert not theirs.call.missed
        mine.call.call_id = theirs.call.call_id = ""
        seen.append((mine, theirs))
    assert all(one == seen[0] for one in seen)


@pytest.mark.shows("S6", "S12")
async def test_the_caller_has_no_entry_while_he_still_sees_it_ring(shared: Room) -> None:
    ada, bob = shared.person(0), shared.person()
    unset = Ending.ENDING_UNSPECIFIED
    await shared.say(end_of_call(ada, bob, Ending.ENDING_DECLINED, ending_for_caller=unset))
    await shared.until_entries(bob, ada, 1)
    assert not (await ada.thread(bob)).feed and not ada.heard()


async def test_a_newer_version_takes_the_place_of_an_older_one_and_never_the_other_way(shared: Room) -> None:
    ada, bob = shared.person(), shared.person(0)
    first = end_of_call(ada, bob, Ending.ENDING_NO_ANSWER, 2)
    newer = end_of_call(ada, bob, Ending.ENDING_DECLINED, 5, first.call_id)
    await shared.say(first)
    await bob.hears(lambda told: told.unread == 1)
    await shared.say(newer)
    changed = await bob.hears(lambda told: told.unread == 0)
    assert (changed.added.number, changed.added.call.missed) == (1, False)
    await shared.say(first, newer, first)
    await shared.until_projected()
    await shared.say(end_of_call(ada, bob))
    entries = await shared.until_entries(bob, ada, 2)
    assert [one.call.ending for one in entries] == [Ending.ENDING_DECLINED, Ending.ENDING_NO_ANSWER]


@pytest.mark.shows("S12")
async def test_a_shadow_call_is_no_answer_to_the_caller_and_nothing_to_the_callee(shared: Room) -> None:
    ada, bob = shared.person(), shared.person(0)
    await shared.say(end_of_call(ada, bob, shadow=True))
    (shadow,) = await shared.until_entries(ada, bob, 1)
    await shared.say(end_of_call(bob, ada))
    assert (shadow.call.ending, shadow.call.missed) == (Ending.ENDING_NO_ANSWER, False)
    (own,) = await shared.until_entries(bob, ada, 1)
    assert (own.number, own.call.outgoing) == (1, True)
    assert (await bob.calls()).calls[0].entry == own and len((await bob.calls()).calls) == 1


async def test_an_event_that_names_nobody_stops_nothing(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    broken = end_of_call(ada, bob)
    broken.call_ended.callee_id = ""
    await shared.say(broken, end_of_call(ada, bob))
    await shared.until_entries(ada, bob, 1)


async def test_calls_and_messages_share_one_thread(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    await ada.send(bob, "may I call?")
    await shared.say(end_of_call(ada, bob))
    await shared.until_entries(bob, ada, 2)
    await ada.send(bob, "never mind")
    entries = await shared.until_entries(bob, ada, 3)
    assert [one.WhichOneof("body") for one in entries] == ["message", "call", "message"]
    assert (await bob.thread(ada)).unread == 3
    assert (await bob.mark(ada, 2)).unread == 1


async def test_a_missed_call_of_a_stranger_leaves_his_thread_among_the_requests(shared: Room) -> None:
    ada, bob = shared.person(), shared.person(0)
    shared.policy.verdicts[ada.user_id] = policy_pb2.MayMessageResponse(
        outcome=policy_pb2.OUTCOME_ADMITTED, stranger=True
    )
    await ada.send(bob)
    await shared.say(end_of_call(ada, bob))
    await shared.until_entries(bob, ada, 2)
    assert (await bob.thread(ada)).folder == REQUESTS
    assert len((await bob.calls(missed=True)).calls) == 1, "but it is among the missed calls"
    await shared.say(end_of_call(ada, bob, Ending.ENDING_HUNG_UP, answered_at_ms=1))
    await shared.until_entries(bob, ada, 3)
    assert (await bob.thread(ada)).folder == INBOX, "who answers a stranger knows him"


async def test_the_list_of_calls_has_all_of_them_newest_first_page_by_page(shared: Room) -> None:
    bob = shared.person()
    friends = [shared.person() for _ in range(3)]
    events = []
    for number in range(9):
        kind = (Ending.ENDING_NO_ANSWER, Ending.ENDING_DECLINED)[number % 2]
        placed = 1_000 + 1_000 * (number // 2)  # some at the very same moment
        events.append(end_of_call(friends[number % 3], bob, kind, placed_at_ms=placed))
    random.Random(7).shuffle(events)
    await shared.say(*events)
    for friend in friends:
        await shared.until_entries(bob, friend, 3)
        await friend.send(bob, "a message is no call")
    wanted = sorted(events, key=lambda one: (one.call_ended.placed_at_ms, one.call_id), reverse=True)
    for missed in (False, True):
        seen, before = [], ""
        while True:
            page = await bob.calls(missed, before, limit=2)
            for one in page.calls:
                assert one.peer.user_id in {friend.user_id for friend in friends}
                seen.append(one.entry.call.call_id)
            before = page.next
            if not before:
                break
        ending = Ending.ENDING_NO_ANSWER
        assert seen == [one.call_id for one in wanted if not missed or one.call_ended.ending == ending]


async def test_the_calls_of_a_removed_thread_are_not_listed_and_do_not_come_back(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    event = end_of_call(ada, bob)
    await shared.say(event)
    await shared.until_entries(bob, ada, 1)
    await bob.remove(ada)
    assert not (await bob.calls()).calls
    newer = end_of_call(ada, bob)
    await shared.say(event, newer)
    (only,) = await shared.until_entries(bob, ada, 1)
    assert only.call.call_id == newer.call_id
    assert [one.entry.call.call_id for one in (await bob.calls()).calls] == [newer.call_id]
    assert len((await ada.calls()).calls) == 2


async def test_calls_that_end_while_two_write_find_their_place(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    events = [end_of_call(ada, bob) for _ in range(20)]
    await asyncio.gather(
        shared.say(*events),
        *(ada.send(bob, f"message {n}") for n in range(20)),
        *(bob.send(ada, f"answer {n}") for n in range(20)),
    )
    mine = await shared.until_entries(ada, bob, 60)
    theirs = await shared.until_entries(bob, ada, 60)
    assert [one.number for one in mine] == list(range(1, 61))
    ids = [[one.call.call_id or one.message.message_id for one in both] for both in (mine, theirs)]
    assert ids[0] == ids[1]
