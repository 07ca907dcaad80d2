"""What policy finds of a report's evidence: entries by id, as the reporter himself sees them."""

import pytest

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import conversations_pb2, conversations_pb2_grpc, threads_pb2
from tests.service.conversations.room import Room, Somebody, end_of_call
from tests.service.pods import channel_to

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def find(
    room: Room, owner: Somebody, other: Somebody, *item_ids: str, caller: str = "policy"
) -> dict[str, threads_pb2.Entry]:
    """The entries of these messages and calls, by id."""
    request = conversations_pb2.FindEntriesRequest(
        user_id=owner.user_id, other_user_id=other.user_id, item_ids=item_ids
    )
    async with channel_to(room.nodes[0], caller) as channel:
        found = await conversations_pb2_grpc.ConversationsStub(channel).FindEntries(request)
    return {entry.message.message_id or entry.call.call_id: entry for entry in found.entries}


async def test_messages_and_calls_are_found_in_the_thread_of_who_shows_them(shared: Room) -> None:
    """And nowhere else: not in the other's, not in a thread with somebody else."""
    ada, bob, cy = shared.person(), shared.person(), shared.person()
    first, second = [(await bob.send(ada, text)).entry for text in ("one", "two")]
    of_cy = (await cy.send(ada, "three")).entry.message.message_id
    call = end_of_call(bob, ada)
    await shared.say(call)
    await shared.until_entries(ada, bob, 3)
    wanted = (first.message.message_id, second.message.message_id, of_cy, call.call_id)

    found = await find(shared, ada, bob, wanted[0], *wanted[2:])

    assert set(found) == {wanted[0], call.call_id}
    assert (found[wanted[0]].message.text, found[wanted[0]].message.outgoing) == ("one", False)
    assert found[wanted[0]].at_ms == first.at_ms
    assert not found[call.call_id].call.outgoing
    assert set(await find(shared, ada, cy, *wanted)) == {of_cy}
    assert await find(shared, cy, bob, *wanted) == {}


async def test_what_its_owner_removed_is_not_found_and_the_other_still_has_it(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    message_id = (await bob.send(ada, "one")).entry.message.message_id
    await ada.remove(bob)
    assert await find(shared, ada, bob, message_id) == {}
    assert set(await find(shared, bob, ada, message_id)) == {message_id}


async def test_only_policy_asks_and_not_for_more_than_a_hundred(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    with pytest.raises(Refusal, match="may not call this method"):
        await find(shared, ada, bob, ids.mint("m_"), caller="gateway")
    with pytest.raises(Refusal, match="100"):
        await find(shared, ada, bob, *(ids.mint("m_") for _ in range(101)))
