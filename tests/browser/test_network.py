"""Who learns whose address, and what passes through the relay: the router between the two is the judge."""

import os
import secrets
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from services.embedded import Postgres
from tests.browser.cast import Cast, Studio, chromium
from tests.browser.conftest import serving
from tests.browser.network import ADDRESSES, Network, Packet
from tests.browser.person import Person, until
from tests.browser.tones import HERTZ
from tests.servers import START_SECONDS, Process
from tests.suite.topology import ROOT, TURN_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHIPPED = ROOT / "deploy" / "coturn" / "turnserver.conf"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """The homes of Ada and Bob, a relay, and the router between them."""
    internet = Network(secrets.token_hex(2))
    try:
        internet.open()
        yield internet
    finally:
        internet.close()


@dataclass
class Street:
    """An installation that both homes can reach, with the shipped relay, and a browser in each home."""

    cast: Cast
    browsers: dict[str, Browser]

    async def neighbours(self) -> tuple[Person, Person]:
        """Ada and Bob, each at home, in each other's address books."""
        people = []
        for name in ("ada", "bob"):
            account = await self.cast.account(name)
            people.append(await self.cast.enter(account, await self.browsers[name].new_context()))
        ada, bob = people
        await self.cast.acquaint(ada, bob)
        return ada, bob


@asynccontextmanager
async def _at_home(studio: Studio, network: Network, name: str, folder: Path) -> AsyncIterator[Browser]:
    wrapper = folder / f"{name}-chromium"
    wrapper.write_text("#!/bin/sh\nexec " + " ".join([*network.prefix(name), chromium(), '"$@"']) + "\n")
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    browser = await studio.launch(name, executable=str(wrapper))
    yield browser
    await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def street(
    network: Network, studio: Studio, server_folder: Path, postgres: Postgres
) -> AsyncIterator[Street]:
    """A call between two homes can be placed."""
    folder = server_folder / f"street-{secrets.token_hex(2)}"
    folder.mkdir()
    relay = f"turn:{ADDRESSES['relay']}:3478?transport=udp"
    async with AsyncExitStack() as stack:
        settings = {"RINGLINE_SIGNALING_TURN_URLS": relay}
        topology = await stack.enter_async_context(serving(folder.name, folder, postgres, settings))
        port = topology.gateways[0].rpartition(":")[2]
        door = folder / "door"
        python = [sys.executable, "-m", "tests.browser.bridge"]
        commands = {"door": [*python, f"unix:{door}", f"tcp:{port}"]}
        for name in ("ada", "bob"):
            commands[name] = [*network.prefix(name), *python, f"tcp:{port}", f"unix:{door}"]
        commands["relay"] = [
            *network.prefix("relay"), "turnserver", "-c", str(SHIPPED), f"--static-auth-secret={TURN_SECRET}",
            f"--listening-ip={ADDRESSES['relay']}", f"--pidfile={folder / 'turn.pid'}",
        ]  # fmt: skip
        environment = dict(os.environ, PYTHONPATH=str(ROOT))
        for name, command in commands.items():
            process = Process(name, command, environment, folder / f"{name}.log").start()
            stack.push_async_callback(process.ended)
            stack.callback(process.ask_to_stop)
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10.0))
        browsers = {}
        for name in ("ada", "bob"):
            browsers[name] = await stack.enter_async_context(_at_home(studio, network, name, folder))
        cast = Cast(studio, topology.gateways[0], http)
        stack.push_async_callback(cast.close)
        yield Street(cast, browsers)


async def test_no_address_of_either_side_reaches_the_other_before_the_answer(
    street: Street, network: Network, server_folder: Path
) -> None:
    ada, bob = await street.neighbours()
    with network.capture(server_folder / "ring.pcap") as seen:
        await ada.call(bob)
        await bob.rings(ada)
        await ada.reads("Ringing…")
        await until(lambda: _count(seen.between("ada", "relay")), lambda count: count > 0)
        assert seen.between("ada", "bob") == []
        assert seen.between("bob", "relay") == []
        assert (await bob.received())["connections"] == 0
        await bob.press("Answer")
        await ada.hears(HERTZ["bob"])
        await bob.hears(HERTZ["ada"])
        # What follows the answer shows that the capture would have seen what must not be before it.
        await until(lambda: _count(seen.between("ada", "bob")), lambda count: count > 50)


async def test_two_people_talk_through_the_relay_where_there_is_no_other_way(
    street: Street, network: Network, server_folder: Path
) -> None:
    ada, bob = await street.neighbours()
    network.part("ada", "bob")
    try:
        with network.capture(server_folder / "relay.pcap") as seen:
            await ada.call(bob, "video")
            await bob.rings(ada, "video")
            await bob.press("Answer")
            await ada.hears(HERTZ["bob"], within=START_SECONDS)
            await bob.hears(HERTZ["ada"])
            await ada.sees()
            await bob.sees()
            assert any("relay" in path for path in await ada.paths() + await bob.paths())
            await until(lambda: _count(seen.between("ada", "relay")), lambda count: count > 100)
            await until(lambda: _count(seen.between("bob", "relay")), lambda count: count > 100)
    finally:
        network.unite("ada", "bob")


async def _count(packets: list[Packet]) -> int:
    return len(packets)
