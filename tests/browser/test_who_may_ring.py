"""Who may ring, at the screen: what a setting means is said beside it, what did not ring is listed, and both are true."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE, Person
from tests.browser.test_screens import findings

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAIT = PATIENCE * 1000


async def test_quiet_hours_say_what_they_mean_and_a_favourite_rings_all_the_same(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    page = ada.page
    await ada.visit("/settings")
    contacts = page.locator(".caller").filter(has=page.get_by_role("checkbox", name="My contacts"))
    await expect(contacts).to_contain_text("Rings, with video", timeout=WAIT)
    await _is_quiet_from_now_on(page)
    await expect(contacts).to_contain_text("Silent: quiet hours", timeout=WAIT)
    await _nobody_answers(bob, ada)
    await ada.visit("/calls")
    await expect(page.get_by_text("No calls yet")).to_be_visible(timeout=WAIT)
    await ada.visit("/settings")
    await page.get_by_role("textbox", name="Could they ring me now?").fill(bob.account.username)
    await ada.press("Find out")
    answer = page.locator(".answer")
    await expect(answer).to_contain_text("Does not ring now", timeout=WAIT)
    await expect(answer).to_contain_text("In your quiet hours.")
    await page.get_by_role("button", name=f"{bob.at} is a favourite").first.click()
    await expect(answer).to_contain_text("Rings now, with video", timeout=WAIT)
    await expect(answer).to_contain_text("They are one of your favourites.")
    found = await findings(page, "settings")
    await bob.call(ada)
    await ada.rings(bob)
    await ada.press("Decline")
    assert not found, "\n".join(found)


async def test_what_is_chosen_in_the_profile_is_what_counts(cast: Cast) -> None:
    ada, cleo = await cast.person("ada"), await cast.person("cleo")
    page = ada.page
    await ada.visit(f"/{cleo.at}")
    await page.get_by_role("button", name="Profile:").click(timeout=WAIT)
    answer = page.get_by_role("dialog").locator(".answer")
    await expect(answer).to_contain_text("Not among those who can call you.", timeout=WAIT)
    await page.get_by_role("button", name=f"{cleo.at} may call, whoever else may").click()
    await expect(answer).to_contain_text("You allowed them to call.", timeout=WAIT)
    found = await findings(page, "profile")
    await ada.press("Close")
    await cleo.call(ada)
    await ada.rings(cleo)
    await ada.press("Decline")
    assert not found, "\n".join(found)


async def test_settings_that_cannot_be_saved_go_back_and_are_wished_once_more(cast: Cast) -> None:
    ada = await cast.person("ada", path="/settings")
    page = ada.page
    relay = page.get_by_role("switch", name="Always hide my network address")
    await expect(relay).not_to_be_checked(timeout=WAIT)
    await page.route("**/v1/me/call-settings", lambda route: route.abort())
    await page.get_by_text("Always hide my network address").click()
    await expect(page.get_by_text("Your settings could not be saved.")).to_be_visible(timeout=WAIT)
    await expect(relay).not_to_be_checked()
    await page.unroute("**/v1/me/call-settings")
    await ada.press("Try again")
    await expect(page.get_by_text("Now: nobody who calls you can see it")).to_be_visible(timeout=WAIT)
    await page.reload()
    await expect(relay).to_be_checked(timeout=WAIT)
    ada.forgive_the_network()


async def _is_quiet_from_now_on(page: Page) -> None:
    """All day, every day."""
    await page.get_by_text("Do not ring at set times").click()
    await page.get_by_label("From", exact=True).fill("00:00")
    await page.get_by_label("Until", exact=False).fill("00:00")
    await expect(page.get_by_text("Always quiet").first).to_be_visible(timeout=WAIT)


async def _nobody_answers(caller: Person, callee: Person) -> None:
    """Calls until it is over, and nothing rings meanwhile."""
    await caller.call(callee)
    await caller.reads("No answer", within=2 * PATIENCE)
    await callee.stops_ringing()
