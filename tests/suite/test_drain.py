"""A process is asked to stop (SIGTERM) while people ring, talk, dial and write: nobody notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from ringline.client import Line, Phone
from ringline.v1.client_pb2 import Hello, ServerFrame
from ringline.v1.reasons_pb2 import Reason
from tests.servers import Process, until
from tests.suite.people import PATIENCE, Stage, at, talk
from tests.suite.topology import Topology, beside, stopped_well
from tests.suite.traffic import moves, traffic

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAIRS = 3
DRAIN = "RINGLINE_GATEWAY_DRAIN_S"
ASKED_SECONDS = 4.0
"""In these a gateway that stops has to answer some requests, on a machine that has no time."""


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def elsewhere(topology: Topology) -> AsyncIterator[None]:
    """Somewhere else to go, in both topologies."""
    async with beside(topology):
        yield


async def pairs(stage: Stage) -> list[tuple[Phone, Phone]]:
    """Friends, the two of a pair on different gateways."""
    friends = await asyncio.gather(*(stage.friends("ada", "bob") for _ in range(PAIRS)))
    return [(ada, bob) for ada, bob in friends]


@pytest.mark.shows("S10", "L2", "L4", "L5")
async def test_every_process_is_replaced_in_turn_under_calls_and_messages_and_nobody_notices(
    stage: Stage,
) -> None:
    everybody = await pairs(stage)
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    async with traffic(stage, everybody) as log:
        # The first of each service, then the second: while one starts, one of another service stops.
        for processes in zip(*stage.topology.processes.values(), strict=True):
            for process in processes:
                log.gateway_stops = process in stage.topology.of("gateway")
                await stopped_well(process)
                process.start()
                await moves(log, calls=1)
            await asyncio.gather(*(stage.topology.until_serving(process) for process in processes))
            await stage.topology.until_ready()
    assert not log.troubles, log.troubles
    await asyncio.gather(ada.until_connected(PATIENCE), bob.until_connected(PATIENCE))
    assert (call.phase, ring.phase) == ("connected", "connected")
    await ring.hang_up()
    await call.until(ended="hung_up", within=PATIENCE)


@pytest.mark.shows("L2", "L4", "L5")
async def test_a_gateway_stops_while_its_lines_ring_talk_dial_and_command(stage: Stage) -> None:
    everybody = await pairs(stage)
    ada, bob = await stage.friends("ada", "bob")
    cy, dan = await stage.friends("cy", "dan")
    eve, flo = await stage.friends("eve", "flo")
    call, ring = await talk(ada, bob)
    dialled, rung = await cy.place(at(dan)), await dan.rings(PATIENCE)
    for_flo, for_eve = await eve.place(at(flo)), await flo.rings(PATIENCE)
    gateway = stage.topology.of("gateway")[0]
    async with traffic(stage, everybody, writes=False) as log:
        await moves(log)
        toggling = asyncio.gather(*(call.set_media(audio=True, video=bool(n % 2)) for n in range(8)))
        await stopped_well(gateway)
        await toggling
        for phone in (ada, bob, cy, dan, eve, flo):
            await phone.until_connected(PATIENCE)
        assert (call.phase, ring.phase) == ("connected", "connected")
        await rung.answer(offer=b"offer", within=PATIENCE)
        assert (await dialled.until_described(within=PATIENCE)).body == b"offer"
        await for_eve.decline()
        await for_flo.until(ended="declined", within=PATIENCE)
        await moves(log)
        await stage.topology.restart(gateway)
    assert not log.troubles, log.troubles
    for one, other in ((call, ring), (dialled, rung)):
        await one.hang_up()
        await other.until(ended="hung_up", within=PATIENCE)


@pytest.mark.shows("L5", "L6")
async def test_a_ring_that_comes_while_a_line_moves_is_there_when_it_has_moved(stage: Stage) -> None:
    """The gap between the old line and the new one: the ring is in the welcome."""
    ada, bob = await stage.friends("ada", "bob")
    gateway = stage.topology.of("gateway")[-1]
    moved = bob.connections
    stopping = asyncio.create_task(stopped_well(gateway))
    await bob.until(lambda phone: not phone.is_connected or phone.connections > moved, PATIENCE)
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    assert ring.call_id == call.call_id
    await call.until("ringing", within=PATIENCE)
    await stopping
    await ring.answer(offer=b"offer")
    await call.until_described(within=PATIENCE)
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)
    await stage.topology.restart(gateway)


@asynccontextmanager
async def drained_in(stage: Stage, gateway: Process, seconds: float) -> AsyncIterator[None]:
    """This gateway drains more slowly than those of other stories, until this one is over."""
    usual = gateway.env[DRAIN]
    await stopped_well(gateway)
    gateway.env[DRAIN] = str(seconds)
    await stage.topology.restart(gateway)
    try:
        yield
    finally:
        gateway.env[DRAIN] = usual
        gateway.kill()  # where the story failed; else it has ended
        await stage.topology.restart(gateway)


async def test_a_line_that_will_not_leave_is_closed_with_the_reason_and_nobody_is_let_in(
    stage: Stage,
) -> None:
    gateway = stage.topology.of("gateway")[0]
    async with drained_in(stage, gateway, ASKED_SECONDS):
        await _will_not_leave(stage, gateway)


async def _will_not_leave(stage: Stage, gateway: Process) -> None:
    ada, _ = await stage.friends("ada", "bob")
    url = stage.topology.gateways[0]
    heard: list[ServerFrame] = []
    ticket = await ada.session.ticket()
    hello = Hello(ticket=ticket, signature=ada.session.key.sign_ticket(ticket), instance="obeys-nobody")
    line = await Line.open(url, hello, heard.append)
    stopping = asyncio.create_task(stopped_well(gateway))
    await until(lambda: any(frame.HasField("reconnect") for frame in heard), PATIENCE, lambda: "not asked")
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(url + "/readyz")).status_code == 503
        knock = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        knock["Sec-WebSocket-Protocol"] = "ringline.v1"
        knock["Sec-WebSocket-Key"] = "x3JJHMbDL1EzLkh9GBhXDw=="
        refused = await http.get(url + "/v1/connect", headers=knock)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert (await http.get(url + "/v1/config")).headers["Connection"] == "close"
    assert await asyncio.wait_for(line.closed, ASKED_SECONDS + PATIENCE) == 1012
    assert line.refused is not None and line.refused.reason == Reason.REASON_UNAVAILABLE
    assert heard[-1].goodbye.refused.sentence == "This gateway stops."
    await stopping
