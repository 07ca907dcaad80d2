"""The call on the screen: beside the messages, with other devices, without the server, and after its end."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE, Person
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAIT = PATIENCE * 1000
SOCKETS = """
(() => {
  const Real = window.WebSocket;
  window.sockets = [];
  window.WebSocket = class extends Real {
    constructor(...all) { super(...all); window.sockets.push(this); }
  };
})();
"""


async def talk(ada: Person, bob: Person, kind: str = "audio") -> None:
    """Ada calls, Bob answers, and both hear each other."""
    await ada.call(bob, kind)
    await bob.rings(ada, kind)
    await bob.press("Answer")
    await ada.reads("Connected")
    await ada.hears(HERTZ["bob"])
    await bob.hears(HERTZ["ada"])


async def test_one_writes_while_the_call_goes_on(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await ada.press("Show the messages")
    box = ada.page.get_by_role("textbox", name=f"Message to {bob.at}")
    await box.fill("look at this while we talk", timeout=WAIT)
    await box.press("Enter")
    await bob.press("Show the messages")
    thread = bob.page.get_by_role("region", name="Messages and calls")
    await expect(thread).to_contain_text("look at this while we talk", timeout=WAIT)
    await ada.reads("Connected")
    await bob.hears(HERTZ["ada"])
    await ada.press(f"Open {bob.at}")
    await expect(ada.page.get_by_role("toolbar", name="Call controls")).to_be_visible(timeout=WAIT)
    await ada.press("Hang up")
    await bob.reads("Call ended")


async def test_another_microphone_is_heard_at_once_and_nothing_is_lost(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await ada.press("Sound and picture")
    picker = ada.page.get_by_label("Microphone")
    await expect(picker.locator("option")).not_to_have_count(1, timeout=WAIT)
    await picker.select_option(index=1)
    await ada.press("Close")
    await bob.hears(HERTZ["ada"])
    assert (await bob.received())["connections"] == 1
    await bob.loses_nothing()


async def test_the_own_picture_moves_out_of_the_way(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob, "video")
    own = ada.page.get_by_role("group", name=re.compile("^Your own video"))
    before = await own.bounding_box()
    await own.focus()
    await ada.page.keyboard.press("ArrowUp")
    await ada.page.keyboard.press("ArrowLeft")
    after = await own.bounding_box()
    assert before and after
    assert after["x"] < before["x"]
    assert after["y"] < before["y"]
    stage = await ada.page.get_by_role("region", name=f"Call with {bob.at}").bounding_box()
    assert stage
    await ada.page.mouse.move(after["x"] + 20, after["y"] + 20)
    await ada.page.mouse.down()
    await ada.page.mouse.move(stage["x"] + stage["width"] - 60, stage["y"] + 120, steps=5)
    await ada.page.mouse.up()
    dropped = await own.bounding_box()
    assert dropped
    assert dropped["x"] > after["x"]
    await ada.sees()


async def test_a_call_without_the_server_says_what_is_true(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.add_init_script(SOCKETS)
    await talk(ada, bob)
    await ada.page.route("**/v1/tickets", lambda route: route.abort())
    await ada.page.evaluate("() => sockets.at(-1).close()")
    banner = ada.page.get_by_role("alert")
    await expect(banner).to_contain_text("You are still connected to each other.", timeout=WAIT)
    await ada.reads("Connected")
    await bob.hears(HERTZ["ada"])
    await ada.page.unroute("**/v1/tickets")
    await expect(banner).to_have_count(0, timeout=WAIT)
    await ada.press("Hang up")
    await bob.reads("Call ended")
    ada.complaints.clear()  # the browser says what the story did to it


async def test_after_the_call_one_reads_how_long_it_was_and_calls_again(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await bob.press("Hang up")
    await ada.reads("Call ended")
    await expect(ada.page.get_by_text(re.compile(r"^Audio call, \d+ s$"))).to_be_visible()
    await ada.press("Call again")
    await bob.rings(ada)
    await bob.press("Decline")
    await ada.reads("Declined")


async def test_carol_whom_bob_does_not_know_calls_and_writes_to_him(cast: Cast) -> None:
    bob, carol = await cast.person("bob"), await cast.person("cleo")
    await (await cast.session(bob.account)).allow_calls_from("everyone")
    await carol.page.get_by_role("searchbox").fill(bob.at)
    await carol.page.get_by_role("link", name=bob.at).click(timeout=WAIT)
    await carol.press("Audio call")
    await bob.rings(carol)
    await bob.press("Answer")
    await bob.hears(HERTZ["cleo"])
    await carol.press("Hang up")
    await bob.reads("Call ended")
    await carol.press("Close")
    box = carol.page.get_by_role("textbox", name=f"Message to {bob.at}")
    await box.fill("It was nice to talk to you", timeout=WAIT)
    await box.press("Enter")
    await bob.visit(f"/{carol.at}")
    thread = bob.page.get_by_role("region", name="Messages and calls")
    await expect(thread).to_contain_text("It was nice to talk to you", timeout=WAIT)
    await expect(thread).to_contain_text("Incoming audio call")
