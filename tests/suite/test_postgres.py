"""Postgres is killed and comes back: who talks goes on, and what was asked meanwhile is done once."""

import asyncio

import asyncpg
import pytest

from ringline.client import Phone, mint_command
from ringline.refusal import Refusal
from ringline.v1.client_pb2 import ClientFrame, Place
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.types_pb2 import Kinds
from tests.suite.people import PATIENCE, Stage, at, talk

pytestmark = pytest.mark.asyncio(loop_scope="session")

BACK_SECONDS = 20.0
"""The patience of a client, which asks again until then."""


async def fails_cleanly(phone: Phone, frame: ClientFrame) -> None:
    """The server answers, before the client gives up, that the same may be asked again."""
    line = await phone.until_connected(PATIENCE)
    assert line.line is not None
    async with asyncio.timeout(BACK_SECONDS):
        with pytest.raises(Refusal) as refused:
            await line.line.ask(frame)
    assert refused.value.reason == Reason.REASON_UNAVAILABLE


async def placed_by(stage: Stage, *command_ids: str) -> list[int]:
    """How many calls each of these commands placed."""
    connection = await asyncpg.connect(stage.topology.postgres.url(stage.topology.name))
    try:
        sql = "SELECT count(*) FROM signaling.call WHERE place_command = $1"
        return [await connection.fetchval(sql, command_id) for command_id in command_ids]
    finally:
        await connection.close()


@pytest.mark.shows("S7", "S10", "L3")
async def test_postgres_is_killed_and_a_place_fails_cleanly_and_is_done_once_when_it_is_back(
    stage: Stage,
) -> None:
    ada, bob = await stage.friends("ada", "bob")
    cy, dan = await stage.friends("cy", "dan")
    call, ring = await talk(ada, bob)
    postgres, port = stage.topology.postgres, stage.topology.postgres.port
    failed, on_its_way = mint_command(), mint_command()
    await cy.until_connected(PATIENCE)
    placing = asyncio.create_task(cy.place(at(dan), command_id=on_its_way, within=BACK_SECONDS))
    await asyncio.sleep(0)  # its line is open: in this turn of the loop the frame is written
    postgres.kill()
    try:
        assert cy.line is not None
        await asyncio.wait_for(cy.line.ping(), PATIENCE)  # answered when the frame before it was read
        place = Place(username=at(bob), kinds=Kinds(audio=True))
        await fails_cleanly(dan, ClientFrame(command_id=failed, place=place))
    finally:
        postgres.start(port)
    placed = await placing
    await (await dan.rings(BACK_SECONDS)).answer(offer=b"offer", within=BACK_SECONDS)
    await placed.until_described(within=BACK_SECONDS)
    assert (call.phase, ring.phase) == ("connected", "connected"), (call, ring)
    await stage.topology.until_ready()
    await ring.hang_up()
    await call.until(ended="hung_up", within=PATIENCE)
    await placed.hang_up()
    await bob.session.add_contact(dan.session.username)
    again = await dan.place(at(bob), command_id=failed, within=BACK_SECONDS)
    await bob.rings(PATIENCE)
    await again.hang_up()
    assert await placed_by(stage, on_its_way, failed) == [1, 1]
    for process in stage.topology.everything():
        process.check()
