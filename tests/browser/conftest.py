"""One installation with the built web client, and browsers, for all stories of this folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest_asyncio
from playwright.async_api import async_playwright

from services.dev_web import build_web
from services.embedded import Postgres
from tests.browser.cast import Cast, Studio
from tests.servers import bus_server
from tests.suite.topology import ROOT, SETTINGS, Topology, running

RING_SECONDS = 12
"""Long enough for two browsers on a busy machine, short enough to wait for its end."""


@asynccontextmanager
async def serving(
    name: str, folder: Path, postgres: Postgres, settings: dict[str, str], copies: int = 0
) -> AsyncIterator[Topology]:
    """An installation that serves the web client; everything in one process unless there are `copies`."""
    built = build_web(ROOT / "web")
    assert built is not None, "there is no web client to build"
    own = {"RINGLINE_GATEWAY_WEB_ROOT": str(built), "RINGLINE_SIGNALING_RING_S": str(RING_SECONDS)}
    both = SETTINGS | own | settings
    with bus_server(folder) as nats:
        async with running(name, copies, folder, postgres, nats, both) as topology:
            yield topology


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def installation(server_folder: Path, postgres: Postgres) -> AsyncIterator[Topology]:
    """An installation without a relay, for the stories on one machine."""
    own = server_folder / "browser"
    own.mkdir()
    async with serving("browser", own, postgres, {"RINGLINE_SIGNALING_TURN_URLS": ""}) as topology:
        yield topology


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def studio(server_folder: Path) -> AsyncIterator[Studio]:
    """Where browsers are started."""
    async with async_playwright() as playwright:
        room = Studio(playwright, server_folder)
        yield room
        await room.close()


@pytest_asyncio.fixture(loop_scope="session")
async def cast(installation: Topology, studio: Studio) -> AsyncIterator[Cast]:
    """The people of one story."""
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        people = Cast(studio, installation.gateways[0], http)
        yield people
        await people.close()
