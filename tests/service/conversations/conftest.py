"""One room with two pods for the stories that leave database and bus alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.conftest import Databases
from tests.servers import bus_server
from tests.service.conversations.room import Room, open_room


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(databases: Databases, server_folder: Path) -> AsyncIterator[Room]:
    """The room that most stories share."""
    name = await databases.create(("conversations",))
    folder = server_folder / "conversations"
    folder.mkdir()
    with bus_server(folder) as bus:
        async with open_room(databases.settings(name, bus.url())) as room:
            yield room
    await databases.drop(name)
