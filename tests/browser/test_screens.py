"""Every screen, for everybody: no serious finding of axe in light and in dark, the keyboard alone from the
door to the end of a call, another language, and a first load that fits through a thin line.
"""

import gzip
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE
from tests.browser.tones import HERTZ
from tests.suite.topology import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAIT = PATIENCE * 1000
FIRST_LOAD_KB = 200
AXE = (ROOT / "web/node_modules/axe-core/axe.min.js").read_text()
FINDINGS = """
async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return bad.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`));
}
"""
"""What axe finds on the page as it is now, one line each."""
SETTLED = """
async () => {
  const drawn = () => new Promise((resolve) => requestAnimationFrame(resolve));
  await drawn();
  await drawn();
  const endless = (one) => one.effect?.getComputedTiming().endTime === Infinity;
  const moving = document.getAnimations().filter((one) => !endless(one));
  await Promise.all(moving.map((one) => one.finished.catch(() => undefined)));
}
"""


async def findings(page: Page, screen: str) -> list[str]:
    """What keeps somebody from using this screen, in light and in dark."""
    found = []
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        # Colours that are on their way from one scheme to the other are those of neither.
        await page.evaluate(SETTLED)
        found += [f"{screen}, {scheme}: {one}" for one in await page.evaluate(FINDINGS)]
    return found


