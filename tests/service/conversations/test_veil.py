"""What a sender could measure to find out that he is blocked: the time that his message bears, and locks."""

import asyncio

import asyncpg
import pytest

from ringline.v1 import policy_pb2
from tests.servers import until
from tests.service.conversations.room import PATIENCE, Room, Somebody
from tests.service.conversations.test_messages import HOLD, UNHEARD, until_somebody_waits
from tests.service.pods import owner

pytestmark = pytest.mark.asyncio(loop_scope="session")
HEARD = policy_pb2.MayMessageResponse(outcome=policy_pb2.OUTCOME_ADMITTED)
BOTH = (HEARD, UNHEARD)


async def clock(con: "asyncpg.Connection[asyncpg.Record]") -> int:
    """What time it is at the database, in Unix milliseconds."""
    found: int = await con.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    return found


async def until_asked(room: Room, sender: Somebody) -> None:
    """Waits until policy is asked about somebody."""
    asked = room.policy.asked
    await until(lambda: sender.user_id in {one.user_id for one in asked}, PATIENCE, lambda: "it is not asked")


@pytest.mark.parametrize("verdict", BOTH)
async def test_the_time_of_a_message_is_taken_before_anybody_is_asked(
    shared: Room, verdict: policy_pb2.MayMessageResponse
) -> None:
    ada, bob = shared.person(), shared.person()
    shared.policy.verdicts[ada.user_id] = verdict
    async with owner(shared.settings) as con:
        before = await clock(con)
        shared.policy.is_free.clear()
        sending = asyncio.create_task(ada.send(bob))
        try:
            await until_asked(shared, ada)
            asked = await clock(con)
        finally:
            shared.policy.is_free.set()
    assert before <= (await sending).entry.at_ms <= asked


@pytest.mark.parametrize("verdict", BOTH)
async def test_a_message_waits_for_the_other_ones_row_whether_it_is_delivered_or_not(
    shared: Room, verdict: policy_pb2.MayMessageResponse
) -> None:
    async with owner(shared.settings) as holding, owner(shared.settings) as looking:
        for ordered in (True, False):
            ada, bob = sorted(
                (shared.person(), shared.person()), key=lambda one: one.user_id, reverse=ordered
            )
            await bob.send(ada)
            shared.policy.verdicts[ada.user_id] = verdict
            async with holding.transaction():
                await holding.execute(f"{HOLD} FOR UPDATE", bob.user_id)
                sending = asyncio.create_task(ada.send(bob))
                await until_somebody_waits(looking)
                waiting = await clock(looking)
                assert len((await ada.entries(bob)).entries) == 1
            sent = (await sending).entry
            assert (sent.number, sent.at_ms <= waiting) == (2, True)
            assert (await bob.threads()).state.feed == (2 if verdict is HEARD else 1)


async def test_two_who_write_at_once_though_none_is_delivered_never_wait_for_ever(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    for one, other in ((ada, bob), (bob, ada)):
        await one.send(other)
        shared.policy.verdicts[one.user_id] = UNHEARD
    await asyncio.gather(*(one.send(other) for _ in range(10) for one, other in ((ada, bob), (bob, ada))))
    for one, other in ((ada, bob), (bob, ada)):
        entries = (await one.entries(other)).entries
        assert [entry.message.outgoing for entry in entries] == [True] * 10 + [
            entry.message.outgoing for entry in entries[10:]
        ]
        assert len(entries) == 12


async def test_the_times_of_a_thread_never_go_back_though_verdicts_overtake_each_other(shared: Room) -> None:
    """The first one waits for its verdict until the second one, which was asked for later, is there."""
    ada, bob = shared.person(), shared.person()
    shared.policy.is_free.clear()
    first = asyncio.create_task(ada.send(bob, "first"))
    try:
        await until_asked(shared, ada)
        async with owner(shared.settings) as con:
            later = await clock(con) + 1_000
            await con.execute("SET search_path = conversations")
            await con.execute(
                "WITH made AS (INSERT INTO person VALUES ($1, 1)) "
                "INSERT INTO thread VALUES ($1, $2, 1, 1, 1, 1, 0, 0, 0, true, true)",
                ada.user_id,
                bob.user_id,
            )
            await con.execute(
                "INSERT INTO entry VALUES ($1, $2, 1, $3, 'm_later', 'later', false, false, 0, '')",
                ada.user_id,
                bob.user_id,
                later,
            )
    finally:
        shared.policy.is_free.set()
    sent = (await first).entry
    assert (sent.number, sent.at_ms) == (2, later)
    (theirs,) = (await bob.entries(ada)).entries
    assert theirs.at_ms < later, "each box goes by itself"
