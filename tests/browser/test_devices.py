"""Without microphone, camera or permission: a sentence, and the call goes on with what there is."""

import pytest
from playwright.async_api import expect

from tests.browser.cast import CAMERAS, Cast
from tests.browser.person import OPENED, Person, until
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_DEVICES = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'));
"""
LIVE = "() => opened.filter((one) => one.readyState === 'live').map((one) => one.kind).sort()"


async def reads_that(person: Person, sentence: str) -> None:
    """Waits for a banner that contains this."""
    await expect(person.page.get_by_role("alert")).to_contain_text(sentence, timeout=15_000)


async def test_whoever_does_not_let_the_page_use_the_microphone_still_listens(cast: Cast) -> None:
    """The only story without the flag that grants every permission; so its candidates hide addresses behind
    names (mDNS)."""
    ada, bob = await cast.person("ada", granted=False), await cast.person("bob")
    await cast.acquaint(ada, bob)
    await ada.forbid("microphone", "camera")
    await ada.call(bob, "video")
    await bob.rings(ada, "video")
    await bob.press("Answer")
    await reads_that(ada, "This page may not use your microphone.")
    await reads_that(ada, "This page may not use your camera.")
    await ada.reads("Connected")
    await ada.hears(HERTZ["bob"])
    await ada.sees()
    await bob.sees_nothing()
    # What cannot be sent is shown as off, on both sides; to turn it on asks the browser once more.
    for name in ("Unmute", "Turn camera on"):
        await expect(ada.page.get_by_role("button", name=name, exact=True)).to_be_visible()
    await expect(bob.page.get_by_text(f"{ada.at} is muted")).to_be_visible(timeout=15_000)


async def test_whoever_has_no_microphone_is_called_and_listens(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await bob.page.add_init_script(NO_DEVICES)
    await bob.visit("/settings")
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Answer")
    await reads_that(bob, "No microphone was found.")
    await bob.reads("Connected")
    await bob.hears(HERTZ["ada"])


async def test_an_answer_does_not_wait_for_the_permission(cast: Cast) -> None:
    """Bob's browser asks him and he lets it ask: the call connects, and Ada hears nothing yet."""
    ada, bob = await cast.friends("ada", "bob")
    await bob.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => new Promise(() => undefined);"
    )
    await bob.visit("/settings")
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Answer")
    await bob.reads("Connected")
    await bob.hears(HERTZ["ada"])
    assert (await ada.received())["audio"] == 0


async def test_the_devices_are_checked_before_a_call_and_closed_after_it(cast: Cast) -> None:
    ada = await cast.person("ada")
    await ada.page.add_init_script(OPENED)
    await ada.visit("/settings")
    await ada.press("Check")
    dialog = ada.page.get_by_role("dialog", name="Sound and picture")
    await expect(dialog.get_by_label("Your own video")).to_be_visible(timeout=15_000)
    assert await ada.page.evaluate(LIVE) == ["audio", "video"]
    picker = dialog.get_by_label("Camera")
    await expect(picker.locator("option")).to_have_count(CAMERAS + 1, timeout=15_000)
    chosen = await picker.locator("option").last.get_attribute("value")
    await picker.select_option(chosen)
    device = "() => opened.at(-1).getSettings().deviceId"
    await until(lambda: ada.page.evaluate(device), lambda now: now == chosen)
    await until(lambda: ada.page.evaluate(LIVE), lambda live: live == ["audio", "video"])
    await ada.press("Close")
    await expect(dialog).to_have_count(0)
    await until(lambda: ada.page.evaluate(LIVE), lambda live: live == [])
