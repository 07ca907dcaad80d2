"""A running installation with two doors: a gateway with the limits that are shipped, in the process of all
services, and one without limits, in a process of its own, so that what is sent there is read and not only
counted. Those who attack come through a proxy that both believe, each from a network of his own; two honest
people come as they are.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
import psutil

from ringline.client import Api, DeviceKey, Session
from ringline.refusal import Refusal
from ringline.v1.client_pb2 import Hello
from ringline.v1.reasons_pb2 import Reason
from services.embedded import Nats, Postgres
from tests.hostile.frames import Known
from tests.hostile.judge import Seen, readings
from tests.hostile.raw import BUSY, Fault, NotLetIn, Raw
from tests.servers import Process, free_port
from tests.suite.topology import SETTINGS, environment, prepare, ringline

PASSWORD = "correct horse battery"
ATTACKERS = 6
LETTERS = "bcdfghjkpqtvxz"
NETWORKS = 4_096
"""From so many networks those who attack come."""
TIMES = {
    "RINGLINE_LOG_LEVEL": "warning",
    "RINGLINE_GATEWAY_REQUEST_S": "5",
    "RINGLINE_GATEWAY_TRUSTED_PROXIES": "127.0.0.0/8",
    "RINGLINE_SIGNALING_TURN_URLS": "",
    "RINGLINE_SIGNALING_RING_S": "60",
    "RINGLINE_SIGNALING_LOST_S": "60",
    "RINGLINE_SIGNALING_CALLER_ABSENT_S": "60",
}
"""Shorter than they are shipped only where many of those who wait are to be waited for; a ring lasts as long
as honest people have patience on a machine that has no time for them.
"""
NO_LIMITS = {
    "RINGLINE_GATEWAY_COMMAND_BURST": "1000000000",
    "RINGLINE_GATEWAY_COMMAND_EVERY_S": "0.000001",
    "RINGLINE_GATEWAY_HELLO_FAILURES": "1000000000",
    "RINGLINE_GATEWAY_LOOKUP_BURST": "1000000000",
    "RINGLINE_GATEWAY_LOOKUP_EVERY_S": "0.000001",
    "RINGLINE_GATEWAY_PRESENCE_BURST": "1000000000",
    "RINGLINE_GATEWAY_RECALL_BURST": "1000000000",
}


@dataclass
class Siege:
    """A running installation, and those who attack it."""

    folder: Path
    processes: list[Process]
    shipped: tuple[str, int]
    """The door with the limits that are shipped."""
    unlimited: tuple[str, int]
    http: httpx.AsyncClient
    metrics: tuple[str, ...]
    known: Known = field(default_factory=Known)
    attackers: list[Session] = field(default_factory=list)
    instances: Iterator[int] = field(default_factory=itertools.count)
    started: Seen = field(default_factory=Seen)
    """The first look, before anybody attacks."""

    def url(self, address: tuple[str, int]) -> str:
        """A door's origin."""
        return f"http://{address[0]}:{address[1]}"

    @property
    def urls(self) -> list[str]:
        """The origins of both doors, the unlimited one first."""
        return [self.url(self.unlimited), self.url(self.shipped)]

    async def person(self, stem: str, dice: Random, doors: list[str] | None = None) -> Session:
        """Somebody with an account and a signed-in device."""
        name = f"{stem}_" + "".join(dice.choice(LETTERS) for _ in range(14))
        api = Api(doors or self.urls, self.http)
        await api.sign_up(name, PASSWORD)
        return await api.sign_in(name, PASSWORD, DeviceKey())

    async def hello(self, session: Session) -> Hello:
        """What opens a line of this session, as an instance of its own: twins end each other's lines.
        Raises NotLetIn, or Fault where no ticket is given.
        """
        try:
            ticket = await session.ticket()
        except ConnectionError as error:
            raise NotLetIn(str(error)) from error
        except Refusal as refusal:
            raise (NotLetIn if refusal.reason in BUSY else Fault)(f"no ticket: {refusal}") from refusal
        instance = f"hostile-{next(self.instances):015x}"
        return Hello(ticket=ticket, signature=session.key.sign_ticket(ticket), instance=instance)

    async def line(
        self,
        dice: Random,
        door: tuple[str, int] | None = None,
        receive_buffer: int = 0,
        session: Session | None = None,
    ) -> Raw:
        """An open line of one of those who attack. Raises NotLetIn, or Fault where hello does nothing."""
        session = session or dice.choice(self.attackers)
        hello = await self.hello(session)
        raw = await Raw.upgraded(door or self.unlimited, network(dice), receive_buffer)
        if not await raw.hello(hello):
            what = f"a good hello was answered with {raw.server.close_code}, {Reason.Name(raw.goodbye)}"
            raise (NotLetIn if raw.is_excused else Fault)(what)
        return raw

    async def stranger(self, dice: Random, door: tuple[str, int] | None = None) -> Raw:
        """A connection that was upgraded and has said nothing yet."""
        return await Raw.upgraded(door or self.unlimited, network(dice))

    async def look(self) -> Seen:
        """What can be read of the installation from outside."""
        seen = Seen(pids={one.name: one.pid if one.runs else 0 for one in self.processes})
        for one in self.processes:
            if one.runs:
                process = psutil.Process(one.pid)
                seen.memory[one.name] = process.memory_info().rss
                seen.files[one.name] = process.num_fds()
            seen.bugs += bugs_of(self.folder / f"{one.name}.log")
        for url in self.metrics:
            text = (await self.http.get(url)).text
            for name, value in readings(text):
                seen.figures[name] = seen.figures.get(name, 0.0) + value
        return seen


