"""People who leave the house while they talk, and servers that are started anew meanwhile."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.apart.moves import LONG, begin, knows, lose_everything, move, reach_each_other, states
from tests.browser.apart.networks import AWAY, HOME, SERVER, Networks
from tests.browser.apart.packets import asked_as, tells
from tests.browser.apart.rtp import missing, sound_at
from tests.browser.apart.wire import Wire
from tests.browser.apart.world import World
from tests.browser.cast import Cast
from tests.browser.person import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERYWHERE = {name: (HOME.addresses[name], AWAY.addresses[name]) for name in HOME.addresses}
USER_NAME = "() => connections.at(-1).getConfiguration().iceServers[0].username"


@pytest.mark.shows("L2", "L5", "S2")
@pytest.mark.parametrize("way", ["direct", "relayed"])
async def test_a_call_goes_on_at_another_address(
    roads: Networks, distant: Cast, wires: tuple[Wire, Wire], way: str
) -> None:
    """Who called leaves the house, then who answered: one call, new lines, fresh credentials."""
    people, lines = await begin(distant, "video", strangers=way == "relayed")
    for mover, other, wire, other_wire in (("ada", "bob", *wires), ("bob", "ada", *wires[::-1])):
        page, known = people[mover].page, len(lines[mover].welcomes)
        name, names = await page.evaluate(USER_NAME), asked_as(await wire.packets())
        before = lines[mover].welcomes[-1].line
        if way == "direct":
            await lose_everything(people[mover], getattr(roads, mover))
        await move(people[mover], roads, getattr(roads, mover), AWAY)
        welcome = await lines[mover].next_after(known, LONG)
        await reach_each_other(people[mover], people[other], "video")

        assert welcome.line.instance == before.instance and welcome.line.epoch > before.epoch
        assert [call.here for call in welcome.calls] == [True], "it is the one call that there ever was"
        assert await page.evaluate(USER_NAME) != name
        newest = sound_at(await other_wire.packets(), EVERYWHERE[other])[-1]
        if way == "direct":
            assert newest.by == AWAY.addresses[mover]
        else:
            assert newest.by == SERVER
            assert set(asked_as(await wire.packets())) > set(names), (
                "the relay was asked anew, by another name"
            )
    for name, other, wire in (("ada", "bob", wires[0]), ("bob", "ada", wires[1])):
        assert (await people[name].received())["connections"] == 1
        if way == "relayed":
            packets = await wire.packets()
            assert not [where for where in EVERYWHERE[other] if tells(packets, where)]


@pytest.mark.shows("L2")
async def test_the_old_path_carries_the_sound_until_the_new_one_does(
    roads: Networks, distant: Cast, wires: tuple[Wire, Wire]
) -> None:
    """As on a phone that comes home: it has two networks for a while, says so, and then one."""
    people, _ = await begin(distant, "audio")
    ada, bob = people["ada"], people["bob"]
    roads.enter(roads.ada, AWAY)
    await until(lambda: knows(ada, AWAY.addresses["ada"]), bool, within=LONG)
    await ada.page.evaluate("() => { dispatchEvent(new Event('online')); }")

    async def both_by_the_new_one() -> bool:
        to_ada = sound_at(await wires[0].packets(), EVERYWHERE["ada"])
        to_bob = sound_at(await wires[1].packets(), EVERYWHERE["bob"])
        return to_bob[-1].by == to_ada[-1].to == AWAY.addresses["ada"]

    await until(both_by_the_new_one, bool, within=LONG)
    roads.leave(roads.ada, HOME)
    await reach_each_other(ada, bob, "audio")
    for wire, name in zip(wires, ("ada", "bob"), strict=True):
        sounds = sound_at(await wire.packets(), EVERYWHERE[name])
        assert missing(sounds) == 0 and len({sound.source for sound in sounds}) == 1
    for person in (ada, bob):
        assert await states(person) == ["connecting", "connected"]


@pytest.mark.shows("L2", "L5")
async def test_a_network_that_goes_without_a_word_is_noticed_before_the_browser_notices(
    roads: Networks, distant: Cast
) -> None:
    people, lines = await begin(distant, "audio")
    ada, bob = people["ada"], people["bob"]
    epoch = lines["bob"].welcomes[-1].line.epoch
    roads.enter(roads.bob, AWAY)
    await until(lambda: knows(bob, AWAY.addresses["bob"]), bool, within=LONG)
    known = len(lines["bob"].welcomes)
    roads.leave(roads.bob, HOME)
    assert (await lines["bob"].next_after(known, LONG)).line.epoch > epoch
    await reach_each_other(ada, bob, "audio")
    for person in (ada, bob):
        assert await states(person) == ["connecting", "connected"], "no path was ever said to be dead"


@pytest.mark.shows("S14", "L2", "L5")
async def test_no_packet_is_lost_while_every_server_is_started_anew(
    distant: Cast, world: World, wires: tuple[Wire, Wire]
) -> None:
    """Once asked to stop, once killed. The relay is no server of ours, and goes on; afterwards it takes the
    credentials of the new ones, and still nothing is lost.
    """
    people, lines = await begin(distant, "audio", strangers=True)
    ada, bob = people["ada"], people["bob"]
    (server,) = world.topology.processes["all"]
    for end in (server.ask_to_stop, server.kill):
        known = {name: len(one.welcomes) for name, one in lines.items()}
        end()
        await server.ended()
        sentence = "You are still connected to each other."
        await expect(ada.page.get_by_role("alert")).to_contain_text(sentence, timeout=LONG * 1000)
        await world.topology.restart(server)
        for who, one in lines.items():
            welcome = await one.next_after(known[who], LONG)
            assert welcome.line.epoch > one.welcomes[known[who] - 1].line.epoch
            assert [call.here for call in welcome.calls] == [True]
        await expect(ada.page.get_by_role("alert")).to_have_count(0, timeout=LONG * 1000)
        await asyncio.gather(ada.reads("Connected"), bob.reads("Connected"))
    await reach_each_other(ada, bob, "audio")
    names = asked_as(await wires[0].packets())
    await ada.page.evaluate("() => { dispatchEvent(new Event('online')); }")

    async def asked_anew() -> bool:
        return set(asked_as(await wires[0].packets())) > set(names)

    await until(asked_anew, bool, within=LONG)
    await reach_each_other(ada, bob, "audio")
    for wire, who in zip(wires, ("ada", "bob"), strict=True):
        assert missing(sound_at(await wire.packets(), EVERYWHERE[who])) == 0
    await ada.press("Hang up")
    await bob.reads("Call ended", within=LONG)
    for person in (ada, bob):
        person.forgive_the_network()
