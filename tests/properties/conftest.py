"""One installation for all tests of this folder: it takes some seconds to start."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.properties.town import Town, town
from tests.servers import scratch


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """The loop in which everything happens; hypothesis calls from outside of it."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="session")
def installation(runner: asyncio.Runner) -> Iterator[Town]:
    """Two processes of every service, with their own Postgres and NATS."""
    with scratch() as folder:
        opening = town(folder)
        made = runner.run(opening.__aenter__())
        try:
            yield made
        finally:
            runner.run(opening.__aexit__(None, None, None))