def network(dice: Random) -> str:
    """Where somebody comes from."""
    number = dice.randrange(NETWORKS)
    return f"198.18.{number >> 8}.{number & 255}"


def bugs_of(log: Path) -> list[str]:
    """The lines of a log that tell of a fault: ours, which are at level error, and those that are no JSON,
    which are the loop's and uvicorn's. Warnings are none.
    """
    if not log.exists():
        return []
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if '"level":"error"' in line or not line.startswith("{")]


@asynccontextmanager
async def siege(folder: Path, postgres: Postgres, nats: Nats, name: str) -> AsyncIterator[Siege]:
    """A new installation on a database of this name, with those who attack signed in."""
    env = environment(postgres, nats, name) | SETTINGS | TIMES
    await prepare(postgres, name, env, folder)
    grpc, http_ports, metrics = free_port(), (free_port(), free_port()), (free_port(), free_port())
    own = env | {"RINGLINE_LISTEN_PORT": str(grpc), "RINGLINE_GATEWAY_PORT": str(http_ports[0])}
    addresses = {
        f"RINGLINE_ADDRESS_{service.upper()}": f"127.0.0.1:{grpc}"
        for service in ("directory", "presence", "policy", "signaling", "conversations")
    }
    apart = env | NO_LIMITS | addresses | {"RINGLINE_GATEWAY_PORT": str(http_ports[1])}
    processes = [
        ringline(["all"], own | {"RINGLINE_METRICS_PORT": str(metrics[0])}, folder, "all"),
        ringline(["gateway"], apart | {"RINGLINE_METRICS_PORT": str(metrics[1])}, folder, "gateway"),
    ]
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as http:
        made = Siege(
            folder,
            processes,
            ("127.0.0.1", http_ports[0]),
            ("127.0.0.1", http_ports[1]),
            http,
            tuple(f"http://127.0.0.1:{port}/metrics" for port in metrics),
        )
        try:
            for process in processes:
                process.start()
            for url in made.urls:
                await _until_ready(made, url)
            dice = Random(name)
            made.attackers = [await made.person("mallory", dice) for _ in range(ATTACKERS)]
            yield made
        finally:
            for process in reversed(processes):
                process.ask_to_stop()
            for process in reversed(processes):
                await process.ended()


async def _until_ready(made: Siege, url: str, within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while True:
            for process in made.processes:
                process.check()
            try:
                if (await made.http.get(url + "/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
