"""What becomes of a ring, told by what both sides read."""

import pytest

from tests.browser.cast import Cast
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_call_is_declined(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Decline")
    await bob.stops_ringing()
    await ada.reads("Declined")
    await bob.reads("Declined")


async def test_the_caller_gives_up_and_the_ring_stops(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob, "video")
    await bob.rings(ada, "video")
    await ada.press("Hang up")
    await ada.reads("Call ended")
    await bob.stops_ringing()
    await bob.reads("Missed call")


async def test_nobody_answers(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob)
    await bob.rings(ada)
    await ada.reads("No answer", within=30)
    await bob.stops_ringing()
    await bob.reads("Missed call")


async def test_it_rings_on_whatever_page_one_is(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await bob.visit("/settings")
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Answer")
    await ada.hears(HERTZ["bob"])
    assert bob.page.url.endswith(f"/{ada.at}")


async def test_one_device_answers_and_the_other_says_so(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    tablet = await cast.device(bob.account, "cleo")
    await ada.call(bob)
    await bob.rings(ada)
    await tablet.rings(ada)
    await tablet.press("Answer")
    await bob.stops_ringing()
    await bob.reads("Answered on another device")
    await ada.reads("Connected")
    await ada.hears(HERTZ["cleo"])
    await tablet.hears(HERTZ["ada"])
    assert (await bob.received())["connections"] == 0


async def test_a_caller_who_is_not_admitted_learns_nothing(cast: Cast) -> None:
    """Ada is no contact of Bob's, who lets contacts call: she reads what she would read if he were out."""
    ada, bob = await cast.person("ada"), await cast.person("bob")
    await (await cast.session(bob.account)).allow_calls_from("contacts")
    await ada.call(bob)
    await ada.reads("Calling…")
    await bob.stops_ringing()
    await ada.reads("No answer", within=30)
    await bob.stops_ringing()
    assert (await bob.received())["connections"] == 0


async def test_somebody_in_a_call_is_busy_to_friends(cast: Cast) -> None:
    ada, bob, cleo = await cast.friends("ada", "bob", "cleo")
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Answer")
    await ada.reads("Connected")
    await cleo.call(bob)
    await cleo.reads("Busy")
    await bob.stops_ringing()
    await ada.hears(HERTZ["bob"])
