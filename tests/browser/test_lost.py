"""What cannot be read: a page says so, in words, with a way to try again, and never that there is nothing."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Route, expect

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE, Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAIT = PATIENCE * 1000
MISSES = 3


@asynccontextmanager
async def without(person: Person, *addresses: str) -> AsyncIterator[None]:
    """Lets nothing through to these addresses for a while."""
    for address in addresses:
        await person.page.route(address, lambda route: route.abort())
    yield
    for address in addresses:
        await person.page.unroute(address)
    person.complaints.clear()  # the browser says what the story did to it


async def test_a_person_who_cannot_be_looked_up_is_not_a_blank_page(cast: Cast) -> None:
    ada, bob = await cast.person("ada"), await cast.person("bob")
    page = ada.page
    async with without(ada, "**/v1/users/*"):
        await ada.visit(f"/{bob.at}")
        await expect(page.get_by_role("heading", name=f"{bob.at} could not be looked up")).to_be_visible(
            timeout=WAIT
        )
        await expect(page.get_by_role("main")).to_contain_text("Ringline cannot be reached.")
    await ada.press("Try again")
    await expect(page.get_by_role("button", name="Audio call")).to_be_visible(timeout=WAIT)
    await ada.visit("/@nobody.has.this")
    await expect(page.get_by_role("heading", name="Nobody is called @nobody.has.this")).to_be_visible(
        timeout=WAIT
    )


async def test_somebody_is_blocked_even_where_the_lists_cannot_be_read(cast: Cast) -> None:
    ada, bob = await cast.person("ada"), await cast.person("bob")
    page = ada.page
    async with without(ada, "**/v1/me/follows?*"):
        await ada.visit(f"/{bob.at}")
        await page.get_by_role("button", name=re.compile("^Profile:")).click(timeout=WAIT)
        await expect(page.get_by_role("button", name="Add to contacts")).to_be_disabled()
        await ada.press("Block")
        await ada.press("Block")
        unblock = page.get_by_role("dialog").get_by_role("button", name="Unblock")
        await expect(unblock).to_be_visible(timeout=WAIT)
    await expect(page.get_by_role("button", name="Add to contacts")).to_be_enabled(timeout=WAIT)
    await expect(unblock).to_be_visible()


async def test_a_request_that_cannot_be_accepted_says_so(cast: Cast) -> None:
    ada, bob = await cast.person("ada"), await cast.person("bob")
    await (await cast.session(bob.account)).send(ada.account.username, "We met on Saturday")
    await ada.visit(f"/{bob.at}")
    note = ada.page.get_by_role("region", name="Request", exact=True)
    await expect(note).to_be_visible(timeout=WAIT)
    async with without(ada, "**/v1/threads/*/accepted"):
        await ada.press("Accept")
        await expect(note.get_by_role("alert")).to_contain_text("That did not work.", timeout=WAIT)
    await ada.press("Accept")
    await expect(note).to_have_count(0, timeout=WAIT)


async def test_a_history_that_cannot_be_read_is_not_an_empty_one(cast: Cast) -> None:
    ada = await cast.person("ada")
    page = ada.page
    async with without(ada, "**/v1/calls?*"):
        await ada.press("Call history")
        await expect(page.get_by_role("heading", name="Your calls could not be read")).to_be_visible(
            timeout=WAIT
        )
        await expect(page.get_by_text("No calls yet")).to_have_count(0)
    await ada.press("Try again")
    await expect(page.get_by_text("No calls yet")).to_be_visible(timeout=WAIT)


async def test_a_search_that_fails_does_not_say_that_nobody_is_called_so(cast: Cast) -> None:
    ada, bob = await cast.person("ada"), await cast.person("bob")
    people = ada.page.get_by_role("navigation", name="People")
    async with without(ada, "**/v1/users/*", "**/v1/users?*"):
        await people.get_by_role("searchbox").fill(bob.at)
        await expect(people.get_by_role("alert")).to_contain_text("Ringline cannot be reached.", timeout=WAIT)
        await expect(people).not_to_contain_text("Nobody is called")
    await ada.press("Try again")
    await expect(people.get_by_role("link", name=bob.at)).to_be_visible(timeout=WAIT)


async def test_settings_that_cannot_be_read_are_read_again(cast: Cast) -> None:
    ada = await cast.person("ada")
    page = ada.page
    async with without(ada, "**/v1/me/call-settings"):
        await ada.visit("/settings")
        await expect(page.get_by_text("Your settings could not be loaded.")).to_be_visible(timeout=WAIT)
    await ada.press("Try again")
    await expect(page.get_by_role("group", name="Who can call me", exact=True)).to_be_visible(timeout=WAIT)
    await expect(page.get_by_text("Your settings could not be loaded.")).to_have_count(0)


@pytest.mark.parametrize("kind", ["js", "css"])
async def test_a_page_that_asks_a_gateway_of_another_release_for_its_files_comes_again(
    cast: Cast, kind: str
) -> None:
    """While gateways are replaced: the page is of one, and another is asked for what it names."""
    ada = await cast.newcomer("ada")
    page = ada.page
    missed: list[str] = []

    async def of_another_release(route: Route) -> None:
        if len(missed) == MISSES:
            await route.continue_()
            return
        missed.append(route.request.url)
        await route.fulfill(status=404, content_type="text/plain", body="Not found")

    await page.route(re.compile(rf"/assets/index-[^/]+\.{kind}$"), of_another_release)
    await page.goto(ada.origin)
    await expect(page.locator("body")).to_have_css("margin", "0px", timeout=WAIT)  # its styles are there
    await expect(page.get_by_label("Username")).to_be_visible(timeout=WAIT)
    assert len(missed) == MISSES
    assert await page.evaluate("() => sessionStorage.getItem('ringline.again')") is None
    ada.complaints.clear()  # the browser says what the story did to it
