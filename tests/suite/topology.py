"""The two topologies in which every story is told: everything in one process, and two processes of every
service.

In the second one a gateway gives each command to the next signaling process, and each question goes to the
next
process of its service, so that nothing can depend on meeting the same process twice.
"""

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ringline.refusal import Refusal
from ringline.wire import open_channel
from services.embedded import Nats, Postgres
from tests.servers import PASSWORD, START_SECONDS, WITHOUT_RING_BUDGET, Process, free_port

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("directory", "presence", "policy", "signaling", "conversations", "gateway")
TURN_SECRET = "the relay's secret"
RING_SECONDS = 8.0
LOST_SECONDS = 5.0
DRAIN_SECONDS = 60.0
"""The longest that a process may take to stop."""

SETTINGS = {
    "RINGLINE_ENVIRONMENT": "test",
    "RINGLINE_LOG_LEVEL": "info",
    "RINGLINE_DRAIN_SECONDS": "10",
    "RINGLINE_DB_POOL": "6",
    "RINGLINE_METRICS_PORT": "0",
    "RINGLINE_STREAM_PICK": "in_turn",
    "RINGLINE_SIGNALING_RING_S": str(RING_SECONDS),
    "RINGLINE_SIGNALING_LEAST_RING_S": "1",
    "RINGLINE_SIGNALING_LOST_S": str(LOST_SECONDS),
    "RINGLINE_SIGNALING_LOOK_S": "1",
    "RINGLINE_SIGNALING_TURN_URLS": "turn:127.0.0.1:3478?transport=udp",
    "RINGLINE_SIGNALING_TURN_SECRET": TURN_SECRET,
    "RINGLINE_DIRECTORY_SIGN_UPS_PER_HOUR": "0",
    "RINGLINE_DIRECTORY_HASH_MEMORY_KIB": "64",
    "RINGLINE_DIRECTORY_HASH_PASSES": "1",
    "RINGLINE_GATEWAY_TICKET_KEY": "the key that all gateways of the tests share",
    "RINGLINE_GATEWAY_DRAIN_S": "0.6",
    **WITHOUT_RING_BUDGET,
}
"""What the stories need to be short: real deadlines and real password hashing, but little of both."""


def present() -> list[str]:
    """The services that exist."""
    return [name for name in SERVICES if importlib.util.find_spec(f"services.{name}") is not None]


@dataclass
class Topology:
    """A running installation."""

    name: str
    folder: Path
    postgres: Postgres
    nats: Nats
    settings: dict[str, str] = field(default_factory=dict)
    processes: dict[str, list[Process]] = field(default_factory=dict)
    """By service; "all" where one process is everything."""
    gateways: list[str] = field(default_factory=list)
    """The origins of the gateways, such as "http://127.0.0.1:41000"."""
    addresses: dict[str, str] = field(default_factory=dict)
    """By service, host:port[,host:port]."""
    tls: Mapping[str, str] = field(default_factory=dict)
    """Folders of certificates, by service and for the operator; without them there are none."""

    @property
    def is_split(self) -> bool:
        """Whether every service has processes of its own."""
        return "all" not in self.processes

    def of(self, service: str) -> list[Process]:
        """The processes in which a service lives."""
        return self.processes["all"] if not self.is_split else self.processes[service]

    def everything(self) -> list[Process]:
        """All processes of ours."""
        return [process for processes in self.processes.values() for process in processes]

    async def until_ready(self, within: float = START_SECONDS) -> None:
        """Waits until every gateway says that it is ready, and each process listens."""
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as http:
            await asyncio.gather(*(self._until_gateway(http, url, within) for url in self.gateways))

    @staticmethod
    async def until_serving(process: Process, within: float = START_SECONDS) -> None:
        """Waits until this very process says that it is ready to work, by gRPC."""
        port = process.env.get("RINGLINE_PROBE_PORT", process.env["RINGLINE_LISTEN_PORT"])
        channel = open_channel([f"127.0.0.1:{port}"], "kubelet")
        stub, ready = health_pb2_grpc.HealthStub(channel), health_pb2.HealthCheckRequest(service="ready")
        try:
            async with asyncio.timeout(within):
                while True:
                    process.check()
                    try:
                        if (await stub.Check(ready)).status == health_pb2.HealthCheckResponse.SERVING:
                            return
                    except (Refusal, grpc.RpcError):
                        pass
                    await asyncio.sleep(0.05)
        finally:
            await channel.close()

    async def restart(self, *killed: Process) -> None:
        """Starts processes that were killed, and waits until all is ready again."""
        for process in killed:
            process.start()
        await self.until_ready()

    async def _until_gateway(self, http: httpx.AsyncClient, url: str, within: float) -> None:
        answer = ""
        try:
            async with asyncio.timeout(within):
                while True:
                    for process in self.everything():
                        process.check()
                    try:
                        response = await http.get(url + "/readyz")
                    except httpx.TransportError as problem:
                        answer = type(problem).__name__
                    else:
                        if response.status_code == 200:
                            return
                        answer = response.text
                    await asyncio.sleep(0.05)
        except TimeoutError:
            logs = "\n".join(f"--- {one.name}\n{one.tail(1500)}" for one in self.everything())
            raise AssertionError(f"{url} is not ready: {answer}\n{logs}") from None


