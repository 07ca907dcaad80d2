"""What goes wrong on the way: the socket breaks, the network changes, the operator's rules say no."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE, SOCKETS, UNREACHED, talk, until
from tests.browser.tones import HERTZ
from tests.suite.people import Operator
from tests.suite.topology import Topology

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAIT = PATIENCE * 1000
NO_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined });"
OPEN_AGAIN = "() => sockets.length > 1 && sockets.at(-1).readyState === WebSocket.OPEN"
RESTARTED = """
() => connections[0].remoteDescription.sdp.match(/a=ice-ufrag:(\\S+)/)[1]
"""


@pytest.mark.parametrize(
    ("complaint", "is_of_the_network"),
    [
        ("Failed to load resource: net::ERR_INTERNET_DISCONNECTED", True),
        ("WebSocket connection to 'ws://10.0.0.1:8080/v1/connect' failed: ", True),
        ("Failed to load resource: the server said something", False),
        ("TypeError: Failed to fetch", False),
        ("TypeError: cannot read Failed to load resource: net::ERR_FAILED", False),
    ],
)
async def test_an_error_of_the_page_is_not_taken_for_one_of_the_network(
    complaint: str, is_of_the_network: bool
) -> None:
    assert bool(UNREACHED.match(complaint)) == is_of_the_network


@pytest_asyncio.fixture(loop_scope="session")
async def operator(installation: Topology) -> AsyncIterator[Operator]:
    """The operator, who has said what the tiers are worth."""
    somebody = Operator(installation)
    await somebody.set_entitlements()
    yield somebody
    await somebody.close()


async def test_a_broken_socket_is_replaced_and_the_call_goes_on(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.add_init_script(SOCKETS)
    await talk(ada, bob)
    await ada.page.evaluate("() => sockets.at(-1).close()")
    await until(lambda: ada.page.evaluate(OPEN_AGAIN), bool)
    await ada.reads("Connected")
    await ada.hears(HERTZ["bob"])
    await bob.press("Hang up")
    await ada.reads("Call ended")


async def test_a_page_whose_line_is_taken_says_so_and_takes_it_back(cast: Cast) -> None:
    """Two pages with the name of one tab, as a browser without locks makes them of a copied tab."""
    ada, bob = await cast.friends("ada", "bob")
    other = await ada.context.new_page()
    name = await ada.page.evaluate("() => sessionStorage.getItem('ringline.instance')")
    await other.add_init_script(f"sessionStorage.setItem('ringline.instance', '{name}');{NO_LOCKS}")
    await other.goto(cast.origin)
    taken = "Ringline is open in another tab"
    await expect(ada.page.get_by_role("alert")).to_contain_text(taken, timeout=WAIT)
    await expect(other.get_by_text(f"Your username is {ada.at}")).to_be_visible(timeout=WAIT)
    await ada.press("Use it here")
    await expect(other.get_by_role("alert")).to_contain_text(taken, timeout=WAIT)
    await expect(ada.page.get_by_role("alert")).to_have_count(0, timeout=WAIT)
    await talk(ada, bob)


async def test_a_page_that_is_too_old_says_so_and_signs_nobody_out(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    old = await ada.context.new_page()
    await old.route("**/v1/tickets", _too_old)
    await old.goto(cast.origin)
    await expect(old.get_by_role("alert")).to_contain_text("This page is out of date.", timeout=WAIT)
    await expect(old.get_by_role("button", name="Reload the page")).to_be_visible()
    await talk(ada, bob)
    await bob.press("Hang up")
    await old.unroute("**/v1/tickets")
    await old.get_by_role("button", name="Reload the page").click()
    await expect(old.get_by_text(f"Your username is {ada.at}")).to_be_visible(timeout=WAIT)
    await expect(old.get_by_role("alert")).to_have_count(0, timeout=WAIT)


async def _too_old(route: Route) -> None:
    problem = {"type": "urn:ringline:problem:client_too_old", "reason": "client_too_old", "status": 426}
    await route.fulfill(status=426, json=problem)


async def test_another_path_is_looked_for_as_soon_as_the_network_changes(cast: Cast) -> None:
    """The browser says so long before it notices that the old path is dead."""
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    before = await bob.page.evaluate(RESTARTED)
    await ada.page.evaluate("() => { dispatchEvent(new Event('online')); }")
    await until(lambda: bob.page.evaluate(RESTARTED), lambda ufrag: ufrag != before)
    await ada.hears(HERTZ["bob"])
    await bob.hears(HERTZ["ada"])
    await ada.loses_nothing()
    await bob.loses_nothing()


async def test_somebody_who_may_not_call_is_told_at_once(cast: Cast, operator: Operator) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await operator.set_tier(await cast.session(ada.account), "none")
    await ada.call(bob)
    await expect(ada.page.get_by_role("alert")).to_contain_text("Your account cannot place calls.")
    await ada.reads("Call ended")
    await bob.stops_ringing()


async def test_video_that_is_not_granted_is_refused_and_the_sound_goes_on(
    cast: Cast, operator: Operator
) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await operator.set_tier(await cast.session(ada.account), "voice")
    await talk(ada, bob)
    await expect(ada.page.get_by_role("button", name="Turn camera on")).to_be_disabled()
    await bob.press("Turn camera on")
    await ada.sees()
    await bob.hears(HERTZ["ada"])
    assert (await bob.received())["frames"] == 0


async def test_somebody_new_signs_up_saves_the_codes_and_calls(cast: Cast) -> None:
    bob = await cast.person("bob")
    await (await cast.session(bob.account)).allow_calls_from("everyone")
    ada = await cast.newcomer("ada")
    page = ada.page
    await page.goto(cast.origin)
    await ada.press("Create an account")
    await page.get_by_label("Username").fill(ada.account.username)
    await page.get_by_label("Password").fill(ada.account.password)
    await ada.press("Create account")
    codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    await expect(codes).to_have_count(10)
    await page.get_by_text("I have saved these codes").click()
    await ada.press("Continue")
    await page.get_by_role("searchbox").fill(bob.at)
    await page.get_by_role("link", name=bob.at).click()
    await ada.press("Audio call")
    await bob.rings(ada)
    await bob.press("Answer")
    await ada.hears(HERTZ["bob"])
