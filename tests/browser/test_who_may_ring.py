"""Who may ring, at the screen: what a setting means is said beside it, what did not ring is listed, and both
are true.
"""

import json
import re

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
    await page.get_by_text("Whoever calls twice within three minutes rings anyway").click()
    await expect(page.get_by_text("Only favourites ring.")).to_be_visible()
    await expect(contacts).to_contain_text("Silent: quiet hours", timeout=WAIT)
    await _nobody_answers(bob, ada)
    await ada.visit("/calls")
    await expect(page.get_by_text("No calls yet")).to_be_visible(timeout=WAIT)
    await ada.visit("/settings")
    await page.get_by_role("textbox", name="Could they ring me now?").fill(bob.account.username)
    await ada.press("Find out")
    answer = page.locator(".whether")
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
    answer = page.get_by_role("dialog").locator(".whether")
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


async def test_a_call_that_did_not_ring_is_listed_with_why_and_with_what_changes_it(cast: Cast) -> None:
    ada, cleo = await cast.person("ada"), await cast.person("cleo")
    page = ada.page
    await _nobody_answers(cleo, ada)
    await ada.visit("/settings")
    await page.get_by_role("link", name="Calls that did not ring").click(timeout=WAIT)
    listed = page.get_by_role("list", name="Calls that did not ring")
    await expect(listed).to_contain_text(cleo.at, timeout=WAIT)
    await expect(listed).to_contain_text("Not among those who can call you.")
    found = await findings(page, "silent calls")
    await ada.press(f"Let them call: {cleo.at}")
    await expect(listed).to_contain_text("May call from now on")
    await expect(page.get_by_role("button", name=f"Undo for {cleo.at}")).to_be_focused()
    await cleo.call(ada)
    await ada.rings(cleo)
    await ada.press("Decline")
    assert not found, "\n".join(found)


async def test_who_is_reported_is_blocked_in_the_same_act(cast: Cast) -> None:
    ada, cleo = await cast.person("ada"), await cast.person("cleo")
    page = ada.page
    await (await cast.session(cleo.account)).send(ada.account.username, "Buy my things")
    await ada.visit(f"/{cleo.at}")
    await ada.press("Report")
    dialog = page.get_by_role("dialog", name=f"Report {cleo.at}")
    send = dialog.get_by_role("button", name="Send report")
    await expect(send).to_be_disabled(timeout=WAIT)
    await dialog.get_by_text("Advertising, fraud").click()
    await dialog.get_by_text("Buy my things").click()
    await expect(dialog.get_by_text("1 chosen")).to_be_visible()
    found = await findings(page, "report")
    async with page.expect_request("**/v1/me/reports") as asked:
        await send.click()
    report = json.loads((await asked.value).post_data or "")
    assert (report["category"], len(report["message_ids"]), report["call_ids"]) == ("spam", 1, [])
    await expect(page.get_by_role("heading", name="Report sent")).to_be_visible(timeout=WAIT)
    await ada.press("Done")
    await expect(page.get_by_text(f"You blocked {cleo.at}.")).to_be_visible(timeout=WAIT)
    await page.reload()
    await expect(page.get_by_text(f"You blocked {cleo.at}.")).to_be_visible(timeout=WAIT)
    assert not found, "\n".join(found)


async def _is_quiet_from_now_on(page: Page) -> None:
    """All day, every day."""
    await page.get_by_text("Do not ring at set times").click()
    await page.get_by_label("From", exact=True).fill("00:00")
    # By its begin: at night the switch above says until when it is quiet.
    await page.get_by_label(re.compile("^Until")).fill("00:00")
    await expect(page.get_by_text("Always quiet").first).to_be_visible(timeout=WAIT)


async def _nobody_answers(caller: Person, callee: Person) -> None:
    """Calls until it is over, and nothing rings meanwhile."""
    await caller.call(callee)
    await caller.reads("No answer", within=2 * PATIENCE)
    await callee.stops_ringing()