@asynccontextmanager
async def beside(topology: Topology) -> AsyncIterator[None]:
    """Where everything is one process, a second one beside it, so that there is an elsewhere."""
    if topology.is_split:
        yield
        return
    (only,) = topology.of("gateway")
    http = free_port()
    own = only.env | {"RINGLINE_LISTEN_PORT": str(free_port())}
    own |= _gateway_settings(http)
    second = ringline(["all"], own, topology.folder, "all-2")
    topology.processes["all"].append(second)
    topology.gateways.append(f"http://127.0.0.1:{http}")
    try:
        second.start()
        await topology.until_ready()
        yield
    finally:
        topology.processes["all"].remove(second)
        topology.gateways.pop()
        second.ask_to_stop()
        await second.ended()


async def stopped_well(process: Process, within: float = DRAIN_SECONDS) -> None:
    """SIGTERM: waits for its end, which is no crash and leaves no word of a fault."""
    before = process.size_of_log()
    process.ask_to_stop()
    status = await process.ended(within)
    told = process.log_since(before)
    assert status == 0, f"{process.name} ended with {status}:\n{told[-6000:]}"
    faults = [line for line in told.splitlines() if '"level":"error"' in line or "Traceback" in line]
    assert not faults, f"{process.name} ended with faults:\n" + "\n".join(faults)


def environment(postgres: Postgres, nats: Nats, database: str) -> dict[str, str]:
    """What every process of an installation is told."""
    base = {key: value for key, value in os.environ.items() if not key.startswith("RINGLINE_")}
    base["PYTHONPATH"] = str(ROOT)
    base["RINGLINE_DATABASE_URL"] = postgres.url(database, owner=False)
    base["RINGLINE_DATABASE_OWNER_URL"] = postgres.url(database)
    base["RINGLINE_NATS_URL"] = nats.url()
    base |= {f"RINGLINE_DB_PASSWORD_{name.upper()}": f"{PASSWORD}-{name}" for name in SERVICES}
    base |= {f"RINGLINE_NATS_PASSWORD_{name.upper()}": secret for name, secret in nats.users.items()}
    return base


async def prepare(
    postgres: Postgres, database: str, env: dict[str, str], folder: Path, tree: Path = ROOT
) -> None:
    """Creates the database and brings it up to date by `ringline migrate`."""
    connection = await asyncpg.connect(postgres.url())
    try:
        await connection.execute(f'CREATE DATABASE "{database}"')
    finally:
        await connection.close()
    migrate = ringline(["migrate"], env, folder, "migrate", tree).start()
    status = await migrate.ended(START_SECONDS)
    assert status == 0, f"migrate failed:\n{migrate.tail()}"


def ringline(
    arguments: Sequence[str], env: dict[str, str], folder: Path, name: str, tree: Path = ROOT
) -> Process:
    """A process of the program, as it is in `tree`."""
    own = env | {"PYTHONPATH": str(tree)}
    return Process(name, [sys.executable, "-m", "services", *arguments], own, folder / f"{name}.log", tree)


@asynccontextmanager
async def running(
    name: str,
    copies: int,
    folder: Path,
    postgres: Postgres,
    nats: Nats,
    settings: dict[str, str],
    tls: Mapping[str, str] | None = None,
) -> AsyncIterator[Topology]:
    """An installation; `copies` of every service as processes, or all in one process where it is 0. With
    `tls`, each service has its certificate in such a folder.
    """
    topology = Topology(name, folder, postgres, nats, settings, tls=tls or {})
    env = environment(postgres, nats, name) | settings
    await prepare(postgres, name, env, folder)
    if copies:
        _lay_out(topology, env, copies)
    else:
        _lay_out_one(topology, env)
    try:
        for process in topology.everything():
            process.start()
        await topology.until_ready()
        yield topology
    finally:
        for process in reversed(topology.everything()):
            process.ask_to_stop()
        for process in reversed(topology.everything()):
            await process.ended()


def _lay_out_one(topology: Topology, env: dict[str, str]) -> None:
    grpc, http = free_port(), free_port()
    own = env | {"RINGLINE_LISTEN_PORT": str(grpc), **_gateway_settings(http)}
    topology.processes["all"] = [ringline(["all"], own, topology.folder, "all")]
    topology.gateways = [f"http://127.0.0.1:{http}"]
    topology.addresses = dict.fromkeys(present(), f"127.0.0.1:{grpc}")


def _lay_out(topology: Topology, env: dict[str, str], copies: int) -> None:
    ports = {service: [free_port() for _ in range(copies)] for service in present()}
    topology.addresses = {
        service: ",".join(f"127.0.0.1:{port}" for port in own) for service, own in ports.items()
    }
    shared = env | {f"RINGLINE_ADDRESS_{name.upper()}": where for name, where in topology.addresses.items()}
    for service, own in ports.items():
        processes = topology.processes[service] = []
        for number, port in enumerate(own, 1):
            mine = shared | {"RINGLINE_LISTEN_PORT": str(port)}
            if service in topology.tls:
                mine |= {"RINGLINE_TLS_DIR": topology.tls[service], "RINGLINE_PROBE_PORT": str(free_port())}
            if service == "gateway":
                http = free_port()
                mine |= _gateway_settings(http)
                topology.gateways.append(f"http://127.0.0.1:{http}")
            processes.append(ringline([service], mine, topology.folder, f"{service}-{number}"))


def _gateway_settings(port: int) -> dict[str, str]:
    return {"RINGLINE_GATEWAY_PORT": str(port)}
