"""One installation for all stories of hostile clients, in a loop of its own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from services.embedded import Postgres
from tests.hostile.siege import siege
from tests.hostile.storm import Storm, put_away, storm
from tests.servers import bus_server

settings.register_profile(
    "hostile",
    database=None,
    derandomize=True,
    deadline=None,
    max_examples=200,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """The loop in which the installation and those who attack it live."""
    with asyncio.Runner() as one:
        yield one


@pytest.fixture(scope="session")
def under_attack(runner: asyncio.Runner, server_folder: Path, postgres: Postgres) -> Iterator[Storm]:
    """A running installation with its judge and two honest people."""
    folder = server_folder / "hostile"
    folder.mkdir()
    with bus_server(folder) as nats:
        opening = siege(folder, postgres, nats, "hostile")
        besieged = runner.run(opening.__aenter__())
        try:
            made = runner.run(storm(besieged))
            try:
                yield made
            finally:
                runner.run(put_away(made))
        finally:
            runner.run(opening.__aexit__(None, None, None))
