"""An installation to measure, and the people in it."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from bench.accounting import pin
from bench.load import Pair
from ringline.client import Api, DeviceKey, Phone
from tests.servers import bus_server, database_server
from tests.suite.topology import SETTINGS as STORIES
from tests.suite.topology import Topology, running

SERVER_CORE, LOAD_CORE = 0, 1
SETTINGS = {
    **{key: value for key, value in STORIES.items() if "SIGNALING" not in key},
    "RINGLINE_STREAM_PICK": "idlest",
    "RINGLINE_LOG_LEVEL": "info",
    "RINGLINE_METRICS_PORT": "0",
    "RINGLINE_SIGNALING_TURN_URLS": STORIES["RINGLINE_SIGNALING_TURN_URLS"],
    "RINGLINE_SIGNALING_TURN_SECRET": STORIES["RINGLINE_SIGNALING_TURN_SECRET"],
    # The limits are on, and higher than one generator on one address can reach.
    "RINGLINE_GATEWAY_COMMAND_BURST": "100000",
    "RINGLINE_GATEWAY_LOOKUP_BURST": "100000",
}
"""As an operator would run it: metrics on, logs at info, normal times; only the limits are out of the way,
the ring budget with them: pairs here call more often than it can be set to.
"""
_LETTERS = "bcdfghjkpqtvxz"


@asynccontextmanager
async def installation(
    folder: Path, copies: int, more: dict[str, str] | None = None
) -> AsyncIterator[Topology]:
    """Everything in one process (`copies` 0) or so many processes of every service, all on the server's core;
    with `more` settings.
    """
    pin(SERVER_CORE)
    with database_server(folder, durable=True) as postgres, bus_server(folder) as nats:
        name = "one_process" if copies == 0 else "process_per_service"
        async with running(name, copies, folder, postgres, nats, SETTINGS | (more or {})) as topology:
            pin(LOAD_CORE)
            yield topology


def rooms(topology: Topology) -> dict[str, list[int]]:
    """The processes of each room: services, Postgres, NATS."""
    found = {service: [one.pid for one in own] for service, own in topology.processes.items()}
    return found | {"postgres": [topology.postgres.pid], "nats": [topology.nats.pid]}


class Town:
    """People with phones."""

    def __init__(self, topology: Topology, http: httpx.AsyncClient) -> None:
        self._api = Api(topology.gateways, http)
        self._doors = topology.gateways
        self._passwords: dict[str, str] = {}
        self.phones: list[Phone] = []

    async def person(self, devices: int = 1) -> list[Phone]:
        """A new account, with so many devices that are connected."""
        username = "p_" + "".join(secrets.choice(_LETTERS) for _ in range(12))
        password = secrets.token_urlsafe(12)
        await self._api.sign_up(username, password)
        found = []
        for number in range(devices):
            session = await self._api.sign_in(username, password, DeviceKey(), f"device {number}")
            doors = deque(self._doors)
            doors.rotate(number)  # the devices of one person are at different gateways
            found.append(await Phone(session, doors).connect(20.0))
        self.phones += found
        return found

    async def pairs(self, count: int, devices: int = 1, acquainted: bool = True) -> list[Pair]:
        """Pairs who have each other in their address books, or of whom the callee lets everybody call; the
        callee has so many devices.
        """
        found = []
        for _ in range(count):
            [caller], callee = await asyncio.gather(self.person(), self.person(devices))
            if acquainted:
                await caller.session.add_contact(callee[0].session.username)
                await callee[0].session.add_contact(caller.session.username)
            else:
                await self.open_to_all(callee[:1])
            found.append(Pair(caller, callee))
        return found

    async def open_to_all(self, callees: Sequence[Phone]) -> None:
        """Lets everybody call these people."""
        for phone in callees:
            await phone.session.allow_calls_from("everyone")

    async def idle_lines(self, count: int, people: int = 20) -> list[Phone]:
        """So many more lines, on the devices of a few people: a line is a line to the server."""
        owners = [(await self.person())[0] for _ in range(people)]
        sessions = [owners[number % people].session for number in range(count)]
        found: list[Phone] = []
        for start in range(0, count, 50):
            found += await asyncio.gather(
                *(Phone(session, self._doors).connect(20.0) for session in sessions[start : start + 50])
            )
        return found

    async def close(self) -> None:
        """Puts every phone away."""
        await asyncio.gather(*(phone.close() for phone in self.phones))


@asynccontextmanager
async def people(topology: Topology) -> AsyncIterator[Town]:
    """A town on this installation."""
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
        town = Town(topology, http)
        try:
            yield town
        finally:
            await town.close()
