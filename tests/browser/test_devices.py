"""Without microphone, camera or permission: a sentence, and the call goes on with what there is."""

import pytest
from playwright.async_api import expect

from tests.browser.cast import Cast
from tests.browser.person import Person
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_DEVICES = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'));
"""


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
