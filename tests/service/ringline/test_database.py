"""A service's role, its schema, and a database that is away."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from ringline.config import NodeSettings
from ringline.db import LEAVING_POOL, Database
from ringline.guarantees import ASKED, Promise
from ringline.migrate import migrate
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.telemetry import DATABASE_AT_RISK
from ringline.v1.reasons_pb2 import Reason
from services.__main__ import migrations, present
from services.embedded import Postgres
from tests.conftest import Databases
from tests.servers import START_SECONDS, Process, until

ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ringline_signaling'"
COUNTED = """
SELECT count(*) FROM pg_stat_activity WHERE usename = 'ringline_signaling' AND datname = current_database()
"""


@pytest.fixture
async def settings(databases: Databases) -> NodeSettings:
    """A node on a database with the schema of signaling."""
    return databases.settings(await databases.create(("signaling",)))


async def opened(settings: NodeSettings, service: str) -> Database:
    return await Database.of(settings, service).open()


async def test_migrating_at_the_same_time_is_migrating_once(databases: Databases) -> None:
    settings = databases.settings(await databases.create())
    await asyncio.gather(*(migrate(settings, migrations(["signaling"])) for _ in range(4)))
    db = await opened(settings, "signaling")
    assert await db.fetchval("SELECT count(*) FROM alembic_version") == 1
    await db.close()


async def test_a_password_that_is_refused_gives_way_to_the_next(settings: NodeSettings) -> None:
    """Also where the database changes it while many want a connection; `migrate` sets the first one."""
    (good,) = settings.service_database_urls("signaling")
    password = settings.db_password["signaling"].get_secret_value()

    def knows(*passwords: str) -> NodeSettings:
        known = {"signaling": SecretStr(",".join(passwords))}
        return settings.model_copy(update={"db_password": known, "db_pool": 4})

    async def busy(db: Database) -> None:
        await asyncio.gather(*(db.fetchval("SELECT pg_sleep(0.05)") for _ in range(4)))

    during, after = (
        Database.of(knows(*them), "signaling") for them in ((password, "new"), ("new", password))
    )
    await during.open()
    await busy(await after.open())
    await after.close()
    await migrate(knows("new", password), migrations(["signaling"]))
    await busy(during)
    await during.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(good)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await Database.of(knows(password, "older"), "signaling").open()
    await migrate(settings, migrations(["signaling"]))


async def test_a_service_does_not_start_on_a_database_that_promises_too_little(
    settings: NodeSettings,
) -> None:
    for needs in ({"database_standby": True}, {"environment": "production"}):
        wanting = Database.of(settings.model_copy(update=needs), "signaling")
        if "database_standby" in needs:
            with pytest.raises(ValueError, match="does not wait for a standby"):
                await wanting.open()
        else:
            await wanting.open()
        await wanting.close()


def at_risk() -> float | None:
    """What the figure of signaling says."""
    return REGISTRY.get_sample_value("ringline_database_at_risk", {"service": "signaling"})


async def test_a_process_that_runs_tells_when_its_database_promises_less(settings: NodeSettings) -> None:
    """Somebody lets it forget, which connections of before do not know."""
    name = settings.database_url.rpartition("/")[2]
    db = await opened(settings.model_copy(update={"environment": "production"}), "signaling")
    await db.look()
    assert at_risk() == 0
    owner = await asyncpg.connect(settings.database_owner_url.get_secret_value())
    for change, figure in (("SET synchronous_commit = off", 1), ("RESET synchronous_commit", 0)):
        await owner.execute(f"ALTER ROLE ringline_signaling IN DATABASE {name} {change}")
        await owner.execute(ENDED)
        async with asyncio.timeout(START_SECONDS):
            while at_risk() != figure:
                await db.look()
    await owner.close()
    await db.close()


async def test_a_role_is_told_whether_anybody_follows_the_database(
    settings: NodeSettings, postgres: Postgres, tmp_path: Path
) -> None:
    """It may not see who, and needs no right for this."""
    db = await opened(settings, "signaling")

    async def followers() -> int:
        return Promise(**(await db.fetchrow(ASKED) or {})).followers

    assert await followers() == 0
    words = [postgres.programs / "pg_receivewal", f"--directory={tmp_path}", f"--dbname={postgres.url()}"]
    follower = Process("follower", list(map(str, words)), dict(os.environ), tmp_path / "log").start()
    async with asyncio.timeout(START_SECONDS):
        while await followers() == 0:
            follower.check()
    follower.kill()
    await db.close()


async def test_a_process_looks_by_itself(settings: NodeSettings) -> None:
    DATABASE_AT_RISK.labels("signaling").set(1)
    async with Node(settings, ["signaling"]) as node:
        await node.database("signaling")
        await until(lambda: at_risk() == 0, START_SECONDS, lambda: "it did not look")


async def test_no_role_sees_the_schema_of_another_service(databases: Databases) -> None:
    settings = databases.settings(await databases.create(tuple(present())))
    await migrate(settings, migrations(["presence"]))  # a copy of a database has no grants of its own
    with_schema = list(migrations(present()))
    for service in with_schema:
        db = await opened(settings, service)
        for other in with_schema:
            if other != service:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await db.fetch(f"SELECT * FROM {other}.alembic_version")
        for statement in (
            "CREATE TABLE mine (x int)",
            "CREATE TABLE public.ours (x int)",
            "CREATE TEMPORARY TABLE passing (x int)",
            "UPDATE alembic_version SET version_num = ''",
            "CREATE ROLE friend",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute(statement)
        await db.close()


async def test_a_statement_that_takes_too_long_is_unavailable(settings: NodeSettings) -> None:
    db = await opened(settings, "signaling")
    with pytest.raises(Refusal) as caught:
        await db.fetch("SELECT pg_sleep(30)")
    assert caught.value.reason == Reason.REASON_UNAVAILABLE
    assert await db.answers()
    await db.close()


async def test_a_statement_whose_asker_went_away_blocks_nobody(settings: NodeSettings) -> None:
    db = await opened(settings, "signaling")
    for _ in range(6):  # more often than the pool has connections
        task = asyncio.create_task(db.fetch("SELECT pg_sleep(30)"))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert await db.answers()
    await db.close()


async def test_who_gave_up_waiting_for_a_connection_leaves_it_to_others(settings: NodeSettings) -> None:
    db = await opened(settings, "signaling")
    cons = [await db.take() for _ in range(settings.db_pool)]
    waiting = [asyncio.create_task(db.fetchval("SELECT 1")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    db.give_back(cons[0])
    waiting[1].cancel()  # it has its connection, and does not know yet
    assert await waiting[2] == 1
    cons[1].terminate()
    db.give_back(cons[1])
    assert await asyncio.gather(*(db.fetchval("SELECT 1") for _ in range(5))) == [1] * 5
    await asyncio.gather(*waiting, return_exceptions=True)
    await db.close()


async def test_a_database_that_died_is_unavailable_and_then_back(
    databases: Databases, settings: NodeSettings, postgres: Postgres
) -> None:
    db = await opened(settings, "signaling")
    owner = await asyncpg.connect(settings.database_owner_url.get_secret_value())
    await owner.execute(ENDED)
    await owner.close()
    async with asyncio.timeout(5):
        while not await db.answers():  # raises anything but a refusal
            pass
    await db.close()


async def test_a_database_that_lets_a_service_in_no_more_is_unavailable_and_then_back(
    settings: NodeSettings,
) -> None:
    """A process that ends because of it comes back late, after pauses that grow; one that waits is there."""
    db = await opened(settings, "signaling")
    name = urlsplit(settings.database_url).path.removeprefix("/")
    owner = await asyncpg.connect(
        urlsplit(settings.database_owner_url.get_secret_value())._replace(path="/postgres").geturl()
    )
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    for away, back in (
        ("ALTER ROLE ringline_signaling NOLOGIN", "ALTER ROLE ringline_signaling LOGIN"),
        (f"ALTER DATABASE {name} RENAME TO {name}_old", f"ALTER DATABASE {name}_old RENAME TO {name}"),
    ):
        await owner.execute(end)
        await owner.execute(away)
        for _ in range(3):  # raises anything but a refusal
            assert not await db.answers()
        await owner.execute(back)
        assert await db.answers()
    await owner.close()
    await db.close()


async def test_a_database_without_room_is_unavailable(settings: NodeSettings) -> None:
    db = await opened(settings, "signaling")
    for code in ("disk_full", "out_of_memory", "too_many_connections"):
        with pytest.raises(Refusal) as refused:
            await db.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
        assert refused.value.reason == Reason.REASON_UNAVAILABLE
    assert await db.fetchval("SELECT 1") == 1
    await db.close()


async def test_a_bug_in_a_statement_is_no_outage(settings: NodeSettings) -> None:
    db = await opened(settings, "signaling")
    with pytest.raises(asyncpg.UndefinedTableError):
        await db.fetch("SELECT * FROM nowhere")
    await db.close()


async def test_a_transaction_is_all_or_nothing(settings: NodeSettings) -> None:
    db = await opened(settings, "signaling")
    with pytest.raises(Refusal):
        async with db.transaction() as con:
            await con.execute("INSERT INTO pair (k) VALUES ('a')")
            raise Refusal(Reason.REASON_STALE)
    assert await db.fetchval("SELECT count(*) FROM pair") == 0
    async with db.transaction() as con:
        await con.execute("INSERT INTO pair (k) VALUES ('a')")
    assert await db.fetchval("SELECT count(*) FROM pair") == 1
    await db.close()


async def backends(db: Database, questions: int = 20) -> set[int]:
    """Which connections answer so many questions at once."""
    return set(await asyncio.gather(*(db.fetchval("SELECT pg_backend_pid()") for _ in range(questions))))


async def left(settings: NodeSettings) -> int:
    """How many connections signaling has, once the database has noticed which were closed."""
    owner = await asyncpg.connect(settings.database_owner_url.get_secret_value())
    async with asyncio.timeout(5):
        while (count := int(await owner.fetchval(COUNTED))) > LEAVING_POOL:
            pass
    await owner.close()
    return count


async def test_with_few_connections_everybody_is_answered_all_the_same(settings: NodeSettings) -> None:
    db = await opened(settings.model_copy(update={"db_pool": 8}), "signaling")
    held = [await db.take() for _ in range(8)]
    for con in held[:3]:
        db.give_back(con)
    waiting = asyncio.create_task(backends(db))
    await asyncio.sleep(0)
    db.shrink()
    for con in held[3:]:
        db.give_back(con)
    async with asyncio.timeout(5):
        await waiting
        assert len(await backends(db)) <= LEAVING_POOL
    assert await left(settings) >= 1
    await db.close()


async def test_a_process_on_its_way_out_gives_connections_back_while_it_is_still_there(
    settings: NodeSettings,
) -> None:
    while_leaving: list[int] = []

    @asynccontextmanager
    async def signaling(node: Node) -> AsyncIterator[None]:
        db = await node.database("signaling")
        assert len(await backends(db)) == 8
        yield
        while_leaving.append(await left(settings))
        assert await db.answers()

    async with Node(settings.model_copy(update={"db_pool": 8}), ["signaling"]) as node:
        await node.build("signaling", signaling)
        await node.start()
    assert while_leaving == [LEAVING_POOL]


async def test_whoever_waits_for_a_connection_gets_the_next_one(settings: NodeSettings) -> None:
    db = await opened(settings, "signaling")
    for _ in range(3):  # more at once than the pool has connections, and the same again
        backends = await asyncio.gather(*(db.fetchval("SELECT pg_backend_pid()") for _ in range(20)))
        assert 1 <= len(set(backends)) <= settings.db_pool
    await db.close()
    with pytest.raises(Refusal):
        await db.fetchval("SELECT 1")
