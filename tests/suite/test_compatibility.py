"""From one release to the next: old and new processes work together in any mixture, and calls go on.

The previous release is the commit that the file previous_release names. Its processes run against a schema
that the new release has migrated, beside new ones, and its client against the new ones.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from ringline.client import Call, Phone
from services.embedded import Postgres
from tests.servers import Process, bus_server
from tests.suite import stories
from tests.suite.people import PATIENCE, Operator, Stage, are_signed_out, at, chronicle, talk
from tests.suite.previous import Release, previous_release
from tests.suite.topology import SERVICES, stopped_well
from tests.suite.traffic import moves, traffic
from tests.suite.upgrade import Upgrade, upgrading

pytestmark = pytest.mark.asyncio(loop_scope="session")
CLIENT_SECONDS = 60.0
OLD, NEW = 0, 1
"""The numbers of the gateways."""


@pytest.fixture(scope="module")
def release(server_folder: Path) -> Release:
    """The previous release."""
    return previous_release(server_folder / "previous")


@pytest_asyncio.fixture(loop_scope="session")
async def upgrade(server_folder: Path, postgres: Postgres, release: Release) -> AsyncIterator[Upgrade]:
    """An installation of the previous release."""
    folder = server_folder / "upgrade"
    folder.mkdir()
    with bus_server(folder) as nats:
        async with upgrading(folder, postgres, nats, release) as installation:
            yield installation


@pytest_asyncio.fixture(loop_scope="session")
async def old_stage(upgrade: Upgrade) -> AsyncIterator[Stage]:
    """The people of the story."""
    operator = Operator(upgrade.topology)
    await operator.set_entitlements()
    async with chronicle(upgrade.topology) as book, httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        play = Stage(upgrade.topology, http, operator, book)
        yield play
        await play.close()
        await operator.close()


async def friends(stage: Stage, ada_at: int, bob_at: int) -> tuple[Phone, Phone]:
    """Two people with each other in their address books, at these gateways."""
    ada, bob = await stage.person("ada", ada_at), await stage.person("bob", bob_at)
    await ada.session.add_contact(bob.session.username)
    await bob.session.add_contact(ada.session.username)
    return ada, bob


async def tell_all(stage: Stage, ada_at: int, bob_at: int) -> None:
    """Every story, and a device that is revoked, between people at these gateways."""
    ada, bob = await friends(stage, ada_at, bob_at)
    await stories.tell_all(ada, bob)
    tablet = await stage.another_device(bob, bob_at)
    await bob.session.revoke(tablet.session.device_id)
    await are_signed_out(tablet)


async def dialled(ada: Phone, bob: Phone) -> tuple[Call, Call]:
    """A call that rings."""
    call = await ada.place(at(bob))
    return call, await bob.rings(PATIENCE)


async def answered_and_ended(call: Call, ring: Call) -> None:
    """What rang is answered and ended."""
    await ring.answer(offer=b"offer", within=PATIENCE)
    assert (await call.until_described(within=PATIENCE)).body == b"offer"
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)


@pytest.mark.shows("S10", "S11", "L2", "L4", "L5")
async def test_an_upgrade_process_by_process_loses_no_call_and_every_mixture_works(
    upgrade: Upgrade, old_stage: Stage
) -> None:
    stage = old_stage
    pair = await friends(stage, OLD, OLD)
    ada, bob = await friends(stage, OLD, OLD)
    cy, dan = await friends(stage, OLD, OLD)
    call, ring = await talk(ada, bob)
    async with traffic(stage, [pair], writes=False) as log:
        rung = await dialled(cy, dan)
        await upgrade.migrate()
        await moves(log)
        await answered_and_ended(*rung)
        await upgrade.start_new("gateway")
        await tell_all(stage, NEW, OLD)
        for service in SERVICES[:-1]:
            rung = await dialled(cy, dan)
            await upgrade.start_new(service)
            await moves(log)
            await stopped(upgrade.old[service])
            await moves(log)
            await answered_and_ended(*rung)
        await tell_all(stage, OLD, NEW)
        rung = await dialled(dan, cy)
        await stopped(upgrade.old["gateway"])
        await moves(log)
        await answered_and_ended(*rung)
    assert not log.troubles, log.troubles
    await asyncio.gather(ada.until_connected(PATIENCE), bob.until_connected(PATIENCE))
    assert (call.phase, ring.phase) == ("connected", "connected")
    await ring.hang_up()
    await call.until(ended="hung_up", within=PATIENCE)
    await told_by_the_old_client(upgrade, upgrade.topology.gateways[NEW])
    await stopped_well(upgrade.new["gateway"])


async def stopped(process: Process) -> None:
    """Asks a process of the previous release to stop; what it logs then is past mending."""
    process.ask_to_stop()
    assert await process.ended() == 0, process.tail()


async def told_by_the_old_client(upgrade: Upgrade, *gateways: str) -> None:
    """The previous release's client tells every story."""
    old = upgrade.old["gateway"]
    command = [sys.executable, "-B", stories.__file__, *gateways]
    client = Process("old-client", command, old.env, upgrade.topology.folder / "old-client.log").start()
    assert await client.ended(CLIENT_SECONDS) == 0, client.tail()
