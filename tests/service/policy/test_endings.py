"""How calls ended comes from the event log: with a real one, and two pods that share the work."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringline import ids
from ringline.config import NodeSettings
from ringline.node import Node
from ringline.v1 import directory_pb2, events_pb2, types_pb2
from services.policy.settings import Settings
from tests.conftest import Databases
from tests.servers import bus_server
from tests.service.policy.conftest import People, Verdicts, attempt, outcome

WITHIN_SECONDS = 20.0
LATER = 4_000_000_000_000
"""In Unix milliseconds."""


@pytest.fixture
def budgets() -> Settings:
    """As it is by default."""
    return Settings.load()


@pytest.fixture
async def settings(databases: Databases, server_folder: Path) -> AsyncIterator[NodeSettings]:
    """A database, and a bus."""
    name = await databases.create(("directory", "policy"))
    folder = server_folder / ids.mint("bus_")
    folder.mkdir()
    with bus_server(folder) as bus:
        yield databases.settings(name, bus.url())
    await databases.drop(name)


async def test_an_answer_in_the_event_log_makes_room_for_the_pair_at_both_pods(
    nodes: list[Node], verdicts: Verdicts, people: People
) -> None:
    ada, bob, cid = await people.new("ada"), await people.new("bob"), await people.new("cid")
    for user in (bob, cid):
        await people.relate(user, "ada", directory_pb2.RELATION_CONTACT)
    for callee in (bob, cid):
        asked = [await outcome(verdicts, attempt(ada, callee)) for _ in range(4)]
        assert asked == [*["admitted"] * 3, "limited"]
    ended = events_pb2.CallEnded(
        caller_id=ada,
        callee_id=bob,
        ending=types_pb2.ENDING_HUNG_UP,
        placed_at_ms=LATER,
        answered_at_ms=LATER,
        ended_at_ms=LATER + 60_000,
    )
    event = events_pb2.Event(event_id=ids.mint("e_"), call_id=ids.mint("c_"), version=3, call_ended=ended)

    assert await (await nodes[0].log()).publish([event]) == 1

    deadline = time.monotonic() + WITHIN_SECONDS
    while (found := await outcome(verdicts, attempt(ada, bob))) != "admitted":
        assert (found, time.monotonic() < deadline) == ("limited", True)
        await asyncio.sleep(0.05)
    assert await outcome(verdicts, attempt(ada, cid)) == "limited"
