"""What people do in the stories of those who leave the house, and what their browsers say of it."""

import asyncio
import time
from typing import cast

from playwright.async_api import expect

from tests.browser.apart.networks import PORT, Network, Networks, Place
from tests.browser.apart.world import strangers as made_strangers
from tests.browser.cast import Cast
from tests.browser.lines import Lines
from tests.browser.person import Person, until

LONG = 60.0
"""Seconds of patience where two browsers, a relay and all services share two cores with others."""

_STATES = """
(() => {
  const Real = window.RTCPeerConnection;
  window.states = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...all) {
      super(...all);
      this.addEventListener('connectionstatechange', () => window.states.push(this.connectionState));
    }
  };
  window.alerts = new Set();
  const look = () => document.querySelectorAll('[role=alert]').forEach((one) => alerts.add(one.textContent));
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
})();
"""
"""Runs before the page: keeps what the browser says of each connection, and what the page says in alerts."""
_KNOWS = """
async (address) => {
  let Real = RTCPeerConnection;
  while (Real.name !== 'RTCPeerConnection') Real = Object.getPrototypeOf(Real);
  const one = new Real();
  one.createDataChannel('');
  const done = new Promise((resolve) => {
    one.onicecandidate = (event) => event.candidate ?? resolve();
    setTimeout(resolve, 2000);
  });
  await one.setLocalDescription();
  await done;
  const knows = one.localDescription.sdp.includes(` ${address} `);
  one.close();
  return knows;
}
"""


async def begin(
    cast_of_story: Cast, kind: str, *, strangers: bool = False
) -> tuple[dict[str, Person], dict[str, Lines]]:
    """Ada and Bob in a call: who they are, and the lines of their pages. Strangers have the relay alone."""
    if strangers:
        ada, bob = await made_strangers(cast_of_story)
    else:
        ada, bob = await cast_of_story.friends("ada", "bob")
    lines = {"ada": Lines(ada.page), "bob": Lines(bob.page)}
    for person in (ada, bob):
        await person.page.add_init_script(_STATES)
    await bob.visit("/")
    await bob.is_in()
    await ada.call(bob, kind)
    await bob.rings(ada, kind, within=LONG)
    await bob.press("Answer")
    await reach_each_other(ada, bob, kind)
    return {"ada": ada, "bob": bob}, lines


async def reach_each_other(one: Person, other: Person, kind: str) -> None:
    """Waits until both hear the other, and see the other where it is a video call, and their pages say so."""
    for person, counterpart in ((one, other), (other, one)):
        await person.hears(counterpart.hertz, within=LONG)
    if kind == "video":
        await asyncio.gather(one.sees(within=LONG), other.sees(within=LONG))
    await asyncio.gather(one.reads("Connected", within=LONG), other.reads("Connected", within=LONG))


async def lose_everything(person: Person, own: Network) -> None:
    """They have no network at all, and their page says so, and never that all is well."""
    own.run("ip", "addr", "flush", "dev", PORT)
    gone = "Your connection is gone."
    await expect(person.page.get_by_role("alert")).to_contain_text(gone, timeout=LONG * 1000)
    said = cast("list[str]", await person.page.evaluate("() => [...alerts]"))
    assert not [one for one in said if "still connected" in one], said


async def move(person: Person, networks: Networks, own: Network, place: Place) -> float:
    """They have no network, and the browser says so; then they are here: since when, in Unix seconds."""
    own.run("ip", "addr", "flush", "dev", PORT)
    await until(lambda: person.page.evaluate("() => !navigator.onLine"), bool, within=LONG)
    networks.move(own, place)
    moment = time.time()
    await until(lambda: person.page.evaluate("() => navigator.onLine"), bool, within=LONG)
    person.forgive_the_network()
    return moment


async def knows(person: Person, address: str) -> bool:
    """Whether the browser of this person knows that it has this address."""
    return cast("bool", await person.page.evaluate(_KNOWS, address))


async def states(person: Person) -> list[str]:
    """What the browser has said of the path, in order."""
    return cast("list[str]", await person.page.evaluate("() => states"))
