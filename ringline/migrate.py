"""Roles, schemas and migrations: run by the operator's job, or by `ringline dev`, never by a serving process.

The owner owns every schema; a service's role may read and write the rows of its own schema and see no other.
What a service never does with a table of its own is taken from it by `grants.sql` beside its migrations.
May be run by several processes at once: the first one works, the others wait and find it done. May be run,
and killed, while calls go on.
"""

import asyncio
import logging
from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import urlsplit

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ringline.config import NodeSettings, split_secret
from ringline.telemetry import log

LOCK = 7_464_554_629
"""The advisory lock of all migrations: "ringline", on the keys of a telephone, cut to fit."""

LOCK_MS = 500
"""How long a statement of a migration waits for a table that is in use: so long wait those who want it after
it. Then the migration lets go, and tries again a second later.
"""
STILL_MS = 10_000
"""After so long the server ends who holds locks and says nothing: his machine is gone, and TCP would notice
after two hours. A statement that runs is not meant.
"""
PAUSE_SECONDS = 1.0
TRIES = 120
_PASSES = frozenset({"55P03", "40P01", "57P03"})
"""lock_not_available, deadlock_detected and cannot_connect_now: everything was rolled back, or not begun, and
may be tried again.
"""

_GRANTS = """
REVOKE ALL ON SCHEMA {service} FROM PUBLIC;
GRANT USAGE ON SCHEMA {service} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {service} TO {role};
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {service} TO {role};
REVOKE INSERT, UPDATE, DELETE ON {service}.alembic_version FROM {role};
"""


async def migrate(settings: NodeSettings, services: Mapping[str, str], target: str = "head") -> None:
    """Brings the schemas of `services` (name -> alembic folder, as "package:folder") up to `target`.

    Needs `database_owner_url`. Each service is one transaction: it is migrated whole or not at all. A schema
    of a later release is left as it is; the role gets its password all the same. Raises
    DBAPIError where a table was in use, or OSError where the database was away, at each of 120 tries, a
    second apart.
    """
    engine = _owner_engine(settings.database_owner_url.get_secret_value())
    try:
        for service, folder in services.items():
            await _migrate_patiently(engine, settings, service, folder, target)
    finally:
        await engine.dispose()


async def _migrate_patiently(
    engine: AsyncEngine, settings: NodeSettings, service: str, folder: str, target: str
) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            async with engine.begin() as con:
                await con.run_sync(_migrate_one, settings, service, folder, target)
            return
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", "")
            if not tries_left or state not in _PASSES:
                raise
        except OSError as error:
            state = type(error).__name__
            if not tries_left:
                raise
        log(__name__).warning("not now, trying again", service=service, problem=state)
        await asyncio.sleep(PAUSE_SECONDS)


def _owner_engine(url: str) -> AsyncEngine:
    """An engine without a pool, for the owner of the schemas."""
    return create_async_engine(
        urlsplit(url)._replace(scheme="postgresql+asyncpg").geturl(), poolclass=NullPool
    )


def run(metadata: MetaData | None = None) -> None:
    """What a service's migrations/env.py calls: `from ringline.migrate import run; run(metadata)`."""
    connection: Connection = context.config.attributes["connection"]
    schema: str = context.config.attributes["service"]
    context.configure(connection=connection, target_metadata=metadata, version_table_schema=schema)
    with context.begin_transaction():
        context.run_migrations()


def is_current(connection: Connection, service: str, folder: str) -> bool:
    """Whether a service's schema is at its newest migration."""
    script = ScriptDirectory.from_config(_config(connection, service, folder))
    found = MigrationContext.configure(connection, opts={"version_table_schema": service}).get_current_heads()
    return set(found) == set(script.get_heads())


def _migrate_one(
    connection: Connection, settings: NodeSettings, service: str, folder: str, target: str
) -> None:
    if not service.isidentifier() or service != service.lower():
        raise ValueError("a service's name is lower case")
    role = f"ringline_{service}"
    connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {STILL_MS}")
    # One lock for all services: roles belong to the whole cluster, and CREATE ROLE has no IF NOT EXISTS.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MS}")
    _create_role(connection, role, settings, service)
    if later := _later(connection, service, folder):
        # After going back by a release: its schema fits, and of its tables only it knows who may do what.
        log(__name__).warning("schema is of a later release", service=service, version=later)
        return
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {service}")
    connection.exec_driver_sql("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    connection.exec_driver_sql(f"SET LOCAL search_path = {service}")
    command.upgrade(_config(connection, service, folder), target)
    for grant in _GRANTS.format(service=service, role=role).strip().splitlines():
        connection.exec_driver_sql(grant)
    if target == "head":
        for grant in _less(folder):
            connection.exec_driver_sql(grant)


def _later(connection: Connection, service: str, folder: str) -> str:
    """The migration at which the schema is, where it is newer than all that are known here; else ""."""
    script = ScriptDirectory.from_config(_config(connection, service, folder))
    found = MigrationContext.configure(connection, opts={"version_table_schema": service}).get_current_heads()
    newest = max(found, default="")
    return newest if newest > max(script.get_heads()) else ""


def _less(folder: str) -> list[str]:
    """The statements of a service's grants.sql; none where it has none."""
    package, _, path = folder.partition(":")
    file = files(package) / path / "grants.sql"
    if not file.is_file():
        return []
    lines = [line for line in file.read_text().splitlines() if not line.startswith("--")]
    return [statement for one in "\n".join(lines).split(";") if (statement := one.strip())]


def _create_role(connection: Connection, role: str, settings: NodeSettings, service: str) -> None:
    known = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).scalar()
    if not known:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
    password = settings.db_password.get(service)
    if password is not None and (passwords := split_secret(password)):
        # ALTER ROLE takes no parameters; quote_literal is the database's own quoting.
        quoted = connection.execute(text("SELECT quote_literal(:p)"), {"p": passwords[0]}).scalar_one()
        connection.exec_driver_sql(f"ALTER ROLE {role} PASSWORD {quoted}".replace("%", "%%"))
    database = connection.execute(text("SELECT quote_ident(current_database())")).scalar_one()
    connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {database} TO {role}")
    connection.exec_driver_sql(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")


def _config(connection: Connection, service: str, folder: str) -> Config:
    logging.getLogger("alembic").setLevel("WARNING")
    config = Config()
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, service=service)
    return config
