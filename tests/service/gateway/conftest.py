"""One installation with two gateways for the stories that need no settings of their own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.embedded import Nats
from tests.conftest import Databases
from tests.servers import bus_server
from tests.service.gateway.town import BUILDS, Town, town

Alone = Callable[..., AbstractAsyncContextManager[Town]]


@pytest.fixture(scope="session")
def bus(server_folder: Path) -> Iterator[Nats]:
    """A bus for all stories of the gateway."""
    folder = server_folder / "gateway"
    folder.mkdir()
    with bus_server(folder) as nats:
        yield nats


@pytest.fixture(scope="session")
def alone(databases: Databases, bus: Nats) -> Alone:
    """`async with alone(hello_s=0.2) as town`: an installation with settings of its own."""

    @asynccontextmanager
    async def make(count: int = 1, **given: Any) -> AsyncIterator[Town]:
        name = await databases.create(tuple(BUILDS))
        try:
            async with town(databases.settings(name, bus.url()), count, **given) as installation:
                yield installation
        finally:
            await databases.drop(name)

    return make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(alone: Alone) -> AsyncIterator[Town]:
    """The installation that most stories share."""
    async with alone(count=2, hello_failures=10_000) as installation:
        yield installation
