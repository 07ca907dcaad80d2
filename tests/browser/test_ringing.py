"""What becomes of a ring, told by what both sides read."""

import pytest
from playwright.async_api import expect

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE, until
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNT_WAKING = """
() => {
  const real = AudioContext.prototype.resume;
  window.woken = 0;
  AudioContext.prototype.resume = function () { window.woken++; return real.call(this); };
}
"""
ENDLESS = """
() => document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime === Infinity).length
"""
"""How many movements of the page never end."""
DRAWN = """
(button) => {
  const [own, disc] = [button, button.firstElementChild].map((one) => getComputedStyle(one));
  const icon = getComputedStyle(button.querySelector('svg'));
  return [own.backgroundColor, own.padding, own.gap, own.color, disc.width, disc.color, icon.width];
}
"""
"""How a button of the ring is drawn, but for the colour of its disc and for the focus."""


async def test_a_call_is_declined(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Decline")
    await bob.stops_ringing()
    await ada.reads("Declined")
    await bob.reads("Declined")


async def test_the_two_buttons_of_a_ring_look_alike_but_for_their_colour(cast: Cast) -> None:
    """Also on a page that has loaded the styles of the settings."""
    ada, bob = await cast.friends("ada", "bob")
    await bob.visit("/settings")
    await expect(bob.page.get_by_role("group", name="Who can call me", exact=True)).to_be_visible(
        timeout=PATIENCE * 1000
    )
    await ada.call(bob, "video")
    await bob.rings(ada, "video")
    answer, decline = [
        await bob.page.get_by_role("button", name=name, exact=True).evaluate(DRAWN)
        for name in ("Answer", "Decline")
    ]
    assert answer == decline
    await bob.press("Decline")


async def test_who_calls_is_announced_once(cast: Cast) -> None:
    """On a page with the focus by the dialog that takes it, elsewhere by the live region: never by both."""
    ada, bob = await cast.friends("ada", "bob")
    search = bob.page.get_by_role("searchbox")
    await search.focus()
    said = bob.page.locator("[data-live-announcer] [aria-live=assertive]").last
    words = f"Incoming audio call from {ada.at}"
    for focused in (True, False):
        await bob.page.evaluate("(now) => { document.hasFocus = () => now; }", focused)
        await ada.call(bob)
        await bob.rings(ada)
        await expect(bob.page.get_by_role("button", name="Answer", exact=True)).to_be_focused()
        await expect(said).to_have_text("" if focused else words)
        await bob.press("Decline")
        await ada.reads("Declined")
        await expect(search).to_be_focused()


async def test_a_key_lets_the_ring_sound_and_nothing_moves_where_it_should_not(cast: Cast) -> None:
    """A browser holds sound back until a gesture; a key is one, as a finger is."""
    ada, bob = await cast.friends("ada", "bob")
    await bob.page.emulate_media(reduced_motion="reduce")
    await ada.call(bob)
    await bob.rings(ada)
    await bob.page.evaluate(COUNT_WAKING)
    await bob.page.keyboard.press("Shift")
    await until(lambda: bob.page.evaluate("() => woken"), lambda times: times == 1)
    assert await bob.page.evaluate(ENDLESS) == 0
    await bob.page.emulate_media(reduced_motion="no-preference")
    assert await bob.page.evaluate(ENDLESS) > 0
    await bob.press("Decline")


@pytest.mark.shows("L3", "L4")
async def test_the_caller_gives_up_and_the_ring_stops(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob, "video")
    await bob.rings(ada, "video")
    await ada.press("Hang up")
    await ada.reads("Call ended")
    await bob.stops_ringing()
    await bob.reads("Missed call")


@pytest.mark.shows("L1", "L4")
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


@pytest.mark.shows("S3")
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


@pytest.mark.shows("S6")
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


@pytest.mark.shows("S8")
async def test_somebody_whom_one_waits_for_already_is_busy_to_friends(cast: Cast) -> None:
    ada, bob, cleo = await cast.friends("ada", "bob", "cleo")
    dan = await cast.device(await cast.account("dan"), "cleo")
    await cast.acquaint(bob, dan)
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Answer")
    await ada.reads("Connected")
    await cleo.call(bob)
    await cleo.reads("Ringing…")
    await dan.call(bob)
    await dan.reads("Busy")
    await bob.is_waited_for(cleo)
    await ada.hears(HERTZ["bob"])
