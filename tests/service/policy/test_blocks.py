"""Blocks: in force for verdicts at once, acknowledged when the gate is closed, carried out in the end."""

import asyncio

import pytest

from ringline import ids
from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1 import blocks_pb2, reasons_pb2
from tests.service.pods import owner
from tests.service.policy.conftest import EVERYONE, FakeSignaling, People, Policy, Verdicts, attempt, outcome

UNAVAILABLE = Refusal(reasons_pb2.REASON_UNAVAILABLE)
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'ringline_policy' AND wait_event_type = 'Lock'"""


async def test_a_block_closes_the_gate_and_unblocking_opens_it(
    one: Policy, other: Policy, verdicts: Verdicts, people: People, signaling: FakeSignaling
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    assert await outcome(verdicts, attempt(ada, "@bob")) == "admitted"

    await one.block(bob, ada)

    assert signaling.closed == {(bob, ada)}
    assert [await outcome(verdicts, attempt(ada, "@bob")) for _ in range(6)] == ["unheard"] * 6
    # Neither can the blocker ring whom he blocks.
    await one.allow(ada, EVERYONE)
    assert await outcome(verdicts, attempt(bob, "@ada")) == "unheard"
    await other.unblock(bob, ada)
    assert signaling.closed == set()
    assert [await outcome(verdicts, attempt(ada, "@bob")) for _ in range(6)] == ["admitted"] * 6


async def test_each_ones_block_is_his_own(
    one: Policy, other: Policy, verdicts: Verdicts, people: People, signaling: FakeSignaling
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    await asyncio.gather(one.block(ada, bob), other.block(bob, ada))
    assert signaling.closed == {(ada, bob), (bob, ada)}

    await one.unblock(bob, ada)

    assert signaling.closed == {(ada, bob)}
    assert await outcome(verdicts, attempt(ada, "@bob")) == "unheard"
    await other.unblock(ada, bob)
    assert await outcome(verdicts, attempt(ada, "@bob")) == "admitted"


async def test_blocks_are_listed_newest_first(one: Policy, other: Policy) -> None:
    ada, others = ids.mint_user(), [ids.mint_user() for _ in range(3)]
    assert await one.blocks(ada) == []
    for blocked in others:
        await one.block(ada, blocked)
    await other.block(ada, others[0])  # again: that changes nothing
    assert await other.blocks(ada) == others[::-1]
    await one.unblock(ada, others[1])
    assert await other.blocks(ada) == [others[2], others[0]]
    assert await one.blocks(others[0]) == []


async def test_nobody_blocks_himself_or_nobody(one: Policy, signaling: FakeSignaling) -> None:
    ada = ids.mint_user()
    for ask in (one.block, one.unblock):
        for other_id, reason in [(ada, "self"), ("", "invalid"), ("@bob", "invalid")]:
            with pytest.raises(Refusal) as refused:
                await ask(ada, other_id)
            assert refused.value.name == reason
    with pytest.raises(Refusal):
        await one.stub.ListBlocks(blocks_pb2.ListBlocksRequest())
    assert signaling.asked == []


async def test_unblocking_whom_one_does_not_block_is_done_already(
    one: Policy, signaling: FakeSignaling
) -> None:
    await one.unblock(ids.mint_user(), ids.mint_user())
    assert signaling.asked == []


async def test_every_wish_has_a_higher_number_than_the_one_before_it(
    one: Policy, other: Policy, signaling: FakeSignaling
) -> None:
    ada, bob = ids.mint_user(), ids.mint_user()
    for _ in range(2):
        await one.block(ada, bob)
        await other.unblock(ada, bob)
        await one.unblock(ada, bob)  # nothing to lift: no wish
    assert [closed for _, _, closed in signaling.asked] == [True, False, True, False]
    assert len(signaling.generations) == 4 and signaling.generations == sorted(set(signaling.generations))


@pytest.mark.shows("S5")
async def test_a_block_is_in_force_before_signaling_knows_and_carried_out_when_it_is_back(
    one: Policy, other: Policy, verdicts: Verdicts, people: People, signaling: FakeSignaling
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    signaling.refusal = UNAVAILABLE

    with pytest.raises(Refusal) as refused:
        await one.block(bob, ada)

    assert refused.value.name == "unavailable"
    assert [await outcome(verdicts, attempt(ada, "@bob")) for _ in range(6)] == ["unheard"] * 6
    assert await other.blocks(bob) == [ada]
    signaling.refusal = None
    await signaling.until(lambda gates: gates.closed == {(bob, ada)})


@pytest.mark.shows("S5")
async def test_a_block_is_not_acknowledged_while_signaling_is_silent(
    one: Policy, signaling: FakeSignaling
) -> None:
    ada, bob = ids.mint_user(), ids.mint_user()
    signaling.may_answer.clear()
    blocking = asyncio.create_task(one.block(ada, bob))
    await signaling.until(lambda gates: gates.asked == [(ada, bob, True)])
    assert not blocking.done()
    signaling.may_answer.set()
    await blocking
    assert signaling.closed == {(ada, bob)}


async def test_a_wish_waits_for_the_one_before_it_so_the_last_one_is_what_stays(
    one: Policy, other: Policy, signaling: FakeSignaling, settings: NodeSettings
) -> None:
    ada, bob = ids.mint_user(), ids.mint_user()
    signaling.may_answer.clear()
    blocking = asyncio.create_task(one.block(ada, bob))
    await signaling.until(lambda gates: len(gates.asked) == 1)
    unblocking = asyncio.create_task(other.unblock(ada, bob))
    async with owner(settings) as con, asyncio.timeout(5):
        while not await con.fetchval(WAITING):
            pass
    assert signaling.asked == [(ada, bob, True)]

    signaling.may_answer.set()
    await asyncio.gather(blocking, unblocking)

    assert signaling.asked == [(ada, bob, True), (ada, bob, False)]
    assert signaling.closed == set()
    assert await one.blocks(ada) == []


async def test_what_a_dead_process_left_over_is_carried_out_by_another(
    one: Policy, signaling: FakeSignaling, settings: NodeSettings
) -> None:
    ada, bob, eve = ids.mint_user(), ids.mint_user(), ids.mint_user()
    await one.block(ada, eve)
    async with owner(settings) as con:
        await con.execute(
            "INSERT INTO policy.block (user_id, other_user_id, closed, changed_at)"
            " VALUES ($1, $2, true, now() - interval '1 min')",
            ada,
            bob,
        )
        # Unblocked, but the gate was not opened yet.
        await con.execute(
            "UPDATE policy.block SET closed = false, generation = generation + 1,"
            " changed_at = now() - interval '1 min'"
            " WHERE other_user_id = $1",
            eve,
        )
        await signaling.until(lambda gates: gates.closed == {(ada, bob)})
        async with asyncio.timeout(5):
            while await con.fetchval("SELECT count(*) FROM policy.block WHERE settled < generation"):
                pass
    assert await one.blocks(ada) == [bob]


async def test_one_gate_that_signaling_will_not_close_does_not_keep_the_others_waiting(
    one: Policy, signaling: FakeSignaling
) -> None:
    pairs = [(ids.mint_user(), ids.mint_user()) for _ in range(3)]
    signaling.refusal = Refusal(reasons_pb2.REASON_INVALID)
    for pair in pairs:
        with pytest.raises(Refusal):
            await one.block(*pair)
    await signaling.until(lambda gates: len(set(gates.asked[3:])) == 3)


async def test_twenty_changes_of_mind_end_as_the_last_one(
    one: Policy, other: Policy, signaling: FakeSignaling
) -> None:
    ada, bob = ids.mint_user(), ids.mint_user()
    for number in range(10):
        await (one, other)[number % 2].block(ada, bob)
        await (other, one)[number % 2].unblock(ada, bob)
    assert signaling.closed == set()
    await one.block(ada, bob)
    assert signaling.closed == {(ada, bob)}