async def test_every_page_can_be_used_by_everybody(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    cleo = await cast.person("cleo")
    await (await cast.session(bob.account)).send(ada.account.username, "Are you there?")
    await (await cast.session(cleo.account)).send(ada.account.username, "We met on Saturday")
    page = ada.page
    found = []
    for path, there in (
        ("/", "Your username is"),
        (f"/{bob.at}", "Are you there?"),
        ("/requests", "They do not learn whether you have seen it."),
        (f"/{cleo.at}", "We met on Saturday"),
        ("/calls", "No calls yet"),
        ("/settings", "Who can message me"),
        ("/@nobody.has.this", "Nobody is called"),
    ):
        await ada.visit(path)
        await expect(page.get_by_text(there).first).to_be_attached(timeout=WAIT)
        found += await findings(page, path)
    await ada.visit(f"/{bob.at}")
    await page.get_by_role("button", name=re.compile("^Profile:")).click()
    await expect(page.get_by_role("button", name="Follow", exact=True)).to_be_enabled(timeout=WAIT)
    found += await findings(page, "profile")
    assert not found, "\n".join(found)


async def test_the_door_can_be_used_by_everybody(cast: Cast) -> None:
    page = (await cast.newcomer("ada")).page
    await page.goto(cast.origin)
    await expect(page.get_by_label("Username")).to_be_visible(timeout=WAIT)
    found = await findings(page, "sign-in")
    for way in ("Create an account", "I have an account", "Forgot your password?"):
        await page.get_by_role("button", name=way).click()
        found += await findings(page, way)
    assert not found, "\n".join(found)


async def test_a_call_can_be_used_by_everybody(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob, "video")
    await bob.rings(ada, "video")
    found = await findings(bob.page, "ring") + await findings(ada.page, "calling")
    await bob.press("Answer")
    await ada.sees()
    found += await findings(ada.page, "video")
    await ada.press("Sound and picture")
    await expect(ada.page.get_by_role("dialog", name="Sound and picture")).to_be_visible(timeout=WAIT)
    found += await findings(ada.page, "equipment")
    await ada.press("Close")
    await ada.press("Show the messages")
    await expect(ada.page.get_by_role("textbox", name=f"Message to {bob.at}")).to_be_visible()
    await ada.sees()
    found += await findings(ada.page, "minimised")
    await ada.press("Hang up")
    await bob.reads("Call ended")
    found += await findings(bob.page, "ended")
    assert not found, "\n".join(found)


async def test_the_keyboard_is_enough_from_the_door_to_hanging_up(cast: Cast) -> None:
    bob = await cast.person("bob")
    account = await cast.account("ada")
    await (await cast.session(bob.account)).add_contact(account.username)
    await (await cast.session(account)).add_contact(bob.account.username)
    ada = await cast.newcomer("ada")
    page, keys = ada.page, ada.page.keyboard
    await page.goto(cast.origin)
    await _tab_to(page, "Username")
    await keys.type(account.username)
    await keys.press("Tab")
    await keys.type(account.password)
    await keys.press("Enter")
    await _tab_to(page, bob.at)
    await keys.press("Enter")
    await _tab_to(page, f"Message to {bob.at}")
    await keys.type("I am calling you")
    await keys.press("Enter")
    await _tab_to(page, "Audio call", back=True)
    await keys.press("Enter")
    await bob.page.get_by_role("dialog").wait_for(timeout=WAIT)
    await bob.page.keyboard.press("Enter")
    await bob.hears(HERTZ["ada"])
    await _tab_to(page, "Mute")
    await keys.press("ArrowRight")
    await keys.press("ArrowRight")
    await keys.press("ArrowRight")
    assert "Hang up" in await _focused(page)
    await keys.press("Enter")
    await bob.reads("Call ended")


async def test_who_calls_and_who_writes_is_announced_once(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    session = await cast.session(ada.account)
    await session.send(bob.account.username, "before")
    await expect(bob.page.get_by_role("region", name="Conversations")).to_contain_text("before", timeout=WAIT)
    await bob.page.evaluate(LISTEN)
    await session.send(bob.account.username, "good morning")
    await ada.call(bob)
    await bob.rings(ada)
    await expect(bob.page.locator("[aria-live=assertive]").last).to_have_text(
        f"Incoming audio call from {ada.at}"
    )
    await bob.press("Decline")
    await ada.reads("Declined")
    said = await bob.page.evaluate("() => announced")
    assert [one for one in said if "good morning" in one] == [f"{ada.at} writes: good morning"]
    assert [one for one in said if "Incoming" in one] == [f"Incoming audio call from {ada.at}"]


async def test_the_page_speaks_german_and_looks_dark_where_one_wants_it(cast: Cast) -> None:
    ada = await cast.person("ada", path="/settings")
    page = ada.page
    await page.get_by_text("Deutsch").click(timeout=WAIT)
    await expect(page.get_by_role("group", name="Wer mich anrufen darf")).to_be_visible(timeout=WAIT)
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await page.get_by_text("Dunkel", exact=True).click()
    await page.reload()
    await expect(page.get_by_role("group", name="Wer mich anrufen darf")).to_be_visible(timeout=WAIT)
    paper = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(14, 21, 20)", paper


async def test_settings_are_kept_and_a_device_is_signed_out(cast: Cast) -> None:
    ada = await cast.person("ada", path="/settings")
    tablet = await cast.device(ada.account, "cleo")
    page = ada.page
    await page.reload()
    group = page.get_by_role("group", name="Who can call me", exact=True)
    await group.get_by_text("Verified people").click(timeout=WAIT)
    await page.get_by_role("textbox", name="Name", exact=True).fill("Ada of the Engine")
    await ada.press("Save")
    await expect(page.get_by_role("heading", name="Ada of the Engine")).to_be_visible(timeout=WAIT)
    await page.get_by_role("button", name=re.compile("^Sign out .")).first.click()
    await ada.press("Sign it out now")
    await expect(tablet.page.get_by_role("button", name="Sign in")).to_be_visible(timeout=WAIT)
    await page.reload()
    await expect(group.get_by_role("checkbox", name="Verified people")).to_be_checked(timeout=WAIT)


async def test_the_devices_are_checked_before_a_call(cast: Cast) -> None:
    ada = await cast.person("ada", path="/settings")
    await ada.press("Check")
    dialog = ada.page.get_by_role("dialog", name="Sound and picture")
    await expect(dialog.get_by_label("Your own video")).to_be_visible(timeout=WAIT)
    await expect(dialog.get_by_label("Microphone").locator("option")).not_to_have_count(1, timeout=WAIT)
    await ada.press("Close")
    await expect(dialog).to_have_count(0)


async def test_the_first_load_fits_through_a_thin_line(cast: Cast) -> None:
    """Styles and scripts that are asked for before somebody does anything, compressed."""
    built = Path(ROOT / "web/app/dist")
    loaded: set[str] = set()
    person = await cast.newcomer("ada")
    person.page.on("request", lambda request: loaded.add(request.url.removeprefix(cast.origin)))
    await person.page.goto(cast.origin)
    await expect(person.page.get_by_label("Username")).to_be_visible(timeout=WAIT)
    files = [built / "index.html", *(built / url.lstrip("/") for url in loaded if url.startswith("/assets/"))]
    size = sum(len(gzip.compress(file.read_bytes())) for file in files)
    assert size <= FIRST_LOAD_KB * 1024, f"{size / 1024:.0f} KB: {sorted(loaded)}"


FOCUSED = """
() => {
  const one = document.activeElement;
  if (one === document.body) return '';
  return one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent ?? one.textContent ?? '';
}
"""
LISTEN = """
() => {
  window.announced = [];
  const hear = (region) => new MutationObserver(() => announced.push(region.textContent)).observe(
    region, { childList: true, characterData: true, subtree: true });
  document.querySelectorAll('[data-live-announcer] [aria-live]').forEach(hear);
}
"""
"""Keeps what the live regions say."""


async def _focused(page: Page) -> str:
    """How a screen reader names what has the focus."""
    name: str = await page.evaluate(FOCUSED)
    return name


async def _tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Presses Tab until what has the focus is called so."""
    await expect(page.get_by_text(name).or_(page.get_by_label(name)).first).to_be_visible(timeout=WAIT)
    for _ in range(40):
        if name in await _focused(page):
            return
        await page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"the keyboard does not reach {name}; it is at {await _focused(page)}")
