"""Calls through coturn only, with the configuration that is shipped."""

import functools
import operator

import pytest

from tests.browser.apart.moves import begin, reach_each_other, states
from tests.browser.apart.networks import ADA, BOB, HOME
from tests.browser.apart.rtp import sound_at
from tests.browser.apart.wire import Wire
from tests.browser.apart.world import World, strangers
from tests.browser.cast import Cast
from tests.browser.person import Person, until
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = 60.0


async def talk(ada: Person, bob: Person, kind: str) -> None:
    """Ada calls, Bob answers, and they hear each other."""
    await ada.call(bob, kind)
    await bob.rings(ada, kind, within=LONG)
    await bob.press("Answer")
    await ada.hears(HERTZ["bob"], within=LONG)
    await bob.hears(HERTZ["ada"], within=LONG)


async def go_through_the_relay(*people: Person) -> None:
    """Waits until every path in use has a relay at both ends; while one is looked at anew, there is none."""

    def relayed(paths: list[list[str]]) -> bool:
        return paths != [] and all(path == ["relay", "relay"] for path in paths)

    for person in people:
        await until(person.paths, relayed, within=LONG)


@pytest.mark.shows("S2")
async def test_strangers_talk_through_the_relay_alone(distant: Cast) -> None:
    """The direct way is open, and not taken."""
    ada, bob = await strangers(distant)
    await talk(ada, bob, "audio")
    await go_through_the_relay(ada, bob)
    await ada.press("Turn camera on")
    await bob.sees(within=LONG)
    await bob.hears(HERTZ["ada"], within=LONG)
    await go_through_the_relay(ada, bob)
    for person in (ada, bob):
        await person.loses_nothing()


async def test_friends_whose_networks_are_parted_talk_through_the_relay(
    distant: Cast, world: World, wires: tuple[Wire, Wire]
) -> None:
    """One relay on the way is enough for these two, who may know each other's addresses."""
    world.networks.part()
    ada, bob = await distant.friends("ada", "bob")
    await talk(ada, bob, "video")
    await ada.sees(within=LONG)
    await bob.sees(within=LONG)
    for person in (ada, bob):
        await until(person.paths, lambda paths: any("relay" in path for path in paths), within=LONG)
    await ada.press("Hang up")
    await bob.reads("Call ended", within=LONG)
    assert not [one for one in await wires[0].packets() if one.source == BOB]
    assert not [one for one in await wires[1].packets() if one.source == ADA]


@pytest.mark.shows("L2", "L5")
async def test_a_call_goes_on_when_its_relay_is_started_anew(
    distant: Cast, world: World, wires: tuple[Wire, Wire]
) -> None:
    """What the relay had given away is gone; both ask it anew, and it is the same call."""
    people, lines = await begin(distant, "audio", strangers=True)
    ada, bob = people["ada"], people["bob"]
    world.relay.ask_to_stop()
    await world.relay.ended()
    before = [await heard(wire, name) for wire, name in zip(wires, ("ada", "bob"), strict=True)]
    world.relay.start()
    for wire, name, count in zip(wires, ("ada", "bob"), before, strict=True):
        await until(functools.partial(heard, wire, name), functools.partial(operator.lt, count), within=LONG)
    await reach_each_other(ada, bob, "audio")
    await go_through_the_relay(ada, bob)
    for name, person in people.items():
        assert (await person.received())["connections"] == 1
        assert await states(person) == ["connecting", "connected"], "no path was ever said to be dead"
        assert len(lines[name].welcomes) == 1


async def heard(wire: Wire, name: str) -> int:
    """How many packets of sound have come to somebody at home."""
    return len(sound_at(await wire.packets(), [HOME.addresses[name]]))
