"""Every secret is changed while people call and write, process by process, and nobody notices.

First everybody accepts the old one and the new one, then the new one is used, by database and bus as well. An
installation of its own, with two processes of every service and certificates between them: the passwords of
roles belong to a whole Postgres.
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

import asyncpg
import httpx
import pytest
import pytest_asyncio

from ringline.client import Phone
from services.embedded import Nats
from tests.certificates import Authority, trust
from tests.servers import (
    PASSWORD,
    START_SECONDS,
    Process,
    bus_server,
    database_server,
    scratch,
    until,
)
from tests.suite.people import PATIENCE, Operator, Stage, chronicle, talk
from tests.suite.topology import SERVICES, SETTINGS, Topology, ringline, running, stopped_well
from tests.suite.traffic import Log, moves, traffic

pytestmark = pytest.mark.asyncio(loop_scope="session")
NAME = "rotation"
TICKETS = "RINGLINE_GATEWAY_TICKET_KEY"
ISSUER = "RINGLINE_DIRECTORY_ISSUER_KEY"


def seed() -> str:
    """A key of the issuer."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


OLD = {
    TICKETS: "the first key of all gateways of this story",
    ISSUER: seed(),
    "RINGLINE_SIGNALING_TURN_SECRET": "the first secret of the relay",
    **{f"RINGLINE_DB_PASSWORD_{name.upper()}": f"{PASSWORD}-{name}" for name in SERVICES},
    **{f"RINGLINE_NATS_PASSWORD_{name.upper()}": f"{PASSWORD}-{name}-bus" for name in SERVICES},
}
NEW = {name: seed() if name == ISSUER else f"new-{secrets.token_hex(16)}" for name in OLD}
SIGNS = (TICKETS, ISSUER)
PATIENT = {"RINGLINE_SIGNALING_RING_S": "45", "RINGLINE_SIGNALING_LOST_S": "45"}


class Installation:
    """The installation of the story, and its authority for certificates."""

    def __init__(self, topology: Topology, stage: Stage, authority: Authority) -> None:
        self.topology = topology
        self.stage = stage
        self.authority = authority

    @property
    def nats(self) -> Nats:
        """Its bus."""
        return self.topology.nats

    async def roll(self, log: Log, secrets_of_now: Mapping[str, str]) -> None:
        """Gives every process these secrets, by a restart of one after the other."""
        for processes in zip(*self.topology.processes.values(), strict=True):
            for process in processes:
                log.gateway_stops = process in self.topology.of("gateway")
                await stopped_well(process)
                process.env |= secrets_of_now
                process.start()
                await moves(log, calls=1)
            await asyncio.gather(*(self.topology.until_serving(process) for process in processes))
            await self.topology.until_ready()

    async def change_servers(self) -> None:
        """Database and bus know the new passwords from now on."""
        migrate = ringline(
            ["migrate"], self.topology.of("gateway")[0].env | NEW, self.topology.folder, "again"
        )
        assert await migrate.start().ended(START_SECONDS) == 0, migrate.tail()
        self.nats.users |= {user: NEW[f"RINGLINE_NATS_PASSWORD_{user.upper()}"] for user in self.nats.users}
        self.nats.reload()

    def furnish(self, authority: Authority, *trusts: Authority) -> None:
        """Certificates for all, by this authority."""
        for service in (*SERVICES, "operator"):
            authority.furnish(self.topology.folder / "tls" / service, service, trusts=trusts)

    def trust(self, *authorities: Authority) -> None:
        """All trust these."""
        for service in (*SERVICES, "operator"):
            trust(self.topology.folder / "tls" / service, *authorities)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def installation() -> AsyncIterator[Installation]:
    """Two of everything, with certificates, where nobody has another user on the bus than its own."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch())
        nats = stack.enter_context(bus_server(folder))
        postgres = stack.enter_context(database_server(folder))
        authority = Authority()
        tls = {name: str(authority.furnish(folder / "tls" / name, name)) for name in (*SERVICES, "operator")}
        settings = SETTINGS | PATIENT | OLD | {"RINGLINE_NATS_URL": nats.url(owner=False)}
        topology = await stack.enter_async_context(running(NAME, 2, folder, postgres, nats, settings, tls))
        operator = Operator(topology)
        stack.push_async_callback(operator.close)
        await operator.set_entitlements()
        book = await stack.enter_async_context(chronicle(topology))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10.0))
        stage = Stage(topology, http, operator, book)
        stack.push_async_callback(stage.close)
        yield Installation(topology, stage, authority)


def says_so(process: Process, before: int) -> bool:
    """Whether it said, after so many bytes of its log, that it has the certificate of now."""
    return "certificate taken over" in process.log_since(before)


async def friends(stage: Stage) -> list[tuple[Phone, Phone]]:
    """Two pairs."""
    (ada, bob), (cy, dan) = [await stage.friends("ada", "bob") for _ in range(2)]
    return [(ada, bob), (cy, dan)]


@pytest.mark.shows("L2", "L4", "L5")
async def test_every_secret_is_changed_under_calls_and_no_call_fails(installation: Installation) -> None:
    it, stage = installation, installation.stage
    pairs = await friends(stage)
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    async with traffic(stage, pairs) as log:
        await it.roll(log, {name: f"{OLD[name]},{NEW[name]}" for name in OLD})
        await it.change_servers()
        await moves(log)
        # What has signed is accepted for as long as it may be shown: a quarter of an hour for tokens.
        await it.roll(log, NEW | {name: f"{NEW[name]},{OLD[name]}" for name in SIGNS})
    assert not log.troubles, log.troubles
    await asyncio.gather(ada.until_connected(PATIENCE), bob.until_connected(PATIENCE))
    assert (call.phase, ring.phase) == ("connected", "connected")
    for service in set(SERVICES) - {"gateway"}:
        old = f"postgresql://ringline_{service}:{OLD[f'RINGLINE_DB_PASSWORD_{service.upper()}']}@"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(old + it.topology.postgres.url(NAME, owner=False).partition("://")[2])


async def test_the_authority_is_changed_under_calls_and_no_call_fails(installation: Installation) -> None:
    it, stage, other = installation, installation.stage, Authority("another one")
    pairs = await friends(stage)
    async with traffic(stage, pairs) as log:
        steps: list[Callable[[], None]] = [
            lambda: it.trust(it.authority, other),
            lambda: it.furnish(other, it.authority, other),
            lambda: it.trust(other),
        ]
        for step in steps:
            told = {process: process.size_of_log() for process in it.topology.everything()}
            step()
            for process, before in told.items():
                await until(partial(says_so, process, before), PATIENCE, partial(process.tail, 500))
            await moves(log, calls=6)
    assert not log.troubles, log.troubles
