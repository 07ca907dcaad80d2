"""The bus comes back after a long time: what waited leaves in order, while calls go on and a relay dies."""

import asyncio

import pytest

from ringline.bus import Bus
from ringline.log import Log
from ringline.v1.events_pb2 import Event
from tests.suite import backlog
from tests.suite.people import PATIENCE, Stage, talk
from tests.suite.test_crashes import GHOST_SECONDS, dead
from tests.suite.topology import Topology

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLS = 1_000
DRAIN_SECONDS = 60.0
LOOK_SECONDS = 0.05


async def stored(topology: Topology) -> list[Event]:
    """Everything that is in the event log, in its order."""
    found: list[Event] = []

    async def take(event: Event) -> None:
        found.append(event)

    bus = await Bus(topology.nats.url(), "suite").connect(10.0)
    try:
        await Log(bus).replay(backlog.FACTS, take)
    finally:
        await bus.close()
    return found


@pytest.mark.shows("S11", "L2")
async def test_what_waited_for_the_bus_leaves_in_order_once_while_calls_go_on_and_a_relay_dies(
    stage: Stage,
) -> None:
    ada, bob = await stage.friends("ada", "bob")
    url = stage.topology.postgres.url(stage.topology.name)
    waiting = backlog.rows(CALLS)
    nats, port = stage.topology.nats, stage.topology.nats.port
    nats.kill()
    try:
        await backlog.fill(url, waiting)
    finally:
        nats.start(port)
    rest = len(waiting)
    async with asyncio.timeout(DRAIN_SECONDS):
        while rest > len(waiting) * 0.9:
            await asyncio.sleep(LOOK_SECONDS)
            rest = await backlog.left(url)
        assert rest, "all has left already: no relay dies on the way"
        async with dead(stage, "signaling"):
            await asyncio.gather(ada.until_connected(GHOST_SECONDS), bob.until_connected(GHOST_SECONDS))
            call, ring = await talk(ada, bob)
            await ring.hang_up()
            await call.until(ended="hung_up", within=PATIENCE)
        while rest:
            await asyncio.sleep(LOOK_SECONDS)
            rest = await backlog.left(url)
    assert backlog.faults(waiting, await stored(stage.topology)) == backlog.NONE
    facts = [event.WhichOneof("fact") for event in await stage.book.facts(call.call_id)]
    assert [fact for fact in facts if fact != "call_rang"] == ["call_placed", "call_answered", "call_ended"]
