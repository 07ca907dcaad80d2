"""What the lines of people are told while it happens."""

import pytest

from ringline.v1 import policy_pb2
from tests.service.conversations.room import INBOX, REQUESTS, Room, end_of_call

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_message_comes_to_every_line_of_both(shared: Room) -> None:
    ada, bob = shared.person(0), shared.person(0, 1)
    sent = await ada.send(bob, "hello")
    mine = await ada.hears(lambda told: told.added.number == 1)
    assert (mine.thread, mine.added, mine.before) == (sent.thread, sent.entry, 0)
    for gateway in (0, 1):
        theirs = await bob.hears(lambda told: told.added.number == 1, gateway)
        assert theirs.added.message.text == "hello" and not theirs.added.message.client_id
        assert theirs.thread == await bob.thread(ada)
        assert (theirs.before, theirs.unread, theirs.requests, theirs.removed) == (0, 1, 0, False)
    assert not ada.heard(1), "a gateway without a line of hers hears nothing"


async def test_each_change_says_which_one_came_before_it(shared: Room) -> None:
    ada, bob, cy = shared.person(), shared.person(0), shared.person()
    for sender in (ada, cy, ada, cy):
        await sender.send(bob)
    await bob.mark(ada, 3)
    await bob.hears(lambda told: len(bob.heard()) == 5)
    heard = sorted(bob.heard(), key=lambda told: told.before)  # two processes may overtake each other
    last = heard[-1]
    assert (last.thread.feed, last.thread.unread, last.unread, last.added.number) == (5, 0, 2, 0)
    assert [told.before for told in heard] == [0, 1, 2, 3, 4]
    assert [told.unread for told in heard] == [1, 2, 3, 4, 2]


async def test_reading_on_one_device_is_told_to_the_others(shared: Room) -> None:
    ada, bob = shared.person(0), shared.person(0, 1)
    await ada.send(bob)
    await bob.mark(ada, 1)
    for gateway in (0, 1):
        told = await bob.hears(lambda told: told.thread.read == 1, gateway)
        assert (told.thread.unread, told.unread, told.HasField("added")) == (0, 0, False)
    await bob.mark(ada, 1)
    await bob.send(ada)
    await ada.hears(lambda told: told.added.number == 2)
    await bob.hears(lambda told: len(bob.heard()) == 3)
    assert [told.thread.read for told in ada.heard()] == [0, 0], "who wrote is not told that it was read"
    assert len(bob.heard()) == 3, "what changes nothing is not told"


async def test_accepting_and_removing_are_told(shared: Room) -> None:
    ada, bob = shared.person(), shared.person(0)
    shared.policy.verdicts[ada.user_id] = policy_pb2.MayMessageResponse(
        outcome=policy_pb2.OUTCOME_ADMITTED, stranger=True
    )
    await ada.send(bob)
    request = await bob.hears(lambda told: told.thread.folder == REQUESTS)
    assert (request.unread, request.requests) == (0, 1)
    await bob.accept(ada)
    accepted = await bob.hears(lambda told: told.thread.folder == INBOX)
    assert (accepted.unread, accepted.requests) == (1, 0)
    await bob.remove(ada)
    removed = await bob.hears(lambda told: told.removed)
    assert (removed.unread, removed.thread.feed, removed.thread.HasField("last")) == (0, 3, False)


async def test_the_entry_of_a_call_is_told_to_both(shared: Room) -> None:
    ada, bob = shared.person(0), shared.person(1)
    event = end_of_call(ada, bob)
    await shared.say(event)
    mine = await ada.hears(lambda told: told.added.call.call_id == event.call_id)
    theirs = await bob.hears(lambda told: told.added.call.call_id == event.call_id, 1)
    assert (mine.added.call.outgoing, mine.unread) == (True, 0)
    assert (theirs.added.call.missed, theirs.unread, theirs.thread.peer.user_id) == (True, 1, ada.user_id)


async def test_every_gateway_is_told_where_presence_does_not_answer(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    shared.presence.is_away = True
    try:
        await ada.send(bob, "whoever has a line of his")
        for gateway in (0, 1):
            await bob.hears(lambda told: told.added.number == 1, gateway)
    finally:
        shared.presence.is_away = False


async def test_a_burst_of_the_longest_messages_comes_through(shared: Room) -> None:
    ada, bob = shared.person(), shared.person(0)
    for _ in range(20):
        await ada.send(bob, "\U0001f4de" * 4_000)
    await bob.hears(lambda told: len(bob.heard()) == 20)
    assert {told.added.number for told in bob.heard()} == set(range(1, 21))
    assert max(told.ByteSize() for told in bob.heard()) < 64 * 1024
