"""An installation with a relay, in a network between Ada's and Bob's, and a browser in each of the two."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from playwright.async_api import Browser, Playwright, async_playwright

from services.embedded import Postgres
from tests.browser.apart.networks import SERVER, Network, Networks, networks
from tests.browser.apart.passage import passage
from tests.browser.apart.relay import TURN_URL, relay
from tests.browser.cast import FLAGS, GRANTED, Cast, Studio, chromium
from tests.browser.conftest import serving
from tests.browser.person import Person
from tests.browser.tones import HERTZ, write_tone
from tests.servers import Process
from tests.suite.topology import Topology

HTTP = 8080
ORIGIN = f"http://{SERVER}:{HTTP}"
PATIENT = {
    "RINGLINE_SIGNALING_TURN_URLS": TURN_URL,
    "RINGLINE_SIGNALING_RING_S": "60",
    "RINGLINE_SIGNALING_LOST_S": "30",
    "RINGLINE_SIGNALING_CALLER_ABSENT_S": "15",
}
"""Time enough to look at the wire while it rings."""


class Outpost(Studio):
    """A studio whose browsers stand in the networks of those whose voices they have."""

    def __init__(self, playwright: Playwright, folder: Path, homes: dict[str, Network]) -> None:
        super().__init__(playwright, folder)
        self._chromium = playwright.chromium
        self._room = folder
        self._homes = homes
        self._at_home: dict[str, Browser] = {}

    async def browser(self, voice: str, granted: bool = True) -> Browser:
        """The browser at home of who has this voice. To it, the origin of the stories is as good as https:
        microphones need that."""
        if voice not in self._at_home:
            tone = write_tone(self._room / f"{voice}.wav", HERTZ[voice])
            flags = [
                *FLAGS,
                GRANTED,
                "--no-sandbox",
                f"--use-file-for-fake-audio-capture={tone}",
                f"--unsafely-treat-insecure-origin-as-secure={ORIGIN}",
            ]
            self._at_home[voice] = await self._chromium.launch(executable_path=self._door(voice), args=flags)
        return self._at_home[voice]

    async def close(self) -> None:
        """Ends every browser."""
        await asyncio.gather(*(browser.close() for browser in self._at_home.values()))

    def _door(self, voice: str) -> Path:
        script = self._room / f"chromium-{voice}"
        command = shlex.join(self._homes[voice].command(chromium()))
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        script.chmod(0o755)
        return script


@dataclass(frozen=True)
class World:
    """All that stands while the stories of this folder are told."""

    networks: Networks
    studio: Studio
    topology: Topology
    relay: Process
    folder: Path

    @property
    def gateway(self) -> str:
        """The gateway's origin in the network of this machine."""
        return self.topology.gateways[0]

    @asynccontextmanager
    async def cast(self) -> AsyncIterator[Cast]:
        """The people of one story."""
        self.networks.join()
        async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
            people = Cast(self.studio, self.gateway, http)
            people.origin = ORIGIN
            yield people
            await people.close()


@asynccontextmanager
async def standing(folder: Path, postgres: Postgres, copies: int = 0) -> AsyncIterator[World]:
    """Networks, installation, relay and browsers; `copies` of every service, or everything in one process."""
    async with AsyncExitStack() as stack:
        apart = await stack.enter_async_context(networks(folder))
        coturn = await stack.enter_async_context(relay(apart.middle, folder))
        topology = await stack.enter_async_context(serving("apart", folder, postgres, PATIENT, copies))
        where = urlsplit(topology.gateways[0])
        assert where.hostname is not None and where.port is not None
        await stack.enter_async_context(passage(apart.middle, HTTP, where.hostname, where.port))
        playwright = await stack.enter_async_context(async_playwright())
        studio = Outpost(playwright, folder, {"ada": apart.ada, "bob": apart.bob})
        stack.push_async_callback(studio.close)
        yield World(apart, studio, topology, coturn, folder)


async def strangers(cast: Cast) -> tuple[Person, Person]:
    """Ada, and Bob, who lets everybody call and does not know her: so the relay is all they get."""
    ada, bob = await cast.person("ada"), await cast.person("bob")
    await (await cast.session(bob.account)).allow_calls_from("everyone")
    return ada, bob
