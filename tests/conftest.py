"""Real servers for every test that asks for one: Postgres once per run, NATS once per test, on free ports.

A test gets a database of its own, copied from a template that was migrated once, and leaves nothing behind.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from ringline.config import NodeSettings
from ringline.migrate import migrate
from ringline.permissions import grants
from services.__main__ import migrations, present
from services.embedded import Nats, Postgres
from tests.servers import bus_password
from tests.suite import previous

EMPTY = "template1"
SettingsFor = Callable[..., Awaitable[NodeSettings]]


class Databases:
    """Makes databases in one Postgres: empty ones, or migrated for some services."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres
        self._templates: dict[tuple[str, ...], str] = {}
        self.bus_passwords = {user: bus_password(user) for user in grants()}
        self._passwords = {service: secrets.token_hex(8) for service in present()}

    def settings(self, name: str, nats_url: str = "") -> NodeSettings:
        """The settings of a node that works on the database `name`."""
        return NodeSettings(
            environment="test",
            database_url=self.postgres.url(name, owner=False),
            database_owner_url=self.postgres.url(name),
            db_password=self._passwords,
            db_pool=2,
            nats_url=nats_url or "nats://127.0.0.1:1",
            nats_password=self.bus_passwords,
        )

    async def create(self, services: tuple[str, ...] = ()) -> str:
        """The name of a new database with the schemas of `services`."""
        if services and services not in self._templates:
            template = await self._copy(EMPTY)
            await migrate(self.settings(template), migrations(services))
            self._templates[services] = template
        return await self._copy(self._templates.get(services, EMPTY))

    async def drop(self, name: str) -> None:
        """Drops a database, whoever is still connected."""
        await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _copy(self, template: str) -> str:
        name = f"test_{secrets.token_hex(6)}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.postgres.url())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short folder that the account of Postgres may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="ringline-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[Postgres]:
    """A running Postgres."""
    server = Postgres(server_folder / "postgres", secrets.token_hex(16))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    """The maker of databases."""
    return Databases(postgres)


@pytest.fixture
def nats(server_folder: Path, databases: Databases) -> Iterator[Nats]:
    """A running NATS with JetStream, a user for each service, and no stream yet."""
    folder = server_folder / f"nats-{secrets.token_hex(4)}"
    server = Nats(folder, secrets.token_hex(16), databases.bus_passwords)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
async def settings_for(databases: Databases, nats: Nats) -> AsyncIterator[SettingsFor]:
    """`await settings_for("directory", "policy")`: a node on a new database with their schemas."""
    names: list[str] = []

    async def make(*services: str) -> NodeSettings:
        names.append(await databases.create(services))
        return databases.settings(names[-1], nats.url())

    yield make
    for name in names:
        await databases.drop(name)


@pytest.fixture
async def node_settings(settings_for: SettingsFor) -> NodeSettings:
    """Settings of a node on a new database with the schemas of every service."""
    return await settings_for(*present())


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Says at once what failed and why, in a line: the end of the run, which says more, may never come."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        crash = getattr(report.longrepr, "reprcrash", None)
        why = (crash.message if crash is not None else report.longreprtext).partition("\n")[0]
        print(f"\nFAILED {report.nodeid} ({report.when}): {why[:300]}", flush=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says it in red when a test did not run, or not against what it is about."""
    for commit in dict.fromkeys(previous.missing):
        terminalreporter.write_line(
            f"THE PREVIOUS RELEASE ({commit}) CANNOT BE HAD: today's stood in for it, and nothing was shown "
            "of upgrades. Let this clone fetch that commit.",
            red=True,
        )
    if skipped := terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(f"{len(skipped)} skipped: a test that does not run is no test", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skipped test makes the run red: there is no half-skipped green."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
