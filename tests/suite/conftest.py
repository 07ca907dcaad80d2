"""Every story is told twice: with everything in one process, and with two processes of every service."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from services.embedded import Postgres
from tests.servers import AMPLE_RING_BUDGET, bus_server
from tests.suite.people import Chronicle, Operator, Stage, chronicle
from tests.suite.topology import SETTINGS, Topology, running

TOPOLOGIES = {"one_process": 0, "two_of_everything": 2}


class Topologies(LoadScopeScheduling):  # type: ignore[misc]  # the library has no types
    """Two workers share the stories: each has one topology, with all that is told of it, and what has an
    installation of its own goes to whoever is free, file by file.
    """

    def _split_scope(self, nodeid: str) -> str:
        """The share of a test."""
        file, _, told = nodeid.partition("::")
        words = told.partition("[")[2].removesuffix("]").split("-")
        return next((name for name in TOPOLOGIES if name in words), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Topologies:
    """How the stories are shared. (Groups by mark, `loadgroup`, do nothing with pytest 9 and xdist 3.8.)"""
    return Topologies(config, log)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=TOPOLOGIES)
async def topology(
    request: pytest.FixtureRequest, server_folder: Path, postgres: Postgres
) -> AsyncIterator[Topology]:
    """A running installation, shared by all stories."""
    name = str(request.param)
    own = server_folder / name
    own.mkdir()
    with bus_server(own) as nats:
        settings = SETTINGS | AMPLE_RING_BUDGET
        async with running(name, TOPOLOGIES[name], own, postgres, nats, settings) as installation:
            yield installation


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def operator(topology: Topology) -> AsyncIterator[Operator]:
    """The operator, who has said what the tiers are worth."""
    somebody = Operator(topology)
    await somebody.set_entitlements()
    yield somebody
    await somebody.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def book(topology: Topology) -> AsyncIterator[Chronicle]:
    """A consumer of the events."""
    async with chronicle(topology) as reader:
        yield reader


@pytest_asyncio.fixture(loop_scope="session")
async def stage(topology: Topology, operator: Operator, book: Chronicle) -> AsyncIterator[Stage]:
    """The people of one story."""
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        play = Stage(topology, http, operator, book)
        yield play
        await play.close()
