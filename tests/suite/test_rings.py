"""The ring: every device rings, one wins, and each way in which nobody answers."""

import asyncio
import time

import pytest

from ringline.client import Call
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.suite.people import PATIENCE, Stage, at
from tests.suite.topology import RING_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")
TO_THE_DEADLINE = RING_SECONDS + PATIENCE


@pytest.mark.shows("S3")
async def test_one_device_answers_and_the_other_is_told(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    tablet = await stage.another_device(bob, gateway=0)
    call = await ada.place(at(bob))
    ring, other = await asyncio.gather(bob.rings(PATIENCE), tablet.rings(PATIENCE))
    await other.answer(offer=b"from the tablet")
    await ring.until(ended="answered_elsewhere", within=PATIENCE)
    assert (await call.until_described(within=PATIENCE)).body == b"from the tablet"
    assert not ring.view.HasField("peer_description")
    await call.hang_up()
    await other.until(ended="hung_up", within=PATIENCE)


@pytest.mark.shows("S3")
async def test_when_every_device_answers_at_once_exactly_one_wins(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    phones = [bob, *[await stage.another_line(bob, gateway=number % 2) for number in range(3)]]
    for _ in range(5):
        call = await ada.place(at(bob))
        rings = await asyncio.gather(*(phone.rings(PATIENCE) for phone in phones))
        outcomes = await asyncio.gather(*(answer(ring) for ring in rings))
        assert sorted(outcomes) == [False, False, False, True]
        winner = rings[outcomes.index(True)]
        await call.until_described(within=PATIENCE)
        for ring in rings:
            if ring is not winner:
                await ring.until(ended="answered_elsewhere", within=PATIENCE)
        await call.hang_up()
        await winner.until(ended="hung_up", within=PATIENCE)


async def answer(ring: Call) -> bool:
    try:
        await ring.answer(offer=b"offer")
    except Refusal as refusal:
        assert refusal.reason == Reason.REASON_ANSWERED_ELSEWHERE
        return False
    return True


async def test_declining_on_one_device_lets_the_others_ring_on(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    tablet = await stage.another_device(bob, gateway=0)
    call = await ada.place(at(bob))
    ring, other = await asyncio.gather(bob.rings(PATIENCE), tablet.rings(PATIENCE))
    await ring.decline()
    assert ring.ending == "declined"
    await other.answer()
    await call.until("connecting", within=PATIENCE)
    assert ring.ending in ("declined", "answered_elsewhere")
    await call.hang_up()


async def test_when_the_last_device_declines_the_call_is_declined(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    await ring.decline()
    await call.until(ended="declined", within=PATIENCE)
    assert ring.ending == "declined"


@pytest.mark.shows("L3")
async def test_declining_everywhere_stops_every_device(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    tablet = await stage.another_device(bob, gateway=0)
    call = await ada.place(at(bob))
    ring, other = await asyncio.gather(bob.rings(PATIENCE), tablet.rings(PATIENCE))
    await ring.decline(everywhere=True)
    await call.until(ended="declined", within=PATIENCE)
    await other.until(ended="declined_elsewhere", within=PATIENCE)


@pytest.mark.shows("L3", "L4")
async def test_the_caller_cancels_and_the_ring_stops(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    await call.hang_up()
    assert call.ending == "cancelled"
    await ring.until(ended="cancelled", within=PATIENCE)
    with pytest.raises(Refusal) as refused:
        await ring.answer()
    assert refused.value.reason == Reason.REASON_CALL_ENDED


@pytest.mark.shows("L1", "L4")
async def test_nobody_answers_until_the_deadline(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    began = time.monotonic()
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    await asyncio.gather(
        call.until(ended="no_answer", within=TO_THE_DEADLINE),
        ring.until(ended="no_answer", within=TO_THE_DEADLINE),
    )
    assert time.monotonic() - began >= RING_SECONDS - 0.5
    end = (await stage.book.facts(call.call_id))[-1].call_ended
    assert end.ended_at_ms - end.placed_at_ms >= RING_SECONDS * 1000


@pytest.mark.shows("S7")
async def test_two_who_call_each_other_at_once_are_in_one_call(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    for _ in range(5):
        call, ring = await asyncio.gather(ada.place(at(bob)), bob.place(at(ada)))
        assert call.call_id == ring.call_id
        await asyncio.gather(
            call.until("connecting", within=PATIENCE), ring.until("connecting", within=PATIENCE)
        )
        assert call.view.role != ring.view.role
        answering = ring if ring.incoming else call
        placing = call if ring.incoming else ring
        await answering.describe(b"offer")
        assert (await placing.until_described(within=PATIENCE)).body == b"offer"
        await placing.hang_up()
        await answering.until(ended="hung_up", within=PATIENCE)


@pytest.mark.shows("S7")
async def test_one_who_calls_back_while_it_rings_answers_with_it(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    await bob.rings(PATIENCE)
    back = await bob.place(at(ada))
    assert back.call_id == call.call_id and back.view.here
    await call.until("connecting", within=PATIENCE)
    await call.hang_up()


@pytest.mark.shows("L5")
async def test_a_line_that_opens_during_the_ring_rings_too(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    await bob.rings(PATIENCE)
    tablet = await stage.another_device(bob, gateway=0)
    ring = await tablet.rings(PATIENCE)
    assert ring.call_id == call.call_id
    await ring.answer()
    await call.until("connecting", within=PATIENCE)
    await call.hang_up()


@pytest.mark.shows("L2", "L5")
async def test_a_line_that_comes_back_finds_its_call_with_the_description(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    await call.until("ringing", within=PATIENCE)
    await ada.vanish()
    await ring.answer(offer=b"the offer that was missed", candidates=[b"1"])
    await ring.add_candidates([b"2"])
    await ada.connect(PATIENCE)
    await call.until("connecting", within=PATIENCE)
    assert call.view.here
    assert (await call.until_described(within=PATIENCE)).body == b"the offer that was missed"
    assert await call.until_candidates(2, within=PATIENCE) == [b"1", b"2"]
    await call.describe(b"answer", answers=call.view.peer_description.generation)
    assert (await ring.until_described(within=PATIENCE)).body == b"answer"
    await bob.reconnect(PATIENCE)
    assert ring.view.here and ring.phase == "connecting"
    assert ring.view.described == 1 and ring.view.peer_description.body == b"answer"
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)


@pytest.mark.shows("L6")
async def test_a_call_that_was_missed_is_there_at_the_next_connection(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await bob.vanish()
    call = await ada.place(at(bob))
    await call.hang_up()
    await bob.connect(PATIENCE)
    await bob.until(lambda phone: call.call_id in phone.calls, PATIENCE)
    missed = bob.calls[call.call_id]
    assert missed.incoming and missed.ending == "cancelled" and not missed.view.answered_at_ms
