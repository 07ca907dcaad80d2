"""Somebody who recovers his account takes it away from every device, in the middle of whatever they do."""

import pytest

from ringline.refusal import Refusal
from tests.suite.people import PATIENCE, Stage, are_signed_out, at, call_with_tablet, talk
from tests.suite.topology import RING_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.shows("S14", "L4")
async def test_a_recovery_ends_the_call_of_every_device_at_once(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    tablet = await stage.another_device(bob, gateway=0)
    call, ring = await talk(ada, tablet)
    await stage.recover(bob, gateway=1)
    await call.until(ended="hung_up", within=PATIENCE)
    await are_signed_out(bob, tablet)
    with pytest.raises(Refusal):
        await ring.set_media(audio=True, video=True)
    anew = await stage.another_device(bob, gateway=1)
    again, _ = await talk(ada, anew)
    await again.hang_up()


@pytest.mark.shows("S14", "L1")
async def test_a_recovery_silences_every_device_and_to_the_caller_nobody_answers(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, tablet, *rings = await call_with_tablet(stage, ada, bob)
    await stage.recover(bob)
    await are_signed_out(bob, tablet)
    for ring in rings:
        with pytest.raises(Refusal):
            await ring.answer()
    assert call.is_live
    await call.until(ended="no_answer", within=RING_SECONDS + PATIENCE)


@pytest.mark.shows("S14", "L4")
async def test_a_recovery_while_one_calls_has_cancelled(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    await stage.recover(ada, gateway=1)
    await ring.until(ended="cancelled", within=PATIENCE)
    with pytest.raises(Refusal):
        await call.hang_up()
