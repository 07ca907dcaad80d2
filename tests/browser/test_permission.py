"""Without the flag that grants every permission. A page without microphone hides its addresses behind names
(mDNS, RFC 8828 mode 3), and calls connect all the same.
"""

import typing

import pytest
from playwright.async_api import expect

from tests.browser.cast import Cast
from tests.browser.person import Person, until
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = 45.0
"""Seconds of patience: a name that nobody resolves is waited for."""
TOLD = """
() => connections.flatMap((one) => (one.localDescription?.sdp ?? '').split('\\r\\n'))
  .filter((line) => line.startsWith('a=candidate:')).map((line) => line.split(' ')[4])
"""
"""The addresses in the candidates of the page's connections."""


async def told(person: Person) -> list[str]:
    """What the browser tells the other side as its addresses."""
    return typing.cast("list[str]", await person.page.evaluate(TOLD))


async def test_who_may_not_use_the_microphone_hears_and_tells_no_address(cast: Cast) -> None:
    """Bob, who is called, has forbidden it; Ada's browser lets her be heard."""
    ada, bob = await cast.person("ada"), await cast.person("bob", granted=False)
    await cast.acquaint(ada, bob)
    await bob.forbid("microphone", "camera")
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Answer")
    banner = bob.page.get_by_role("alert")
    await expect(banner).to_contain_text("This page may not use your microphone.", timeout=LONG * 1000)
    await bob.hears(HERTZ["ada"], within=LONG)
    await bob.reads("Connected", within=LONG)
    await ada.reads("Connected", within=LONG)
    addresses = await until(lambda: told(bob), lambda found: found != [], within=LONG)
    assert all(address.endswith(".local") for address in addresses), addresses
    await ada.hears_nothing()


async def test_two_who_allow_the_microphone_on_this_site_hear_each_other(cast: Cast) -> None:
    ada, bob = await cast.person("ada", granted=False), await cast.person("bob", granted=False)
    await cast.acquaint(ada, bob)
    for person in (ada, bob):
        await person.context.grant_permissions(["microphone"], origin=person.origin)
    await ada.call(bob)
    await bob.rings(ada)
    await bob.press("Answer")
    await ada.hears(HERTZ["bob"], within=LONG)
    await bob.hears(HERTZ["ada"], within=LONG)
    for person in (ada, bob):
        await person.loses_nothing()
