"""Who may do what in the database: every service's role, on every table of every schema, and on what belongs
to the owner.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from ringline.config import NodeSettings
from services.__main__ import migrations, present
from tests.conftest import Databases

WITH_SCHEMA = tuple(migrations(present()))
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
NEVER = {
    "signaling": {
        "outbox": {"UPDATE"},
        "revoked": {"UPDATE"},
        "pair": {"DELETE"},
        "meta": {"INSERT", "DELETE"},
    },
    "policy": {
        "audit": {"UPDATE"},
        "kept_verdict": {"UPDATE"},
        "evidence": {"UPDATE", "DELETE"},
        "entitlement": {"UPDATE", "DELETE"},
        "entitlement_version": {"UPDATE"},
    },
    "directory": {
        "issuer_key": {"UPDATE", "DELETE"},
        "recovery_code": {"UPDATE"},
        "account": {"DELETE"},
        "identity": {"DELETE"},
        "name": {"DELETE"},
    },
}
"""What is never done with tables that keep what was: events, decisions, evidence, the audit."""
OWNERS = (
    "CREATE TABLE {service}.mine (x int)",
    "CREATE TABLE public.mine (x int)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "ALTER ROLE ringline_{other} PASSWORD 'x'",
    "SET ROLE ringline_{other}",
    "GRANT ringline_{other} TO ringline_{service}",
    "DROP SCHEMA {service} CASCADE",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('postgresql.conf')",
    "ALTER SYSTEM SET fsync = off",
    "SELECT passwd FROM pg_shadow",
)


@pytest.fixture
async def settings(databases: Databases) -> AsyncIterator[NodeSettings]:
    """A database with every schema."""
    name = await databases.create(WITH_SCHEMA)
    yield databases.settings(name)
    await databases.drop(name)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def statements(schema: str, table: str, column: str) -> dict[str, str]:
    """One of each verb, that would change nothing."""
    name = f'{schema}."{table}"'
    return {
        "SELECT": f'SELECT "{column}" FROM {name} LIMIT 0',
        "INSERT": f"INSERT INTO {name} SELECT * FROM {name} WHERE false",
        "UPDATE": f'UPDATE {name} SET "{column}" = DEFAULT WHERE false',
        "DELETE": f"DELETE FROM {name} WHERE false",
        "TRUNCATE": f"TRUNCATE {name}",
    }


async def refused(connection: asyncpg.Connection, sql: str) -> bool:
    """Whether the database does not let this role do it."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(sql)
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.PostgresError as other:
        assert other.sqlstate == "428C9", f"{sql}: {other}"  # a generated column: it came as far as that
    finally:
        await transaction.rollback()
    return False


async def tables(settings: NodeSettings) -> list[tuple[str, str, str]]:
    """Schema, name and a column of every table there is."""
    async with connected(settings.database_owner_url.get_secret_value()) as owner:
        rows = await owner.fetch(
            "SELECT table_schema, table_name, min(column_name) FROM information_schema.columns"
            " JOIN information_schema.tables USING (table_schema, table_name) WHERE table_type = 'BASE TABLE'"
            " AND table_schema = ANY($1) AND is_identity = 'NO' GROUP BY 1, 2 ORDER BY 1, 2",
            list(WITH_SCHEMA),
        )
    return [tuple(row) for row in rows]


def due(service: str, schema: str, table: str) -> Iterable[str]:
    """What a service may not do."""
    if schema != service:
        return VERBS
    if table == "alembic_version":
        return ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
    return (*NEVER.get(service, {}).get(table, ()), "TRUNCATE")


async def test_a_role_works_in_its_own_schema_and_keeps_what_was(settings: NodeSettings) -> None:
    wrong = []
    found = await tables(settings)
    assert len(found) > 25
    for service in WITH_SCHEMA:
        async with connected(settings.service_database_url(service)) as role:
            for schema, table, column in found:
                for verb, sql in statements(schema, table, column).items():
                    if await refused(role, sql) != (verb in due(service, schema, table)):
                        wrong.append(f"{service}: {verb} {schema}.{table}")
    assert not wrong


@pytest.mark.parametrize("service", WITH_SCHEMA)
async def test_a_role_does_nothing_that_is_the_owners(settings: NodeSettings, service: str) -> None:
    (other, *_) = [one for one in WITH_SCHEMA if one != service]
    async with connected(settings.service_database_url(service)) as role:
        for statement in OWNERS:
            sql = statement.format(service=service, other=other)
            if sql.startswith(("CREATE DATABASE", "ALTER SYSTEM")):  # not in a transaction
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await role.execute(sql)
            else:
                assert await refused(role, sql), sql


async def test_nobody_signs_in_with_the_password_of_another(settings: NodeSettings) -> None:
    for service in WITH_SCHEMA:
        for other in set(WITH_SCHEMA) - {service}:
            wrong = settings.model_copy(update={"db_password": {service: settings.db_password[other]}})
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(wrong.service_database_url(service))
