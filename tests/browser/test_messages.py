"""The direct-message window: what two people write and how their calls are kept there."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Locator, Route, expect

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE, Person
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAIT = PATIENCE * 1000
LONG = 10_000
TO_THE_TOP = """
async (box) => {
  let most = 0;
  const until = performance.now() + 90_000;
  const there = () => box.querySelector('.beginning') && box.innerText.includes('line 1.');
  while (!there() && performance.now() < until) {
    box.scrollTop = 0;
    most = Math.max(most, box.querySelectorAll('li').length);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return most;
}
"""
"""Scrolls up as long as there is something above, and tells how much was drawn at most."""
DEAF = """
(() => {
  const Real = window.WebSocket;
  window.deaf = false;
  window.WebSocket = class extends Real {
    set onmessage(hear) { super.onmessage = (event) => { if (!window.deaf) hear(event); }; }
  };
})();
"""
"""A page whose socket is open and brings nothing, where `deaf` is set."""
SOMETHING = {"at_ms": 1, "call": None, "message": {"outgoing": False, "client_id": ""}}


def thread(person: Person) -> Locator:
    """The thread on the page."""
    return person.page.get_by_role("region", name="Messages and calls")


def conversations(person: Person) -> Locator:
    """The list of conversations."""
    return person.page.get_by_role("region", name="Conversations")


async def write(person: Person, to: Person, text: str) -> None:
    """Types into the window that is open, and sends with Enter."""
    box = person.page.get_by_role("textbox", name=f"Message to {to.at}")
    await box.fill(text, timeout=WAIT)
    await box.press("Enter")


async def reads_entry(person: Person, text: str) -> None:
    """Waits until the thread shows this."""
    await expect(thread(person)).to_contain_text(text, timeout=WAIT)


async def test_two_people_write_to_each_other(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.visit(f"/{bob.at}")
    await write(ada, bob, "Are you there?")
    row = conversations(bob).get_by_role("link", name=re.compile("Are you there"))
    await expect(row).to_contain_text("1 unread", timeout=WAIT)
    await row.click()
    await reads_entry(bob, "Are you there?")
    await expect(conversations(bob)).not_to_contain_text("unread", timeout=WAIT)
    await write(bob, ada, "I am.")
    await reads_entry(ada, "I am.")
    await expect(thread(ada).get_by_role("listitem").filter(has_text="Are you there?")).to_have_count(1)


async def test_a_message_without_a_connection_waits_and_arrives(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.visit(f"/{bob.at}")
    await write(ada, bob, "first")
    await bob.visit(f"/{ada.at}")
    await reads_entry(bob, "first")
    await ada.page.route("**/v1/threads/*/messages", lambda route: route.abort())
    await write(ada, bob, "second")
    await expect(thread(ada).get_by_text("Waiting for a connection")).to_be_attached(timeout=WAIT)
    await ada.page.unroute("**/v1/threads/*/messages")
    await reads_entry(bob, "second")
    await expect(thread(ada).get_by_text("Waiting for a connection")).to_have_count(0, timeout=WAIT)
    ada.complaints.clear()  # the browser says what the story did to it


async def test_a_message_whose_answer_is_lost_is_there_once(cast: Cast) -> None:
    """The server has it, and the page cannot know. While no frame tells it either, it says that it waits."""
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.add_init_script(DEAF)
    await ada.visit(f"/{bob.at}")
    await bob.visit(f"/{ada.at}")
    await write(ada, bob, "before")
    await reads_entry(bob, "before")
    tries: list[int] = []

    async def lose_the_answer(route: Route) -> None:
        response = await route.fetch()
        tries.append(response.status)
        await (route.abort() if len(tries) == 1 else route.fulfill(response=response))

    await ada.page.evaluate("() => { deaf = true; }")
    await ada.page.route("**/v1/threads/*/messages", lose_the_answer)
    await write(ada, bob, "once")
    await expect(thread(ada).get_by_text("Waiting for a connection")).to_be_attached(timeout=WAIT)
    await reads_entry(bob, "once")
    await expect(thread(ada).get_by_text("Waiting for a connection")).to_have_count(0, timeout=WAIT)
    await write(ada, bob, "after")
    await reads_entry(bob, "after")
    await ada.page.unroute_all(behavior="wait")  # the other one may have it before the page has its answer
    assert tries == [201, 201, 201]
    for person in (ada, bob):
        await expect(thread(person).get_by_role("listitem").filter(has_text="once")).to_have_count(1)
    await bob.visit(f"/{ada.at}")
    await reads_entry(bob, "after")
    await expect(thread(bob).get_by_role("listitem").filter(has_text="once")).to_have_count(1)
    ada.complaints.clear()  # the browser says what the story did to it


async def test_what_is_read_on_one_device_is_read_on_the_other(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    tablet = await cast.device(bob.account, "cleo")
    await (await cast.session(ada.account)).send(bob.account.username, "for both")
    for device in (bob, tablet):
        await expect(conversations(device)).to_contain_text("1 unread", timeout=WAIT)
    await tablet.visit(f"/{ada.at}")
    await reads_entry(tablet, "for both")
    await expect(conversations(bob)).not_to_contain_text("unread", timeout=WAIT)


async def test_a_stranger_waits_among_the_requests_until_accepted(cast: Cast) -> None:
    ada, bob = await cast.person("ada"), await cast.person("bob")
    await (await cast.session(ada.account)).send(bob.account.username, "we met on Saturday")
    await bob.page.get_by_role("link", name="Requests").click(timeout=WAIT)
    await bob.page.get_by_role("list", name="Requests").get_by_role("link").click()
    await reads_entry(bob, "we met on Saturday")
    await bob.press("Accept")
    await expect(conversations(bob)).to_contain_text("we met on Saturday", timeout=WAIT)
    await expect(bob.page.get_by_role("link", name="Requests")).to_have_count(0)


async def test_who_is_blocked_looks_sent_and_is_never_read(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await bob.visit(f"/{ada.at}")
    await bob.page.get_by_role("button", name=re.compile("^Profile:")).click(timeout=WAIT)
    await bob.press("Block")
    await bob.press("Block")
    await bob.press("Close")
    await expect(bob.page.get_by_role("region", name="Blocked")).to_be_visible(timeout=WAIT)
    await ada.visit(f"/{bob.at}")
    await write(ada, bob, "hello?")
    await reads_entry(ada, "hello?")
    await expect(thread(ada).get_by_text("Sending")).to_have_count(0, timeout=WAIT)
    await bob.press("Unblock")
    await (await cast.session(ada.account)).send(bob.account.username, "again")
    await reads_entry(bob, "again")
    await expect(thread(bob)).not_to_contain_text("hello?")


async def test_a_missed_call_stands_in_the_thread_and_calls_back(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob)
    await bob.rings(ada)
    await ada.press("Hang up")
    await bob.stops_ringing()
    await expect(conversations(bob)).to_contain_text("Missed audio call", timeout=WAIT)
    await bob.visit(f"/{ada.at}")
    entry = thread(bob).get_by_role("button", name=re.compile("Missed audio call.*Call back"))
    await entry.click(timeout=WAIT)
    await ada.rings(bob)
    await ada.press("Answer")
    await bob.hears(HERTZ["ada"])
    await bob.press("Hang up")
    await bob.press("Close")
    await reads_entry(bob, "Outgoing audio call")


@pytest.mark.shows("S12")
async def test_a_call_answered_on_another_device_is_missed_on_none(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    tablet = await cast.device(bob.account, "cleo")
    await ada.call(bob)
    await bob.rings(ada)
    await tablet.rings(ada)
    await tablet.press("Answer")
    await ada.reads("Connected")
    await ada.press("Hang up")
    await bob.visit(f"/{ada.at}")
    await reads_entry(bob, "Incoming audio call")
    await reads_entry(bob, "nswered on another device")
    await expect(bob.page.get_by_text("Missed")).to_have_count(0)


async def test_the_history_has_all_calls_and_the_missed_ones(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob, "video")
    await bob.rings(ada, "video")
    await bob.press("Decline")
    await ada.reads("Declined")
    await ada.call(bob)
    await bob.rings(ada)
    await ada.press("Hang up")
    await bob.stops_ringing()
    await bob.press("Call history")
    page = bob.page.get_by_role("main", name="Call history")
    await expect(page.get_by_role("listitem")).to_have_count(2, timeout=WAIT)
    await page.get_by_role("tab", name="Missed").click()
    await expect(page.get_by_role("listitem")).to_have_count(1, timeout=WAIT)
    await expect(page).to_contain_text("Missed audio call")


async def test_ten_thousand_entries_are_read_to_the_first_with_a_bounded_page(cast: Cast) -> None:
    """Limits keep the story from writing them, so the page is given them at the door."""
    ada, bob = await cast.friends("ada", "bob")
    await (await cast.session(ada.account)).send(bob.account.username, "line 10000.")
    await bob.page.route("**/v1/threads/*/entries*", _long)
    await bob.visit(f"/{ada.at}")
    await reads_entry(bob, "line 10000.")
    box = thread(bob)
    await expect(box.get_by_role("listitem")).not_to_have_count(0)
    most = await box.evaluate(TO_THE_TOP)
    await reads_entry(bob, "line 1.")
    assert most <= 260
    await bob.press("Go to the newest")
    await reads_entry(bob, "line 10000.")


async def _long(route: Route) -> None:
    response = await route.fetch()
    page = await response.json()
    asked = parse_qs(urlsplit(route.request.url).query)
    top = int(asked["before"][0]) or LONG + 1
    numbers = range(top - 1, max(0, top - 1 - int(asked["limit"][0])), -1)
    (first,) = page["entries"] or [SOMETHING]
    page["entries"] = [
        first | {"number": n, "message": first["message"] | {"message_id": f"m_{n}", "text": f"line {n}."}}
        for n in numbers
    ]
    page["next"] = numbers[-1] if numbers[-1] > 1 else 0
    await route.fulfill(response=response, json=page)
