"""Hold, and somebody who calls while one talks: judged by what the people of both calls hear."""

import pytest
from playwright.async_api import expect

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE, Person, talk
from tests.browser.test_screens import findings

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAIT = PATIENCE * 1000


async def talk_and_be_called(cast: Cast) -> tuple[Person, Person, Person]:
    """Ada and Bob talk, and Cleo calls Bob."""
    ada, bob, cleo = await cast.friends("ada", "bob", "cleo")
    await talk(ada, bob)
    await cleo.call(bob)
    await cleo.reads("Ringing…")
    await bob.is_waited_for(cleo)
    return ada, bob, cleo


async def lacks(person: Person, button: str) -> None:
    """Waits until there is no such button."""
    await expect(person.page.get_by_role("button", name=button, exact=True)).to_have_count(0, timeout=WAIT)


@pytest.mark.shows("S9")
async def test_a_call_on_hold_is_silent_both_ways_and_its_holder_alone_resumes(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await bob.press("Hold")
    await bob.reads("On hold")
    await ada.reads("You are on hold")
    await ada.passes_nothing()
    await bob.passes_nothing()
    await ada.hears_nothing()
    await bob.hears_nothing()
    await lacks(ada, "Resume")
    for gone in ("Mute", "Turn camera on"):
        await lacks(ada, gone)
        await lacks(bob, gone)
    await bob.press("Resume")
    await bob.reads("Connected")
    await ada.reads("Connected")
    await ada.hears(bob.hertz)
    await bob.hears(ada.hertz)
    assert (await ada.received())["connections"] == 1
    await ada.press("Hold")
    await bob.reads("You are on hold")
    await bob.press("Hang up")
    await ada.reads("Call ended")


@pytest.mark.shows("S9")
async def test_a_camera_is_off_on_hold_and_comes_back(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob, "video")
    await ada.sees()
    await bob.sees()
    await ada.press("Hold")
    await ada.sees_nothing()
    await bob.reads("You are on hold")
    await bob.sees_nothing()
    await expect(bob.page.locator("video")).to_have_count(0, timeout=WAIT)
    await ada.passes_nothing()
    await bob.passes_nothing()
    await ada.press("Resume")
    await ada.sees()
    await bob.sees()
    await bob.hears(ada.hertz)


@pytest.mark.shows("S9")
async def test_a_page_that_holds_comes_back_on_hold(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await bob.press("Hold")
    await ada.reads("You are on hold")
    await bob.page.reload()
    await bob.reads("On hold")
    await bob.hears_nothing()
    await bob.passes_nothing()
    await ada.passes_nothing()
    await ada.reads("You are on hold")
    await bob.press("Resume")
    await ada.reads("Connected")
    await ada.hears(bob.hertz)
    await bob.hears(ada.hertz)


@pytest.mark.shows("S8", "S9")
async def test_one_holds_answers_and_swaps_and_each_hears_only_whom_one_talks_to(cast: Cast) -> None:
    ada, bob, cleo = await talk_and_be_called(cast)
    await bob.press("Hold and answer")
    await cleo.reads("Connected")
    await bob.reads("Connected")
    await cleo.hears(bob.hertz)
    await bob.hears(cleo.hertz)
    await ada.reads("You are on hold")
    await ada.hears_nothing()
    await ada.passes_nothing()
    await bob.press("Swap")
    await ada.reads("Connected")
    await ada.hears(bob.hertz)
    await bob.hears(ada.hertz)
    await cleo.reads("You are on hold")
    await cleo.passes_nothing()
    await ada.press("Hang up")
    await bob.press("Resume")
    await cleo.hears(bob.hertz)
    await bob.hears(cleo.hertz)


async def test_hold_and_a_call_that_waits_can_be_used_by_everybody_also_on_a_phone(cast: Cast) -> None:
    ada, bob, cleo = await talk_and_be_called(cast)
    await bob.page.set_viewport_size({"width": 390, "height": 844})
    found = await findings(bob.page, "somebody waits")
    await bob.press("Hold and answer")
    await cleo.reads("Connected")
    found += await findings(bob.page, "one on hold")
    await ada.reads("You are on hold")
    found += await findings(ada.page, "held")
    wide = await bob.page.evaluate("() => document.documentElement.scrollWidth")
    assert wide == 390
    await bob.press("Swap")
    await bob.press("Hang up")
    await bob.press("Resume")
    await cleo.hears(bob.hertz)
    assert found == []


@pytest.mark.shows("S8")
async def test_one_ends_the_first_call_and_answers_the_second(cast: Cast) -> None:
    ada, bob, cleo = await talk_and_be_called(cast)
    await bob.press("End and answer")
    await ada.reads("Call ended")
    await cleo.reads("Connected")
    await cleo.hears(bob.hertz)
    await bob.hears(cleo.hertz)


@pytest.mark.shows("S8")
async def test_one_declines_the_second_call_and_the_first_goes_on(cast: Cast) -> None:
    ada, bob, cleo = await talk_and_be_called(cast)
    await bob.press("Decline")
    await cleo.reads("Declined")
    await bob.reads("Connected")
    await ada.hears(bob.hertz)
    await lacks(bob, "Hold and answer")


@pytest.mark.shows("S8")
async def test_who_waited_rings_when_the_first_call_is_over(cast: Cast) -> None:
    ada, bob, cleo = await talk_and_be_called(cast)
    await ada.press("Hang up")
    await bob.rings(cleo)
    await bob.press("Answer")
    await cleo.hears(bob.hertz)


async def test_a_call_on_hold_does_not_take_over_where_one_writes_when_the_other_is_over(cast: Cast) -> None:
    ada, bob, cleo = await talk_and_be_called(cast)
    await bob.press("Hold and answer")
    await cleo.reads("Connected")
    await bob.page.go_back()
    box = bob.page.get_by_role("textbox", name=f"Message to {ada.at}")
    await box.fill("one mom", timeout=WAIT)
    await cleo.press("Hang up")
    await bob.reads("Call ended")
    await bob.reads("On hold")
    await bob.page.keyboard.type("ent")
    await expect(box).to_have_value("one moment", timeout=WAIT)
    await bob.press(f"Open {ada.at}")
    await expect(bob.page.get_by_role("toolbar", name="Call controls")).to_be_visible(timeout=WAIT)
    await bob.press("Resume")
    await ada.hears(bob.hertz)


async def test_the_other_calls_are_at_hand_on_every_page(cast: Cast) -> None:
    ada, bob, cleo = await talk_and_be_called(cast)
    dan = await cast.device(await cast.account("dan"), "cleo")
    await cast.acquaint(bob, dan)
    await bob.press("Hold and answer")
    await cleo.reads("Connected")
    await dan.call(bob)
    held = bob.page.get_by_role("region", name=f"{ada.at} is on hold")
    for page in ("Call history", "Settings"):
        await bob.press(page)
        await expect(bob.page.get_by_role("heading", name=page, exact=True)).to_be_visible(timeout=WAIT)
        await bob.is_waited_for(dan)
        await expect(held).to_be_visible(timeout=WAIT)
        await expect(held.get_by_role("button", name="Swap")).to_be_visible(timeout=WAIT)
    await bob.press("Decline")
    await dan.reads("Declined")
    await bob.press("Swap")
    await ada.hears(bob.hertz)
    await cleo.passes_nothing()


async def test_a_call_that_waits_takes_no_focus_and_is_answered_with_the_keyboard(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    cleo = await cast.person("cleo")
    await cast.acquaint(bob, cleo)
    await talk(ada, bob)
    await bob.press("Show the messages")
    box = bob.page.get_by_role("textbox", name=f"Message to {ada.at}")
    await box.fill("one mom", timeout=WAIT)
    await cleo.call(bob)
    await bob.is_waited_for(cleo)
    said = bob.page.locator("[data-live-announcer] [aria-live=polite]").last
    await expect(said).to_have_text(f"Incoming audio call from {cleo.at}", timeout=WAIT)
    await bob.page.keyboard.type("ent")
    await expect(box).to_have_value("one moment", timeout=WAIT)
    answer = bob.page.get_by_role("button", name="Hold and answer")
    await answer.focus()
    await bob.page.keyboard.press("Enter")
    await cleo.hears(bob.hertz)
    await ada.reads("You are on hold")
