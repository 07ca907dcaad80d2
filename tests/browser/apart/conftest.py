"""What the stories of this folder are given: the world, its people, and witnesses at their network ports."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from services.embedded import Postgres
from tests.browser.apart.networks import Networks
from tests.browser.apart.wire import Wire, listening
from tests.browser.apart.world import World, standing
from tests.browser.cast import Cast


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(server_folder: Path, postgres: Postgres) -> AsyncIterator[World]:
    """Networks, installation, relay and browsers."""
    folder = server_folder / "apart"
    folder.mkdir()
    async with standing(folder, postgres) as everything:
        yield everything


@pytest_asyncio.fixture(loop_scope="session")
async def distant(world: World) -> AsyncIterator[Cast]:
    """The people of one story."""
    async with world.cast() as people:
        yield people


@pytest_asyncio.fixture(loop_scope="session")
async def roads(world: World) -> AsyncIterator[Networks]:
    """The networks, for those who leave home; everybody is back afterwards. A story asks for this before its
    people, who then have gone when the network changes once more."""
    yield world.networks
    world.networks.home()


@pytest_asyncio.fixture(loop_scope="session")
async def wires(world: World) -> AsyncIterator[tuple[Wire, Wire]]:
    """What passes at Ada's port and at Bob's."""
    async with listening(world.networks.ada, world.folder) as ada:
        async with listening(world.networks.bob, world.folder) as bob:
            yield ada, bob
