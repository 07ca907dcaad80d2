"""`ringline migrate` while calls go on: it holds nobody up, and may be killed in the middle."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from ringline.config import NodeSettings
from ringline.db import Database
from ringline.migrate import migrate
from services.__main__ import migrations
from tests.conftest import Databases
from tests.servers import Process

BEFORE = "0001"
FOLDERS = migrations(["signaling"])
WAITING = """SELECT count(*) FROM pg_locks
WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
SECONDS = 30.0
LATER = ("ringline_signaling", "signaling.of_later")
"""A role, and a table of which this release knows nothing."""


@pytest.fixture
async def settings(databases: Databases) -> NodeSettings:
    """A node on a database with a schema of before: the next migration changes the table `pair`."""
    given = databases.settings(await databases.create())
    await migrate(given, FOLDERS, BEFORE)
    return given


@asynccontextmanager
async def reading(settings: NodeSettings) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who reads `pair` and takes his time."""
    connection = await asyncpg.connect(settings.database_owner_url.get_secret_value())
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetch("SELECT FROM signaling.pair")
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def until_somebody_waits(reader: asyncpg.Connection) -> None:
    """Waits until somebody waits for a table."""
    async with asyncio.timeout(SECONDS):
        while True:
            if await reader.fetchval(WAITING):
                return
            await asyncio.sleep(0.01)


async def version(settings: NodeSettings) -> list[str]:
    """What is noted of the schema."""
    db = await Database.of(settings, "signaling").open()
    rows = await db.fetch("SELECT version_num FROM alembic_version")
    await db.close()
    return [row["version_num"] for row in rows]


async def test_a_migration_that_waits_for_a_table_lets_those_through_who_come_after_it(
    settings: NodeSettings,
) -> None:
    """The server would let nobody past it, and each statement of a service has two seconds."""
    db = await Database.of(settings, "signaling").open()
    async with reading(settings) as reader:
        migrating = asyncio.create_task(migrate(settings, FOLDERS))
        for _ in range(2):
            await until_somebody_waits(reader)
            assert await db.fetchval("SELECT count(*) FROM pair") == 0
        assert not migrating.done()
    await asyncio.wait_for(migrating, SECONDS)
    assert await version(settings) > [BEFORE]
    await db.close()


async def test_a_migration_that_was_killed_is_run_again(settings: NodeSettings, tmp_path: Path) -> None:
    async with reading(settings) as reader:
        killed = Process("migrate", [sys.executable, "-m", "services", "migrate", "signaling"],
                         environment(settings), tmp_path / "log").start()  # fmt: skip
        await until_somebody_waits(reader)
        killed.kill()
    assert await version(settings) == [BEFORE]
    await asyncio.wait_for(migrate(settings, FOLDERS), SECONDS)
    after = await version(settings)
    assert len(after) == 1 and after > [BEFORE]


async def test_after_going_back_by_a_release_its_schema_stays_and_passwords_are_still_changed(
    databases: Databases,
) -> None:
    """The older release has a Job, too, which a rotation and a restore run again."""
    settings = databases.settings(await databases.create())
    await migrate(settings, FOLDERS)
    owner = await asyncpg.connect(settings.database_owner_url.get_secret_value())
    await owner.execute("UPDATE signaling.alembic_version SET version_num = '9999'")
    await owner.execute("CREATE TABLE signaling.of_later (id int)")
    changed = settings.model_copy(update={"db_password": {"signaling": SecretStr("another-one")}})
    try:
        await migrate(changed, FOLDERS)
        assert await version(changed) == ["9999"]
    finally:
        # Roles are those of all databases of this server.
        await migrate(settings, FOLDERS)
    assert await version(settings) == ["9999"]
    assert not await owner.fetchval("SELECT has_table_privilege($1, $2, 'SELECT')", *LATER)
    await owner.close()


async def test_a_migration_whose_machine_is_gone_holds_nobody_up_for_long(
    settings: NodeSettings, tmp_path: Path
) -> None:
    """Its connection is open, as far as the server knows, with the locks that it has."""
    db = await Database.of(settings, "signaling").open()
    async with reading(settings) as reader:
        gone = Process("migrate", [sys.executable, "-m", "services", "migrate", "signaling"],
                       environment(settings), tmp_path / "log").start()  # fmt: skip
        await until_somebody_waits(reader)
        os.kill(gone.pid, signal.SIGSTOP)
    try:
        await asyncio.wait_for(migrate(settings, FOLDERS), SECONDS)
        assert gone.runs
    finally:
        gone.kill()
    assert await db.fetchval("SELECT count(*) FROM pair") == 0
    await db.close()


def environment(settings: NodeSettings) -> dict[str, str]:
    """What tells a process these settings."""
    base = {key: value for key, value in os.environ.items() if not key.startswith("RINGLINE_")}
    return base | {
        "RINGLINE_DATABASE_URL": settings.database_url,
        "RINGLINE_DATABASE_OWNER_URL": settings.database_owner_url.get_secret_value(),
    }
