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
    await bob.call(ada)
    await ada.rings(bob)
    await bob.press("Hang up")
    await ada.stops_ringing()
    page = ada.page
    found = []
    for path, there in (
        ("/", "Your username is"),
        (f"/{bob.at}", "Are you there?"),
        ("/requests", "They do not learn whether you have seen it."),
        (f"/{cleo.at}", "We met on Saturday"),
        ("/calls", "Missed audio call"),
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
    ada = await cast.newcomer("ada")
    page = ada.page
    await page.goto(cast.origin)
    await ada.press("Create an account")
    await page.get_by_label("Username").fill(ada.account.username)
    await page.get_by_label("Password").fill(ada.account.password)
    await ada.press("Create account")
    await expect(page.get_by_role("list", name="Recovery codes")).to_be_visible(timeout=WAIT)
    found += await findings(page, "codes")
    await page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    await ada.press("Copy")  # the browser keeps the clipboard to itself, and nothing breaks
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
    for control in ("camera", "hold", "equipment", "the last one"):
        await keys.press("ArrowRight")
        assert ("Hang up" in await _focused(page)) == (control == "the last one"), control
    await keys.press("Enter")
    await bob.reads("Call ended")


async def test_who_writes_is_announced_once(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    session = await cast.session(ada.account)
    await session.send(bob.account.username, "before")
    await expect(bob.page.get_by_role("region", name="Conversations")).to_contain_text("before", timeout=WAIT)
    await bob.page.evaluate(LISTEN)
    await session.send(bob.account.username, "good morning")
    words = f"{ada.at} writes: good morning"
    await expect(bob.page.locator("[aria-live=polite]").filter(has_text=words)).to_have_count(1, timeout=WAIT)
    said = await bob.page.evaluate("() => announced")
    assert [one for one in said if "good morning" in one] == [words]


async def test_the_focus_comes_back_to_where_it_was(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    page, keys = ada.page, ada.page.keyboard
    await ada.visit(f"/{bob.at}")
    profile = page.get_by_role("button", name=re.compile("^Profile:"))
    await profile.focus()
    await keys.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible(timeout=WAIT)
    await keys.press("Escape")
    await expect(profile).to_be_focused()
    call = page.get_by_role("button", name="Audio call", exact=True)
    await call.focus()
    await keys.press("Enter")
    await expect(page.get_by_role("region", name=f"Call with {bob.at}")).to_be_focused(timeout=WAIT)
    await bob.rings(ada)
    await bob.press("Answer")
    await ada.reads("Connected")
    await page.get_by_role("button", name="Hang up").focus()
    await keys.press("Enter")
    await expect(page.get_by_role("button", name="Close")).to_be_focused()
    await keys.press("Enter")
    await expect(call).to_be_focused()
    await keys.press("Enter")
    await bob.rings(ada)
    await ada.press("Show the messages")
    box = page.get_by_role("textbox", name=f"Message to {bob.at}")
    await expect(box).to_be_focused(timeout=WAIT)
    await page.get_by_role("button", name="Hang up").click()
    await ada.press("Close")
    await expect(box).to_be_focused()


@pytest.mark.parametrize(("width", "columns"), [(390, 1), (820, 2), (1280, 2)])
async def test_every_width_shows_all_of_a_page(cast: Cast, width: int, columns: int) -> None:
    """Phone, tablet and desktop, from left to right and from right to left: nothing is cut off at a side."""
    ada, bob = await cast.friends("ada", "bob")
    await (await cast.session(bob.account)).send(ada.account.username, "Are you there?")
    page = ada.page
    await page.set_viewport_size({"width": width, "height": 800})
    for path, there in (
        ("/", "Conversations"),
        ("/calls", "Missed"),
        ("/settings", "Who can message me"),
        (f"/{bob.at}", "Are you there?"),
    ):
        await ada.visit(path)
        shown = page.get_by_text(there, exact=True).locator("visible=true").first
        await expect(shown).to_be_visible(timeout=WAIT)
        for direction in ("ltr", "rtl"):
            await page.evaluate("(to) => { document.documentElement.dir = to; }", direction)
            assert await page.evaluate(CUT_OFF) == [], f"{path} {direction}"
        await page.evaluate("() => { document.documentElement.dir = 'ltr'; }")
    people = page.get_by_role("navigation", name="People")
    await expect(people).to_be_visible(visible=columns == 2)
    if columns == 1:
        await ada.press("Back")
        await expect(people).to_be_visible()
        await people.get_by_role("link", name="Are you there?").click()
    await ada.press("Video call")
    await bob.rings(ada, "video")
    assert await page.evaluate(CUT_OFF) == []
    await ada.press("Hang up")


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


async def test_the_username_is_changed(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    page = ada.page
    await ada.visit("/settings")
    field = page.get_by_role("textbox", name="Username", exact=True)
    await field.fill(bob.account.username, timeout=WAIT)
    await expect(page.get_by_text(f"{ada.at} is held back for you for 30 days")).to_be_visible()
    await ada.press("Change")
    await expect(page.get_by_role("alert").filter(has_text="That username is taken.")).to_be_visible(
        timeout=WAIT
    )
    wish = f"{ada.account.username}.x"
    await field.fill(wish)
    await field.press("Enter")
    await expect(page.get_by_text(f"Your username is @{wish}")).to_be_visible(timeout=WAIT)
    await page.reload()
    await expect(page.get_by_text(f"Your username is @{wish}")).to_be_visible(timeout=WAIT)
    await bob.visit(f"/@{wish}")
    await bob.press("Audio call")
    await expect(page.get_by_role("dialog")).to_be_visible(timeout=WAIT)


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


CUT_OFF = """
() => {
  const seen = [...document.querySelectorAll('button, a, input, textarea, h1, h2, p')];
  const beyond = seen.filter((one) => {
    const { left, right, width } = one.getBoundingClientRect();
    const aside = getComputedStyle(one).position === 'absolute' || one.closest('.hidden-text');
    return one.checkVisibility() && !aside && width > 0 && (left < -1 || right > innerWidth + 1);
  });
  const wide = document.scrollingElement.scrollWidth > innerWidth ? ['the page itself'] : [];
  return [...wide, ...beyond.map((one) => one.outerHTML.slice(0, 120))];
}
"""
"""What a page shows beyond the left or the right side of the screen."""
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
