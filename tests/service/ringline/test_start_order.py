"""Whatever is started first: database, migrations or services. `kubectl apply` starts them all at once."""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from ringline.config import NodeSettings
from ringline.db import Database
from ringline.migrate import migrate
from ringline.node import Node
from services.__main__ import build_all, migrations, newest_migrations
from services.embedded import free_port
from tests.conftest import Databases
from tests.servers import Process, until

SECONDS = 30.0
FOLDERS = migrations(["presence"])
NEWEST = newest_migrations(["presence"])["presence"]


@pytest.fixture
async def settings(databases: Databases) -> NodeSettings:
    """A node on a database in which nothing is."""
    return databases.settings(await databases.create())


async def test_a_service_is_built_when_its_schema_is_there(settings: NodeSettings) -> None:
    await migrate(settings, FOLDERS, "0001")
    async with Node(settings, ["presence"]) as node:
        building = asyncio.create_task(build_all(node, ["presence"]))
        done, _ = await asyncio.wait([building], timeout=1.0)
        assert not done
        await migrate(settings, FOLDERS)
        async with asyncio.timeout(SECONDS):
            await building


async def test_a_service_waits_for_a_role_that_is_not_made_yet(settings: NodeSettings) -> None:
    """A database does not tell it from a wrong password."""
    late = settings.model_copy(update={"db_password": {"late": SecretStr("sesame")}})
    opening = asyncio.create_task(Database.of(late, "late").open(SECONDS))
    done, _ = await asyncio.wait([opening], timeout=1.0)
    assert not done
    await migrate(late, {"late": FOLDERS["presence"]})
    db = await opening
    await db.until_migrated(NEWEST, SECONDS)
    await db.close()


async def test_a_schema_of_a_later_release_is_good_and_an_earlier_is_not(
    settings: NodeSettings,
) -> None:
    await migrate(settings, FOLDERS)
    db = await Database.of(settings, "presence").open()
    await db.until_migrated("0001", SECONDS)
    await db.until_migrated(NEWEST, SECONDS)
    with pytest.raises(TimeoutError):
        await db.until_migrated("9999", 0.5)
    await db.close()


async def test_migrations_wait_for_a_database_that_starts_later(settings: NodeSettings) -> None:
    owner = urlsplit(settings.database_owner_url.get_secret_value())
    port = free_port()
    elsewhere = owner._replace(netloc=owner.netloc.replace(f":{owner.port}", f":{port}")).geturl()
    waiting = settings.model_copy(update={"database_owner_url": SecretStr(elsewhere)})
    migrating = asyncio.create_task(migrate(waiting, FOLDERS))
    done, _ = await asyncio.wait([migrating], timeout=1.5)
    assert not done

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(owner.hostname, owner.port)
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    async with await asyncio.start_server(pass_on, "127.0.0.1", port):
        async with asyncio.timeout(SECONDS):
            await migrating


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("command", "waits", "status"), [("presence", "database not there yet", 0), ("migrate", "not now", 143)]
)
async def test_who_waits_for_a_database_ends_as_soon_as_he_is_told(
    command: str, waits: str, status: int, tmp_path: Path
) -> None:
    """In a container he is the first process, and the kernel passes over a signal that nobody asked for: the
    end that is -15 here.
    """
    away = f"postgresql://127.0.0.1:{free_port()}/nowhere"
    settings = {"RINGLINE_DATABASE_URL": away, "RINGLINE_DATABASE_OWNER_URL": away}
    program = [sys.executable, "-m", "services", command]
    process = Process(command, program, os.environ | settings, tmp_path / "log", Path.cwd()).start()
    try:
        await until(lambda: waits in process.tail(), SECONDS, process.tail)
    finally:
        process.ask_to_stop()
    assert await process.ended(SECONDS) == status, process.tail()
