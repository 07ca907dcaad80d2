"""Hold, a second call that waits, and a device that is revoked: as the people of both calls see it."""

import pytest

from ringline.client import Call, Phone
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.suite.people import PATIENCE, Stage, are_signed_out, at, call_with_tablet, talk

pytestmark = pytest.mark.asyncio(loop_scope="session")


def heard_of(stage: Stage, phone: Phone, call: Call) -> bool:
    """Whether this phone was told of a call at all."""
    return any(frame.call.call_id == call.call_id for frame in stage.heard(phone))


async def is_held(call: Call, *, mine: bool = False, theirs: bool = False) -> None:
    """Waits until this side reads that it holds, or is held, just so."""
    await call.until(where=lambda it: (it.holds, it.peer_holds) == (mine, theirs), within=PATIENCE)


@pytest.mark.shows("S9")
async def test_a_hold_is_seen_by_the_other_and_only_its_holder_resumes(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    await ring.hold()
    await is_held(call, theirs=True)
    await call.resume()
    assert (call.holds, call.peer_holds) == (False, True)
    await call.hold()
    await is_held(ring, mine=True, theirs=True)
    await ring.resume()
    await is_held(call, mine=True)
    await call.resume()
    await is_held(ring)
    assert (call.phase, ring.phase) == ("connected", "connected")
    await ring.hold()
    await is_held(call, theirs=True)
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)


@pytest.mark.shows("S9")
async def test_a_hold_outlives_the_line_that_said_it(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    await ring.hold()
    await bob.reconnect(PATIENCE)
    await is_held(ring, mine=True)
    await ada.reconnect(PATIENCE)
    await is_held(call, theirs=True)
    await ring.resume()
    await is_held(call)
    await call.hang_up()


@pytest.mark.shows("S8")
async def test_a_second_call_waits_on_the_device_that_talks_and_a_third_is_busy(stage: Stage) -> None:
    ada, bob, carol, dan = await stage.friends("ada", "bob", "carol", "dan")
    tablet = await stage.another_device(bob, gateway=0)
    call, ring = await talk(ada, bob)
    second = await carol.place(at(bob))
    waiting = await bob.rings(PATIENCE)
    assert waiting.call_id == second.call_id
    await second.until("ringing", within=PATIENCE)
    third = await dan.place(at(bob))
    await third.until(ended="busy", within=PATIENCE)
    assert not heard_of(stage, tablet, second)
    assert not any(heard_of(stage, phone, third) for phone in (bob, tablet))
    await ring.hang_up()
    again = await tablet.rings(PATIENCE)
    assert again.call_id == second.call_id, "what waited rings on every device when the other is over"
    await again.answer()
    await second.until("connecting", within=PATIENCE)
    await waiting.until(ended="answered_elsewhere", within=PATIENCE)
    await call.until(ended="hung_up", within=PATIENCE)
    await second.hang_up()


@pytest.mark.shows("S8", "S9")
async def test_one_holds_answers_and_swaps_and_the_held_call_is_still_there(stage: Stage) -> None:
    ada, bob, carol = await stage.friends("ada", "bob", "carol")
    first, ring = await talk(ada, bob)
    second = await carol.place(at(bob))
    waiting = await bob.rings(PATIENCE)
    await ring.hold()
    await waiting.answer()
    await second.until("connecting", within=PATIENCE)
    await is_held(first, theirs=True)
    await waiting.hold()
    await ring.resume()
    await is_held(second, theirs=True)
    await is_held(first)
    await ring.hang_up()
    await first.until(ended="hung_up", within=PATIENCE)
    assert (second.is_live, second.peer_holds) == (True, True), "nobody but the holder takes it back"
    await waiting.resume()
    await is_held(second)
    await second.hang_up()


@pytest.mark.shows("S8")
async def test_who_holds_may_call_somebody_else_and_who_talks_may_not(stage: Stage) -> None:
    ada, bob, carol = await stage.friends("ada", "bob", "carol")
    first, ring = await talk(ada, bob)
    with pytest.raises(Refusal) as refused:
        await bob.place(at(carol))
    assert refused.value.reason == Reason.REASON_ALREADY_IN_CALL
    await ring.hold()
    second = await bob.place(at(carol))
    assert (await carol.rings(PATIENCE)).call_id == second.call_id
    await second.hang_up()
    await first.hang_up()


@pytest.mark.shows("S14", "L4")
async def test_a_device_revoked_in_a_call_has_hung_up_at_once(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    tablet = await stage.another_device(bob, gateway=0)
    call, ring = await talk(ada, tablet)
    await bob.session.revoke(tablet.session.device_id)
    await call.until(ended="hung_up", within=PATIENCE)
    await are_signed_out(tablet)
    with pytest.raises(Refusal):
        await ring.hold()
    again, _ = await talk(ada, bob)
    await again.hang_up()


@pytest.mark.shows("S14", "L1")
async def test_a_device_revoked_while_it_rings_rings_no_more_and_the_others_do(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, tablet, ring, gone = await call_with_tablet(stage, ada, bob)
    await bob.session.revoke(tablet.session.device_id)
    await are_signed_out(tablet)
    with pytest.raises(Refusal):
        await gone.answer()
    assert call.is_live
    await ring.answer()
    await call.until("connecting", within=PATIENCE)
    await call.hang_up()


@pytest.mark.shows("S14", "L1")
async def test_a_device_revoked_while_it_calls_has_cancelled(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    laptop = await stage.another_device(ada, gateway=1)
    call = await laptop.place(at(bob))
    ring = await bob.rings(PATIENCE)
    await ada.session.revoke(laptop.session.device_id)
    await ring.until(ended="cancelled", within=PATIENCE)
    await are_signed_out(laptop)
    with pytest.raises(Refusal):
        await call.hang_up()
