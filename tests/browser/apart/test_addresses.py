"""S2 on the wire: no address of either side reaches the other before Answer, and of strangers never."""

import pytest

from tests.browser.apart.networks import ADA, BOB, SERVER
from tests.browser.apart.packets import UDP, Packet, between, is_allocation, partners, tells
from tests.browser.apart.wire import Wire
from tests.browser.apart.world import strangers
from tests.browser.cast import Cast
from tests.browser.person import Person, until
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = 60.0
"""Seconds of patience where two browsers, a relay and all services share two cores with others."""


async def ring(ada: Person, bob: Person, kind: str, wire: Wire) -> None:
    """Ada calls, Bob's browser rings, and hers has all the addresses it may want to tell."""
    await ada.call(bob, kind)
    await bob.rings(ada, kind, within=LONG)
    await until(wire.packets, lambda heard: any(is_allocation(one) for one in heard), within=LONG)


async def answer(ada: Person, bob: Person) -> None:
    """Bob answers, and they hear each other."""
    await bob.press("Answer")
    await ada.hears(HERTZ["bob"], within=LONG)
    await bob.hears(HERTZ["ada"], within=LONG)
    await ada.reads("Connected", within=LONG)
    await bob.reads("Connected", within=LONG)


def knows_nothing(packets: list[Packet], own: str, other: str) -> None:
    """Raises AssertionError where anything passed between the two, or one was told the other's address."""
    assert partners(packets, own) == {SERVER}
    assert not between(packets, own, other)
    assert not tells(packets, other)


@pytest.mark.shows("S2")
async def test_nobody_learns_an_address_before_the_answer(distant: Cast, wires: tuple[Wire, Wire]) -> None:
    """Friends, whose call goes the direct way: after the answer the same judges see it."""
    ada, bob = await distant.friends("ada", "bob")
    await ring(ada, bob, "video", wires[0])
    await ada.reads("Ringing…", within=LONG)
    at_ada, at_bob = await wires[0].packets(), await wires[1].packets()
    knows_nothing(at_ada, ADA, BOB)
    knows_nothing(at_bob, BOB, ADA)
    assert not [packet for packet in at_bob if packet.protocol == UDP], (
        "who is rung asks no relay for anything"
    )

    await answer(ada, bob)
    await ada.sees(within=LONG)
    await until(ada.paths, lambda paths: ["host", "host"] in paths, within=LONG)
    for wire, own, other in ((wires[0], ADA, BOB), (wires[1], BOB, ADA)):
        packets = await wire.packets()
        assert {packet.source for packet in between(packets, own, other)} == {own, other}
        told = tells(packets, other)
        assert any(how.startswith("text in") and f"> {own}" in how for how in told), told


@pytest.mark.shows("S2")
async def test_a_call_that_is_not_answered_tells_no_address(distant: Cast, wires: tuple[Wire, Wire]) -> None:
    ada, bob = await distant.friends("ada", "bob")
    await ring(ada, bob, "audio", wires[0])
    await bob.press("Decline")
    await ada.reads("Declined", within=LONG)
    knows_nothing(await wires[0].packets(), ADA, BOB)
    knows_nothing(await wires[1].packets(), BOB, ADA)


@pytest.mark.shows("S2")
async def test_strangers_never_learn_an_address(distant: Cast, wires: tuple[Wire, Wire]) -> None:
    """Relay only means relay only: to the end of the call the wire shows nobody but the servers."""
    ada, bob = await strangers(distant)
    await ring(ada, bob, "video", wires[0])
    await answer(ada, bob)
    await ada.sees(within=LONG)
    await bob.press("Hang up")
    await ada.reads("Call ended", within=LONG)
    at_ada, at_bob = await wires[0].packets(), await wires[1].packets()
    knows_nothing(at_ada, ADA, BOB)
    knows_nothing(at_bob, BOB, ADA)
    for packets in (at_ada, at_bob):
        assert [packet for packet in packets if packet.protocol == UDP and packet.source == SERVER]
